//! PATCH as conventions §5 has it: objects merge key by key, `null` clears, arrays are replaced whole.
//!
//! The writable attributes of a resource are one plain struct whose fields all have serde defaults. Creating merges the
//! body onto the defaults, updating merges it onto what is stored, and comparing before with after tells which fields
//! changed: the list that `*.updated` events carry, empty for a change of nothing.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{FieldCode, FieldErrors, Refusal};

/// `current` with `patch` merged in.
///
/// # Errors
/// [`Refusal::Fields`] when the merged whole is not valid, such as an address without its country;
/// [`Refusal::Internal`] when `current` cannot be written as JSON.
pub fn merged<T: Serialize + DeserializeOwned>(current: &T, patch: &Map<String, Value>) -> Result<T, Refusal> {
    let mut whole = serde_json::to_value(current).map_err(Refusal::internal)?;
    merge(&mut whole, patch);
    serde_path_to_error::deserialize(whole).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        let (code, field) = match (missing, path.as_str()) {
            (Some(name), "." | "") => (FieldCode::Required, name.to_owned()),
            (Some(name), path) => (FieldCode::Required, format!("{path}.{name}")),
            (None, path) => (FieldCode::InvalidType, path.to_owned()),
        };
        Refusal::Fields(FieldErrors::one(field, code, "the resource would not be valid with this value"))
    })
}

fn merge(target: &mut Value, patch: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(object) = target.as_object_mut() else { return };
    for (name, value) in patch {
        match value {
            Value::Null => {
                object.remove(name);
            }
            Value::Object(nested) => merge(object.entry(name.clone()).or_insert(Value::Null), nested),
            other => {
                object.insert(name.clone(), other.clone());
            }
        }
    }
}

/// The sorted names of the top-level fields in which two values differ.
///
/// # Errors
/// [`Refusal::Internal`] when one cannot be written as JSON.
pub fn changed_fields<T: Serialize>(before: &T, after: &T) -> Result<Vec<String>, Refusal> {
    let before = serde_json::to_value(before).map_err(Refusal::internal)?;
    let after = serde_json::to_value(after).map_err(Refusal::internal)?;
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else { return Ok(Vec::new()) };
    let mut names: Vec<_> =
        before.keys().chain(after.keys()).filter(|name| before.get(*name) != after.get(*name)).cloned().collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::unreachable, reason = "a test fails by panicking")]

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Details {
        name: Option<String>,
        tags: Vec<String>,
        address: Option<Address>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Address {
        country: String,
        city: Option<String>,
    }

    fn patched(current: &Details, patch: &Value) -> Result<Details, Refusal> {
        merged(current, patch.as_object().unwrap())
    }

    #[test]
    fn objects_merge_key_by_key_null_clears_and_arrays_are_replaced() {
        let before = patched(
            &Details::default(),
            &json!({ "name": "a", "tags": ["x", "y"], "address": { "country": "DEU", "city": "Ulm" } }),
        )
        .unwrap();
        let after = patched(&before, &json!({ "name": null, "tags": ["z"], "address": { "city": null } })).unwrap();
        assert_eq!(after.name, None);
        assert_eq!(after.tags, ["z"]);
        assert_eq!(after.address, Some(Address { country: "DEU".to_owned(), city: None }));
        assert_eq!(changed_fields(&before, &after).unwrap(), ["address", "name", "tags"]);
        assert!(changed_fields(&after, &patched(&after, &json!({})).unwrap()).unwrap().is_empty());
    }

    #[test]
    fn a_merge_that_leaves_a_required_member_out_names_it() {
        let Err(Refusal::Fields(errors)) = patched(&Details::default(), &json!({ "address": { "city": "Ulm" } }))
        else {
            unreachable!("an address without country was accepted");
        };
        let error = errors.iter().next().unwrap();
        assert_eq!((error.field.as_str(), error.code), ("address.country", FieldCode::Required));
    }
}
