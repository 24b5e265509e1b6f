//! What an issuer says about the values of a custom field.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use utoipa::ToSchema;

use super::claims::REGISTERED;
use super::free::MAX_CHARS;
use crate::error::{FieldCode, FieldErrors};

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
    /// People fill it in when they sign up: what they may change later, and what must be there from the beginning and
    /// nothing else gives.
    pub fn is_asked_at_sign_up(&self) -> bool {
        match self.visibility {
            Visibility::Editable => true,
            Visibility::Visible => self.required && self.default.is_none(),
            Visibility::Admin => false,
        }
    }

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
    pub(super) fn check(&self, name: &str, path: &str, errors: &mut FieldErrors) {
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
        if self.claim && REGISTERED.contains(&name) {
            wrong("claim", FieldCode::NotAllowed, "the name is that of a registered claim");
        }
        if self.claim && self.visibility == Visibility::Admin {
            wrong("claim", FieldCode::NotAllowed, "users must not see this field");
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
