//! Logs a user out everywhere.

use async_trait::async_trait;
use serde::Serialize;
use utoipa::ToSchema;

use super::REVOKE_ALL;
use super::body::RevokeAllSessions;
use crate::error::Refusal;
use crate::id::{IssuerId, UserId};
use crate::store::Change;
use crate::user::operations::revocation::{self, Revoked};
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Write;
use crate::web::route::Route;

/// What was revoked, counted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RevokeAllResult)]
#[allow(clippy::struct_field_names, reason = "the names that answers have")]
pub(super) struct RevokeAllResult {
    sessions_revoked: u32,
    devices_revoked: u32,
    tokens_revoked: u32,
    delegations_revoked: u32,
}

impl From<Revoked> for RevokeAllResult {
    fn from(revoked: Revoked) -> Self {
        Self {
            sessions_revoked: revoked.sessions,
            devices_revoked: revoked.devices,
            tokens_revoked: revoked.tokens,
            delegations_revoked: revoked.delegations,
        }
    }
}

/// `revokeAllUserSessions`
pub(super) struct RevokeAll;

#[async_trait]
impl Write for RevokeAll {
    type Body = RevokeAllSessions;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(REVOKE_ALL)
            .named("revokeAllUserSessions", "Log a user out everywhere")
            .about("sessions", "user")
            .scope("issuers.users.sessions:write")
            .extension()
            .conditional()
            .without_credit()
            .answers::<RevokeAllResult>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<RevokeAllSessions>) -> Result<Answer, Refusal> {
        let (issuer, id): (IssuerId, UserId) = call.path()?;
        let user = change.reads().users().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        call.precondition(user.updated_at)?;
        let body = call.body()?;
        let revoked = revocation::revoke_all(change, issuer, id, body.reason.clone(), &body.also).await?;
        Ok(Answer::of(RevokeAllResult::from(revoked)))
    }
}
