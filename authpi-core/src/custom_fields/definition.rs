//! Definitions of custom fields: what an issuer says about the values of a name.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use utoipa::ToSchema;

use super::free::{MAX_CHARS, MAX_FIELDS, is_name};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::named::Named;

/// Claims that mean something already: no custom field takes their place (idp §16).
const REGISTERED_CLAIMS: [&str; 54] = [
    "acr",
    "act",
    "address",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "azp",
    "birthdate",
    "c_hash",
    "client_id",
    "cnf",
    "created_at",
    "custom_fields",
    "email",
    "email_verified",
    "exp",
    "family_name",
    "gender",
    "given_name",
    "iat",
    "iss",
    "jti",
    "joined_at",
    "locale",
    "may_act",
    "middle_name",
    "name",
    "nbf",
    "nickname",
    "nonce",
    "org_id",
    "organizations",
    "phone_number",
    "phone_number_verified",
    "picture",
    "preferred_username",
    "profile",
    "role",
    "roles",
    "s_hash",
    "scope",
    "scopes",
    "sid",
    "status",
    "sub",
    "title",
    "token_type",
    "type",
    "updated_at",
    "user_id",
    "username",
    "website",
    "zoneinfo",
];

/// Definitions by the name of the field.
pub type FieldDefinitions = Named<FieldDefinition>;

/// What is said about the values of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CustomFieldDefinition)]
pub struct FieldDefinition {
    /// What a value is; never changes.
    #[serde(rename = "type")]
    pub kind: FieldKind,
    /// The values of an `enum`.
    #[serde(default)]
    #[schema(max_items = 100, required = false)]
    pub values: Vec<String>,
    /// There must be a value, at creation and whenever fields are written.
    #[serde(default)]
    #[schema(required = false)]
    pub required: bool,
    /// The value at creation, when none is given.
    #[serde(default)]
    #[schema(value_type = Option<Value>, required = false)]
    pub default: Option<Value>,
    /// Shown in `UserInfo`; never in a token.
    #[serde(default)]
    #[schema(required = false)]
    pub claim: bool,
    /// Who sees it, and who may change it.
    #[serde(default)]
    #[schema(required = false)]
    pub visibility: Visibility,
    /// Display name.
    #[serde(default)]
    #[schema(max_length = 200, required = false)]
    pub label: Option<String>,
    /// Markdown.
    #[serde(default)]
    #[schema(max_length = 5000, required = false)]
    pub description: Option<String>,
    /// Most characters of a `string`: 1,000 unless it is less.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000, required = false)]
    pub max_length: Option<u32>,
    /// The smallest `number`.
    #[serde(default)]
    #[schema(value_type = Option<f64>, required = false)]
    pub min: Option<Number>,
    /// The largest `number`.
    #[serde(default)]
    #[schema(value_type = Option<f64>, required = false)]
    pub max: Option<Number>,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CustomFieldType)]
pub enum FieldKind {
    /// Text.
    String,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A day: `YYYY-MM-DD`.
    Date,
    /// One of `values`.
    Enum,
}

/// Who sees a field, and who may change it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CustomFieldVisibility)]
pub enum Visibility {
    /// The Core API only.
    Admin,
    /// Users see it.
    #[default]
    Visible,
    /// Users see and change it.
    Editable,
}

impl FieldDefinition {
    /// What is wrong with a value; `None` when it fits.
    pub fn problem(&self, value: &Value) -> Option<(FieldCode, String)> {
        let wrong_type = |what: &str| Some((FieldCode::InvalidType, format!("must be {what}")));
        match (self.kind, value) {
            (FieldKind::String, Value::String(text)) => self.too_long(text),
            (FieldKind::Number, Value::Number(number)) => self.out_of_range(number),
            (FieldKind::Date, Value::String(text)) if !is_date(text) => {
                Some((FieldCode::InvalidFormat, "must be a day, YYYY-MM-DD".to_owned()))
            }
            (FieldKind::Enum, Value::String(text)) if !self.values.contains(text) => {
                Some((FieldCode::InvalidEnumValue, format!("must be one of {}", self.values.join(", "))))
            }
            (FieldKind::Boolean, Value::Bool(_)) | (FieldKind::Date | FieldKind::Enum, Value::String(_)) => None,
            (FieldKind::String | FieldKind::Enum, _) => wrong_type("text"),
            (FieldKind::Number, _) => wrong_type("a number"),
            (FieldKind::Boolean, _) => wrong_type("true or false"),
            (FieldKind::Date, _) => wrong_type("a day, YYYY-MM-DD"),
        }
    }

