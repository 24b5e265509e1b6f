//! `settings.invitations`: invitations to organizations.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Invitations to organizations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InvitationSettings {
    /// An invitation is sent once it is approved.
    pub require_approval: bool,
    /// Seconds that it can be accepted.
    #[schema(minimum = 3600, maximum = 7_776_000)]
    pub ttl_seconds: u32,
}

impl Default for InvitationSettings {
    fn default() -> Self {
        Self { require_approval: false, ttl_seconds: 604_800 }
    }
}
