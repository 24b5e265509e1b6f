//! Request bodies: one schema parses, checks and documents them. All problems of a body are reported together.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::custom_fields;
use crate::error::{FieldCode, FieldErrors};
use crate::hostname::Hostname;
use crate::metadata;
use crate::network::Network;
use crate::scope::Scope;

/// Named schemas that others refer to.
pub type Components = BTreeMap<String, Value>;

/// Notes what is wrong with a member.
type MemberRule = fn(&Value, &mut FieldErrors);

/// Members that mean the same in every body, with the rules for them that no schema can state.
const SHARED_MEMBERS: [(&str, MemberRule); 2] =
    [("metadata", |value, errors| metadata::check("metadata", value, errors)), ("custom_fields", custom_fields::check)];

/// Deepest nesting of a body (conventions §5).
const DEPTH_LIMIT: usize = 32;

/// What a request body is parsed into.
pub trait Body: DeserializeOwned + Send + Sync + 'static {
    /// Its schema; `None` when the operation takes no body.
    fn schema() -> Option<BodySchema>;

    /// Rules of its own that no schema can state, on the body as it was sent, so that they are reported with all others.
    fn check(_sent: &Map<String, Value>, _errors: &mut FieldErrors) {}
}

/// No body: whatever is sent is ignored.
#[derive(Debug, serde::Deserialize)]
pub struct NoBody {}

impl Body for NoBody {
    fn schema() -> Option<BodySchema> {
        None
    }
}

/// The schema of an object body, put together from the structs that hold its members.
#[derive(Clone, Debug)]
pub struct BodySchema {
    /// Component name in the OpenAPI document.
    pub name: &'static str,
    /// The object schema.
    pub schema: Value,
    /// What it refers to.
    pub components: Components,
    aliases: Vec<(&'static str, &'static str)>,
    ignored: BTreeSet<String>,
}

impl BodySchema {
    /// The members of `T`.
    pub fn of<T: ToSchema>(name: &'static str) -> Self {
        let empty = serde_json::json!({ "type": "object", "properties": {}, "additionalProperties": false });
        let schema =
            Self { name, schema: empty, components: Components::new(), aliases: Vec::new(), ignored: BTreeSet::new() };
        schema.and::<T>()
    }

    /// The members of `T`, none of them required, at any depth: for PATCH, where the merged whole is what must hold.
    pub fn patch_of<T: ToSchema>(name: &'static str) -> Self {
        let full = Self::of::<T>(name);
        let schema = without_required(&full.schema, &full.components);
        Self { schema, components: Components::new(), ..full }
    }

    /// Adds the members of `T`.
    #[must_use]
    pub fn and<T: ToSchema>(mut self) -> Self {
        let (schema, components) = definition::<T>();
        for list in ["properties", "required"] {
            match (self.schema.get_mut(list), schema.get(list)) {
                (Some(Value::Object(all)), Some(Value::Object(more))) => all.extend(more.clone()),
                (Some(Value::Array(all)), Some(Value::Array(more))) => all.extend(more.iter().cloned()),
                (None, Some(more)) => set(&mut self.schema, list, more.clone()),
                _ => {}
            }
        }
        self.components.extend(components);
        self
    }

    /// Members that must be there.
    #[must_use]
    pub fn requiring(mut self, names: &[&str]) -> Self {
        let mut required = self.schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        for name in names.iter().map(|name| Value::from(*name)) {
            // Named twice, the schema would be none.
            if !required.contains(&name) {
                required.push(name);
            }
        }
        set(&mut self.schema, "required", required.into());
        self
    }

    /// Accepts and ignores the members of `T` that are not writable, so that a fetched object can be sent back.
    #[must_use]
    pub fn ignoring<T: ToSchema>(mut self) -> Self {
        let (schema, _) = definition::<T>();
        self.ignored.extend(properties(&schema).map(|(name, _)| name.clone()));
        self
    }

    /// Accepts `alias` for the member `target`; both are dotted paths.
    #[must_use]
    pub fn alias(mut self, alias: &'static str, target: &'static str) -> Self {
        self.aliases.push((alias, target));
        self
    }
}

/// Name and definitions of a schema, to be referred to.
pub fn reference<T: ToSchema>() -> (Value, Components) {
    let (schema, mut components) = definition::<T>();
    let name = T::name().into_owned();
    let reference = serde_json::json!({ "$ref": format!("#/components/schemas/{name}") });
    components.insert(name, schema);
    (reference, components)
}

fn definition<T: ToSchema>() -> (Value, Components) {
    let mut nested: Vec<(String, RefOr<Schema>)> = Vec::new();
    T::schemas(&mut nested);
    let components = nested.into_iter().map(|(name, schema)| (name, plain(&schema))).collect();
    (plain(&T::schema()), components)
}

