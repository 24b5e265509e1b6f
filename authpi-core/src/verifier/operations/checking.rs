//! Compares codes with credentials.

use super::{locked, lockout};
use crate::error::Refusal;
use crate::outcome::SpendOutcome;
use crate::store::Change;
use crate::timestamp::Timestamp;
use crate::verifier::events;
use crate::verifier::model::{Attempts, BackupCode, LOW, Proof, TotpSeed, Verifier};

/// What a code was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is accepted, this once.
    Accepted {
        /// Backup codes that are left; `None` for other credentials.
        remaining: Option<u32>,
    },
    /// It is not.
    Refused {
        /// Attempts that are left.
        remaining: u32,
        /// Nothing is accepted before this.
        locked_until: Option<Timestamp>,
    },
}

/// Compares a code with a credential. A failure leaves its trace, so it is no error.
///
/// # Errors
/// [`Refusal::Conflict`] for a password, which only a login compares; [`Refusal::NotFound`] when the credential is gone.
pub async fn verify(change: &mut Change<'_>, verifier: &Verifier, code: &str) -> Result<Checked, Refusal> {
    let (now, lockout) = (change.now(), lockout(change, verifier.issuer_id).await?);
    let verifier = alone(change, verifier).await?;
    let before = verifier.attempts.at(now);
    if before.locked_until.is_some() {
        change.emit(events::refused(change.account(), &verifier, before))?;
        return Ok(Checked::Refused { remaining: 0, locked_until: before.locked_until });
    }
    if let Some(remaining) = accepted(change, &verifier, code).await? {
        return Ok(Checked::Accepted { remaining });
    }
    let attempts: Attempts = before.failed_at(now, lockout);
    change.unit().verifiers().count_attempts(&verifier, attempts).await?;
    change.emit(events::refused(change.account(), &verifier, attempts))?;
    Ok(Checked::Refused { remaining: attempts.left_at(now, lockout), locked_until: attempts.locked_until })
}

/// Compares a code with a credential at a login, which counts what fails by browsers, and tells whether it is accepted. A
/// failure leaves no trace here.
///
/// # Errors
/// As [`verify`].
pub async fn accept(change: &mut Change<'_>, verifier: &Verifier, code: &str) -> Result<bool, Refusal> {
    let verifier = alone(change, verifier).await?;
    Ok(accepted(change, &verifier, code).await?.is_some())
}

/// The credential as it is now that nobody else checks it.
async fn alone(change: &mut Change<'_>, verifier: &Verifier) -> Result<Verifier, Refusal> {
    if !verifier.kind().takes_codes() {
        return Err(Refusal::conflict("A password is not verified by a code."));
    }
    let verifiers = locked(change, verifier.issuer_id, verifier.user_id).await?;
    verifiers.into_iter().find(|known| known.id == verifier.id).ok_or(Refusal::NotFound)
}

/// Spends a code and tells of it; as [`spent`].
async fn accepted(change: &mut Change<'_>, verifier: &Verifier, code: &str) -> Result<Option<Option<u32>>, Refusal> {
    let Some(remaining) = spent(change, verifier, code).await? else { return Ok(None) };
    change.emit(events::verified(change.account(), verifier))?;
    if let Some(left) = remaining.filter(|left| *left <= LOW) {
        change.emit(events::codes_low(change.account(), verifier, left))?;
    }
    Ok(Some(remaining))
}

/// Spends a code; the inner value is how many backup codes are left. `None` when it is worth nothing.
async fn spent(change: &mut Change<'_>, verifier: &Verifier, code: &str) -> Result<Option<Option<u32>>, Refusal> {
    match &verifier.proof {
        Proof::Totp { seed, .. } => {
            let (issuer, user) = (verifier.issuer_id, verifier.user_id);
            let seed = TotpSeed::open(seed, change.root_of(issuer)?, issuer, user)?;
            let Some(step) = seed.step_of(code, change.now())? else { return Ok(None) };
            let outcome = change.unit().verifiers().spend_step(verifier, step).await?;
            Ok((outcome == SpendOutcome::Spent).then_some(None))
        }
        Proof::BackupCodes { remaining, .. } => {
            let (issuer, user) = (verifier.issuer_id, verifier.user_id);
            let codes = change.reads().verifiers().codes(issuer, user, verifier.id).await?;
            let peppers = &change.keyring().peppers;
            let Some(code) = BackupCode::typed(code).among(&codes, peppers, verifier.id) else { return Ok(None) };
            let outcome = change.unit().verifiers().spend_code(verifier, code).await?;
            Ok((outcome == SpendOutcome::Spent).then_some(Some(remaining.saturating_sub(1))))
        }
        Proof::Password { .. } | Proof::TemporaryPassword { .. } => Ok(None),
    }
}
