//! Lists, shows, makes, changes and deletes agents.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::view::AgentView;
use super::{ALL, ONE, READ, WRITE};
use crate::agent::model::{AgentDetails, AgentStatus, Wallet};
use crate::agent::operations::{self, AgentPatch};
use crate::agent::repository::AgentFilter;
use crate::error::Refusal;
use crate::id::AgentId;
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::page::TimeAndId;
use crate::store::{Change, Reads};
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema, NoBody};
use crate::web::call::Call;
use crate::web::endpoint::{Read, Write};
use crate::web::members::{MetadataMember, present};
use crate::web::query::Parameter;
use crate::web::route::Route;

/// `listAgents`
pub(super) struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listAgents", "List agents, newest first")
            .about("agents", "agent")
            .scope(READ)
            .query([
                Parameter::one_of("status", AgentStatus::WORDS, "Only in this status."),
                Parameter::text("model", "Only with exactly this model."),
                Parameter::text("provider", "Only with exactly this provider."),
                Parameter::flag("has_verifiers", "Only with, or without, verifiers."),
                Parameter::text("wallet", "Only with this wallet: `chain:address` (CAIP-10)."),
            ])
            .answers_page::<AgentView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer,) = call.path()?;
        let query = call.query()?;
        let filter = AgentFilter {
            status: query.parsed("status")?,
            model: query.text("model").map(str::to_owned),
            provider: query.text("provider").map(str::to_owned),
            has_verifiers: query.flag("has_verifiers"),
            wallet: query.parsed::<Wallet>("wallet")?,
        };
        let found = reads.agents().list(issuer, &filter, &query.page::<TimeAndId<AgentId>>()?).await?;
        Ok(Answer::search_page(&found.map(|agent| AgentView::listed(&agent))))
    }
}

/// `getAgent`
pub(super) struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getAgent", "Get an agent")
            .about("agents", "agent")
            .scope(READ)
            .conditional()
            .answers::<AgentView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let agent = reads.agents().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        Ok(Answer::of(AgentView::from(&agent)).etag(agent.updated_at))
    }
}

/// Body of `Create`.
#[derive(Debug, Deserialize)]
pub(super) struct CreateAgent {
    #[serde(default)]
    metadata: Value,
    #[serde(flatten)]
    details: Map<String, Value>,
}

impl Body for CreateAgent {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::of::<AgentDetails>("CreateAgent")
            .and::<MetadataMember>()
            .requiring(&["name"])
            .ignoring::<AgentView>();
        Some(schema)
    }
}

/// `createAgent`
pub(super) struct Create;

#[async_trait]
impl Write for Create {
    type Body = CreateAgent;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("createAgent", "Create an agent")
            .about("agents", "agent")
            .scope(WRITE)
            .answers::<AgentView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<CreateAgent>) -> Result<Answer, Refusal> {
        let (issuer,) = call.path()?;
        let body = call.body()?;
        let details = merged(&AgentDetails::default(), &body.details)?;
        let agent = operations::create(change, issuer, details, Metadata::from_create(&body.metadata)).await?;
        Ok(Answer::created(AgentView::from(&agent)).etag(agent.updated_at))
    }
}

/// Body of `Update`.
#[derive(Debug, Deserialize)]
pub(super) struct UpdateAgent {
    #[serde(default)]
    status: Option<AgentStatus>,
    #[serde(default)]
    status_reason: Option<String>,
    #[serde(default, deserialize_with = "present")]
    metadata: Option<Value>,
    #[serde(flatten)]
    details: Map<String, Value>,
}

/// Members of [`UpdateAgent`] besides details and metadata.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct UpdateMembers {
    #[schema(required = false, nullable = false)]
    status: Option<AgentStatus>,
    /// Why the status changes.
    #[schema(max_length = 1000)]
    status_reason: Option<String>,
}

impl Body for UpdateAgent {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::patch_of::<AgentDetails>("UpdateAgent")
            .and::<UpdateMembers>()
            .and::<MetadataMember>()
            .ignoring::<AgentView>();
        Some(schema)
    }
}

/// `updateAgent`
pub(super) struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateAgent;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateAgent", "Update an agent; suspend, block or reactivate it")
            .about("agents", "agent")
            .scope(WRITE)
            .conditional()
            .answers::<AgentView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateAgent>) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let before = change.reads().agents().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        call.precondition(before.updated_at)?;
        let body = call.body()?;
        let note = change.status_note(body.status_reason.clone(), None);
        let patch = AgentPatch {
            details: body.details.clone(),
            metadata: body.metadata.clone(),
            status: body.status.map(|status| (status, note)),
        };
        let after = operations::update(change, before, patch).await?;
        Ok(Answer::of(AgentView::from(&after)).etag(after.updated_at))
    }
}

/// `deleteAgent`
pub(super) struct Delete;

#[async_trait]
impl Write for Delete {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("deleteAgent", "Delete an agent with its verifiers, memberships and delegations")
            .about("agents", "agent")
            .scope(WRITE)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let agent = change.reads().agents().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        call.precondition(agent.updated_at)?;
        operations::delete(change, &agent).await?;
        Ok(Answer::no_content())
    }
}
