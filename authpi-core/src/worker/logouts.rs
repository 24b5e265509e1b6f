//! Telling clients that sessions of theirs have ended (idp §17.2). Several processes share the queue by leases: a crash
//! delays a notice, and at worst repeats it under a token of its own.

use std::sync::Arc;

use async_trait::async_trait;

use super::queue::{self, Queued};
use super::schedule::Next;
use super::steps::WorkerState;
use super::sweeps::committed;
use super::under_way::{Ended, Room};
use crate::error::Refusal;
use crate::id::{ClientId, SessionId};
use crate::lease::LEASE_EXPIRED;
use crate::logout::model::{LONGEST_WAIT, LogoutNotice};
use crate::oauth::back_channel;
use crate::outcome::WriteOutcome;
use crate::store::{StoreError, UnitOfWork};
use crate::timestamp::Timestamp;
use crate::web::services::Services;

/// Notices that are tried at the same time. Of one client so few that one that does not answer holds up no other.
pub(super) const ROOM: Room = Room { in_all: 64, of_lane: 8 };

/// Rows of one unit of work.
const SWEEP_BATCH: u32 = 200;

#[async_trait]
impl Queued for LogoutNotice {
    type Id = SessionId;
    type Lane = ClientId;

    const STEP: &'static str = "logouts";

    fn id(&self) -> SessionId {
        self.session_id
    }

    fn lane(&self) -> ClientId {
        self.client_id
    }

    fn held(self, now: Timestamp) -> Self {
        self.leased(now)
    }

    async fn due(services: &Services, limit: u32, busy: &[ClientId]) -> Result<Vec<Self>, StoreError> {
        services.store.reads().logouts().due(services.now(), limit, busy).await
    }

    async fn update(&self, unit: &mut dyn UnitOfWork, before: &Self) -> Result<WriteOutcome, StoreError> {
        unit.logouts().update(self, before).await
    }

    async fn remove(&self, unit: &mut dyn UnitOfWork) -> Result<WriteOutcome, StoreError> {
        unit.logouts().remove(self).await
    }

    /// Sign, send, record.
    async fn attempt(&self, services: &Services) -> Ended {
        if self.lease.is_lost() {
            return failed(services, self, LEASE_EXPIRED).await;
        }
        let Some(request) = back_channel::request(services, self).await? else {
            return queue::remove(services, self).await;
        };
        match services.send(request).await {
            Ok(answer) if (200..300).contains(&answer.status) => {
                metrics::counter!("authpi_logout_notices_total", "outcome" => "told").increment(1);
                queue::remove(services, self).await
            }
            Ok(answer) => failed(services, self, &format!("http_{}", answer.status)).await,
            Err(failure) => failed(services, self, &failure.to_string()).await,
        }
    }
}

/// Tells clients what they are due.
pub(super) async fn tell(state: &WorkerState) -> Result<Next, Refusal> {
    queue::work_off::<LogoutNotice>(&state.services, &state.logouts).await
}

/// Plans the next attempt, or gives up.
async fn failed(services: &Services, held: &LogoutNotice, class: &str) -> Ended {
    if let Some(next) = held.clone().failed(services.now()) {
        return queue::put_back(services, &next, held).await;
    }
    metrics::counter!("authpi_logout_notices_total", "outcome" => "given_up").increment(1);
    tracing::info!(client = %held.client_id, session = %held.session_id, class, "a client was not told of a logout");
    queue::remove(services, held).await
}

/// Forgets what nobody delivered for a day.
pub(super) async fn sweep(services: &Arc<Services>) -> Result<Next, Refusal> {
    let now = services.now();
    let mut unit = services.store.begin(now).await?;
    let removed = unit.logouts().purge(now.minus(LONGEST_WAIT), SWEEP_BATCH).await?;
    committed(unit, removed).await
}
