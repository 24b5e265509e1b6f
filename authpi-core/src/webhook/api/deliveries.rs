//! Endpoints of deliveries.

use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;

use super::body::{MOST_REDELIVERED, RedeliverFailedBody};
use super::view::{AttemptHead, DeliveryView, RedeliveredView, RequeuedView};
use super::{DELIVERIES, DELIVERY, READ, REDELIVER, REDELIVER_FAILED, WRITE};
use crate::error::Refusal;
use crate::event::catalogue::{self, EventType};
use crate::id::{DeliveryId, WebhookId};
use crate::page::{CursorKey, TimeAndId};
use crate::store::{Change, Reads};
use crate::web::answer::Answer;
use crate::web::body::{Body, NoBody};
use crate::web::call::Call;
use crate::web::endpoint::{Read, Write};
use crate::web::members::Joined;
use crate::web::permits::Permits;
use crate::web::query::Parameter;
use crate::web::route::Route;
use crate::webhook::body::with_body;
use crate::webhook::model::{Delivery, DeliveryStatus, Webhook, WebhookStatus};
use crate::webhook::operations::{Attempt, SecretsInUse, recorded};
use crate::webhook::repository::{DeliveryFilter, Requeue};
use crate::webhook::request::AttemptRequest;

/// Longest attempt that a caller waits for.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(15);

/// Attempts that callers wait for at the same time.
const MAX_ASKED: usize = 64;

/// Of those, for one account, wherever they go: no more than §9 allows at one host.
const MAX_ASKED_PER_ACCOUNT: usize = 4;

/// How long one waits for others to end.
const PATIENCE: Duration = Duration::from_secs(4);

/// The permits of attempts that callers wait for.
pub(crate) fn redeliveries() -> Permits {
    Permits::new("deliveries that callers wait for", MAX_ASKED, MAX_ASKED_PER_ACCOUNT)
}

/// `listWebhookDeliveries`
pub(super) struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(DELIVERIES)
            .named("listWebhookDeliveries", "List deliveries to a webhook, newest first")
            .about("webhooks", "delivery")
            .scope(READ)
            .query([
                Parameter::one_of("event_type", catalogue::NAMES, "Only of events of this type."),
                Parameter::one_of("status", DeliveryStatus::WORDS, "Only in this status."),
                Parameter::time("after", "Only made later than this, exclusive."),
                Parameter::time("before", "Only made earlier than this, exclusive."),
            ])
            .answers_page::<DeliveryView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (account, (webhook,)) = (call.account()?, call.path()?);
        let webhook = reads.webhooks().find(account, webhook).await?.ok_or(Refusal::NotFound)?;
        let query = call.query()?;
        let page = query.page::<TimeAndId<DeliveryId>>()?;
        let filter = DeliveryFilter {
            status: query.parsed("status")?,
            event_type: query.text("event_type").and_then(EventType::parse),
            after: query.time("after"),
            before: query.time("before"),
        };
        let found = reads.webhooks().deliveries(account, webhook.id, &filter, &page).await?;
        let views = found.map(|delivery| DeliveryView::of(&delivery, &webhook));
        Ok(Answer::page(&views, |last| TimeAndId { at: last.created_at, id: last.id }.encode()))
    }
}

/// `getWebhookDelivery`
pub(super) struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(DELIVERY)
            .named("getWebhookDelivery", "Get a delivery")
            .about("webhooks", "delivery")
            .scope(READ)
            .extension()
            .answers::<DeliveryView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (webhook, delivery) = existing(reads, call).await?;
        Ok(Answer::of(DeliveryView::of(&delivery, &webhook)))
    }
}

/// `redeliverWebhookDelivery`
pub(super) struct Redeliver;

#[async_trait]
impl Write for Redeliver {
    type Body = NoBody;
    type Prepared = Attempt;

    fn route(&self) -> Route {
        Route::post(REDELIVER)
            .named("redeliverWebhookDelivery", "Deliver an event once more, now, and tell how that went")
            .about("webhooks", "webhook")
            .scope(WRITE)
            .conditional()
            .may_refuse(&[410])
            .reaches_out()
            .answers::<RedeliveredView>(200)
    }

