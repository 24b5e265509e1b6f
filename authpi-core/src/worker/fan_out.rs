//! Putting events on their way to webhooks (events-webhooks §13, design 2): deliveries are made in the unit of work that
//! takes their event from the outbox. The body is fixed here, so that every attempt sends the same bytes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::deliveries::Promise;
use super::round::Round;
use super::schedule::Next;
use super::steps::WorkerState;
use crate::error::Refusal;
use crate::event::model::Event;
use crate::event::repository::Consumer;
use crate::id::{AccountId, DeliveryId, EventId, IssuerId, WebhookId};
use crate::seal::Sealed;
use crate::timestamp::Timestamp;
use crate::web::services::Services;
use crate::webhook::body::sealed_body;
use crate::webhook::figures::came_to;
use crate::webhook::model::{Delivery, DeliveryStatus, KeptBody, Webhook};
use crate::webhook::repository::WebhooksFound;
use crate::webhook::request::RenderedEvent;

/// How often events are looked for that nobody rang for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long events gather after some that no webhook receives: others follow, and each look has its price.
const GATHER: Duration = Duration::from_millis(10);

/// Events of one look.
const BATCH: u32 = 200;

/// Deliveries that are made in one unit of work, unless one event has more: it keeps others from their webhooks.
const MADE_TOGETHER: usize = 1_000;

/// Puts the next events on their way. One that cannot be is passed over, and tried again later.
pub(super) async fn fan_out(state: &WorkerState) -> Result<Next, Refusal> {
    let services = &state.services;
    let (mut passed, mut scout) = (state.fan_out_passed.lock().await, state.fan_out_scout.lock().await);
    let after = passed.after(services.now());
    let mut events = services.store.reads().events().waiting(Consumer::Webhooks, after, BATCH).await?;
    let Some(last) = events.last().map(|event| event.id) else {
        passed.through();
        return Ok(Next::In(LOOK_EVERY));
    };
    let mut round = Round::of("fan-out");
    let seen = events.len();
    if seen < BATCH as usize {
        scout.rest();
    } else {
        events = scout.with_others(services, Consumer::Webhooks, events, BATCH).await?;
    }
    let made = enqueue(state, events, &mut round).await?;
    if round.has_failed() {
        passed.over(last, services.now());
        return Ok(Next::GoOn);
    }
    Ok(match made {
        Some(0) => Next::after(seen, BATCH, GATHER),
        Some(_) => Next::Now,
        // Another process is at it.
        None => Next::In(LOOK_EVERY),
    })
}

type Wanted = (RenderedEvent, Vec<WebhookId>);

/// What becomes of the events of a batch.
#[derive(Default)]
struct Sorted {
    /// Events that webhooks receive, each with those.
    wanted: Vec<Wanted>,
    /// Events that none receives.
    unwanted: Vec<EventId>,
}

/// Renders what somebody receives: a vault that is far away is asked outside the unit of work, and for a key that it does
/// not give, once. What is in neither part of the result waits on.
async fn sorted(services: &Services, events: Vec<Event>, round: &mut Round) -> Result<Sorted, Refusal> {
    let accounts: BTreeSet<AccountId> = events.iter().map(|event| event.subject.account_id).collect();
    let accounts: Vec<AccountId> = accounts.into_iter().collect();
    let receivers = services.store.reads().webhooks().of_accounts(&accounts).await?;
    unreadable(&receivers, round)?;
    let mut sorted = Sorted::default();
    let mut closed: HashSet<IssuerId> = HashSet::new();
    for event in events.into_iter().filter(|event| !receivers.unreadable.contains(&event.subject.account_id)) {
        let (id, root) = (event.id, event.context.sealed.as_ref().map(|sealed| sealed.root));
        let those = receivers.webhooks.iter().filter(|webhook| receives(webhook, &event));
        let those: Vec<WebhookId> = those.map(|webhook| webhook.id).collect();
        if those.is_empty() {
            sorted.unwanted.push(id);
            continue;
        }
        let rendered = if root.is_some_and(|root| closed.contains(&root)) {
            Err(Refusal::Overloaded("a root key that the vault did not give"))
        } else {
            RenderedEvent::of(services, event).await
        };
        if rendered.is_err() {
            closed.extend(root);
        }
        if let Some(rendered) = round.outcome(id, rendered.map(Some))? {
            sorted.wanted.push((rendered, those));
        }
    }
    Ok(sorted)
}

