//! What an authorization grants to a client for as long as its session lasts, and the refresh token that stands for it
//! (idp §7). There is one current refresh token; every other one that is signed for the grant is a spent one.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ClaimsRequest, Resources};
use crate::id::{ClientId, IssuerId, SessionId};
use crate::seal::Sealed;
use crate::timestamp::Timestamp;

/// A grant.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The session of the client that it lasts as long as.
    pub session_id: SessionId,
    /// Where it was given.
    pub issuer_id: IssuerId,
    /// To whom.
    pub client_id: ClientId,
    /// What was granted.
    pub binding: GrantBinding,
    /// `jti` of the current refresh token; none where the client does not refresh.
    pub refresh_jti: Option<String>,
    /// The key that has signed it.
    pub refresh_kid: Option<Uuid>,
    /// The last answer, as long as it may be given again.
    pub replay: Option<Replay>,
}

/// What was granted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GrantBinding {
    /// URL of the issuer under which the user signed in.
    pub iss: String,
    /// Scopes, in the order of the request.
    pub scopes: Vec<String>,
    /// Audiences.
    pub resources: Resources,
    /// The `claims` parameter, as far as it means anything.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub claims: Option<ClaimsRequest>,
}

/// An answer that an identical request gets again for a few seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// The refresh token that it was the answer to.
    pub jti: String,
    /// Keyed hash of the request.
    pub request: [u8; 32],
    /// The answer, under the root key of the issuer.
    pub answer: Sealed,
    /// From then on it is gone.
    pub until: Timestamp,
}

/// The replacement of the current refresh token.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    /// The one that was presented.
    pub from: String,
    /// The one that is current from now on.
    pub to: String,
    /// The key that has signed it.
    pub kid: Uuid,
    /// The answer, where it may be given again.
    pub replay: Option<Replay>,
}

impl GrantBinding {
    /// The scope was granted.
    pub fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }
}
