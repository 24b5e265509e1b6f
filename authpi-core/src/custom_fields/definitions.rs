//! Definitions of custom fields, and what fields become by them.

use serde_json::{Map, Value};

use super::definition::FieldDefinition;
use super::free::{MAX_FIELDS, is_name};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::named::Named;

/// Definitions by the name of the field.
pub type FieldDefinitions = Named<FieldDefinition>;

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;
    use crate::custom_fields::FieldKind;

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