/// Makes the deliveries of these events; how many, or `None` when there was nothing to take.
async fn enqueue(state: &WorkerState, events: Vec<Event>, round: &mut Round) -> Result<Option<usize>, Refusal> {
    let Sorted { wanted, mut unwanted } = sorted(&state.services, events, round).await?;
    let mut rest = wanted.as_slice();
    let mut all = None;
    loop {
        let (part, behind) = rest.split_at(together(rest));
        if let Some(made) = make_or_pass(state, part, std::mem::take(&mut unwanted), round).await? {
            all = Some(all.unwrap_or(0) + made);
        }
        if behind.is_empty() {
            return Ok(all);
        }
        rest = behind;
    }
}

/// How many of the first events one unit of work takes: one at least.
fn together(wanted: &[Wanted]) -> usize {
    let mut deliveries = 0;
    let fits = |(_, receiving): &&Wanted| {
        deliveries += receiving.len();
        deliveries <= MADE_TOGETHER
    };
    wanted.iter().take_while(fits).count().max(1).min(wanted.len())
}

/// Makes these deliveries. Where that fails for a reason that is not everybody's, each account is tried by itself: one whose
/// events cannot be written keeps nobody else's waiting.
async fn make_or_pass(
    state: &WorkerState,
    wanted: &[Wanted],
    done: Vec<EventId>,
    round: &mut Round,
) -> Result<Option<usize>, Refusal> {
    let account = |(rendered, _): &Wanted| rendered.event().subject.account_id;
    let accounts: BTreeSet<AccountId> = wanted.iter().map(account).collect();
    match make(state, wanted.iter().collect(), done.clone(), round).await {
        Err(refusal) if !refusal.is_retryable() && !wanted.is_empty() => {
            tracing::warn!(%refusal, "deliveries of several accounts could not be made together");
        }
        other => return other,
    }
    let mut all = make(state, Vec::new(), done, round).await?;
    for one in accounts {
        let own = wanted.iter().filter(|wanted| account(wanted) == one).collect();
        let made = make(state, own, Vec::new(), round).await;
        if let Some(made) = round.outcome(one, made)? {
            all = Some(all.unwrap_or(0) + made);
        }
    }
    Ok(all)
}

/// Makes deliveries in one unit of work, in which these events and those that are `done` wait no longer.
async fn make(
    state: &WorkerState,
    wanted: Vec<&Wanted>,
    mut done: Vec<EventId>,
    round: &mut Round,
) -> Result<Option<usize>, Refusal> {
    let services = &state.services;
    done.extend(wanted.iter().map(|(rendered, _)| rendered.event().id));
    let now = services.now();
    // Before the unit of work, which keeps others from writing.
    let mut drafts = Vec::new();
    for (rendered, receiving) in wanted {
        for webhook in receiving {
            drafts.push(Draft::of(services, rendered, *webhook, now)?);
        }
    }
    let counts = counts(drafts.iter().map(|draft| (draft.event.subject.account_id, draft.webhook)));
    state.dispatch.make_room(services, &counts).await;
    let mut unit = services.store.begin(now).await?;
    let mut taken: HashSet<EventId> = unit.events().take(Consumer::Webhooks, &done).await?.into_iter().collect();
    if taken.is_empty() {
        return Ok(None);
    }
    // As they are now: one that was deleted meanwhile gets nothing.
    let receiving: Vec<WebhookId> = counts.into_keys().map(|(_, webhook)| webhook).collect();
    let locked =
        if receiving.is_empty() { WebhooksFound::default() } else { unit.deliveries().lock(&receiving).await? };
    unreadable(&locked, round)?;
    for event in drafts.iter().map(|draft| draft.event) {
        if locked.unreadable.contains(&event.subject.account_id) {
            taken.remove(&event.id);
        }
    }
    let made = Made::of(state, drafts.into_iter().filter(|draft| taken.contains(&draft.event.id)), &locked, now);
    if !made.deliveries.is_empty() {
        unit.deliveries().enqueue(&made.deliveries).await?;
    }
    let taken: Vec<EventId> = taken.into_iter().collect();
    unit.events().outbox_done(Consumer::Webhooks, &taken).await?;
    unit.commit().await?;
    Ok(Some(made.begin(services)))
}

