//! Proof of an address ends what a stranger put there (D185).

use super::Visitor;
use crate::error::Refusal;
use crate::id::AccountId;
use crate::login::events;
use crate::store::Change;
use crate::user::model::{User, UserOrigin};
use crate::user::operations as users;
use crate::user::operations::revocation::revoke_own;
use crate::verifier::operations as verifiers;

/// A user whose address is proven.
pub(super) struct Claimed {
    /// The user.
    pub(super) user: User,
    /// What a stranger had put there is gone.
    pub(super) is_cleared: bool,
}

/// Somebody has read a mail to the address of a user. Whoever does that first owns the account: what somebody else put
/// there who signed up with the address, and never proved it, is removed before the login goes on. The browser of the
/// sign-up is no other.
pub(super) async fn claim(change: &mut Change<'_>, visitor: &Visitor, user: User) -> Result<Claimed, Refusal> {
    let is_unproven = user.origin == UserOrigin::SignUp && !user.details.profile.email_verified;
    let is_cleared = is_unproven && !is_own_browser(change, visitor, &user).await?;
    let (issuer, id) = (user.issuer_id, user.id);
    let verified = users::verify_address(change, user).await?;
    if !is_cleared {
        return Ok(Claimed { user: verified, is_cleared });
    }
    clear(change, &verified).await?;
    let user = change.reads().users().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
    Ok(Claimed { user, is_cleared })
}

async fn is_own_browser(change: &Change<'_>, visitor: &Visitor, user: &User) -> Result<bool, Refusal> {
    let Some(fingerprint) = visitor.fingerprint else { return Ok(false) };
    let now = change.now();
    let devices = change.reads().devices().of_user(user.issuer_id, user.id).await?;
    Ok(devices.iter().any(|device| device.fingerprint == fingerprint && device.known_at(now).is_some()))
}

/// What an administrator set stays; trust in browsers goes whoever gave it.
async fn clear(change: &mut Change<'_>, user: &User) -> Result<(), Refusal> {
    let (issuer, id) = (user.issuer_id, user.id);
    let account: AccountId = change.account();
    revoke_own(change, issuer, id, "address_claimed").await?;
    // The last factor takes the backup codes with it, so they are asked for anew.
    loop {
        let verifiers = change.reads().verifiers().of_user(issuer, id).await?;
        let Some(own) = verifiers.into_iter().find(|verifier| !verifier.by_another) else { break };
        verifiers::remove(change, &own).await?;
    }
    change.unit().verifiers().remove_enrollments(issuer, id).await?;
    change.unit().devices().remove_of_user(issuer, id).await?;
    change.unit().logins().remove_proofs_of_user(issuer, id).await?;
    // An application that the stranger agreed to would get at the owner's data unasked.
    loop {
        let consents = change.reads().grants().consents(issuer, id).await?;
        if consents.is_empty() {
            return Ok(());
        }
        for consent in consents {
            change.unit().grants().remove_consent(issuer, id, consent.client_id).await?;
            change.emit(events::consent_revoked((account, issuer), id, consent.client_id, &consent.scopes))?;
        }
    }
}
