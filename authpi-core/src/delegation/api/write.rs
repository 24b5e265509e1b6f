//! Gives and takes back delegations.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::read::{delegation, existing};
use super::view::DelegationView;
use super::{OF_USER, REVOKE, WRITE};
use crate::delegation::model::{GrantedBy, NewDelegation};
use crate::delegation::operations;
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::id::{AgentId, ClientId, Id, OrganizationId, is_opaque_id};
use crate::metadata::Metadata;
use crate::scope::Scopes;
use crate::store::Change;
use crate::timestamp::Timestamp;
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema};
use crate::web::call::Call;
use crate::web::endpoint::Write;
use crate::web::members::{MetadataMember, StatusNoteMembers};
use crate::web::route::Route;

/// Body of `Create`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CreateDelegation {
    /// Who may act.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9_]{1,64}$")]
    agent_id: AgentId,
    /// Only for work that comes through this client.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_]{1,64}$")]
    client_id: Option<ClientId>,
    /// Only within this organization.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_]{1,64}$")]
    org_id: Option<OrganizationId>,
    /// What the agent may do; wildcards are allowed, OpenID Connect scopes are not.
    scopes: Scopes,
    /// Until when: at most 366 days ahead, 90 when absent.
    #[serde(default)]
    expires_at: Option<Timestamp>,
    /// Purpose, as the user is shown it.
    #[serde(default)]
    #[schema(max_length = 1000)]
    reason: Option<String>,
    #[serde(default)]
    #[schema(ignore)]
    metadata: Value,
}

impl Body for CreateDelegation {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::of::<Self>("CreateDelegation").and::<MetadataMember>().ignoring::<DelegationView>();
        Some(schema)
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        check_reference::<AgentId>(sent, "agent_id", "the issuer has no such agent", errors);
        check_reference::<ClientId>(sent, "client_id", "the issuer has no such client", errors);
        check_reference::<OrganizationId>(sent, "org_id", "the issuer has no such organization", errors);
    }
}

/// An opaque text that is no id names nothing (conventions §3).
fn check_reference<I: Id>(sent: &Map<String, Value>, name: &str, message: &str, errors: &mut FieldErrors) {
    let text = sent.get(name).and_then(Value::as_str);
    if text.is_some_and(|text| is_opaque_id(text) && text.parse::<I>().is_err()) {
        errors.add(name, FieldCode::UnknownReference, message);
    }
}

/// `grantUserDelegation`
pub(super) struct Create;

#[async_trait]
impl Write for Create {
    type Body = CreateDelegation;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(OF_USER)
            .named("grantUserDelegation", "Let an agent act for a user")
            .about("delegations", "delegation")
            .scope(WRITE)
            .extension()
            .answers::<DelegationView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<CreateDelegation>) -> Result<Answer, Refusal> {
        let (issuer, user_id) = call.path()?;
        existing(change.reads(), issuer, user_id).await?;
        let body = call.body()?;
        let new = NewDelegation {
            user_id,
            agent_id: body.agent_id,
            client_id: body.client_id,
            org_id: body.org_id,
            scopes: body.scopes.clone(),
            expires_at: body.expires_at,
            granted_by: GrantedBy::Admin,
            reason: body.reason.clone(),
            metadata: Metadata::from_create(&body.metadata),
        };
        let delegation = operations::grant(change, issuer, new).await?;
        let version = delegation.updated_at;
        Ok(Answer::created(DelegationView::of(delegation, change.now())).etag(version))
    }
}

/// Body of `Revoke`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RevokeDelegation {
    #[serde(flatten)]
    note: StatusNoteMembers,
}

impl Body for RevokeDelegation {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<StatusNoteMembers>("RevokeDelegation"))
    }
}

/// `revokeUserDelegation`
pub(super) struct Revoke;

#[async_trait]
impl Write for Revoke {
    type Body = RevokeDelegation;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(REVOKE)
            .named("revokeUserDelegation", "Take a delegation back, for good")
            .about("delegations", "delegation")
            .scope(WRITE)
            .extension()
            .conditional()
            .without_credit()
            .answers::<DelegationView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<RevokeDelegation>) -> Result<Answer, Refusal> {
        let before = delegation(change.reads(), call.path()?).await?;
        call.precondition(before.updated_at)?;
        let note = call.body()?.note.note(change);
        let after = operations::revoke(change, before, note).await?;
        let version = after.updated_at;
        Ok(Answer::of(DelegationView::of(after, change.now())).etag(version))
    }
}
