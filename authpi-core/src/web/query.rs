//! Query parameters: declared once in the route, checked together.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::page::{CursorKey, Limit, MAX_LIMIT, PageRequest};
use crate::timestamp::Timestamp;

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Any text of at most 256 characters.
    Text,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Some of these words, separated by commas.
    AnyOf(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// Unix milliseconds; float syntax is accepted and truncated (conventions §4).
    Time,
    /// 1 to 100.
    Limit,
    /// From an earlier answer.
    Cursor,
}

/// A query parameter of a route.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: ParameterKind,
    /// One line for the documentation.
    pub description: &'static str,
    /// It must be there.
    pub required: bool,
}

impl Parameter {
    const fn new(name: &'static str, kind: ParameterKind, description: &'static str) -> Self {
        Self { name, kind, description, required: false }
    }

    /// It must be there.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Text.
    pub const fn text(name: &'static str, description: &'static str) -> Self {
        Self::new(name, ParameterKind::Text, description)
    }

    /// One of `words`.
    pub const fn one_of(name: &'static str, words: &'static [&'static str], description: &'static str) -> Self {
        Self::new(name, ParameterKind::OneOf(words), description)
    }

    /// Some of `words`, separated by commas.
    pub const fn any_of(name: &'static str, words: &'static [&'static str], description: &'static str) -> Self {
        Self::new(name, ParameterKind::AnyOf(words), description)
    }

    /// `true` or `false`.
    pub const fn flag(name: &'static str, description: &'static str) -> Self {
        Self::new(name, ParameterKind::Flag, description)
    }

    /// Unix milliseconds.
    pub const fn time(name: &'static str, description: &'static str) -> Self {
        Self::new(name, ParameterKind::Time, description)
    }

    /// `limit`.
    pub const fn limit() -> Self {
        Self::new("limit", ParameterKind::Limit, "Items per page, 1 to 100; 50 when absent.")
    }

    /// `cursor`.
    pub const fn cursor() -> Self {
        Self::new("cursor", ParameterKind::Cursor, "`next_cursor` of the page before.")
    }

    /// The JSON schema of its value.
    pub fn schema(&self) -> Value {
        match self.kind {
            ParameterKind::Text | ParameterKind::Cursor => json!({ "type": "string", "maxLength": 256 }),
            ParameterKind::OneOf(words) => json!({ "type": "string", "enum": words }),
            ParameterKind::AnyOf(words) => json!({ "type": "array", "items": { "type": "string", "enum": words } }),
            ParameterKind::Flag => json!({ "type": "string", "enum": ["true", "false"] }),
            ParameterKind::Time => json!({ "type": "number", "minimum": 0 }),
            ParameterKind::Limit => json!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 50 }),
        }
    }

    fn check(&self, value: &str, errors: &mut FieldErrors) {
        match self.kind {
            _ if value.contains('\0') => {
                errors.add(self.name, FieldCode::InvalidFormat, "must not contain NUL characters");
            }
            ParameterKind::Text | ParameterKind::Cursor if value.chars().count() > 256 => {
                errors.add(self.name, FieldCode::TooLong, "at most 256 characters");
            }
            ParameterKind::OneOf(words) if !words.contains(&value) => {
                errors.add(self.name, FieldCode::InvalidEnumValue, format!("must be one of {}", words.join(", ")));
            }
            ParameterKind::AnyOf(words) if !value.split(',').all(|word| words.contains(&word)) => {
                errors.add(self.name, FieldCode::InvalidEnumValue, "names, separated by commas, that are all known");
            }
            ParameterKind::Flag if !matches!(value, "true" | "false") => {
                errors.add(self.name, FieldCode::InvalidEnumValue, "must be true or false");
            }
            ParameterKind::Time if parse_time(value).is_none() => {
                errors.add(self.name, FieldCode::InvalidFormat, "must be Unix milliseconds");
            }
            ParameterKind::Limit => match value.parse::<i64>() {
                Ok(..=0) => errors.add(self.name, FieldCode::TooSmall, "must be 1 to 100"),
                Ok(1..=100) => {}
                Ok(_) => errors.add(self.name, FieldCode::TooBig, "must be 1 to 100"),
                Err(_) => errors.add(self.name, FieldCode::InvalidType, "must be an integer, 1 to 100"),
            },
            _ => {}
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "truncation is the rule, and the range is checked before")]
fn parse_time(value: &str) -> Option<Timestamp> {
    const LATEST: f64 = 9.0e15;
    let millis: f64 = value.parse().ok()?;
    (0.0..=LATEST).contains(&millis).then(|| Timestamp::from_millis(millis as i64))
}

/// The query of one request, checked against the parameters of its route. Unknown ones are ignored.
#[derive(Clone, Debug, Default)]
pub struct Query(BTreeMap<&'static str, String>);

impl Query {
    /// Parses and checks a raw query.
    ///
    /// # Errors
    /// [`Refusal::Fields`] with every problem there is; a parameter stated twice is one.
    pub fn parse(raw: Option<&str>, parameters: &[Parameter]) -> Result<Self, Refusal> {
        let mut errors = FieldErrors::new();
        let mut values = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
            let Some(parameter) = parameters.iter().find(|parameter| parameter.name == name) else { continue };
            parameter.check(&value, &mut errors);
            if values.insert(parameter.name, value.into_owned()).is_some() {
                errors.add(parameter.name, FieldCode::Duplicate, "stated more than once");
            }
        }
        for parameter in parameters.iter().filter(|parameter| parameter.required) {
            if values.get(parameter.name).is_none_or(String::is_empty) {
                errors.add(parameter.name, FieldCode::Required, "is required");
            }
        }
        errors.into_result()?;
        Ok(Self(values))
    }

    /// The value of a parameter, when it was given and is not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value of a flag.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.text(name).map(|value| value == "true")
    }

    /// The words of a list; none when it was not given.
    pub fn words(&self, name: &str) -> impl Iterator<Item = &str> {
        self.text(name).into_iter().flat_map(|value| value.split(','))
    }

    /// The value of a time.
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        self.text(name).and_then(parse_time)
    }

    /// A value of a type that is parsed from text, such as an id in a filter.
    ///
    /// # Errors
    /// [`Refusal::Fields`], `invalid_format`.
    pub fn parsed<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, Refusal> {
        self.text(name)
            .map(str::parse)
            .transpose()
            .map_err(|_| Refusal::field(name, FieldCode::InvalidFormat, "is not of the documented form"))
    }

    /// Limit and cursor.
    ///
    /// # Errors
    /// [`Refusal::Fields`] for a malformed cursor.
    pub fn page<K: CursorKey>(&self) -> Result<PageRequest<K>, Refusal> {
        let limit = self.text("limit").and_then(|value| Limit::new(value.parse().ok()?)).unwrap_or_default();
        let after =
            match self.text("cursor") {
                None => None,
                Some(cursor) => Some(K::decode(cursor).ok_or_else(|| {
                    Refusal::field("cursor", FieldCode::InvalidFormat, "is not a cursor of this list")
                })?),
            };
        Ok(PageRequest { limit, after })
    }
}
