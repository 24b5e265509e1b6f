//! Proof of an address ends what a stranger put there (D185).

use super::Visitor;
use crate::error::Refusal;
use crate::store::Change;
use crate::user::model::{User, UserOrigin};
use crate::user::operations as users;
use crate::user::operations::revocation::{Also, revoke_all};
use crate::verifier::operations as verifiers;

/// Somebody has read a mail to the address of a user. Whoever does that first owns the account: what somebody else put
/// there who signed up with the address, and never proved it, is removed before the login goes on. The browser of the
/// sign-up is no other.
pub(super) async fn claim(change: &mut Change<'_>, visitor: &Visitor, user: User) -> Result<User, Refusal> {
    let is_unproven = user.origin == UserOrigin::SignUp && !user.details.profile.email_verified;
    if is_unproven && !is_own_browser(change, visitor, &user).await? {
        clear(change, &user).await?;
    }
    let found = change.reads().users().find(user.issuer_id, user.id).await?.ok_or(Refusal::NotFound)?;
    users::verify_address(change, found).await
}

async fn is_own_browser(change: &Change<'_>, visitor: &Visitor, user: &User) -> Result<bool, Refusal> {
    let Some(fingerprint) = visitor.fingerprint else { return Ok(false) };
    let now = change.now();
    let devices = change.reads().devices().of_user(user.issuer_id, user.id).await?;
    Ok(devices.iter().any(|device| device.fingerprint == fingerprint && device.known_at(now).is_some()))
}

async fn clear(change: &mut Change<'_>, user: &User) -> Result<(), Refusal> {
    let (issuer, id) = (user.issuer_id, user.id);
    let also = [Also::TrustedDevices, Also::PersonalTokens, Also::Delegations];
    revoke_all(change, issuer, id, Some("address_claimed".to_owned()), &also).await?;
    // The last factor takes the backup codes with it, so they are asked for anew.
    while let Some(verifier) = change.reads().verifiers().of_user(issuer, id).await?.pop() {
        verifiers::remove(change, &verifier).await?;
    }
    change.unit().verifiers().remove_of_user(issuer, id).await?;
    change.unit().devices().remove_of_user(issuer, id).await?;
    change.unit().logins().remove_proofs_of_user(issuer, id).await?;
    Ok(())
}