    fn too_long(&self, text: &str) -> Option<(FieldCode, String)> {
        let most = self.max_length.and_then(|most| usize::try_from(most).ok()).unwrap_or(MAX_CHARS);
        (text.chars().count() > most).then(|| (FieldCode::TooLong, format!("at most {most} characters")))
    }

    fn out_of_range(&self, number: &Number) -> Option<(FieldCode, String)> {
        let value = number.as_f64()?;
        let least = self.min.as_ref().filter(|least| least.as_f64().is_some_and(|least| value < least));
        let most = self.max.as_ref().filter(|most| most.as_f64().is_some_and(|most| value > most));
        match (least, most) {
            (Some(least), _) => Some((FieldCode::TooSmall, format!("at least {least}"))),
            (None, Some(most)) => Some((FieldCode::TooBig, format!("at most {most}"))),
            (None, None) => None,
        }
    }

    /// Notes what must hold between the members of the definition of `name`, which stands at `path`.
    fn check(&self, name: &str, path: &str, errors: &mut FieldErrors) {
        let mut wrong = |member: &str, code, message: &str| errors.add(format!("{path}.{member}"), code, message);
        let distinct: BTreeSet<_> = self.values.iter().collect();
        match (self.kind, self.values.is_empty()) {
            (FieldKind::Enum, true) => wrong("values", FieldCode::Required, "an enum has at least one value"),
            (FieldKind::Enum, false) if distinct.len() < self.values.len() => {
                wrong("values", FieldCode::Duplicate, "has a value twice");
            }
            (FieldKind::Enum, false) | (_, true) => {}
            (_, false) => wrong("values", FieldCode::NotAllowed, "is for enum only"),
        }
        for (index, value) in self.values.iter().enumerate() {
            if value.is_empty() || value.chars().count() > MAX_CHARS {
                wrong(&format!("values.{index}"), FieldCode::TooLong, "1 to 1000 characters");
            }
        }
        if self.max_length.is_some() && self.kind != FieldKind::String {
            wrong("max_length", FieldCode::NotAllowed, "is for string only");
        }
        for (member, bound) in [("min", &self.min), ("max", &self.max)] {
            if bound.is_some() && self.kind != FieldKind::Number {
                wrong(member, FieldCode::NotAllowed, "is for number only");
            }
        }
        let bounds = (self.min.as_ref().and_then(Number::as_f64), self.max.as_ref().and_then(Number::as_f64));
        if matches!(bounds, (Some(least), Some(most)) if least > most) {
            wrong("max", FieldCode::TooSmall, "is below min");
        }
        if let Some((code, message)) = self.default.as_ref().and_then(|value| self.problem(value)) {
            wrong("default", code, &message);
        }
        if self.claim && REGISTERED_CLAIMS.contains(&name) {
            wrong("claim", FieldCode::NotAllowed, "the name is that of a registered claim");
        }
        if self.claim && self.visibility == Visibility::Admin {
            wrong("claim", FieldCode::NotAllowed, "users must not see this field");
        }
    }
}

impl FieldDefinitions {
    /// Notes what no schema can state about definitions that stand at `path`.
    pub fn check(&self, path: &str, errors: &mut FieldErrors) {
        if self.len() > MAX_FIELDS {
            errors.add(path, FieldCode::TooMany, format!("at most {MAX_FIELDS} definitions"));
        }
        for (name, definition) in self.iter() {
            let path = format!("{path}.{name}");
            if !is_name(name) {
                errors.add(
                    &path,
                    FieldCode::InvalidFormat,
                    "names are a lower-case letter, then letters, digits and _",
                );
            }
            definition.check(name, &path, errors);
        }
    }