/// Sets a member of a JSON object.
pub(super) fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

fn plain(schema: &RefOr<Schema>) -> Value {
    serde_json::to_value(schema).unwrap_or_default()
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

/// The schema with references written out and nothing required.
fn without_required(schema: &Value, components: &Components) -> Value {
    match schema {
        Value::Object(object) => {
            let referred = object
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|reference| components.get(reference.rsplit('/').next()?));
            if let Some(referred) = referred {
                return without_required(referred, components);
            }
            let is_schema = object.get("type").is_some_and(|kind| kind.is_string() || kind.is_array());
            let kept = object.iter().filter(|(name, _)| !(is_schema && *name == "required"));
            kept.map(|(name, value)| (name.clone(), without_required(value, components))).collect()
        }
        Value::Array(items) => items.iter().map(|item| without_required(item, components)).collect(),
        other => other.clone(),
    }
}

/// Checks and parses the body of one operation.
#[derive(Debug)]
pub struct BodyChecker {
    validator: Validator,
    writable: BTreeSet<String>,
    aliases: Vec<(&'static str, &'static str)>,
    ignored: BTreeSet<String>,
}

impl BodyChecker {
    /// Compiles the schema of a body.
    ///
    /// # Errors
    /// A description of the defect in the schema.
    pub fn compile(schema: &BodySchema) -> Result<Self, String> {
        let mut whole = schema.schema.clone();
        set(&mut whole, "components", serde_json::json!({ "schemas": schema.components }));
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .with_format("scope", |text| Scope::from_str(text).is_ok())
            .with_format("network", |text| Network::from_str(text).is_ok())
            .with_format("host-name", |text| Hostname::from_str(text).is_ok())
            .with_format("http-url", is_http_url)
            .build(&whole)
            .map_err(|error| format!("schema {}: {error}", schema.name))?;
        let writable = properties(&schema.schema).map(|(name, _)| name.clone()).collect();
        Ok(Self { validator, writable, aliases: schema.aliases.clone(), ignored: schema.ignored.clone() })
    }

    /// Parses the bytes of a body.
    ///
    /// # Errors
    /// Every problem of the body, or the one that makes it unreadable.
    pub fn parse<B: Body>(&self, bytes: &[u8]) -> Result<B, FieldErrors> {
        let mut sent = read_object(bytes)?;
        let mut errors = FieldErrors::new();
        for (alias, target) in &self.aliases {
            rename(&mut sent, alias, target, &mut errors);
        }
        sent.retain(|name, _| self.writable.contains(name) || !self.ignored.contains(name));
        for (name, rule) in SHARED_MEMBERS {
            if self.writable.contains(name)
                && let Some(value) = sent.get(name)
            {
                rule(value, &mut errors);
            }
        }
        B::check(&sent, &mut errors);
        let sent = Value::Object(sent);
        refuse_nul(&sent, "", &mut errors);
        for error in self.validator.iter_errors(&sent).take(10 * FieldErrors::LIMIT) {
            report(&error, &mut errors);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        serde_path_to_error::deserialize(sent).map_err(|error| {
            FieldErrors::one(error.path().to_string(), FieldCode::InvalidFormat, "is not of the documented form")
        })
    }
}

/// Reads a JSON object; nothing at all counts as `{}` (core-api 1.1).
///
/// # Errors
/// Why it is something else.
pub fn read_object(bytes: &[u8]) -> Result<Map<String, Value>, FieldErrors> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let invalid = |message: &str| FieldErrors::one("", FieldCode::InvalidFormat, message);
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) if object.values().all(|value| is_shallow(value, DEPTH_LIMIT - 1)) => Ok(object),
        Ok(Value::Object(_)) => Err(invalid("the body is nested more than 32 levels deep")),
        Ok(_) => Err(FieldErrors::one("", FieldCode::InvalidType, "the body must be a JSON object")),
        Err(_) => Err(invalid("the body is not well-formed JSON in UTF-8")),
    }
}

fn is_shallow(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| is_shallow(item, levels - 1)),
        Value::Object(members) => levels > 0 && members.values().all(|member| is_shallow(member, levels - 1)),
        _ => true,
    }
}

/// Notes every text with a NUL character: PostgreSQL can store none, and no field means one.
fn refuse_nul(value: &Value, path: &str, errors: &mut FieldErrors) {
    match value {
        Value::String(text) if text.contains('\0') => {
            errors.add(path, FieldCode::InvalidFormat, "must not contain NUL characters");
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                refuse_nul(item, &below(path, &index.to_string()), errors);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                if name.contains('\0') {
                    errors.add(path, FieldCode::InvalidFormat, "must not contain names with NUL characters");
                }
                refuse_nul(member, &below(path, name), errors);
            }
        }
        _ => {}
    }
}

