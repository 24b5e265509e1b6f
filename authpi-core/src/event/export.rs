//! All events of an account in the order of its chain, as lines that are made while they are sent (events-webhooks §5).

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::api::{FILTERS, READ, contexts, filter};
use super::chain::head;
use super::model::{Event, EventView, Head, Link, SaltedContext};
use super::numbering::catch_up;
use super::repository::{Chained, EventFilter, SequenceRange};
use crate::error::{FieldCode, Refusal};
use crate::id::{AccountId, EventId};
use crate::secret::hex;
use crate::store::Reads;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Read;
use crate::web::query::Parameter;
use crate::web::route::Route;
use crate::web::services::Services;
use crate::web::streams::{Gone, Sink};

/// Links that are read at a time; their lines are one chunk.
const PAGE: u32 = 200;

/// Pages without a line after which a space is sent: who waits sees that something is done, and it belongs to the next line, as
/// JSON may begin with it.
const SILENT_PAGES: u32 = 25;

/// A line of the export.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = EventExportLine)]
#[allow(clippy::large_enum_variant, reason = "a line is written where it is made")]
enum Line {
    /// An event.
    Event(EventLine),
    /// What is kept of an event that was purged before the rest.
    Purged(PurgedLine),
    /// The end of a complete export.
    Trailer(TrailerLine),
}

/// An event with its place in the chain.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportedEvent)]
struct EventLine {
    #[serde(flatten)]
    event: EventView,
    chain: Place,
}

/// What is kept of a purged event.
#[derive(Serialize, ToSchema)]
#[schema(as = PurgedEvent)]
struct PurgedLine {
    chain: PurgedPlace,
}

/// The last line.
#[derive(Serialize, ToSchema)]
#[schema(as = EventExportEnd)]
struct TrailerLine {
    trailer: Trailer,
}

/// An event's place in the chain.
#[derive(Serialize, ToSchema)]
#[schema(as = EventPlace)]
struct Place {
    /// 1, 2, 3, … without holes.
    sequence: u64,
    /// The link before, in hex.
    previous: String,
    /// Salted hash of address, user agent and country, in hex; zeros when there are none.
    context: String,
    /// With it `context` can be checked; `null` when there is no context, or it was erased.
    salt: Option<String>,
}

impl Place {
    fn of(link: &Link, salt: Option<String>) -> Self {
        Self { sequence: link.sequence, previous: hex(&link.previous), context: hex(&link.context), salt }
    }
}

/// The place of an event that was purged.
#[derive(Serialize, ToSchema)]
#[schema(as = PurgedEventPlace)]
struct PurgedPlace {
    #[serde(flatten)]
    place: Place,
    /// The event; it serves as `cursor`.
    event_id: EventId,
    /// Hash of what it was, in hex.
    content: String,
}

/// What was sent.
#[derive(Serialize, ToSchema)]
#[schema(as = EventExportTrailer)]
struct Trailer {
    /// Events in this answer.
    count: u64,
    /// The last of them; without any the `cursor`, or `null`.
    last_id: Option<EventId>,
    /// Link of the last event that was looked at, in hex.
    chain_head: String,
}

/// An export on its way.
struct Exporter {
    services: Arc<Services>,
    account: AccountId,
    filter: EventFilter,
    /// Number and link of the last event that was looked at.
    at: (u64, [u8; 32]),
    /// Number of the last event of all.
    through: u64,
    count: u64,
    last_id: Option<EventId>,
}

/// Why no further line is sent.
enum Ended {
    /// Nobody takes more, or nobody may.
    Gone,
    /// They cannot be made.
    Failed(Refusal),
}

impl From<Gone> for Ended {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<Refusal> for Ended {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(refusal)
    }
}

impl Exporter {
    /// Sends everything, `first` first.
    async fn run(mut self, mut sink: Sink, first: Bytes) {
        match self.send_all(&mut sink, first).await {
            Ok(()) | Err(Ended::Gone) => {}
            Err(Ended::Failed(refusal)) => {
                tracing::error!(account = %self.account, %refusal, "an export of events broke off");
                sink.break_off().await;
            }
        }
    }

