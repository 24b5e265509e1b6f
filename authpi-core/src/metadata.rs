//! Key-value data that customers attach to resources (conventions §12).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::error::{FieldCode, FieldErrors, Refusal};

/// Keys of a metadata object at most.
const MAX_KEYS: usize = 50;

/// Characters of a key at most.
const MAX_KEY_CHARS: usize = 64;

/// Characters of a string at most, at any depth.
const MAX_STRING_CHARS: usize = 2048;

/// Bytes of the whole object at most, serialized without white space.
const MAX_BYTES: usize = 16 * 1024;

/// Objects and arrays within each other at most, the metadata object itself included.
const MAX_DEPTH: usize = 5;

/// Customer data on a resource: keys to any JSON but `null`. Never in tokens, events or anything end users see.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub struct Metadata(Map<String, Value>);

impl Metadata {
    /// The metadata a resource is created with. Members that are `null` are dropped; so is a value that is no object,
    /// which [`check`] refuses.
    pub fn from_create(value: &Value) -> Self {
        Self::default().merged(value)
    }

    /// These metadata after a PATCH: its members are set, those that are `null` deleted; `null` as a whole clears all.
    /// Nested objects are replaced, not merged.
    #[must_use]
    pub fn merged(&self, patch: &Value) -> Self {
        if patch.is_null() {
            return Self::default();
        }
        let mut merged = self.0.clone();
        for (key, value) in patch.as_object().into_iter().flatten() {
            if value.is_null() {
                merged.remove(key);
            } else {
                merged.insert(key.clone(), value.clone());
            }
        }
        Self(merged)
    }

    /// Notes when there are too many keys or bytes: a merge can exceed these limits although the patch kept them.
    pub fn check_merged(&self, field: &str, errors: &mut FieldErrors) {
        if self.0.len() > MAX_KEYS {
            errors.add(field, FieldCode::TooMany, format!("must have at most {MAX_KEYS} keys"));
        }
        let serialized = serde_json::to_vec(&self.0);
        if serialized.map_or(true, |bytes| bytes.len() > MAX_BYTES) {
            errors.add(field, FieldCode::TooBig, format!("must have at most {MAX_BYTES} bytes as JSON"));
        }
    }

