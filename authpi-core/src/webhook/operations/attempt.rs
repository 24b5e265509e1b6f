//! What attempts leave behind: on the delivery that somebody asked for, and on the health of the webhook.

use crate::error::Refusal;
use crate::store::Change;
use crate::webhook::events;
use crate::webhook::model::{AttemptOutcome, Delivery, Switch, Webhook};

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
    let locked = change.unit().deliveries().lock(&[reserved.webhook_id]).await?;
    let webhook = locked.webhooks.into_iter().next().ok_or(Refusal::NotFound)?;
    let after = reserved.clone().after_asked(outcome, now);
    if change.unit().deliveries().write(&[(after.clone(), reserved.updated_at)]).await? > 0 {
        return Err(Refusal::conflict("The attempt took so long that another one was begun."));
    }
    if let Some(next) = after.due_at() {
        change.unit().deliveries().wake(&[webhook.id], next).await?;
    }
    let (noted, switch) = webhook.clone().after_asked(outcome, now);
    settle(change, &webhook, &noted, switch.as_slice()).await?;
    Ok((after, noted))
}

/// Records what attempts in their turn, each a probe of an open circuit or not, have made of the health of a webhook, which
/// nobody else can change meanwhile. The webhook as it is then.
///
/// # Errors
/// [`Refusal::Stale`] when somebody could all the same.
pub async fn noted(
    change: &mut Change<'_>,
    before: &Webhook,
    outcomes: &[(AttemptOutcome, bool)],
) -> Result<Webhook, Refusal> {
    let now = change.now();
    let mut after = before.clone();
    let mut switches = Vec::new();
    for (outcome, is_probe) in outcomes {
        let (next, switch) = after.after(outcome, *is_probe, now);
        after = next;
        switches.extend(switch);
    }
    settle(change, before, &after, &switches).await?;
    Ok(after)
}

/// Gives up a webhook, which nobody else can change meanwhile, if it has received nothing for too long.
///
/// # Errors
/// [`Refusal::Stale`] when somebody could all the same.
pub async fn given_up(change: &mut Change<'_>, before: &Webhook) -> Result<(), Refusal> {
    let (after, switch) = before.clone().after_silence(change.now());
    settle(change, before, &after, switch.as_slice()).await
}

/// Writes what attempts have changed of the webhook, and tells of its status.
async fn settle(
    change: &mut Change<'_>,
    before: &Webhook,
    after: &Webhook,
    switches: &[Switch],
) -> Result<(), Refusal> {
    let mut after = after.clone();
    if !switches.is_empty() {
        after.updated_at = before.updated_at.next_version(change.now());
        change.unit().webhooks().update(&after, before.updated_at).await?.required()?;
    }
    if after.circuit != before.circuit {
        change.unit().webhooks().set_circuit(&after).await?.required()?;
    }
    for switch in switches {
        if matches!(switch, Switch::Resumed(_)) {
            let now = change.now();
            change.unit().deliveries().wake(&[after.id], now).await?;
        }
        change.emit(events::switched(&after, *switch))?;
    }
    Ok(())
}
