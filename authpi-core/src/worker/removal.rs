//! Removal of what was deleted (core-api 1.11): the delete is accepted in one commit, and everything below goes here,
//! in batches that are safe to repeat.

use std::sync::Arc;
use std::time::Duration;

use super::schedule::Next;
use crate::error::Refusal;
use crate::web::services::Services;

/// How often accepted deletions are looked for: removal begins within 1 s.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Removes one organization.
pub(super) async fn organization(services: &Arc<Services>) -> Result<Next, Refusal> {
    let Some(gone) = services.store.reads().organizations().deleting(1).await?.pop() else {
        return Ok(Next::In(LOOK_EVERY));
    };
    let mut unit = services.store.begin(services.now()).await?;
    unit.organizations().remove(gone.issuer_id, gone.id).await?;
    unit.commit().await?;
    Ok(Next::Now)
}