    /// The metadata after a PATCH; `None` leaves it as it is.
    ///
    /// # Errors
    /// [`Refusal::Fields`] when the whole is beyond a limit.
    pub fn patched(&self, patch: Option<&Value>) -> Result<Self, Refusal> {
        let Some(patch) = patch else { return Ok(self.clone()) };
        let after = self.merged(patch);
        let mut errors = FieldErrors::new();
        after.check_merged("metadata", &mut errors);
        errors.into_result()?;
        Ok(after)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members.
    pub const fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}

/// Notes everything wrong with metadata in a request, under `field` and `field.<key>`.
///
/// `null` as a whole and members that are `null` are fine, whatever their keys: they set nothing.
pub fn check(field: &str, value: &Value, errors: &mut FieldErrors) {
    if !value.is_object() && !value.is_null() {
        errors.add(field, FieldCode::InvalidType, "must be an object");
        return;
    }
    let metadata = Metadata::from_create(value);
    metadata.check_merged(field, errors);
    for (key, value) in metadata.as_map() {
        let member = format!("{field}.{key}");
        if !is_key(key) {
            let rule = "keys have 1 to 64 characters of A-Z a-z 0-9 _ . - and no leading underscore";
            errors.add(member.as_str(), FieldCode::InvalidFormat, rule);
        }
        if has_long_string(value) {
            let rule = format!("strings have at most {MAX_STRING_CHARS} characters");
            errors.add(member.as_str(), FieldCode::TooLong, rule);
        }
        // The metadata object is the first level.
        if !fits_depth(value, MAX_DEPTH - 1) {
            errors.add(member, FieldCode::TooBig, format!("must nest at most {MAX_DEPTH} levels deep"));
        }
    }
}

fn is_key(key: &str) -> bool {
    (1..=MAX_KEY_CHARS).contains(&key.len())
        && !key.starts_with('_')
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

fn has_long_string(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().nth(MAX_STRING_CHARS).is_some(),
        Value::Array(items) => items.iter().any(has_long_string),
        Value::Object(members) => members.values().any(has_long_string),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether no more than `levels` objects and arrays are within each other.
fn fits_depth(value: &Value, levels: usize) -> bool {
    let fits_below = |value: &Value| fits_depth(value, levels.saturating_sub(1));
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(fits_below),
        Value::Object(members) => levels > 0 && members.values().all(fits_below),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a failing test panics")]

    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn problems(value: &Value) -> Vec<(String, FieldCode)> {
        let mut errors = FieldErrors::default();
        check("metadata", value, &mut errors);
        errors.iter().map(|error| (error.field.clone(), error.code)).collect()
    }

    fn problem(value: &Value) -> Option<(String, FieldCode)> {
        let mut problems = problems(value);
        assert!(problems.len() <= 1, "{problems:?}");
        problems.pop()
    }

    fn keys(count: usize) -> Value {
        (0..count).map(|index| (format!("k{index}"), json!(index))).collect::<Map<_, _>>().into()
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({ "a": inner }) })
    }

    fn members() -> impl Strategy<Value = BTreeMap<String, Option<u8>>> {
        prop::collection::btree_map("[abc]", any::<Option<u8>>(), 0..4)
    }

    #[test]
    fn only_objects_and_null_pass() {
        for value in [json!(null), json!({}), json!({"a": null, "_": null, "b": [null, 1, "x", true, {}]})] {
            assert_eq!(problem(&value), None);
        }
        for value in [json!([]), json!("x"), json!(1), json!(false)] {
            assert_eq!(problem(&value), Some(("metadata".into(), FieldCode::InvalidType)));
        }
    }

    #[test]
    fn keys_are_counted_without_deletions() {
        assert_eq!(problem(&keys(50)), None);
        assert_eq!(problem(&keys(51)), Some(("metadata".into(), FieldCode::TooMany)));
        let mut replacement = keys(50);
        replacement["old"] = Value::Null;
        assert_eq!(problem(&replacement), None);
    }

    #[test]
    fn keys_are_short_words() {
        for key in ["a", "A-Z.0_9", "9", "-", ".", &"x".repeat(64)] {
            assert_eq!(problem(&json!({ key: 1 })), None, "{key}");
        }
        for key in ["", "_a", "a b", "é", "a/b", &"x".repeat(65)] {
            assert_eq!(problem(&json!({ key: 1 })), Some((format!("metadata.{key}"), FieldCode::InvalidFormat)));
        }
        assert_eq!(problem(&json!({ "a": { "any _ key": 1 } })), None);
    }

    #[test]
    fn strings_are_limited_in_characters_at_any_depth() {
        let (fits, long) = ("é".repeat(2048), "x".repeat(2049));
        assert_eq!(problem(&json!({ "a": fits, "b": [fits] })), None);
        for value in [json!(long), json!([[long]]), json!({ "b": long })] {
            assert_eq!(problem(&json!({ "a": value })), Some(("metadata.a".into(), FieldCode::TooLong)));
        }
    }

    #[test]
    fn depth_counts_the_metadata_object() {
        assert_eq!(problem(&json!({ "a": nested(4) })), None);
        for levels in [5, 100] {
            assert_eq!(problem(&json!({ "a": nested(levels) })), Some(("metadata.a".into(), FieldCode::TooBig)));
        }
    }

    #[test]
    fn size_is_limited_in_serialized_bytes() {
        let fits = json!({ "ab": vec![1; 8188] });
        assert_eq!(fits.to_string().len(), MAX_BYTES);
        assert_eq!(problem(&fits), None);
        assert_eq!(problem(&json!({ "abc": vec![1; 8188] })), Some(("metadata".into(), FieldCode::TooBig)));
    }

    #[test]
    fn everything_wrong_is_noted() {
        let found = problems(&json!({ "_a": "x".repeat(2049), "b": nested(9) }));
        let codes: Vec<FieldCode> = found.into_iter().map(|(_, code)| code).collect();
        assert_eq!(codes, [FieldCode::InvalidFormat, FieldCode::TooLong, FieldCode::TooBig]);
    }

    #[test]
    fn schema_is_an_object() {
        let schema = serde_json::to_value(<Metadata as utoipa::PartialSchema>::schema()).unwrap();
        assert_eq!(schema["type"], "object");
    }

    #[test]
    fn merge_sets_deletes_and_clears() {
        let before = Metadata::from_create(&json!({ "a": 1, "b": { "x": 1 }, "c": null }));
        assert_eq!(before.as_map().len(), 2);
        let after = before.merged(&json!({ "a": null, "b": { "y": 2 }, "d": [null], "e": null }));
        assert_eq!(serde_json::to_value(&after).unwrap(), json!({ "b": { "y": 2 }, "d": [null] }));
        assert_eq!(after.merged(&json!({})), after);
        assert!(after.merged(&Value::Null).is_empty());
    }

    #[test]
    fn merge_may_exceed_what_each_part_kept() {
        let before = Metadata::from_create(&keys(50));
        let mut errors = FieldErrors::default();
        before.merged(&json!({ "k0": 2 })).check_merged("metadata", &mut errors);
        assert!(errors.is_empty());
        before.merged(&json!({ "other": 1 })).check_merged("metadata", &mut errors);
        assert_eq!(errors.iter().map(|error| error.code).collect::<Vec<_>>(), [FieldCode::TooMany]);
    }

    proptest! {
        #[test]
        fn merged_members_come_from_the_patch_or_else_stay(old in members(), new in members()) {
            let merged = Metadata::from_create(&json!(old)).merged(&json!(new));
            for key in ["a", "b", "c"] {
                let expected = new.get(key).or(old.get(key)).copied().flatten();
                prop_assert_eq!(merged.as_map().get(key).cloned(), expected.map(|value| json!(value)));
            }
        }
    }
}
