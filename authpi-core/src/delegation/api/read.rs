//! Lists delegations of a user or an agent, and shows one.

use async_trait::async_trait;

use super::view::DelegationView;
use super::{OF_AGENT, OF_USER, ONE, READ, READ_OF_AGENT};
use crate::delegation::model::{Delegation, DelegationState};
use crate::delegation::repository::{DelegationFilter, DelegationOwner};
use crate::error::Refusal;
use crate::id::{DelegationId, IssuerId, UserId};
use crate::store::Reads;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Read;
use crate::web::query::{Parameter, Query};
use crate::web::route::Route;

/// The user in the path is there.
pub(super) async fn existing(reads: &dyn Reads, issuer: IssuerId, user: UserId) -> Result<(), Refusal> {
    if reads.users().exists(issuer, user).await? { Ok(()) } else { Err(Refusal::NotFound) }
}

/// The delegation in the path.
pub(super) async fn delegation(
    reads: &dyn Reads,
    (issuer, user, id): (IssuerId, UserId, DelegationId),
) -> Result<Delegation, Refusal> {
    existing(reads, issuer, user).await?;
    let found = reads.delegations().find(issuer, id).await?;
    found.filter(|delegation| delegation.user_id == user).ok_or(Refusal::NotFound)
}

const STATUS: Parameter = Parameter::one_of("status", DelegationState::WORDS, "Only in this status.");
const ORG_ID: Parameter = Parameter::text("org_id", "Only those that name this organization.");

/// The page of an owner's delegations that the query asks for.
async fn page(reads: &dyn Reads, call: &Call, issuer: IssuerId, owner: DelegationOwner) -> Result<Answer, Refusal> {
    let query: Query = call.query()?;
    let now = call.now();
    let filter = DelegationFilter {
        state: query.parsed("status")?.map(|state| (state, now)),
        user_id: query.parsed("user_id")?,
        agent_id: query.parsed("agent_id")?,
        org_id: query.parsed("org_id")?,
    };
    let found = reads.delegations().list(issuer, owner, &filter, &query.page::<DelegationId>()?).await?;
    Ok(Answer::search_page(&found.map(|delegation| DelegationView::of(delegation, now))))
}

/// `listUserDelegations`
pub(super) struct ListOfUser;

#[async_trait]
impl Read for ListOfUser {
    fn route(&self) -> Route {
        Route::get(OF_USER)
            .named("listUserDelegations", "List what a user lets agents do for them, newest first")
            .about("delegations", "delegation")
            .scope(READ)
            .extension()
            .query([STATUS, Parameter::text("agent_id", "Only those of this agent."), ORG_ID])
            .answers_page::<DelegationView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, user) = call.path()?;
        existing(reads, issuer, user).await?;
        page(reads, call, issuer, DelegationOwner::User(user)).await
    }
}

/// `listAgentDelegations`
pub(super) struct ListOfAgent;

#[async_trait]
impl Read for ListOfAgent {
    fn route(&self) -> Route {
        Route::get(OF_AGENT)
            .named("listAgentDelegations", "List what users let an agent do for them, newest first")
            .about("delegations", "delegation")
            .scope(READ_OF_AGENT)
            .extension()
            .query([STATUS, Parameter::text("user_id", "Only those that this user gave."), ORG_ID])
            .answers_page::<DelegationView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, agent) = call.path()?;
        if !reads.agents().exists(issuer, agent).await? {
            return Err(Refusal::NotFound);
        }
        page(reads, call, issuer, DelegationOwner::Agent(agent)).await
    }
}

/// `getUserDelegation`
pub(super) struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getUserDelegation", "Get a delegation")
            .about("delegations", "delegation")
            .scope(READ)
            .extension()
            .conditional()
            .answers::<DelegationView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let delegation = delegation(reads, call.path()?).await?;
        let version = delegation.updated_at;
        let derived = delegation.derived_status(call.now());
        Ok(Answer::of(DelegationView::of(delegation, call.now())).etag_showing(version, derived))
    }
}