/// Moves an alias to its target; both with different values is a contradiction (conventions §5).
fn rename(sent: &mut Map<String, Value>, alias: &str, target: &str, errors: &mut FieldErrors) {
    let Some(value) = taken(sent, alias) else { return };
    let (parents, name) = target.rsplit_once('.').map_or((None, target), |(parents, name)| (Some(parents), name));
    let mut object = sent;
    for parent in parents.into_iter().flat_map(|parents| parents.split('.')) {
        let slot = object.entry(parent).or_insert_with(|| Value::Object(Map::new()));
        match slot {
            Value::Object(next) => object = next,
            // Of a wrong type: the schema reports the target.
            _ => return,
        }
    }
    match object.get(name) {
        Some(known) if *known != value => {
            errors.add(alias, FieldCode::NotAllowed, format!("contradicts {target}, of which it is an alias"));
        }
        _ => {
            object.insert(name.to_owned(), value);
        }
    }
}

/// Removes the member at a dotted path.
fn taken(sent: &mut Map<String, Value>, path: &str) -> Option<Value> {
    match path.split_once('.') {
        None => sent.remove(path),
        Some((parent, rest)) => taken(sent.get_mut(parent)?.as_object_mut()?, rest),
    }
}

fn dotted(pointer: &str) -> String {
    pointer
        .trim_start_matches('/')
        .split('/')
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect::<Vec<_>>()
        .join(".")
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn report(error: &ValidationError<'_>, errors: &mut FieldErrors) {
    let path = &dotted(&error.instance_path().to_string());
    let (code, message) = match error.kind() {
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            return errors.add(below(path, name), FieldCode::Required, "is required");
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            for name in unexpected {
                errors.add(below(path, name), FieldCode::UnknownField, "is not a field of this resource");
            }
            return;
        }
        ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => {
            return report_branches(path, context, errors);
        }
        ValidationErrorKind::Type { .. } => (FieldCode::InvalidType, "is not of the documented type".to_owned()),
        // A value of another type is reported as that.
        ValidationErrorKind::Enum { .. } if !error.instance().is_string() => return,
        ValidationErrorKind::Enum { options } => {
            let words: Vec<_> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            (FieldCode::InvalidEnumValue, format!("must be one of {}", words.join(", ")))
        }
        ValidationErrorKind::Constant { .. } => (FieldCode::InvalidEnumValue, "is not the documented value".to_owned()),
        ValidationErrorKind::MinLength { limit } => (FieldCode::TooShort, format!("at least {limit} characters")),
        ValidationErrorKind::MaxLength { limit } => (FieldCode::TooLong, format!("at most {limit} characters")),
        ValidationErrorKind::Minimum { limit } => (FieldCode::TooSmall, format!("at least {limit}")),
        ValidationErrorKind::Maximum { limit } => (FieldCode::TooBig, format!("at most {limit}")),
        ValidationErrorKind::MinItems { limit } => (FieldCode::TooShort, format!("at least {limit} entries")),
        ValidationErrorKind::MaxItems { limit } => (FieldCode::TooMany, format!("at most {limit} entries")),
        ValidationErrorKind::MaxProperties { limit } => (FieldCode::TooMany, format!("at most {limit} members")),
        ValidationErrorKind::UniqueItems => (FieldCode::Duplicate, "has an entry twice".to_owned()),
        ValidationErrorKind::Format { format } => (FieldCode::InvalidFormat, format!("is not a valid {format}")),
        _ => (FieldCode::InvalidFormat, "is not of the documented form".to_owned()),
    };
    errors.add(path, code, message);
}

/// A nullable member is "null or this": what counts is why it is not this.
fn report_branches(path: &str, branches: &[Vec<ValidationError<'static>>], errors: &mut FieldErrors) {
    let is_null_branch = |branch: &&Vec<ValidationError<'static>>| {
        branch.iter().any(|error| {
            error.instance_path().to_string().is_empty() || dotted(&error.instance_path().to_string()) == path
        } && matches!(error.kind(), ValidationErrorKind::Type { .. }))
    };
    let telling: Vec<_> = branches.iter().filter(|branch| !is_null_branch(branch)).collect();
    match telling.as_slice() {
        [branch] => {
            for error in *branch {
                report(error, errors);
            }
        }
        _ => errors.add(path, FieldCode::InvalidType, "is not of the documented type"),
    }
}

/// An absolute http or https URL of at most 2,048 characters without user information.
fn is_http_url(text: &str) -> bool {
    text.len() <= 2048
        && url::Url::parse(text).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
        })
}
