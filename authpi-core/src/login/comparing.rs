//! Compares passwords before the unit of work begins: that takes tens of milliseconds of a CPU. A name that nobody has
//! costs as much.

use std::sync::Arc;

use super::operations::Compared;
use crate::error::Refusal;
use crate::id::{IssuerId, UserId};
use crate::verifier::model::{Password, PasswordHash, PasswordPolicy, Proof, Verifier};
use crate::web::services::Services;

/// Compares what was typed with the passwords of a user; `None` is nobody.
///
/// # Errors
/// [`Refusal::Overloaded`] when the CPU is busy; [`Refusal::Store`].
pub(super) async fn compare(
    services: &Services,
    issuer: IssuerId,
    user: Option<UserId>,
    typed: &str,
) -> Result<Compared, Refusal> {
    let mut verifiers = match user {
        Some(user) => services.store.reads().verifiers().of_user(issuer, user).await?,
        None => Vec::new(),
    };
    let now = services.now();
    verifiers.retain(|verifier| hash_of(verifier).is_some() && verifier.expires_at().is_none_or(|at| at > now));
    // The password first: it is what most people type.
    verifiers.sort_by_key(|verifier| matches!(verifier.proof, Proof::TemporaryPassword { .. }));
    let stored = verifiers.iter().find(|verifier| matches!(verifier.proof, Proof::Password { .. })).cloned();
    let is_typed = typed.len() <= PasswordPolicy::MAX_BYTES;
    let password = Arc::new(Password::new(if is_typed { typed } else { "" }));
    let compared = services.compute_for(issuer, move || compared(verifiers, &password)).await?;
    let (accepted, anew) = compared.map_err(Refusal::internal)?;
    Ok(Compared { user, stored, accepted, anew })
}

type Accepted = (Option<Verifier>, Option<PasswordHash>);

fn compared(verifiers: Vec<Verifier>, password: &Password) -> Result<Accepted, crate::verifier::model::HashingFailed> {
    if verifiers.is_empty() {
        let _ = PasswordHash::dummy().verify(password);
    }
    for verifier in verifiers {
        let Some(hash) = hash_of(&verifier) else { continue };
        if hash.verify(password) {
            let anew = if hash.is_outdated() { Some(PasswordHash::of(password)?) } else { None };
            return Ok((Some(verifier), anew));
        }
    }
    Ok((None, None))
}

const fn hash_of(verifier: &Verifier) -> Option<&PasswordHash> {
    match &verifier.proof {
        Proof::Password { hash } | Proof::TemporaryPassword { hash, .. } => Some(hash),
        Proof::Totp { .. } | Proof::BackupCodes { .. } => None,
    }
}
