//! What an attempt that somebody asked for leaves behind.

use crate::error::Refusal;
use crate::outcome::WriteOutcome;
use crate::store::Change;
use crate::timestamp::Timestamp;
use crate::webhook::events::{self, PauseCause, ResumeCause};
use crate::webhook::model::{AttemptOutcome, CircuitChange, Delivery, Webhook};

/// An attempt that was made out of turn, between two units of work.
#[derive(Default)]
pub enum Attempt {
    /// None: a rule stood against it, which is said in its turn.
    #[default]
    NotMade,
    /// None: another one was under way.
    UnderWay,
    /// Made.
    Made {
        /// The delivery as it was reserved.
        reserved: Box<Delivery>,
        /// What came of it.
        outcome: AttemptOutcome,
    },
}

/// Records an attempt that somebody asked for: it ignores budget and circuit, and a success closes the circuit.
///
/// # Errors
/// [`Refusal::Conflict`] when the reservation was lost; [`Refusal::Stale`] when the webhook has changed meanwhile.
pub async fn recorded(
    change: &mut Change<'_>,
    reserved: &Delivery,
    outcome: &AttemptOutcome,
) -> Result<(Delivery, Webhook), Refusal> {
    let now = change.now();
    // In the order of those who send: first the webhook, as it is now, then the delivery.
    let webhook = change.unit().deliveries().lock(&[reserved.webhook_id]).await?.pop().ok_or(Refusal::NotFound)?;
    let after = reserved.clone().after_asked(outcome, now);
    if change.unit().webhooks().update_delivery(&after, reserved.updated_at).await? == WriteOutcome::Stale {
        return Err(Refusal::conflict("The attempt took so long that another one was begun."));
    }
    if let Some(next) = after.due_at() {
        change.unit().deliveries().wake(&[webhook.id], next).await?;
    }
    let (healed, cause) = match outcome {
        AttemptOutcome::Delivered { .. } => webhook.clone().after_success(now),
        AttemptOutcome::Gone => (webhook.clone().gone(now), CircuitChange::None),
        AttemptOutcome::Failed { .. } => (webhook.clone(), CircuitChange::None),
    };
    settle(change, &webhook, &healed, &[cause]).await?;
    Ok((after, healed))
}

/// Records what attempts in their turn, each with the time when it was begun, have made of the health of a webhook, which
/// nobody else can change meanwhile. The webhook as it is then.
///
/// # Errors
/// [`Refusal::Stale`] when somebody could all the same.
pub async fn noted(
    change: &mut Change<'_>,
    before: &Webhook,
    outcomes: &[(AttemptOutcome, Timestamp)],
) -> Result<Webhook, Refusal> {
    let now = change.now();
    let mut after = before.clone();
    let mut causes = Vec::new();
    for (outcome, begun) in outcomes {
        let was = after.status.value;
        let (next, cause) = match outcome {
            AttemptOutcome::Delivered { .. } => after.after_success(now),
            AttemptOutcome::Gone => (after.gone(now), CircuitChange::None),
            AttemptOutcome::Failed { .. } => after.after_failure(*begun, now),
        };
        after = next;
        if after.status.value != was {
            causes.push(cause);
        }
    }
    settle(change, before, &after, &causes).await?;
    Ok(after)
}

/// Writes what attempts have changed of the webhook, and tells of its status.
async fn settle(
    change: &mut Change<'_>,
    before: &Webhook,
    after: &Webhook,
    causes: &[CircuitChange],
) -> Result<(), Refusal> {
    let has_moved = after.status != before.status;
    if !has_moved && after.circuit == before.circuit {
        return Ok(());
    }
    let mut after = after.clone();
    if has_moved {
        after.updated_at = before.updated_at.next_version(change.now());
        change.unit().webhooks().update(&after, before.updated_at).await?.required()?;
    }
    if after.circuit != before.circuit {
        change.unit().webhooks().set_circuit(&after).await?.required()?;
    }
    if !has_moved {
        return Ok(());
    }
    for cause in causes {
        match cause {
            CircuitChange::Closed => {
                let now = change.now();
                change.unit().deliveries().wake(&[after.id], now).await?;
                change.emit(events::resumed(&after, ResumeCause::CircuitClosed))
            }
            CircuitChange::Opened => change.emit(events::paused(&after, PauseCause::CircuitOpen)),
            CircuitChange::Exhausted => change.emit(events::paused(&after, PauseCause::Exhausted)),
            CircuitChange::None => change.emit(events::paused(&after, PauseCause::Gone)),
        }?;
    }
    Ok(())
}