fn counts<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

/// Deliveries, and room for those of them that are reserved for this process as they are made.
struct Made {
    deliveries: Vec<Delivery>,
    promise: Promise,
}

impl Made {
    fn of<'d>(
        state: &WorkerState,
        drafts: impl Iterator<Item = Draft<'d>>,
        locked: &WebhooksFound,
        now: Timestamp,
    ) -> Self {
        let webhooks: HashMap<WebhookId, &Webhook> =
            locked.webhooks.iter().map(|webhook| (webhook.id, webhook)).collect();
        let mut deliveries: Vec<Delivery> = drafts.filter_map(|draft| draft.to(&webhooks, now)).collect();
        let counts = counts(deliveries.iter().map(|delivery| delivery.webhook_id));
        let wanted = counts.into_iter().filter_map(|(id, count)| Some((*webhooks.get(&id)?, count)));
        let wanted: Vec<(&Webhook, usize)> = wanted.collect();
        let promise = Promise::of(&state.services, &state.dispatch, &wanted, now);
        for delivery in deliveries.iter_mut().filter(|delivery| promise.is_for(delivery.webhook_id)) {
            if let Some(webhook) = webhooks.get(&delivery.webhook_id) {
                *delivery = delivery.clone().leased(webhook.details.retry.timeout(), now);
            }
        }
        Self { deliveries, promise }
    }

    /// They are there. How many there are.
    fn begin(self, services: &Arc<Services>) -> usize {
        let made = self.deliveries.len();
        came_to(DeliveryStatus::Pending, made as u64);
        if self.deliveries.iter().any(|delivery| !self.promise.is_for(delivery.webhook_id)) {
            services.bells.deliveries.ring();
        }
        self.promise.redeem(services, self.deliveries);
        made
    }
}

/// Whether such a webhook wants an event, another version of this program may be able to tell: all of its account wait.
fn unreadable(found: &WebhooksFound, round: &mut Round) -> Result<(), Refusal> {
    for account in &found.unreadable {
        round.outcome::<()>(account, Err(Refusal::internal("a webhook of the account cannot be read")))?;
    }
    Ok(())
}

fn receives(webhook: &Webhook, event: &Event) -> bool {
    let subject = &event.subject;
    webhook.account_id == subject.account_id && webhook.receives(event.id, event.kind, subject, event.timestamp)
}

/// A delivery that is made unless its webhook has changed meanwhile.
struct Draft<'w> {
    id: DeliveryId,
    event: &'w Event,
    webhook: WebhookId,
    body: Sealed,
}

impl<'w> Draft<'w> {
    fn of(
        services: &Services,
        rendered: &'w RenderedEvent,
        webhook: WebhookId,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let id = services.ids.mint(now).map_err(Refusal::internal)?;
        let body = rendered.body(&services.options.webhook_source, webhook)?;
        let body = sealed_body(&services.keyring, id, &body)?;
        Ok(Self { id, event: rendered.event(), webhook, body })
    }

    fn to(self, webhooks: &HashMap<WebhookId, &Webhook>, now: Timestamp) -> Option<Delivery> {
        let webhook = webhooks.get(&self.webhook).filter(|webhook| receives(webhook, self.event))?;
        let (key, budget) = ((webhook.account_id, webhook.id), webhook.details.retry.max_attempts);
        let delivery = Delivery::new(key, self.id, (self.event.id, self.event.kind), budget, now);
        Some(Delivery { body: KeptBody::Here(self.body), ..delivery })
    }
}
