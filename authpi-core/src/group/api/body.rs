//! Bodies of changes to groups.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::view::GroupView;
use crate::group::model::GroupDetails;
use crate::web::body::{Body, BodySchema};
use crate::web::members::{MetadataMember, present};

/// Body of `createGroup`.
#[derive(Debug, Deserialize)]
pub(super) struct CreateGroup {
    #[serde(default)]
    pub metadata: Value,
    #[serde(flatten)]
    pub details: Map<String, Value>,
}

impl Body for CreateGroup {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::of::<GroupDetails>("CreateGroup")
            .and::<MetadataMember>()
            .requiring(&["name"])
            .ignoring::<GroupView>();
        Some(schema)
    }
}

/// Body of `updateGroup`.
#[derive(Debug, Deserialize)]
pub(super) struct UpdateGroup {
    #[serde(default, deserialize_with = "present")]
    pub metadata: Option<Value>,
    #[serde(flatten)]
    pub details: Map<String, Value>,
}

impl Body for UpdateGroup {
    fn schema() -> Option<BodySchema> {
        let schema =
            BodySchema::patch_of::<GroupDetails>("UpdateGroup").and::<MetadataMember>().ignoring::<GroupView>();
        Some(schema)
    }
}
