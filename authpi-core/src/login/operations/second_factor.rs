//! The second factor: asked for, or set up.

use super::advance::{advance, enroll, still_holds};
use super::{Problem, StepResult, Stepped, Visitor, save};
use crate::error::Refusal;
use crate::event::model::Actor;
use crate::login::model::{Evidence, Flow, Need, Progress, SecondFactor, Step};
use crate::secret::Secret;
use crate::store::Change;
use crate::verifier::model::{BackupCode, VerifierKind};
use crate::verifier::operations::{self as verifiers, Checked, Completed};

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
    if !still_holds(change, visitor, &flow, &evidence).await? {
        return Ok(Stepped::not(flow, Problem::InvalidCredentials));
    }
    change.act_as(Actor::User { user_id: evidence.user_id });
    flow.state.trust_device = trust_device;
    if need == Need::Enrollment {
        return finish_enrollment(change, visitor, flow, evidence, (kind, code)).await;
    }
    let found = change.reads().verifiers().of_user(flow.issuer_id, evidence.user_id).await?;
    let Some(verifier) = found.into_iter().find(|verifier| verifier.kind() == kind.verifier()) else {
        return Ok(Stepped::not(flow, Problem::InvalidCode));
    };
    match verifiers::verify(change, &verifier, code).await? {
        Checked::Accepted { .. } => {
            let evidence = Evidence { second: Some(kind.proven()), at: change.now(), ..evidence };
            advance(change, visitor, flow, evidence).await
        }
        Checked::Refused { locked_until: Some(until), .. } => {
            Ok(Stepped::not(flow, Problem::locked_until(until, change.now())))
        }
        Checked::Refused { .. } => Ok(Stepped::not(flow, Problem::InvalidCode)),
    }
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
    if !still_holds(change, visitor, &flow, &evidence).await? {
        return Ok(Stepped::not(flow, Problem::InvalidCredentials));
    }
    let user = evidence.user_id;
    change.act_as(Actor::User { user_id: user });
    enroll(change, &mut flow, user).await?;
    save(change, &mut flow).await?;
    Ok(Stepped::to(flow))
}
