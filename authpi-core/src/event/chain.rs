//! The hash chain of an account: its end, and what is numbered before an export (events-webhooks §15).

use async_trait::async_trait;
use serde::Serialize;
use utoipa::ToSchema;

use super::api::READ;
use super::model::Head;
use super::operations::link;
use super::repository::Unchained;
use crate::error::Refusal;
use crate::id::{AccountId, EventId};
use crate::retries::Retries;
use crate::secret::hex;
use crate::store::Reads;
use crate::timestamp::Timestamp;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Read;
use crate::web::route::Route;
use crate::web::services::Services;

/// Events of one unit of work.
pub const BATCH: u32 = 500;

/// The end of a chain on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct EventChain {
    /// Number of the last event; 0 before the first.
    sequence: u64,
    /// The last link, in hex; before the first event, what it will have before it.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    head: String,
    /// The last event.
    event_id: Option<EventId>,
    /// The first number that is kept: purging cuts the chain at its start.
    first_sequence: u64,
    /// When the last link was made.
    updated_at: Timestamp,
}

impl From<Head> for EventChain {
    fn from(head: Head) -> Self {
        Self {
            sequence: head.sequence,
            head: hex(&head.hash),
            event_id: head.event_id,
            first_sequence: head.first_sequence,
            updated_at: head.updated_at,
        }
    }
}

/// The end of the account's chain, or its beginning.
///
/// # Errors
/// [`Refusal::Store`]; [`Refusal::NotFound`] when the account has ended.
pub(super) async fn head(reads: &dyn Reads, account: AccountId) -> Result<Head, Refusal> {
    if let Some(head) = reads.events().head(account).await? {
        return Ok(head);
    }
    let opened = reads.accounts().find(account).await?.ok_or(Refusal::NotFound)?;
    Ok(Head::beginning(account, opened.created_at))
}

/// Gives a number to every event of the account that was committed before, and to none that comes while this goes on:
/// however much is written, it ends.
///
/// # Errors
/// As [`link`].
pub(super) async fn catch_up(services: &Services, account: AccountId) -> Result<(), Refusal> {
    let reads = services.store.reads().events();
    let Some(last) = reads.last_unchained().await? else { return Ok(()) };
    let mut after = None;
    while after < Some(last) {
        let page = reads.unchained(after, BATCH).await?;
        let Some(end) = page.last() else { break };
        after = Some(end.event_id);
        let is_ours = |one: &Unchained| one.account_id == account && one.event_id <= last;
        let ours: Vec<_> = page.into_iter().filter(is_ours).collect();
        if !ours.is_empty() {
            link_all(services, &ours).await?;
        }
    }
    Ok(())
}

/// One unit of work; returns how many links were made.
///
/// # Errors
/// As [`link`].
pub async fn link_all(services: &Services, waiting: &[Unchained]) -> Result<u64, Refusal> {
    let mut retries = Retries::new();
    loop {
        let attempt = async {
            let mut unit = services.store.begin(services.now()).await?;
            let made = link(unit.as_mut(), waiting).await?;
            unit.commit().await?;
            metrics::counter!("authpi_event_links_total").increment(made);
            Ok(made)
        };
        if let Some(ended) = retries.ended(attempt.await) {
            return ended;
        }
    }
}

/// `getEventChain`
pub(super) struct GetChain;

#[async_trait]
impl Read for GetChain {
    fn route(&self) -> Route {
        Route::get("/v1/accounts/{account_id}/events/chain")
            .named("getEventChain", "Get the end of the account's hash chain")
            .about("events", "event")
            .scope(READ)
            .extension()
            .answers::<EventChain>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        Ok(Answer::of(EventChain::from(head(reads, call.account()?).await?)))
    }
}