    /// These with those of `other`, which win over one of the same name.
    #[must_use]
    pub fn overridden_by(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).map(|(name, definition)| (name.clone(), definition.clone())).collect()
    }

    /// The fields of a new record: with defaults where none is given.
    ///
    /// # Errors
    /// [`Refusal::Fields`] for values that do not fit, and for required ones that are missing.
    pub fn completed(&self, mut fields: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
        for (name, definition) in self.iter() {
            if let (false, Some(default)) = (fields.contains_key(name), &definition.default) {
                fields.insert(name.clone(), default.clone());
            }
        }
        self.fit(&fields)?;
        Ok(fields)
    }

    /// Fields that were written over `before`: what was changed fits, and what is required is there. A write of nothing
    /// is fine, whatever was stored before there was a definition.
    ///
    /// # Errors
    /// [`Refusal::Fields`].
    pub fn followed(&self, before: &Map<String, Value>, after: &Map<String, Value>) -> Result<(), Refusal> {
        if before == after {
            return Ok(());
        }
        self.check_values(after, |name| before.get(name) != after.get(name))
    }

    /// Every value fits, and what is required is there.
    ///
    /// # Errors
    /// [`Refusal::Fields`].
    pub fn fit(&self, fields: &Map<String, Value>) -> Result<(), Refusal> {
        self.check_values(fields, |_| true)
    }

    fn check_values(&self, fields: &Map<String, Value>, is_written: impl Fn(&str) -> bool) -> Result<(), Refusal> {
        let mut errors = FieldErrors::new();
        super::check(&Value::Object(fields.clone()), &mut errors);
        for (name, definition) in self.iter() {
            let path = format!("custom_fields.{name}");
            match fields.get(name) {
                None if definition.required => errors.add(path, FieldCode::Required, "is required"),
                Some(value) if is_written(name) => {
                    if let Some((code, message)) = definition.problem(value) {
                        errors.add(path, code, message);
                    }
                }
                _ => {}
            }
        }
        errors.into_result()
    }
}

/// Notes every definition at `path` whose type is another than it was.
pub fn check_types_kept(before: &FieldDefinitions, after: &FieldDefinitions, path: &str, errors: &mut FieldErrors) {
    for (name, definition) in after.iter() {
        if before.get(name).is_some_and(|known| known.kind != definition.kind) {
            errors.add(format!("{path}.{name}.type"), FieldCode::Immutable, "cannot change");
        }
    }
}

