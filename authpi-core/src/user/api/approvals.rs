//! Sign-ups that wait for a decision (core-api section 22).

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use utoipa::ToSchema;

use super::endpoints::shown;
use super::views::{IssuerUsersListItem, UserView};
use crate::error::Refusal;
use crate::id::{IssuerId, UserId};
use crate::store::{Change, Reads};
use crate::user::model::{User, UserStatus, Verdict};
use crate::user::operations;
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema};
use crate::web::call::Call;
use crate::web::endpoint::{Operation, Read, Write};
use crate::web::route::Route;

const ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/approvals";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/approvals/{user_id}";
const READ: &str = "issuers.approvals:read";
const WRITE: &str = "issuers.approvals:write";

/// The operations on approvals.
pub(super) fn routes() -> Vec<Arc<Operation>> {
    vec![Operation::read(List), Operation::read(Get), Operation::write(Update)]
}

/// `listApprovals`
struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listApprovals", "List the users who wait for an approval, the oldest sign-up first")
            .about("approvals", "user")
            .scope(READ)
            .answers_page::<IssuerUsersListItem>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer,) = call.path()?;
        let found = reads.users().pending(issuer, &call.query()?.page::<UserId>()?).await?;
        Ok(Answer::page(&found.map(IssuerUsersListItem::from), IssuerUsersListItem::cursor))
    }
}

/// `getApproval`
struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getApproval", "Get a user who waits for an approval")
            .about("approvals", "user")
            .scope(READ)
            .conditional()
            .answers::<UserView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let found = user(reads, issuer, id).await?;
        if found.status.value != UserStatus::PendingApproval {
            return Err(Refusal::NotFound);
        }
        Ok(shown(call.now(), found))
    }
}

async fn user(reads: &dyn Reads, issuer: IssuerId, id: UserId) -> Result<User, Refusal> {
    reads.users().find(issuer, id).await?.ok_or(Refusal::NotFound)
}

/// A decision as callers state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ApprovalDecision)]
enum Decision {
    /// The user is in.
    Approved,
    /// The same.
    Approve,
    /// The user is blocked.
    Rejected,
    /// The same.
    Reject,
}

impl From<Decision> for Verdict {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Approved | Decision::Approve => Self::Approved,
            Decision::Rejected | Decision::Reject => Self::Rejected,
        }
    }
}

/// Body of `updateApproval`; `decision` and `action` stand for `status`.
#[derive(Deserialize, ToSchema)]
struct UpdateApproval {
    /// What is decided.
    status: Decision,
    /// Why: stays on the user, and is mailed to nobody.
    #[serde(default)]
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

impl Body for UpdateApproval {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::of::<Self>("UpdateApproval").alias("decision", "status").alias("action", "status");
        Some(schema.ignoring::<UserView>())
    }
}

/// `updateApproval`
struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateApproval;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateApproval", "Approve or reject a sign-up")
            .about("approvals", "user")
            .scope(WRITE)
            .conditional()
            .answers::<UserView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateApproval>) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let before = user(change.reads(), issuer, id).await?;
        call.precondition(before.updated_at)?;
        let body = call.body()?;
        let after = operations::decide(change, before, body.status.into(), body.reason.clone()).await?;
        Ok(shown(change.now(), after))
    }
}