    async fn send_all(&mut self, sink: &mut Sink, first: Bytes) -> Result<(), Ended> {
        let (mut lines, mut silent) = (first, 0);
        loop {
            silent += 1;
            if lines.is_empty() && silent == SILENT_PAGES {
                lines = Bytes::from_static(b" ");
            }
            if !lines.is_empty() {
                sink.send(lines).await?;
                silent = 0;
            }
            if self.at.0 >= self.through {
                break;
            }
            if !sink.is_wanted() {
                return Err(Ended::Gone);
            }
            lines = self.next_page().await?;
        }
        let trailer = Trailer { count: self.count, last_id: self.last_id, chain_head: hex(&self.at.1) };
        let mut lines = Vec::new();
        write_line(&mut lines, &Line::Trailer(TrailerLine { trailer }))?;
        Ok(sink.send(lines.into()).await?)
    }

    /// The lines of the next links; none where the filter lets nothing through, or nothing is left.
    async fn next_page(&mut self) -> Result<Bytes, Refusal> {
        if self.at.0 >= self.through {
            return Ok(Bytes::new());
        }
        let range = SequenceRange { after: self.at.0, through: self.through };
        let reads = self.services.store.reads().events();
        let page = reads.chained(self.account, &self.filter, range, PAGE).await?;
        // A chain that was cut meanwhile, or is gone with its account, has a hole here.
        let is_whole = page.iter().zip(self.at.0 + 1..).all(|(chained, number)| chained.link.sequence == number);
        let Some(last) = page.last().filter(|_| is_whole) else {
            return Err(Refusal::internal("the chain of events was cut during an export"));
        };
        self.at = (last.link.sequence, last.link.hash());
        let known: Vec<_> = page.iter().filter_map(|chained| chained.event.as_ref()).collect();
        let mut contexts = contexts(&self.services, &known).await?.into_iter();
        let mut lines = Vec::new();
        for Chained { link, event } in page {
            match event {
                Some(event) => {
                    self.count += 1;
                    self.last_id = Some(event.id);
                    write_line(&mut lines, &event_line(&link, event, contexts.next().flatten()))?;
                }
                None if self.filter.is_empty() => write_line(&mut lines, &purged_line(&link))?,
                None => {}
            }
        }
        Ok(lines.into())
    }
}

fn event_line(link: &Link, event: Event, salted: Option<SaltedContext>) -> Line {
    let (salt, context) = salted.map(|salted| (salted.salt, salted.context)).unzip();
    Line::Event(EventLine { event: EventView::new(event, context.unwrap_or_default()), chain: Place::of(link, salt) })
}

fn purged_line(link: &Link) -> Line {
    let (place, content) = (Place::of(link, None), hex(&link.content));
    Line::Purged(PurgedLine { chain: PurgedPlace { place, event_id: link.event_id, content } })
}

fn write_line(lines: &mut Vec<u8>, line: &Line) -> Result<(), Refusal> {
    serde_json::to_writer(&mut *lines, line).map_err(Refusal::internal)?;
    lines.push(b'\n');
    Ok(())
}

/// `exportEvents`
pub(super) struct Export;

#[async_trait]
impl Read for Export {
    fn route(&self) -> Route {
        const CURSOR: Parameter = Parameter::text("cursor", "The event of the last line received: goes on behind it.");
        Route::get("/v1/accounts/{account_id}/events/export")
            .named("exportEvents", "Export events in the order of the hash chain, oldest first")
            .about("events", "event")
            .scope(READ)
            .extension()
            .query(FILTERS)
            .query([CURSOR])
            .answers_lines::<Line>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (account, query, services) = (call.account()?, call.query()?, call.services());
        let filter = filter(&query)?;
        let cursor: Option<EventId> = query.parsed("cursor")?;
        let executor = &services.transport.executor;
        let (sink, chunks) = services.streams.open(account, executor)?;
        // Who verified a key a moment ago finds it here.
        services.buffer.flush(services.store.as_ref()).await?;
        catch_up(services, account).await?;
        let Head { sequence, hash, first_sequence, .. } = head(reads, account).await?;
        let at = match cursor {
            // With nothing left to look at, the end is where it stands.
            None if first_sequence > sequence => (sequence, hash),
            None => (first_sequence - 1, hash),
            Some(cursor) => {
                let unknown = || Refusal::field("cursor", FieldCode::UnknownReference, "no such event is kept");
                let link = reads.events().link_of(account, cursor).await?.ok_or_else(unknown)?;
                (link.sequence, link.hash())
            }
        };
        let own = Arc::clone(services);
        let mut exporter =
            Exporter { services: own, account, filter, at, through: sequence, count: 0, last_id: cursor };
        // What goes wrong at once can still be said.
        let first = exporter.next_page().await?;
        executor.spawn(Box::pin(exporter.run(sink, first)));
        Ok(Answer::lines(chunks))
    }
}
