//! Passwords at a login.

use super::advance::{advance, advance_with, ground, still_holding};
use super::lockout::{Counted, forgive};
use super::{Problem, StepResult, Stepped, Visitor, scene};
use crate::error::Refusal;
use crate::id::UserId;
use crate::login::model::{Evidence, FirstFactor, Flow, Need, Progress, Step};
use crate::store::Change;
use crate::user::model::{User, UsernameHash};
use crate::verifier::model::{PasswordHash, Proof, Verifier};
use crate::verifier::operations as verifiers;

/// A password that was compared with what was stored a moment ago: that takes too long for a unit of work.
#[derive(Debug)]
pub struct Compared {
    /// Who it was compared for; nobody has that name.
    pub user: Option<UserId>,
    /// The password that is stored.
    pub stored: Option<Verifier>,
    /// What it is.
    pub accepted: Option<Verifier>,
    /// The password hashed at today's cost, where the stored hash is cheaper.
    pub anew: Option<PasswordHash>,
}

const METHOD: &str = "password";

/// The user with the name that was typed.
pub(super) async fn named(change: &Change<'_>, flow: &Flow) -> Result<Option<User>, Refusal> {
    let Some(name) = flow.state.identifier.as_deref() else { return Ok(None) };
    let hash = UsernameHash::of(change.root_of(flow.issuer_id)?, name);
    Ok(change.reads().users().find_by_username_hash(flow.issuer_id, &hash).await?)
}

/// Somebody presents a password.
///
/// # Errors
/// [`StepError`](super::StepError); [`Refusal::Stale`] when the password was changed since it was compared.
pub async fn present(change: &mut Change<'_>, visitor: &Visitor, flow: Flow, compared: &Compared) -> StepResult {
    flow.state.require(&[Step::FirstFactor])?;
    let user = named(change, &flow).await?;
    if user.as_ref().map(|user| user.id) != compared.user {
        return Err(Refusal::Stale.into());
    }
    let ground = ground(change, flow.issuer_id).await?;
    let policy = ground.issuer.details.settings.security.lockout;
    let name = flow.state.identifier.clone().unwrap_or_default();
    let place = (flow.issuer_id, policy);
    let mut counted = Counted::take(change, visitor, place, &name, user.as_ref(), METHOD).await?;
    if let Some(problem) = counted.problem(change) {
        change.emit(scene(&flow).refused(compared.user, METHOD, "locked", counted.tries))?;
        return Ok(Stepped::not(flow, problem));
    }
    let (Some(user), Some(accepted)) = (user, &compared.accepted) else {
        counted.fail(change).await?;
        if let Some(stored) = compared.stored.as_ref().filter(|_| counted.is_stranger()) {
            // What is shown of the user tells of the failures of strangers.
            change.unit().verifiers().count_attempts(stored, counted.attempts()).await?;
        }
        change.emit(scene(&flow).refused(compared.user, METHOD, "invalid_credentials", counted.tries))?;
        let problem = counted.problem(change).unwrap_or(Problem::InvalidCredentials);
        return Ok(Stepped::not(flow, problem));
    };
    change.act_as(crate::event::model::Actor::user(user.id));
    let first = accept(change, accepted, compared.anew.as_ref()).await?;
    // Not `succeed`: `forgive` lets strangers try again, too.
    counted.forget(change).await?;
    forgive(change, &user).await?;
    change.emit(scene(&flow).verified(user.id, first.method()))?;
    let evidence = Evidence::of_password(user.id, first, user.security.password_changed_at(), change.now());
    advance_with(change, visitor, (&user, &ground), flow, evidence).await
}

/// Takes a password as it is still stored; one that is good for once is spent.
async fn accept(
    change: &mut Change<'_>,
    accepted: &Verifier,
    anew: Option<&PasswordHash>,
) -> Result<FirstFactor, Refusal> {
    if matches!(accepted.proof, Proof::TemporaryPassword { .. }) {
        verifiers::spend_temporary_password(change, accepted).await?;
        return Ok(FirstFactor::TemporaryPassword);
    }
    change.unit().verifiers().accept_password(accepted, anew).await?.required()?;
    Ok(FirstFactor::Password)
}

/// Puts a password in the place of the one that was good for one login.
///
/// # Errors
/// [`StepError`](super::StepError).
pub async fn replace(change: &mut Change<'_>, visitor: &Visitor, flow: Flow, hash: PasswordHash) -> StepResult {
    flow.state.require(&[Step::PasswordChange])?;
    let Progress::Proven { evidence, need: Need::NewPassword } = flow.state.progress().clone() else {
        return Err(Refusal::internal("a step without what led to it").into());
    };
    if still_holding(change, visitor, &flow, &evidence).await?.is_none() {
        return Ok(Stepped::not(flow, Problem::InvalidCredentials));
    }
    change.act_as(crate::event::model::Actor::user(evidence.user_id));
    verifiers::set_password(change, flow.issuer_id, evidence.user_id, hash).await?;
    advance(change, visitor, flow, Evidence { password_changed: true, ..evidence }).await
}
