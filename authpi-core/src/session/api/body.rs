//! Request bodies about sessions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::SessionView;
use crate::user::operations::revocation::Also;
use crate::web::body::{Body, BodySchema};
use crate::web::members::MetadataMember;

/// Body of an action that can be given a reason.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct SessionAction {
    /// Why.
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
}

impl Body for SessionAction {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Self>("SessionAction"))
    }
}

/// Body of a change: sessions carry nothing else that anybody writes.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct UpdateSession(pub MetadataMember);

impl Body for UpdateSession {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<MetadataMember>("UpdateSession").ignoring::<SessionView>())
    }
}

/// Body of `RevokeAll`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct RevokeAllSessions {
    /// Why.
    #[schema(max_length = 1000)]
    pub reason: Option<String>,
    /// What goes with the sessions.
    #[schema(max_items = 3)]
    pub also: Vec<Also>,
}

impl Body for RevokeAllSessions {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Self>("RevokeAllSessions"))
    }
}
