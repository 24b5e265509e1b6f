//! What can be done with credentials.

mod checking;
mod enrolling;
mod managing;
mod passwords;

pub use checking::{Checked, accept, verify};
pub use enrolling::{Completed, Enrolling, complete, enroll, regenerate};
pub use managing::{remove, rename};
pub use passwords::{reset_password, set_password, set_temporary_password, spend_temporary_password};

use super::model::{Attempts, BackupCode, BackupCodes, DEFAULT_CODES, Lockout, Proof, Verifier, VerifierKind};
use crate::error::Refusal;
use crate::id::{IssuerId, UserId};
use crate::store::Change;

use std::time::Duration;

/// Locks the user and gives the credentials it has now: rules over them hold until the end of the unit of work.
async fn locked(change: &mut Change<'_>, issuer: IssuerId, user: UserId) -> Result<Vec<Verifier>, Refusal> {
    if change.unit().users().lock(issuer, user).await?.is_none() {
        return Err(Refusal::NotFound);
    }
    let now = change.now();
    let mut verifiers = change.reads().verifiers().of_user(issuer, user).await?;
    verifiers.retain(|verifier| verifier.expires_at().is_none_or(|at| at > now));
    Ok(verifiers)
}

fn of_kind(verifiers: &[Verifier], kind: VerifierKind) -> Option<&Verifier> {
    verifiers.iter().find(|verifier| verifier.kind() == kind)
}

/// A credential that was not there before.
fn new_verifier(
    change: &Change<'_>,
    (issuer, user): (IssuerId, UserId),
    name: Option<String>,
    proof: Proof,
) -> Result<Verifier, Refusal> {
    let now = change.now();
    Ok(Verifier {
        id: change.mint()?,
        issuer_id: issuer,
        user_id: user,
        name,
        proof,
        proof_set_at: now,
        by_another: change.actor().is_other_than(user),
        attempts: Attempts::default(),
        last_used_at: None,
        created_at: now,
        updated_at: now,
    })
}

/// When a credential of the issuer is locked, and for how long.
async fn lockout(change: &Change<'_>, issuer: IssuerId) -> Result<Lockout, Refusal> {
    let found = change.reads().issuers().find(change.account(), issuer).await?.ok_or(Refusal::NotFound)?;
    let policy = found.details.settings.security.lockout;
    let duration = Duration::from_secs(policy.duration_seconds.into());
    Ok(Lockout { max_attempts: policy.max_attempts, duration })
}

/// New backup codes, as many as the issuer wants (`settings.count` of its method `backup_codes`).
async fn new_codes(change: &Change<'_>, issuer: IssuerId) -> Result<BackupCodes, Refusal> {
    let methods = change.reads().issuers().auth_methods(issuer).await?;
    let wanted = methods.into_iter().find_map(|method| method.details.settings.count);
    (0..wanted.unwrap_or(DEFAULT_CODES)).map(|_| Ok(BackupCode::new(&change.random()?))).collect()
}

/// Stores codes in the place of those that a set has.
async fn store_codes(change: &mut Change<'_>, set: &Verifier, codes: &BackupCodes) -> Result<(), Refusal> {
    let hashes: Vec<_> = codes.iter().map(|code| code.hash(&change.keyring().peppers, set.id)).collect();
    Ok(change.unit().verifiers().replace_codes(set, &hashes).await?)
}

/// A set of `codes`.
fn set_of(codes: &BackupCodes) -> Proof {
    let count = u32::try_from(codes.len()).unwrap_or(u32::MAX);
    Proof::BackupCodes { total: count, remaining: count }
}
