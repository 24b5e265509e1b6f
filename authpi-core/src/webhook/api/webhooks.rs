//! Endpoints of webhooks.

use async_trait::async_trait;

use super::body::{CreateWebhook, FirstStatus, UpdateWebhook};
use super::view::{WebhookListItem, WebhookView, WrittenWebhookView, written};
use super::{ALL, ONE, READ, WRITE};
use crate::account::model::MAX_WEBHOOKS;
use crate::error::Refusal;
use crate::id::WebhookId;
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::store::{Change, Reads};
use crate::web::answer::Answer;
use crate::web::body::{Body, NoBody};
use crate::web::call::Call;
use crate::web::endpoint::{Read, Write};
use crate::web::query::Parameter;
use crate::web::route::Route;
use crate::webhook::model::{AuthKind, Webhook, WebhookDetails};
use crate::webhook::operations::{self, NewWebhook, WebhookPatch};
use crate::webhook::repository::StatusFilter;

/// `listWebhooks`
pub(super) struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listWebhooks", "List webhooks, newest first")
            .about("webhooks", "webhook")
            .scope(READ)
            .query([Parameter::one_of("status", StatusFilter::WORDS, "Only in this status; deleted ones by it alone.")])
            .answers_page::<WebhookListItem>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let query = call.query()?;
        let page = query.page::<WebhookId>()?;
        let found = reads.webhooks().list(call.account()?, query.parsed("status")?, &page).await?;
        Ok(Answer::page(&found.map(WebhookListItem::from), WebhookListItem::cursor))
    }
}

/// `getWebhook`
pub(super) struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getWebhook", "Get a webhook")
            .about("webhooks", "webhook")
            .scope(READ)
            .conditional()
            .answers::<WebhookView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (id,) = call.path()?;
        let webhook = reads.webhooks().find(call.account()?, id).await?.ok_or(Refusal::NotFound)?;
        Ok(Answer::of(WebhookView::from(&webhook)).etag(webhook.updated_at))
    }
}

/// `createWebhook`
pub(super) struct Create;

#[async_trait]
impl Write for Create {
    type Body = CreateWebhook;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("createWebhook", "Create a webhook; its secrets are shown this once")
            .about("webhooks", "webhook")
            .scope(WRITE)
            .answers::<WrittenWebhookView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<CreateWebhook>) -> Result<Answer, Refusal> {
        let body = call.body()?;
        let new = NewWebhook {
            details: merged(&WebhookDetails::default(), &body.details)?,
            disabled: body.status == Some(FirstStatus::Disabled),
            auth: body.auth.kind().unwrap_or(AuthKind::None),
            metadata: Metadata::from_create(&body.metadata),
            limit: MAX_WEBHOOKS,
        };
        let services = call.services();
        let (webhook, secrets) = operations::create(change, new, &|url| services.check_outgoing(url)).await?;
        Ok(Answer::created(written(&webhook, &secrets)).etag(webhook.updated_at))
    }
}

/// `updateWebhook`
pub(super) struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateWebhook;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateWebhook", "Update a webhook; pause, resume, or make new secrets, which are shown this once")
            .about("webhooks", "webhook")
            .scope(WRITE)
            .conditional()
            .answers::<WrittenWebhookView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateWebhook>) -> Result<Answer, Refusal> {
        let before = existing(change, call).await?;
        let body = call.body()?;
        let note = body.note.note(change);
        let patch = WebhookPatch {
            details: body.details.clone(),
            metadata: body.metadata.clone(),
            status: body.status.map(|status| (status, note)),
            auth: body.auth.wanted(),
        };
        let services = call.services();
        let (after, secrets) = operations::update(change, before, patch, &|url| services.check_outgoing(url)).await?;
        Ok(Answer::of(written(&after, &secrets)).etag(after.updated_at))
    }
}

/// `deleteWebhook`
pub(super) struct Delete;

#[async_trait]
impl Write for Delete {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("deleteWebhook", "Delete a webhook; what was not delivered yet is cancelled")
            .about("webhooks", "webhook")
            .scope(WRITE)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let webhook = existing(change, call).await?;
        operations::delete(change, &webhook).await?;
        Ok(Answer::no_content())
    }
}

/// The webhook in the path, in the version that the caller expects.
async fn existing<B: Body>(change: &Change<'_>, call: &Call<B>) -> Result<Webhook, Refusal> {
    let (id,) = call.path()?;
    let webhook = change.reads().webhooks().find(change.account(), id).await?.ok_or(Refusal::NotFound)?;
    call.precondition(webhook.updated_at)?;
    Ok(webhook)
}
