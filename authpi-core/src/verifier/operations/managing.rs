//! Renames and removes credentials.

use super::{locked, of_kind};
use crate::device::operations as devices;
use crate::error::Refusal;
use crate::store::Change;
use crate::verifier::events;
use crate::verifier::model::{Proof, Verifier, VerifierKind};

/// Calls a credential something else; the same name again leaves version and events alone.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn rename(change: &mut Change<'_>, before: Verifier, name: Option<String>) -> Result<Verifier, Refusal> {
    if before.name == name {
        return Ok(before);
    }
    let updated_at = before.updated_at.next_version(change.now());
    let after = Verifier { name, updated_at, ..before.clone() };
    change.unit().verifiers().rename(&after, before.updated_at).await?.required()?;
    change.emit(events::updated(change.account(), &after, vec!["name".to_owned()]))?;
    Ok(after)
}

/// Removes a credential; with the last second factor go the backup codes that stand in for it. What it protected is
/// protected less: no device is trusted any more (D133).
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn remove(change: &mut Change<'_>, verifier: &Verifier) -> Result<(), Refusal> {
    let (issuer, user) = (verifier.issuer_id, verifier.user_id);
    let others = locked(change, issuer, user).await?;
    let others: Vec<_> = others.into_iter().filter(|other| other.id != verifier.id).collect();
    change.unit().verifiers().remove(verifier).await?.required()?;
    change.emit(events::deleted(change.account(), verifier))?;
    if verifier.kind().is_factor() {
        change.emit(events::factor_deleted(change.account(), verifier))?;
        let is_last = !others.iter().any(|other| other.kind().is_factor());
        if let Some(codes) = of_kind(&others, VerifierKind::BackupCodes).filter(|_| is_last) {
            change.unit().verifiers().remove(codes).await?.required()?;
            change.emit(events::deleted(change.account(), codes))?;
        }
    }
    if verifier.kind().is_factor() || matches!(verifier.proof, Proof::Password { .. }) {
        devices::revoke_all(change, issuer, user).await?;
    }
    Ok(())
}
