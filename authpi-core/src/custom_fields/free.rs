//! Custom fields without a definition: free scalars that users see (core-api 12.3).

use serde_json::Value;

use crate::error::{FieldCode, FieldErrors};

/// Most fields of one record.
pub(super) const MAX_FIELDS: usize = 100;

/// Longest value, in characters.
pub(super) const MAX_CHARS: usize = 1_000;

/// Notes what is wrong with the custom fields of a body. `null` removes a field.
pub fn check(value: &Value, errors: &mut FieldErrors) {
    // Another type than an object is reported by the schema.
    let Some(fields) = value.as_object() else { return };
    if fields.len() > MAX_FIELDS {
        errors.add("custom_fields", FieldCode::TooMany, format!("at most {MAX_FIELDS} fields"));
    }
    for (name, value) in fields {
        let path = format!("custom_fields.{name}");
        if !is_name(name) {
            errors.add(&path, FieldCode::InvalidFormat, "names are a lower-case letter, then letters, digits and _");
        }
        match value {
            Value::Array(_) | Value::Object(_) => errors.add(&path, FieldCode::InvalidType, "must be a scalar"),
            Value::String(text) if text.chars().count() > MAX_CHARS => {
                errors.add(&path, FieldCode::TooLong, format!("at most {MAX_CHARS} characters"));
            }
            _ => {}
        }
    }
}

pub(super) fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
