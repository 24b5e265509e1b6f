//! The end of an account's hash chain (events-webhooks §15).

use async_trait::async_trait;
use serde::Serialize;
use utoipa::ToSchema;

use super::api::READ;
use super::model::Head;
use crate::error::Refusal;
use crate::id::{AccountId, EventId};
use crate::secret::hex;
use crate::store::Reads;
use crate::timestamp::Timestamp;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Read;
use crate::web::route::Route;

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