/// A day that exists, as `YYYY-MM-DD`.
fn is_date(text: &str) -> bool {
    let digits = |part: Option<&str>, length: usize| {
        let part = part.filter(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))?;
        part.parse::<u32>().ok()
    };
    let mut parts = text.split('-');
    let day = (digits(parts.next(), 4), digits(parts.next(), 2), digits(parts.next(), 2), parts.next());
    let (Some(year), Some(month), Some(day), None) = day else { return false };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn definitions(value: Value) -> FieldDefinitions {
        serde_json::from_value(value).unwrap()
    }

    fn found(errors: &FieldErrors) -> Vec<(String, &'static str)> {
        errors.iter().map(|error| (error.field.clone(), error.code.as_str())).collect()
    }

    fn refused(result: Result<impl std::fmt::Debug, Refusal>) -> Vec<(String, &'static str)> {
        match result {
            Err(Refusal::Fields(errors)) => found(&errors),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_fit_their_type_and_range() {
        let all = definitions(json!({
            "text": { "type": "string", "max_length": 3 }, "count": { "type": "number", "min": -1, "max": 2.5 },
            "flag": { "type": "boolean" }, "day": { "type": "date" }, "size": { "type": "enum", "values": ["s", "m"] },
        }));
        let good = json!({ "text": "äöü", "count": 2.5, "flag": false, "day": "2024-02-29", "size": "m", "free": 1 });
        all.fit(good.as_object().unwrap()).unwrap();
        for (name, value, code) in [
            ("text", json!("abcd"), "too_long"),
            ("text", json!(1), "invalid_type"),
            ("count", json!(-2), "too_small"),
            ("count", json!(2.6), "too_big"),
            ("count", json!("1"), "invalid_type"),
            ("flag", json!("true"), "invalid_type"),
            ("day", json!("2023-02-29"), "invalid_format"),
            ("day", json!("2023-2-01"), "invalid_format"),
            ("day", json!("2023-00-10"), "invalid_format"),
            ("day", json!(20_230_201), "invalid_type"),
            ("size", json!("l"), "invalid_enum_value"),
            ("size", json!(true), "invalid_type"),
        ] {
            let sent = Map::from_iter([(name.to_owned(), value)]);
            assert_eq!(refused(all.fit(&sent)), [(format!("custom_fields.{name}"), code)], "{sent:?}");
        }
    }

    #[test]
    fn defaults_are_set_at_creation_and_what_is_required_must_be_there() {
        let all = definitions(json!({
            "plan": { "type": "string", "default": "free" }, "tier": { "type": "number", "required": true },
        }));
        let sent = |value: Value| value.as_object().unwrap().clone();
        let whole = all.completed(sent(json!({ "tier": 1 }))).unwrap();
        assert_eq!(Value::Object(whole), json!({ "tier": 1, "plan": "free" }));
        assert_eq!(refused(all.completed(Map::new())), [("custom_fields.tier".to_owned(), "required")]);
        // Stored before there were definitions: not touched, and not looked at until it is written.
        let old = sent(json!({ "plan": 7 }));
        all.followed(&old, &old).unwrap();
        assert_eq!(
            refused(all.followed(&old, &sent(json!({ "plan": 7, "x": 1 })))),
            [("custom_fields.tier".to_owned(), "required")]
        );
        all.followed(&old, &sent(json!({ "plan": 7, "tier": 1 }))).unwrap();
        let twice = refused(all.followed(&old, &sent(json!({ "plan": 8, "tier": "x" }))));
        assert_eq!(
            twice,
            [("custom_fields.plan".to_owned(), "invalid_type"), ("custom_fields.tier".to_owned(), "invalid_type")]
        );
    }

    #[test]
    fn definitions_are_checked_among_themselves() {
        let all = definitions(json!({
            "a": { "type": "enum" }, "b": { "type": "string", "values": ["x"], "min": 1 },
            "c": { "type": "enum", "values": ["x", "x"] }, "d": { "type": "number", "max_length": 5, "min": 2, "max": 1 },
            "e": { "type": "number", "default": "x" }, "email": { "type": "string", "claim": true },
            "f": { "type": "string", "claim": true, "visibility": "admin" }, "G": { "type": "string" },
        }));
        let mut errors = FieldErrors::new();
        all.check("fields", &mut errors);
        let expected = [
            ("fields.G", "invalid_format"),
            ("fields.a.values", "required"),
            ("fields.b.values", "not_allowed"),
            ("fields.b.min", "not_allowed"),
            ("fields.c.values", "duplicate"),
            ("fields.d.max_length", "not_allowed"),
            ("fields.d.max", "too_small"),
            ("fields.e.default", "invalid_type"),
            ("fields.email.claim", "not_allowed"),
            ("fields.f.claim", "not_allowed"),
        ];
        assert_eq!(found(&errors), expected.map(|(field, code)| (field.to_owned(), code)));
    }

    #[test]
    fn a_type_never_changes_and_a_later_definition_wins() {
        let before = definitions(json!({ "a": { "type": "string" }, "b": { "type": "string" } }));
        let after = definitions(json!({ "a": { "type": "number" }, "c": { "type": "date" } }));
        let mut errors = FieldErrors::new();
        check_types_kept(&before, &after, "fields", &mut errors);
        assert_eq!(found(&errors), [("fields.a.type".to_owned(), "immutable")]);
        let both = before.overridden_by(&after);
        assert_eq!(both.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(both.get("a").map(|definition| definition.kind), Some(FieldKind::Number));
    }
}
