//! The second factor: asked for, or set up.

use std::time::Duration;

use super::advance::{advance, advance_with, enroll, ground, still_holding};
use super::lockout::{Counted, forgive_second};
use super::{Problem, StepResult, Stepped, Visitor, save};
use crate::error::Refusal;
use crate::event::model::Actor;
use crate::issuer::model::security::LockoutPolicy;
use crate::login::model::{Evidence, Flow, Need, Progress, SecondFactor, Step};
use crate::secret::Secret;
use crate::store::Change;
use crate::user::model::User;
use crate::verifier::events;
use crate::verifier::model::{BackupCode, Lockout, Verifier, VerifierKind};
use crate::verifier::operations::{self as verifiers, Completed};

/// What somebody presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondFactorKind {
    /// A code of an app.
    Totp,
    /// A code on paper.
    BackupCode,
}

impl SecondFactorKind {
    const fn verifier(self) -> VerifierKind {
        match self {
            Self::Totp => VerifierKind::Totp,
            Self::BackupCode => VerifierKind::BackupCodes,
        }
    }

    const fn proven(self) -> SecondFactor {
        match self {
            Self::Totp => SecondFactor::Totp,
            Self::BackupCode => SecondFactor::BackupCode,
        }
    }
}

/// Somebody presents a second factor, or finishes setting one up.
///
/// # Errors
/// [`StepError`](super::StepError); [`Refusal::Conflict`] for backup codes where a factor has to be set up.
pub async fn second_factor(
    change: &mut Change<'_>,
    visitor: &Visitor,
    mut flow: Flow,
    (kind, code): (SecondFactorKind, &str),
    trust_device: bool,
) -> StepResult {
    flow.state.require(&[Step::Mfa, Step::MfaEnroll])?;
    let Progress::Proven { evidence, need } = flow.state.progress().clone() else {
        return Err(Refusal::internal("a step without what led to it").into());
    };
    let Some(user) = still_holding(change, visitor, &flow, &evidence).await? else {
        return Ok(Stepped::not(flow, Problem::InvalidCredentials));
    };
    change.act_as(Actor::user(evidence.user_id));
    flow.state.trust_device = trust_device;
    if need == Need::Enrollment {
        return Box::pin(finish_enrollment(change, visitor, flow, evidence, (kind, code))).await;
    }
    let found = change.reads().verifiers().of_user(flow.issuer_id, user.id).await?;
    let Some(verifier) = found.into_iter().find(|verifier| verifier.kind() == kind.verifier()) else {
        return Ok(Stepped::not(flow, Problem::InvalidCode));
    };
    let ground = ground(change, flow.issuer_id).await?;
    let policy = ground.issuer.details.settings.security.lockout;
    if let Some(problem) = Box::pin(guess(change, visitor, (&user, policy), &verifier, code)).await? {
        return Ok(Stepped::not(flow, problem));
    }
    let evidence = Evidence { second: Some(kind.proven()), at: change.now(), ..evidence };
    Box::pin(advance_with(change, visitor, (&user, &ground), flow, evidence)).await
}

/// Compares a code, which can be guessed: failures are counted like those of passwords (D160). Whoever knows the password
/// and fails here locks no browser out that is known for the user, and does not go on for ever.
async fn guess(
    change: &mut Change<'_>,
    visitor: &Visitor,
    (user, policy): (&User, LockoutPolicy),
    verifier: &Verifier,
    code: &str,
) -> Result<Option<Problem>, Refusal> {
    let method = verifier.kind().as_str();
    let place = (user.issuer_id, policy);
    let mut counted = Counted::take(change, visitor, place, user.username.as_str(), Some(user), method).await?;
    if let Some(problem) = counted.problem(change) {
        change.emit(events::refused(change.account(), verifier, counted.attempts()))?;
        return Ok(Some(problem));
    }
    if verifiers::accept(change, verifier, code).await? {
        counted.forget(change).await?;
        forgive_second(change, user).await?;
        return Ok(None);
    }
    counted.fail(change).await?;
    if counted.is_stranger() {
        // What is shown of the user tells of the failures of strangers, wherever they tried.
        let duration = Duration::from_secs(policy.duration_seconds.into());
        let lockout = Lockout { max_attempts: policy.max_attempts, duration };
        let attempts = verifier.attempts.failed_at(change.now(), lockout);
        change.unit().verifiers().count_attempts(verifier, attempts).await?;
    }
    change.emit(events::refused(change.account(), verifier, counted.attempts()))?;
    Ok(Some(counted.problem(change).unwrap_or(Problem::InvalidCode)))
}

async fn finish_enrollment(
    change: &mut Change<'_>,
    visitor: &Visitor,
    mut flow: Flow,
    evidence: Evidence,
    (kind, code): (SecondFactorKind, &str),
) -> StepResult {
    if kind != SecondFactorKind::Totp {
        return Err(Refusal::conflict("Only an authenticator app can be set up here.").into());
    }
    let enrollment = flow.state.enrollment.as_ref().map(|enrollment| enrollment.id);
    let place = (flow.issuer_id, evidence.user_id);
    match verifiers::complete(change, place, enrollment, code, None).await? {
        Completed::Enrolled { codes, .. } => {
            flow.state.enrollment = None;
            let evidence = Evidence { second: Some(SecondFactor::Totp), at: change.now(), ..evidence };
            let mut stepped = advance(change, visitor, flow, evidence).await?;
            let shown = |code: &BackupCode| Secret::new(code.expose());
            stepped.backup_codes = codes.iter().flatten().map(shown).collect();
            Ok(stepped)
        }
        Completed::WrongCode => Ok(Stepped::not(flow, Problem::InvalidCode)),
        Completed::Gone => Ok(Stepped::not(flow, Problem::Expired)),
    }
}

/// Begins to set up a second factor anew: the time of the one before is over, or the code was lost.
///
/// # Errors
/// [`StepError`](super::StepError).
pub async fn restart_enrollment(change: &mut Change<'_>, visitor: &Visitor, mut flow: Flow) -> StepResult {
    flow.state.require(&[Step::MfaEnroll])?;
    let Some(evidence) = flow.state.evidence().cloned() else {
        return Err(Refusal::internal("a step without what led to it").into());
    };
    if still_holding(change, visitor, &flow, &evidence).await?.is_none() {
        return Ok(Stepped::not(flow, Problem::InvalidCredentials));
    }
    let user = evidence.user_id;
    change.act_as(Actor::user(user));
    enroll(change, &mut flow, user).await?;
    save(change, &mut flow).await?;
    Ok(Stepped::to(flow))
}
