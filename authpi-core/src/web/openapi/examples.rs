//! Examples, made from the schemas.

use serde_json::{Map, Value};

use super::schemas::referred;
use crate::web::body::Components;

/// Deeper than any of our schemas.
const DEPTH: usize = 16;

/// How much an example shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// What must be there.
    Short,
    /// Everything.
    Full,
}

/// An example of a schema; `None` where one cannot be made.
pub(super) fn of(schema: &Value, components: &Components, length: Length) -> Option<Value> {
    Maker { components, length }.value("", schema, DEPTH)
}

struct Maker<'a> {
    components: &'a Components,
    length: Length,
}

impl Maker<'_> {
    fn value(&self, name: &str, schema: &Value, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        if let Some(stated) = stated(schema) {
            return Some(stated);
        }
        if let Some(referred) = referred(schema) {
            return self.value(name, self.components.get(referred)?, depth);
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(branches) = schema.get(key).and_then(Value::as_array) {
                let mut telling = branches.iter().filter(|branch| branch.get("type").is_none_or(|kind| kind != "null"));
                return telling.find_map(|branch| self.value(name, branch, depth));
            }
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            return self.whole(name, parts, depth);
        }
        match kind(schema)? {
            "object" => self.object(schema, depth),
            "array" => self.array(name, schema, depth),
            "string" => text(name, schema),
            "integer" | "number" => Some(schema.get("minimum").cloned().unwrap_or_else(|| 0.into())),
            "boolean" => Some(true.into()),
            _ => Some(Value::Null),
        }
    }

    fn whole(&self, name: &str, parts: &[Value], depth: usize) -> Option<Value> {
        let mut all = Map::new();
        for part in parts {
            match self.value(name, part, depth)? {
                Value::Object(members) => all.extend(members),
                other => return Some(other),
            }
        }
        Some(all.into())
    }

    fn object(&self, schema: &Value, depth: usize) -> Option<Value> {
        let mut members = Map::new();
        let required: Vec<_> = schema.get("required").and_then(Value::as_array).into_iter().flatten().collect();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let must = required.iter().any(|required| *required == name);
            match self.value(name, property, depth) {
                Some(value) if must || self.length == Length::Full => {
                    members.insert(name.clone(), value);
                }
                None if must => return None,
                _ => {}
            }
        }
        Some(members.into())
    }

    fn array(&self, name: &str, schema: &Value, depth: usize) -> Option<Value> {
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or_default();
        if least == 0 && self.length == Length::Short {
            return Some(Value::Array(Vec::new()));
        }
        if least > 1 {
            return None;
        }
        let item = schema.get("items").and_then(|items| self.value(name, items, depth));
        Some(item.into_iter().collect())
    }
}

/// What the schema itself says.
fn stated(schema: &Value) -> Option<Value> {
    let first = |key: &str| schema.get(key)?.as_array()?.first().cloned();
    let own = schema.get("example").or_else(|| schema.get("const")).cloned();
    let own = own.or_else(|| first("examples")).or_else(|| first("enum")).or_else(|| schema.get("default").cloned());
    // An empty default says that the value has to be made up.
    own.filter(|value| !value.is_null() && value != "")
}

fn kind(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ => None,
    }
}

/// A text that suits the name of the member; `None` where a pattern asks for more.
fn text(name: &str, schema: &Value) -> Option<Value> {
    let text = match schema.get("format").and_then(Value::as_str) {
        Some("uri" | "http-url" | "url") => "https://www.example.com/",
        Some("email") => "ann@example.com",
        Some("scope") => "invoices:read",
        Some("network") => "203.0.113.0/24",
        Some("host-name" | "hostname") => "login.example.com",
        Some("uuid") => "0199c0de-0000-7000-8000-000000000001",
        Some(_) => return None,
        None if schema.get("pattern").is_some() => return None,
        None => match name {
            "name" | "display_name" => "Acme",
            "email" | "username" => "ann@example.com",
            _ if name.ends_with("_url") || name.ends_with("_uri") => "https://www.example.com/",
            "next_cursor" => "MTc4MTIyMjQwMDAwMA",
            _ => "text",
        },
    };
    let length = |key: &str| schema.get(key).and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok());
    let fits =
        text.len() >= length("minLength").unwrap_or(0) && text.len() <= length("maxLength").unwrap_or(usize::MAX);
    fits.then(|| text.into())
}
