//! A login method on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::id::{AuthMethodId, IssuerId};
use crate::issuer::model::auth_method::{AuthMethod, AuthMethodDetails, AuthMethodKind};
use crate::timestamp::Timestamp;
use crate::web::members::Joined;

/// What the server knows of a login method besides its details.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = IssuerAuthMethod)]
pub(super) struct AuthMethodHead {
    id: AuthMethodId,
    issuer_id: IssuerId,
    method: AuthMethodKind,
    /// The same as `method`.
    #[serde(rename = "type")]
    kind: AuthMethodKind,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A login method on the wire.
pub(super) type AuthMethodView = Joined<AuthMethodHead, AuthMethodDetails>;

impl From<AuthMethod> for AuthMethodView {
    fn from(method: AuthMethod) -> Self {
        let first = AuthMethodHead {
            id: method.id,
            issuer_id: method.issuer_id,
            method: method.kind,
            kind: method.kind,
            created_at: method.created_at,
            updated_at: method.updated_at,
        };
        Self { first, second: method.details }
    }
}
