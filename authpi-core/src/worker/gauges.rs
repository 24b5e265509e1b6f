//! Figures that nobody counts on the way: how long the oldest event waits, and how many receivers are left alone
//! (events-webhooks §13, design 9).

use std::sync::Arc;
use std::time::Duration;

use super::schedule::Next;
use crate::error::Refusal;
use crate::event::repository::Consumer;
use crate::web::services::Services;

const EVERY: Duration = Duration::from_secs(15);

/// Looks, and sets the gauges.
pub(super) async fn gauges(services: &Arc<Services>) -> Result<Next, Refusal> {
    let reads = services.store.reads();
    for consumer in Consumer::ALL {
        let since = reads.events().waiting_since(consumer).await?;
        let lag = since.map_or(Duration::ZERO, |since| services.now().since(since));
        metrics::gauge!("authpi_outbox_lag_seconds", "consumer" => consumer.as_str()).set(lag);
    }
    let failing = u32::try_from(reads.webhooks().count_failing().await?).unwrap_or(u32::MAX);
    metrics::gauge!("authpi_webhook_circuits_open").set(failing);
    let due = reads.webhooks().due_since().await?;
    let lag = due.map_or(Duration::ZERO, |due| services.now().since(due));
    metrics::gauge!("authpi_webhook_lag_seconds").set(lag);
    Ok(Next::In(EVERY))
}
