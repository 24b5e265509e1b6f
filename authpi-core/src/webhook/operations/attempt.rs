//! What an attempt that somebody asked for leaves behind.

use crate::error::Refusal;
use crate::outcome::WriteOutcome;
use crate::store::Change;
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
    webhook: Webhook,
    reserved: &Delivery,
    outcome: &AttemptOutcome,
) -> Result<Delivery, Refusal> {
    let now = change.now();
    let after = reserved.clone().after_asked(outcome, now);
    if change.unit().webhooks().update_delivery(&after, reserved.updated_at).await? == WriteOutcome::Stale {
        return Err(Refusal::conflict("The attempt took so long that another one was begun."));
    }
    let before = webhook.clone();
    let (webhook, cause) = match outcome {
        AttemptOutcome::Delivered { .. } => webhook.after_success(now),
        AttemptOutcome::Gone => (webhook.gone(now), CircuitChange::None),
        AttemptOutcome::Failed { .. } => (webhook, CircuitChange::None),
    };
    settle(change, &before, webhook, cause).await?;
    Ok(after)
}

/// Writes what an attempt has changed of the webhook, and tells of its status.
async fn settle(
    change: &mut Change<'_>,
    before: &Webhook,
    mut after: Webhook,
    circuit: CircuitChange,
) -> Result<(), Refusal> {
    if after.status.value != before.status.value {
        after.updated_at = before.updated_at.next_version(change.now());
        change.unit().webhooks().update(&after, before.updated_at).await?.required()?;
    }
    if after.circuit != before.circuit {
        change.unit().webhooks().set_circuit(&after).await?.required()?;
    }
    if after.status.value == before.status.value {
        return Ok(());
    }
    match circuit {
        CircuitChange::Closed => change.emit(events::resumed(&after, ResumeCause::CircuitClosed)),
        CircuitChange::Opened => change.emit(events::paused(&after, PauseCause::CircuitOpen)),
        CircuitChange::Exhausted => change.emit(events::paused(&after, PauseCause::Exhausted)),
        CircuitChange::None => change.emit(events::paused(&after, PauseCause::Gone)),
    }
}
