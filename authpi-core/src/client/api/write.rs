//! Endpoints that change something.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::view::{ClientListItem, ClientView, CreatedClientView, RotatedSecret, created};
use super::{ALL, ONE, ROTATE, WRITE, reserved};
use crate::client::model::{ClientDetails, ClientStatus, check_sent};
use crate::client::operations::{self, ClientPatch, NewClient};
use crate::error::{FieldErrors, Refusal};
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema, NoBody};
use crate::web::call::Call;
use crate::web::endpoint::Write;
use crate::web::impersonation;
use crate::web::members::{MetadataMember, StatusNoteMembers, present};
use crate::web::route::Route;

/// Accepts what answers carry, and the flattened copies of list items as what they are copies of (core-api 1.7).
fn with_aliases(schema: BodySchema) -> BodySchema {
    schema
        .ignoring::<CreatedClientView>()
        .ignoring::<ClientListItem>()
        .alias("scopes", "settings.scopes")
        .alias("protocol", "settings.protocol")
        .alias("application_type", "settings.openid.application_type")
        .alias("grant_types", "settings.openid.grant_types")
}

/// Body of `Create`.
#[derive(Debug, Deserialize)]
pub(super) struct CreateClient {
    #[serde(default)]
    metadata: Value,
    #[serde(flatten)]
    details: Map<String, Value>,
}

impl Body for CreateClient {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::of::<ClientDetails>("CreateClient").and::<MetadataMember>().requiring(&["name"]);
        Some(with_aliases(schema))
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        check_sent(sent, errors);
    }
}

/// `createClient`
pub(super) struct Create;

#[async_trait]
impl Write for Create {
    type Body = CreateClient;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("createClient", "Create a client; its secret is shown this once")
            .about("clients", "client")
            .scope(WRITE)
            .answers::<CreatedClientView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<CreateClient>) -> Result<Answer, Refusal> {
        let (issuer,) = call.path()?;
        let body = call.body()?;
        let new = NewClient {
            details: merged(&ClientDetails::default(), &body.details)?,
            metadata: Metadata::from_create(&body.metadata),
        };
        impersonation::check_client(call, &[new.details.kind])?;
        let (client, secret) = operations::create(change, issuer, new, reserved(call)?).await?;
        Ok(Answer::created(created(&client, secret.as_ref())).etag(client.updated_at))
    }
}

/// Body of `Update`.
#[derive(Debug, Deserialize)]
pub(super) struct UpdateClient {
    #[serde(default)]
    status: Option<WantedStatus>,
    #[serde(flatten)]
    note: StatusNoteMembers,
    #[serde(default, deserialize_with = "present")]
    metadata: Option<Value>,
    #[serde(flatten)]
    details: Map<String, Value>,
}

/// Members of [`UpdateClient`] besides details, status note and metadata.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct UpdateMembers {
    status: Option<WantedStatus>,
}

/// A status as a caller may set it.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WantedStatus {
    /// In use.
    Active,
    /// Out of use; can be undone.
    Disabled,
    /// The same as `disabled`.
    Blocked,
}

impl From<WantedStatus> for ClientStatus {
    fn from(wanted: WantedStatus) -> Self {
        match wanted {
            WantedStatus::Active => Self::Active,
            WantedStatus::Disabled | WantedStatus::Blocked => Self::Disabled,
        }
    }
}

impl Body for UpdateClient {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::patch_of::<ClientDetails>("UpdateClient")
            .and::<UpdateMembers>()
            .and::<StatusNoteMembers>()
            .and::<MetadataMember>();
        Some(with_aliases(schema))
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        check_sent(sent, errors);
    }
}

/// `updateClient`
pub(super) struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateClient;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateClient", "Update a client; disable or enable it")
            .about("clients", "client")
            .scope(WRITE)
            .conditional()
            .answers::<ClientView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateClient>) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let before = change.reads().clients().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        call.precondition(before.updated_at)?;
        let body = call.body()?;
        let note = body.note.note(change);
        let patch = ClientPatch {
            details: body.details.clone(),
            metadata: body.metadata.clone(),
            status: body.status.map(|status| (status.into(), note)),
        };
        let was = before.details.kind;
        let after = operations::update(change, before, patch, reserved(call)?).await?;
        impersonation::check_client(call, &[was, after.details.kind])?;
        Ok(Answer::of(ClientView::from(&after)).etag(after.updated_at))
    }
}

/// `deleteClient`
pub(super) struct Delete;

#[async_trait]
impl Write for Delete {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("deleteClient", "Delete a client; its sessions end")
            .about("clients", "client")
            .scope(WRITE)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let client = change.reads().clients().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        call.precondition(client.updated_at)?;
        operations::delete(change, &client).await?;
        Ok(Answer::no_content())
    }
}

/// `rotateClientSecret`
pub(super) struct RotateSecret;

#[async_trait]
impl Write for RotateSecret {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(ROTATE)
            .named("rotateClientSecret", "Replace the secret of a client; the old one works for 15 more minutes")
            .about("clients", "client")
            .scope(WRITE)
            .conditional()
            .answers::<RotatedSecret>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let before = change.reads().clients().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        call.precondition(before.updated_at)?;
        impersonation::check_client(call, &[before.details.kind])?;
        let (client, secret) = operations::rotate_secret(change, before).await?;
        Ok(Answer::of(RotatedSecret::from(&secret)).etag(client.updated_at))
    }
}
