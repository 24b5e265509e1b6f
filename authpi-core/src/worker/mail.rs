//! Handing mail over (events-webhooks §14). Several processes share the queue by leases: a crash delays a mail, and at
//! worst sends it twice under the same `Message-ID`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};

use super::letter;
use super::queue::{self, Queued};
use super::round::Round;
use super::schedule::Next;
use super::steps::WorkerState;
use super::sweeps::{SWEEP_EVERY, committed};
use super::under_way::{Ended, Room};
use crate::error::Refusal;
use crate::event::model::{EventDraft, Trigger};
use crate::id::{AccountId, MailId};
use crate::mail::events::{self, FailureCause};
use crate::mail::model::{Mail, Tally};
use crate::outcome::WriteOutcome;
use crate::retries::Retries;
use crate::store::{Change, StoreError, UnitOfWork};
use crate::timestamp::Timestamp;
use crate::transport::{MailFailure, OutgoingMail};
use crate::web::services::{Origin, Services};

/// Mails that are tried at the same time: no more than a provider takes connections of one sender. Of one account so few
/// that its flood, or addresses that are slow to take mail, hold up no other.
pub(super) const ROOM: Room = Room { in_all: 32, of_lane: 8 };

/// How long the provider may take.
const HAND_OVER: Duration = Duration::from_mins(1);

/// How long mail waits where nobody hands any over.
const LONGEST_WAIT: Duration = Duration::from_hours(7 * 24);

/// How long a tally without a new mail is kept.
const TALLY_KEPT: Duration = Tally::WINDOW.saturating_mul(7);

/// Mails that are given up in one look, each in a unit of work of its own.
const OLD_BATCH: u32 = 50;

/// Tallies of one unit of work.
const TALLY_BATCH: u32 = 200;

#[async_trait]
impl Queued for Mail {
    type Id = MailId;
    type Lane = AccountId;

    const STEP: &'static str = "mail";

    fn id(&self) -> MailId {
        self.id
    }

    fn lane(&self) -> AccountId {
        self.account_id
    }

    fn held(self, now: Timestamp) -> Self {
        self.leased(now)
    }

    async fn due(services: &Services, limit: u32, busy: &[AccountId]) -> Result<Vec<Self>, StoreError> {
        services.store.reads().mails().due(services.now(), limit, busy).await
    }

    async fn update(&self, unit: &mut dyn UnitOfWork, before: &Self) -> Result<WriteOutcome, StoreError> {
        unit.mails().update(self, before).await
    }

    async fn remove(&self, unit: &mut dyn UnitOfWork) -> Result<WriteOutcome, StoreError> {
        unit.mails().remove(self).await
    }

    /// Render, hand over, record.
    async fn attempt(&self, services: &Services) -> Ended {
        if self.lease.is_lost() {
            return failed(services, self, MailFailure::Temporary).await;
        }
        let Some(message) = letter::rendered(services, self).await? else {
            // What it was about is gone: nobody is told.
            return queue::remove(services, self).await;
        };
        match sent(services, &message).await {
            Ok(()) => end(services, self, events::sent(self, &message.message_id)).await,
            Err(failure) => failed(services, self, failure).await,
        }
    }
}

/// Hands over what is due.
pub(super) async fn hand_over(state: &WorkerState) -> Result<Next, Refusal> {
    if state.services.transport.mailer.is_none() {
        return Ok(Next::In(SWEEP_EVERY));
    }
    queue::work_off::<Mail>(&state.services, &state.mails).await
}

async fn sent(services: &Services, message: &OutgoingMail) -> Result<(), MailFailure> {
    let Some(mailer) = &services.transport.mailer else { return Err(MailFailure::Temporary) };
    let out_of_time = services.transport.executor.sleep(HAND_OVER);
    match select(mailer.send(message), out_of_time).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => Err(MailFailure::Temporary),
    }
}

/// Plans the next attempt, or gives up.
async fn failed(services: &Services, held: &Mail, failure: MailFailure) -> Ended {
    let cause = match failure {
        MailFailure::Refused => FailureCause::Refused,
        MailFailure::Temporary => match held.clone().failed(services.now()) {
            Some(next) => return queue::put_back(services, &next, held).await,
            None => FailureCause::Exhausted,
        },
    };
    end(services, held, events::failed(held, cause)).await
}

/// Removes a mail, with its secrets, and says what became of it.
async fn end(services: &Services, mail: &Mail, draft: EventDraft) -> Result<(), Refusal> {
    let root = services.root_for(Some(mail.issuer_id)).await?;
    let origin = Origin::of_instance(mail.account_id, Trigger::System);
    let context = services.change_context(origin, root);
    let mut retries = Retries::new();
    loop {
        let ended = async {
            let mut change = Change::new(services.store.begin(services.now()).await?, &context);
            if change.unit().mails().remove(mail).await? == WriteOutcome::Stale {
                return Ok(());
            }
            change.emit(draft.clone())?;
            Ok::<_, Refusal>(change.into_unit().await?.commit().await?)
        };
        if let Some(ended) = retries.ended(ended.await) {
            return ended;
        }
    }
}

/// Gives up what waited too long because nobody hands mail over.
pub(super) async fn old_mail(services: &Arc<Services>) -> Result<Next, Refusal> {
    let before = services.now().minus(LONGEST_WAIT);
    let (mut round, mut given_up) = (Round::of("old-mail"), false);
    for mail in services.store.reads().mails().made_before(before, OLD_BATCH).await? {
        let ended = end(services, &mail, events::failed(&mail, FailureCause::Expired)).await;
        given_up |= round.outcome(mail.id, ended.map(Some))?.is_some();
    }
    Ok(if given_up { Next::Now } else { round.rest(SWEEP_EVERY) })
}

/// Forgets what was counted long ago.
pub(super) async fn old_tallies(services: &Arc<Services>) -> Result<Next, Refusal> {
    let now = services.now();
    let mut unit = services.store.begin(now).await?;
    let forgotten = unit.mails().purge_tallies(now.minus(TALLY_KEPT), TALLY_BATCH).await?;
    committed(unit, forgotten).await
}
