//! Takes away all that gives access through an organization.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::OrganizationView;
use super::{REVOKE_ACCESS, WRITE};
use crate::error::Refusal;
use crate::organization::operations::access;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema};
use crate::web::call::Call;
use crate::web::endpoint::Write;
use crate::web::route::Route;

/// Body of `RevokeAccess`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct RevokeAccessBody {
    /// Why.
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

impl Body for RevokeAccessBody {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Self>("RevokeAccess"))
    }
}

/// What a revocation covers, counted when it was accepted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RevokeAccessResult)]
pub(super) struct RevokeAccessResult {
    organization: OrganizationView,
    sessions_revoked: u64,
    keys_blocked: u64,
    delegations_revoked: u64,
}

/// `revokeOrganizationAccess`
pub(super) struct RevokeAccess;

#[async_trait]
impl Write for RevokeAccess {
    type Body = RevokeAccessBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(REVOKE_ACCESS)
            .named("revokeOrganizationAccess", "Suspend an organization and end all access through it")
            .about("organizations", "organization")
            .scope(WRITE)
            .extension()
            .conditional()
            .without_credit()
            .answers::<RevokeAccessResult>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<RevokeAccessBody>) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let before = change.reads().organizations().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        call.precondition(before.updated_at)?;
        let note = change.status_note(call.body()?.reason.clone(), None);
        let covered = access::revoke(change, before, note).await?;
        let version = covered.organization.updated_at;
        let result = RevokeAccessResult {
            organization: OrganizationView::counted(&covered.organization, change.reads(), change.now()).await?,
            sessions_revoked: covered.sessions,
            keys_blocked: covered.keys,
            delegations_revoked: covered.delegations,
        };
        Ok(Answer::of(result).etag(version))
    }
}
