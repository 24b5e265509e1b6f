//! Removal of what was deleted (core-api 1.11): the delete is accepted in one commit, and everything below goes here,
//! in batches that are safe to repeat.

use std::sync::Arc;
use std::time::Duration;

use super::schedule::Next;
use crate::error::Refusal;
use crate::timestamp::Timestamp;
use crate::web::services::Services;

/// Rows of one unit of work: few enough to keep no other writer waiting.
const BATCH: u32 = 500;

/// Parents that one look finds.
const PARENTS: u32 = 20;

/// How often accepted deletions are looked for: removal begins within 1 s.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often the end of a waiting time is looked for.
const PURGE_EVERY: Duration = Duration::from_mins(1);

/// How long a deleted user or client stays, to be told apart from one that never was.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// Removes a batch of members of a deleted organization; in the end the organization itself.
pub(super) async fn organization(services: &Arc<Services>) -> Result<Next, Refusal> {
    let Some(gone) = services.store.reads().organizations().deleting(1).await?.pop() else {
        return Ok(Next::In(LOOK_EVERY));
    };
    let mut unit = services.store.begin(services.now()).await?;
    if unit.memberships().remove_of_organization(gone.id, BATCH).await? == 0 {
        unit.organizations().remove(gone.issuer_id, gone.id).await?;
    }
    unit.commit().await?;
    Ok(Next::Now)
}

/// Removes clients that were deleted 30 days ago.
pub(super) async fn clients(services: &Arc<Services>) -> Result<Next, Refusal> {
    let due = services.store.reads().clients().deleted_before(long_ago(services), PARENTS).await?;
    if due.is_empty() {
        return Ok(Next::In(PURGE_EVERY));
    }
    let mut unit = services.store.begin(services.now()).await?;
    for gone in due {
        unit.clients().remove(gone.issuer_id, gone.id).await?;
    }
    unit.commit().await?;
    Ok(Next::Now)
}

fn long_ago(services: &Services) -> Timestamp {
    services.now().minus(KEPT)
}
