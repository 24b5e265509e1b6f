//! Numbers for events: each gets its place in the hash chain of its account soon after its commit (events-webhooks §15).

use std::sync::Arc;
use std::time::Duration;

use super::schedule::Next;
use crate::error::Refusal;
use crate::event::chain::{BATCH, link_all};
use crate::web::services::Services;

/// How often events without a number are looked for: they get one within a second.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Numbers a batch of events.
pub(super) async fn link(services: &Arc<Services>) -> Result<Next, Refusal> {
    let waiting = services.store.reads().events().unchained(None, BATCH).await?;
    let age = waiting.first().map(|oldest| services.now().since(oldest.timestamp)).unwrap_or_default();
    metrics::gauge!("authpi_oldest_unchained_event_seconds").set(age.as_secs_f64());
    if waiting.is_empty() {
        return Ok(Next::In(LOOK_EVERY));
    }
    link_all(services, &waiting).await?;
    Ok(Next::Now)
}
