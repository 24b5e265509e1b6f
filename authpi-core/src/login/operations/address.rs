//! Another address in the place of the one that a user has (idp §21). It takes effect once somebody has read the mail to
//! it, and says so where the change was asked for.

use super::Visitor;
use super::admission::is_allowed;
use super::advance::ground;
use super::lockout::Counted;
use super::mailing::{Errand, change_mail, post, tell_of_account};
use super::redeem::{Redeemed, spend};
use crate::error::{FieldCode, Refusal};
use crate::event::model::Actor;
use crate::id::{IssuerId, UserId};
use crate::issuer::model::Issuer;
use crate::issuer::model::access::AccessMode;
use crate::login::model::{MailProof, ProofContent, ProofPurpose, TypedCode};
use crate::mailbox::Mailbox;
use crate::outcome::WriteOutcome;
use crate::store::Change;
use crate::user::events;
use crate::user::model::UsernameHash;
use crate::user::operations as users;

/// What is counted of wrong codes.
const METHOD: &str = "email-otp";

/// A user who is signed in wants another address. What was asked for before is forgotten; that somebody has the address
/// is for whoever reads its mail to know.
///
/// # Errors
/// [`Refusal::NotFound`] for no such user; [`Refusal::Fields`] for what is no address, that of the user, or not of a domain
/// that the issuer allows.
pub async fn request_change(
    change: &mut Change<'_>,
    visitor: &Visitor,
    issuer: IssuerId,
    user: UserId,
    address: &str,
) -> Result<(), Refusal> {
    change.unit().users().lock(issuer, user).await?.ok_or(Refusal::NotFound)?;
    let user = change.reads().users().find(issuer, user).await?.ok_or(Refusal::NotFound)?;
    let Some(mailbox) = Mailbox::parse(address) else {
        return Err(Refusal::field("email", FieldCode::InvalidFormat, "must be an e-mail address"));
    };
    let root = change.root_of(issuer)?;
    let new = UsernameHash::of(root, address);
    let old = user.email().map(|email| UsernameHash::of(root, email));
    if old == Some(new) {
        return Err(Refusal::field("email", FieldCode::NotAllowed, "is the address already"));
    }
    if !is_welcome(&ground(change, issuer).await?.issuer, &mailbox) {
        return Err(Refusal::field("email", FieldCode::NotAllowed, "must be of an allowed domain"));
    }
    if let Some(before) = change.reads().logins().proof_of_user(issuer, user.id, ProofPurpose::EmailChange).await? {
        let _ = spend(change, &before).await?;
    }
    change.act_as(Actor::user(user.id));
    change.emit(events::email_change_requested(change.account(), &user, old, new))?;
    let errand = || Errand { issuer, flow: None, application: None };
    let owner = change.reads().users().find_by_username_hash(issuer, &new).await?.filter(|owner| owner.id != user.id);
    if let Some(owner) = &owner {
        tell_of_account(change, visitor, errand(), owner).await?;
    }
    post(change, visitor, errand(), change_mail(user.id, address.to_owned(), owner.is_some())).await.map(|_| ())
}

/// The issuer lets users have this address.
fn is_welcome(issuer: &Issuer, address: &Mailbox) -> bool {
    let access = &issuer.details.settings.access;
    !matches!(access.mode, AccessMode::DomainRestricted) || is_allowed(&access.allowed_domains, address)
}

/// The user of the session in this browser types the code that the link has shown in another one.
///
/// # Errors
/// [`Refusal::Store`]; [`Refusal::Stale`] when somebody else did something with it meanwhile.
pub async fn enter_change(
    change: &mut Change<'_>,
    visitor: &Visitor,
    issuer: IssuerId,
    code: &TypedCode,
) -> Result<Redeemed, Refusal> {
    let Some(id) = visitor.session.as_ref().map(|session| session.user_id) else { return Ok(Redeemed::Dead) };
    let Some(user) = change.reads().users().find(issuer, id).await? else { return Ok(Redeemed::Dead) };
    let policy = ground(change, issuer).await?.issuer.details.settings.security.lockout;
    let name = user.username.as_str().to_owned();
    let mut counted = Counted::take(change, visitor, (issuer, policy), &name, Some(&user), METHOD).await?;
    if counted.problem(change).is_some() {
        return Ok(Redeemed::Dead);
    }
    let found = change.reads().logins().proof_of_user(issuer, id, ProofPurpose::EmailChange).await?;
    let Some(proof) = found.filter(|proof| proof.is_live(change.now())) else { return Ok(Redeemed::Dead) };
    if !code.is_of(&proof, &change.keyring().peppers) {
        change.unit().logins().fail_proof(&proof).await?.required()?;
        counted.fail(change).await?;
        return Ok(Redeemed::Dead);
    }
    counted.succeed(change).await?;
    let content = proof.content(change.root_of(issuer)?)?;
    take_effect(change, proof, content).await
}

/// The mail was read, and that was said where the change was asked for.
pub(super) async fn take_effect(
    change: &mut Change<'_>,
    proof: MailProof,
    content: ProofContent,
) -> Result<Redeemed, Refusal> {
    if spend(change, &proof).await? == WriteOutcome::Stale {
        return Ok(Redeemed::Dead);
    }
    let (issuer, address) = (proof.issuer_id, content.address);
    let user = match proof.user_id {
        Some(user) => change.reads().users().find(issuer, user).await?,
        None => None,
    };
    let user = user.filter(|user| user.status.value.may_authenticate());
    // The issuer may have become more particular meanwhile.
    let is_welcome = match Mailbox::parse(&address) {
        Some(mailbox) => is_welcome(&ground(change, issuer).await?.issuer, &mailbox),
        None => false,
    };
    let Some(user) = user.filter(|_| is_welcome) else { return Ok(Redeemed::Dead) };
    change.act_as(Actor::user(user.id));
    let id = user.id;
    match users::change_address(change, user, &address).await {
        Ok(_) => {}
        Err(Refusal::Conflict { .. }) => return Ok(Redeemed::Dead),
        Err(other) => return Err(other),
    }
    // What was mailed to the address before proves nothing any more.
    change.unit().logins().remove_proofs_of_user(issuer, id).await?;
    Ok(Redeemed::Verified { address })
}
