//! Sets passwords.

use super::{locked, new_verifier, of_kind};
use crate::device::operations as devices;
use crate::error::Refusal;
use crate::id::{IssuerId, UserId};
use crate::session::model::EndCause;
use crate::session::operations as sessions;
use crate::store::Change;
use crate::verifier::events;
use crate::verifier::model::{Attempts, PasswordHash, Proof, TEMPORARY_LASTS, Verifier, VerifierKind};

/// Gives a user a password, or another one in its place: then all sessions end (D126), and no device is trusted any more
/// (D133). A temporary password has served its purpose by that.
///
/// # Errors
/// [`Refusal::NotFound`] when there is no such user; [`Refusal::Stale`] when a credential has changed meanwhile.
pub async fn set_password(
    change: &mut Change<'_>,
    issuer: IssuerId,
    user: UserId,
    hash: PasswordHash,
) -> Result<Verifier, Refusal> {
    let place = change.place()?;
    let (password, is_first) = put(change, issuer, user, hash).await?;
    if !is_first {
        let ended = end_sessions(change, &password, "password_changed").await?;
        let told = events::password_changed(change.account(), &password, change.actor(), ended);
        change.emit_at(place, told)?;
        devices::revoke_all(change, issuer, user).await?;
    }
    Ok(password)
}

/// Gives a user a password in the place of one that was forgotten; otherwise as [`set_password`].
///
/// # Errors
/// As [`set_password`].
pub async fn reset_password(
    change: &mut Change<'_>,
    issuer: IssuerId,
    user: UserId,
    hash: PasswordHash,
) -> Result<Verifier, Refusal> {
    let place = change.place()?;
    let (password, _) = put(change, issuer, user, hash).await?;
    // The mailbox was proven, and all that came in without it is out, with or without a password before.
    let ended = end_sessions(change, &password, "password_reset").await?;
    let told = events::password_reset(change.account(), &password, ended);
    change.emit_at(place, told)?;
    devices::revoke_all(change, issuer, user).await?;
    Ok(password)
}

async fn end_sessions(change: &mut Change<'_>, password: &Verifier, reason: &str) -> Result<u32, Refusal> {
    let (issuer, user) = (password.issuer_id, password.user_id);
    sessions::end_all(change, issuer, user, EndCause::Revoked, Some(reason.to_owned())).await
}

/// Spends a password that is good for one login.
///
/// # Errors
/// [`Refusal::Stale`] when it was spent or replaced meanwhile.
pub async fn spend_temporary_password(change: &mut Change<'_>, verifier: &Verifier) -> Result<(), Refusal> {
    change.unit().verifiers().remove(verifier).await?.required()?;
    change.emit(events::deleted(change.account(), verifier))
}

/// The password, and whether there was none before. A temporary one goes.
async fn put(
    change: &mut Change<'_>,
    issuer: IssuerId,
    user: UserId,
    hash: PasswordHash,
) -> Result<(Verifier, bool), Refusal> {
    let verifiers = locked(change, issuer, user).await?;
    let proof = Proof::Password { hash };
    let before = of_kind(&verifiers, VerifierKind::Password);
    let password = if let Some(before) = before {
        replaced(change, before, proof).await?
    } else {
        let password = new_verifier(change, (issuer, user), None, proof)?;
        change.unit().verifiers().insert(&password).await?;
        change.emit(events::created(change.account(), &password))?;
        password
    };
    if let Some(temporary) = of_kind(&verifiers, VerifierKind::TemporaryPassword) {
        change.unit().verifiers().remove(temporary).await?.required()?;
        change.emit(events::deleted(change.account(), temporary))?;
    }
    Ok((password, before.is_none()))
}

/// Gives a user a password for the next login, which must replace it. It does not touch the password that there is.
///
/// # Errors
/// As [`set_password`].
pub async fn set_temporary_password(
    change: &mut Change<'_>,
    issuer: IssuerId,
    user: UserId,
    hash: PasswordHash,
) -> Result<Verifier, Refusal> {
    let verifiers = locked(change, issuer, user).await?;
    let proof = Proof::TemporaryPassword { hash, expires_at: change.now().plus(TEMPORARY_LASTS) };
    if let Some(before) = of_kind(&verifiers, VerifierKind::TemporaryPassword) {
        let password = replaced(change, before, proof).await?;
        change.emit(events::updated(change.account(), &password, vec!["expires_at".to_owned()]))?;
        return Ok(password);
    }
    let password = new_verifier(change, (issuer, user), None, proof)?;
    change.unit().verifiers().insert(&password).await?;
    change.emit(events::created(change.account(), &password))?;
    Ok(password)
}

/// Another proof under the same id; what failed against the one before does not count.
async fn replaced(change: &mut Change<'_>, before: &Verifier, proof: Proof) -> Result<Verifier, Refusal> {
    let after = Verifier {
        proof,
        proof_set_at: change.now(),
        by_another: change.actor().is_other_than(before.user_id),
        attempts: Attempts::default(),
        updated_at: before.updated_at.next_version(change.now()),
        ..before.clone()
    };
    change.unit().verifiers().update(&after, before.updated_at).await?.required()?;
    Ok(after)
}
