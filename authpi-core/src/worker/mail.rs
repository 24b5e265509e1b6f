//! Handing mail over (events-webhooks §14). Several processes share the queue by leases: a crash delays a mail, and at
//! worst sends it twice under the same `Message-ID`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, join_all, select};

use super::letter;
use super::schedule::Next;
use crate::error::Refusal;
use crate::event::model::{EventDraft, Trigger};
use crate::mail::events::{self, FailureCause};
use crate::mail::model::{Mail, Tally};
use crate::outcome::WriteOutcome;
use crate::retries::Retries;
use crate::store::Change;
use crate::transport::{MailFailure, Mailer, OutgoingMail};
use crate::web::services::{Origin, Services};

/// Mails of one step, sent at the same time.
const BATCH: u32 = 8;

/// How often mail that is due is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often what is too old is looked for.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// How long the provider may take.
const HAND_OVER: Duration = Duration::from_mins(1);

/// How long whoever tries a mail holds it: longer than rendering, handing over and recording last.
const LEASE: Duration = Duration::from_mins(3);

/// How long mail waits where nobody hands any over.
const LONGEST_WAIT: Duration = Duration::from_hours(7 * 24);

/// How long a tally without a new mail is kept.
const TALLY_KEPT: Duration = Tally::WINDOW.saturating_mul(7);

/// Rows of one unit of work.
const SWEEP_BATCH: u32 = 200;

/// Tries the next few mails that are due.
pub(super) async fn hand_over(services: &Arc<Services>) -> Result<Next, Refusal> {
    let Some(mailer) = services.transport.mailer.clone() else { return Ok(Next::In(SWEEP_EVERY)) };
    let due = services.store.reads().mails().due(services.now(), BATCH).await?;
    if due.is_empty() {
        return Ok(Next::In(LOOK_EVERY));
    }
    let tried = join_all(due.into_iter().map(|mail| attempt(services, mailer.as_ref(), mail))).await;
    tried.into_iter().collect::<Result<(), Refusal>>()?;
    Ok(Next::Now)
}

/// One attempt at one mail: claim, render, hand over, record.
async fn attempt(services: &Services, mailer: &dyn Mailer, mail: Mail) -> Result<(), Refusal> {
    let now = services.now();
    let claimed = mail.clone().claimed(now.plus(LEASE));
    let mut unit = services.store.begin(now).await?;
    if unit.mails().update(&claimed, &mail).await? == WriteOutcome::Stale {
        return Ok(());
    }
    unit.commit().await?;
    if claimed.lost_too_often() {
        return failed(services, &claimed, MailFailure::Temporary).await;
    }
    let Some(message) = letter::rendered(services, &claimed).await? else { return dropped(services, &claimed).await };
    match sent(services, mailer, &message).await {
        Ok(()) => end(services, &claimed, events::sent(&claimed, &message.message_id)).await,
        Err(failure) => failed(services, &claimed, failure).await,
    }
}

async fn sent(services: &Services, mailer: &dyn Mailer, message: &OutgoingMail) -> Result<(), MailFailure> {
    let out_of_time = services.transport.executor.sleep(HAND_OVER);
    match select(mailer.send(message), out_of_time).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => Err(MailFailure::Temporary),
    }
}

/// Plans the next attempt, or gives up.
async fn failed(services: &Services, mail: &Mail, failure: MailFailure) -> Result<(), Refusal> {
    let now = services.now();
    let cause = match failure {
        MailFailure::Refused => FailureCause::Refused,
        MailFailure::Temporary => match mail.clone().failed(now) {
            Some(next) => {
                let mut unit = services.store.begin(now).await?;
                if unit.mails().update(&next, mail).await? == WriteOutcome::Done {
                    unit.commit().await?;
                }
                return Ok(());
            }
            None => FailureCause::Exhausted,
        },
    };
    end(services, mail, events::failed(mail, cause)).await
}

/// What it was about is gone: nobody is told.
async fn dropped(services: &Services, mail: &Mail) -> Result<(), Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    if unit.mails().remove(mail).await? == WriteOutcome::Done {
        unit.commit().await?;
    }
    Ok(())
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

/// Gives up what waited too long because nobody hands mail over, and forgets what was counted long ago.
pub(super) async fn old_mail(services: &Arc<Services>) -> Result<Next, Refusal> {
    let now = services.now();
    let old = services.store.reads().mails().made_before(now.minus(LONGEST_WAIT), BATCH).await?;
    let found = !old.is_empty();
    for mail in old {
        end(services, &mail, events::failed(&mail, FailureCause::Expired)).await?;
    }
    let mut unit = services.store.begin(now).await?;
    let forgotten = unit.mails().purge_tallies(now.minus(TALLY_KEPT), SWEEP_BATCH).await?;
    if forgotten > 0 {
        unit.commit().await?;
    }
    Ok(if found || forgotten > 0 { Next::Now } else { Next::In(SWEEP_EVERY) })
}

/// Erases what is personal in invitations that ended long enough ago (core-api section 19).
pub(super) async fn invitation_erasure(services: &Arc<Services>) -> Result<Next, Refusal> {
    let now = services.now();
    let due = services.store.reads().invitations().erasable(now, SWEEP_BATCH).await?;
    if due.is_empty() {
        return Ok(Next::In(SWEEP_EVERY));
    }
    let mut unit = services.store.begin(now).await?;
    for invitation in due {
        // One that was changed meanwhile is looked at again.
        let _ = unit.invitations().erase(&invitation).await?;
    }
    unit.commit().await?;
    Ok(Next::Now)
}
