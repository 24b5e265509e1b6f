//! Members that many bodies and answers share, and the join of two structs into one JSON object.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::status::StatusNote;
use crate::store::Change;

/// What may be said about a status change.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct StatusNoteMembers {
    /// Why.
    #[schema(max_length = 1000)]
    pub status_reason: Option<String>,
    /// Who; the caller's id when absent.
    #[schema(max_length = 200)]
    pub status_by: Option<String>,
}

impl StatusNoteMembers {
    /// What the caller says, completed by who the caller is.
    pub fn note(&self, change: &Change<'_>) -> StatusNote {
        change.status_note(self.status_reason.clone(), self.status_by.clone())
    }
}

/// Metadata in a body; `null` clears all of it.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct MetadataMember {
    /// Key-value data that only administrators see.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
}

/// Keeps `null` apart from an absent member.
///
/// # Errors
/// Those of the deserializer.
pub fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Two structs as one JSON object, named after the first.
#[derive(Clone, Debug, Serialize)]
pub struct Joined<A, B> {
    /// The first members.
    #[serde(flatten)]
    pub first: A,
    /// The other members.
    #[serde(flatten)]
    pub second: B,
}

impl<A: PartialSchema, B: PartialSchema> PartialSchema for Joined<A, B> {
    fn schema() -> RefOr<Schema> {
        match (A::schema(), B::schema()) {
            (RefOr::T(Schema::Object(mut first)), RefOr::T(Schema::Object(second))) => {
                first.properties.extend(second.properties);
                first.required.extend(second.required);
                first.additional_properties = None;
                RefOr::T(Schema::Object(first))
            }
            (first, _) => first,
        }
    }
}

impl<A: ToSchema, B: ToSchema> ToSchema for Joined<A, B> {
    fn name() -> std::borrow::Cow<'static, str> {
        A::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        A::schemas(schemas);
        B::schemas(schemas);
    }
}
