//! Endpoints of the event trail (core-api section 9, events-webhooks §5).

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::aggregate::Aggregate;
use super::catalogue::{self, EventType};
use super::chain::GetChain;
use super::export::Export;
use super::model::{Event, EventView, SaltedContext, SealedContext, context_seal};
use super::repository::EventFilter;
use crate::error::Refusal;
use crate::id::{EventId, IssuerId};
use crate::keyring::IssuerRoot;
use crate::page::{CursorKey, Page, TimeAndId};
use crate::store::Reads;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::{Operation, Read};
use crate::web::query::{Parameter, Query};
use crate::web::route::Route;
use crate::web::services::Services;

const ALL: &str = "/v1/accounts/{account_id}/events";
const ONE: &str = "/v1/accounts/{account_id}/events/{event_id}";
pub(super) const READ: &str = "events:read";

/// Filters of everything that reads events.
pub(super) const FILTERS: [Parameter; 6] = [
    Parameter::text("issuer_id", "Only below this issuer."),
    Parameter::text("user_id", "Only about this user, or done by them."),
    Parameter::text("client_id", "Only about this client, or done by it."),
    Parameter::any_of("event_types", catalogue::NAMES, "Only of these types: exact names."),
    Parameter::time("after", "Only later than this, exclusive."),
    Parameter::time("before", "Only earlier than this, exclusive."),
];

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(List),
        Operation::read(Aggregate),
        Operation::read(Get),
        Operation::read(Export),
        Operation::read(GetChain),
    ]
}

impl EventView {
    /// Events with their contexts. A context that was erased, or whose root key is gone, is empty.
    ///
    /// # Errors
    /// [`Refusal::Store`], and [`Refusal::Internal`] when the vault does not give a key.
    pub async fn of(services: &Services, events: Vec<Event>) -> Result<Vec<Self>, Refusal> {
        let contexts = contexts(services, &events.iter().collect::<Vec<_>>()).await?;
        let context = |salted: Option<SaltedContext>| salted.map(|salted| salted.context).unwrap_or_default();
        Ok(events.into_iter().zip(contexts).map(|(event, salted)| Self::new(event, context(salted))).collect())
    }
}

/// The contexts of events, in their order, with their salts; none where it was erased, or its root key is gone.
///
/// # Errors
/// As [`EventView::of`].
pub(super) async fn contexts(services: &Services, events: &[&Event]) -> Result<Vec<Option<SaltedContext>>, Refusal> {
    // A page names few issuers, and a root key that is gone is asked for once.
    let mut roots: HashMap<IssuerId, Option<IssuerRoot>> = HashMap::new();
    let mut contexts = Vec::with_capacity(events.len());
    for event in events {
        let mut context = None;
        if let Some(sealed) = &event.context.sealed {
            let root = match roots.get(&sealed.root) {
                Some(known) => known.clone(),
                None => services.root(sealed.root).await?,
            };
            context = root.as_ref().and_then(|root| open(root, event.id, sealed));
            roots.insert(sealed.root, root);
        }
        contexts.push(context);
    }
    Ok(contexts)
}

fn open(root: &IssuerRoot, event: EventId, sealed: &SealedContext) -> Option<SaltedContext> {
    let plain = root
        .key
        .open(&context_seal(event), &sealed.sealed)
        .inspect_err(|error| tracing::error!(%event, %error, "the context of an event cannot be opened"))
        .ok()?;
    serde_json::from_slice(&plain)
        .inspect_err(|_| tracing::error!(%event, "the context of an event cannot be read"))
        .ok()
}

pub(super) fn filter(query: &Query) -> Result<EventFilter, Refusal> {
    Ok(EventFilter {
        issuer_id: query.parsed("issuer_id")?,
        user_id: query.parsed("user_id")?,
        client_id: query.parsed("client_id")?,
        kinds: query.words("event_types").filter_map(EventType::parse).collect(),
        after: query.time("after"),
        before: query.time("before"),
    })
}

/// `listEvents`
struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listEvents", "List events, newest first")
            .about("events", "event")
            .scope(READ)
            .query(FILTERS)
            .answers_page::<EventView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let query = call.query()?;
        let page = query.page::<TimeAndId<EventId>>()?;
        let filter = filter(&query)?;
        let services = call.services();
        // Who verified a key a moment ago finds it here.
        services.buffer.flush(services.store.as_ref()).await?;
        let found = reads.events().list(call.account()?, &filter, &page).await?;
        let views = Page { has_more: found.has_more, items: EventView::of(services, found.items).await? };
        Ok(Answer::page(&views, |last| TimeAndId { at: last.timestamp(), id: last.id() }.encode()))
    }
}

/// `getEvent`
struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE).named("getEvent", "Get an event").about("events", "event").scope(READ).answers::<EventView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (id,) = call.path()?;
        let services = call.services();
        services.buffer.flush(services.store.as_ref()).await?;
        let event = reads.events().find(call.account()?, id).await?.ok_or(Refusal::NotFound)?;
        let mut views = EventView::of(services, vec![event]).await?;
        Ok(Answer::of(views.pop()))
    }
}