    /// Reserves the delivery, commits that, and sends: nothing is sent inside a unit of work.
    async fn prepare(&self, call: &Call) -> Result<Attempt, Refusal> {
        let services = call.services();
        let executor = services.transport.executor.as_ref();
        let _permit = services.redeliveries.acquire(call.account()?, PATIENCE, executor).await?;
        let Ok((webhook, delivery)) = existing(services.store.reads(), call).await else {
            return Ok(Attempt::NotMade);
        };
        let is_refused = call.precondition(webhook.updated_at).is_err() || rule(&webhook, &delivery).is_err();
        if is_refused || event_is_gone(services.store.reads(), &delivery).await? {
            return Ok(Attempt::NotMade);
        }
        let now = services.now();
        if delivery.is_leased(now) {
            return Ok(Attempt::UnderWay);
        }
        let timeout = webhook.details.retry.timeout().min(LONGEST_ATTEMPT);
        let before = delivery.updated_at;
        let reserved = delivery.leased(timeout, now);
        let mut unit = services.store.begin(now).await?;
        if unit.deliveries().write(&[(reserved.clone(), before)]).await? > 0 {
            return Ok(Attempt::UnderWay);
        }
        unit.commit().await?;
        let (reserved, body) = match with_body(services, reserved).await {
            Ok(Some(ready)) => ready,
            Ok(None) => return Ok(Attempt::NotMade),
            Err(Refusal::Stale) => return Ok(Attempt::UnderWay),
            Err(refusal) => return Err(refusal),
        };
        let now = services.now();
        if reserved.leased_until.is_none_or(|until| now.plus(timeout) > until) {
            return Ok(Attempt::UnderWay);
        }
        let secrets = SecretsInUse::open(&services.keyring, webhook.id, &webhook.auth, now)?;
        let request = AttemptRequest { webhook: &webhook, secrets: &secrets, delivery: &reserved, body, timeout, now };
        let outcome = request.send(services).await?;
        Ok(Attempt::Made { reserved: Box::new(reserved), outcome })
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<NoBody, Attempt>) -> Result<Answer, Refusal> {
        let (webhook, delivery) = existing(change.reads(), call).await?;
        let (reserved, outcome) = match call.prepared() {
            // What was sent is recorded, whatever has changed meanwhile.
            Attempt::Made { reserved, outcome } => (reserved, outcome),
            not_made => {
                call.precondition(webhook.updated_at)?;
                rule(&webhook, &delivery)?;
                if event_is_gone(change.reads(), &delivery).await? {
                    return Err(Refusal::Gone("The event is no longer kept."));
                }
                return Err(match not_made {
                    Attempt::UnderWay => Refusal::conflict("Another attempt at this delivery is under way."),
                    _ => Refusal::Overloaded("an attempt that was not made"),
                });
            }
        };
        let (after, webhook) = recorded(change, reserved, outcome).await?;
        let first = AttemptHead { success: outcome.is_success() };
        Ok(Answer::of(Joined { first, second: DeliveryView::of(&after, &webhook) }))
    }
}

/// `redeliverFailedWebhookDeliveries`
pub(super) struct RedeliverFailed;

#[async_trait]
impl Write for RedeliverFailed {
    type Body = RedeliverFailedBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(REDELIVER_FAILED)
            .named("redeliverFailedWebhookDeliveries", "Queue failed deliveries to a webhook anew")
            .about("webhooks", "webhook")
            .scope(WRITE)
            .conditional()
            .answers::<RequeuedView>(202)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<RedeliverFailedBody>) -> Result<Answer, Refusal> {
        let (id,) = call.path()?;
        let account = change.account();
        let webhook = change.reads().webhooks().find(account, id).await?.ok_or(Refusal::NotFound)?;
        call.precondition(webhook.updated_at)?;
        let body = call.body()?;
        let which = Requeue {
            event_types: body.event_types.iter().flatten().map(|kind| kind.event_type()).collect(),
            after: body.after,
            before: body.before,
            limit: body.limit.unwrap_or(MOST_REDELIVERED),
            budget: webhook.details.retry.max_attempts,
        };
        let done = change.unit().webhooks().requeue(account, id, &which).await?;
        let mut answer = Answer::of(RequeuedView { queued: done.queued, skipped: done.skipped });
        answer.status = StatusCode::ACCEPTED;
        Ok(answer)
    }
}

/// The webhook and the delivery in the path.
async fn existing<B: Body, P>(reads: &dyn Reads, call: &Call<B, P>) -> Result<(Webhook, Delivery), Refusal>
where
    Call<B, P>: Sync,
{
    let (account, (webhook, delivery)) = (call.account()?, call.path::<(WebhookId, DeliveryId)>()?);
    let found = reads.webhooks().find(account, webhook).await?.ok_or(Refusal::NotFound)?;
    let delivery = reads.webhooks().delivery(account, webhook, delivery).await?.ok_or(Refusal::NotFound)?;
    Ok((found, delivery))
}

async fn event_is_gone(reads: &dyn Reads, delivery: &Delivery) -> Result<bool, Refusal> {
    Ok(reads.events().find(delivery.account_id, delivery.event_id).await?.is_none())
}

/// When a delivery may be attempted out of turn: at any time, save that both still have to be there.
fn rule(webhook: &Webhook, delivery: &Delivery) -> Result<(), Refusal> {
    if delivery.status == DeliveryStatus::Cancelled {
        return Err(Refusal::conflict("The delivery was cancelled."));
    }
    if webhook.status.value == WebhookStatus::Disabled {
        return Err(Refusal::conflict("The webhook is disabled."));
    }
    Ok(())
}
