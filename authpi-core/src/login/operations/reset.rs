//! Forgotten passwords. A reset proves the mailbox, not the second factor, and needs a fresh login.

use super::advance::{Ground, ground};
use super::lockout::forgive;
use super::mailing::{Errand, post, reset_mail, takes_mail};
use super::password::named;
use super::redeem::note_replay;
use super::{Problem, StepResult, Stepped, Visitor, login_method, save, scene};
use crate::error::Refusal;
use crate::id::{IssuerId, UserId};
use crate::issuer::model::auth_method::AuthMethodKind;
use crate::login::model::{Flow, MailProof, MailToken, ProofPurpose, Step};
use crate::outcome::WriteOutcome;
use crate::store::{Change, Reads};
use crate::verifier::model::PasswordHash;
use crate::verifier::operations as verifiers;

/// Somebody has forgotten the password. Whoever that is, the answer is the same.
///
/// # Errors
/// [`StepError`](super::StepError); [`Refusal::NotFound`] when the issuer offers no passwords, or no new ones.
pub async fn request_reset(change: &mut Change<'_>, visitor: &Visitor, mut flow: Flow) -> StepResult {
    flow.state.require(&[Step::FirstFactor])?;
    if !is_offered(&ground(change, flow.issuer_id).await?) {
        return Err(Refusal::NotFound.into());
    }
    let user = match named(change, &flow).await? {
        Some(user) if takes_mail(change, &user).await? => Some(user),
        _ => None,
    };
    if let Some(user) = &user {
        change.emit(scene(&flow).reset_requested(user.id))?;
    }
    let typed = flow.state.identifier.clone().unwrap_or_default();
    // Nobody's mail is made and kept like anybody's: only the letter is left out.
    let proof = post(change, visitor, Errand::of(&flow), reset_mail(user.as_ref(), typed)).await?;
    flow.wait_for(&proof);
    save(change, &mut flow).await?;
    Ok(Stepped::to(flow))
}

/// The issuer has passwords, and those that are forgotten replaced.
fn is_offered(ground: &Ground) -> bool {
    let is_on = ground.issuer.details.settings.portals.password_reset.enabled;
    is_on && login_method(&ground.methods, AuthMethodKind::Password).is_some()
}

/// Whose password a link resets: what a new one is looked at with.
pub struct ResetSubject {
    /// The user.
    pub user: UserId,
    /// The name they sign in with.
    pub username: String,
    /// What others know about them.
    pub about: Vec<String>,
}

/// Whose password a link resets, if it does.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn reset_subject(
    reads: &dyn Reads,
    peppers: &crate::secret::Peppers,
    issuer: IssuerId,
    token: &MailToken,
    now: crate::timestamp::Timestamp,
) -> Result<Option<ResetSubject>, Refusal> {
    let Some(proof) =
        reads.logins().proof(issuer, token.id).await?.filter(|proof| is_reset(proof, token, peppers, now))
    else {
        return Ok(None);
    };
    let Some(user) = proof.user_id else { return Ok(None) };
    let found = reads.users().find(issuer, user).await?;
    Ok(found.map(|user| ResetSubject {
        user: user.id,
        username: user.username.as_str().to_owned(),
        about: user.known_about(),
    }))
}

fn is_reset(
    proof: &MailProof,
    token: &MailToken,
    peppers: &crate::secret::Peppers,
    now: crate::timestamp::Timestamp,
) -> bool {
    proof.purpose == ProofPurpose::PasswordReset && token.is_of(proof, peppers) && proof.is_live(now)
}

/// Somebody has read the mail, and chosen a password. All sessions end; the login begins with who they are.
///
/// # Errors
/// [`StepError`](super::StepError).
pub async fn complete_reset(
    change: &mut Change<'_>,
    visitor: &Visitor,
    mut flow: Flow,
    token: &MailToken,
    password: Option<PasswordHash>,
) -> StepResult {
    flow.state.require(&[Step::Identify, Step::FirstFactor])?;
    let issuer = flow.issuer_id;
    let now = change.now();
    let found = change.reads().logins().proof(issuer, token.id).await?;
    let peppers = &change.keyring().peppers;
    let found = found.filter(|proof| is_reset(proof, token, peppers, now));
    let (Some(proof), Some(password)) = (found, password) else {
        note_replay(change, issuer, (token, ProofPurpose::PasswordReset)).await?;
        return Ok(Stepped::not(flow, Problem::Expired));
    };
    let user = match proof.user_id {
        Some(user) => change.reads().users().find(issuer, user).await?,
        None => None,
    };
    let address = proof.content(change.root_of(issuer)?)?.address;
    let Some(user) = user.filter(|user| user.email() == Some(address.as_str())) else {
        return Ok(Stepped::not(flow, Problem::Expired));
    };
    let is_open = is_offered(&ground(change, issuer).await?);
    if !is_open || !takes_mail(change, &user).await? {
        return Ok(Stepped::not(flow, Problem::Expired));
    }
    if change.unit().logins().spend_proof(issuer, proof.id).await? == WriteOutcome::Stale {
        return Ok(Stepped::not(flow, Problem::Expired));
    }
    change.act_as(crate::event::model::Actor::user(user.id));
    let user = super::claim::claim(change, visitor, user).await?.user;
    verifiers::reset_password(change, issuer, user.id, password).await?;
    change.unit().logins().remove_proofs_of_user(issuer, user.id).await?;
    let user = change.reads().users().find(issuer, user.id).await?.ok_or(Refusal::NotFound)?;
    forgive(change, &user).await?;
    flow.state.identified(user.username.as_str().to_owned())?;
    save(change, &mut flow).await?;
    Ok(Stepped::to(flow))
}
