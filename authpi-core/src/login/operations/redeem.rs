//! What was mailed comes back: as a code that is typed, or as a link that is opened.

use super::address::take_effect;
use super::admission::{Glance, come};
use super::advance::{advance, ground};
use super::claim::claim;
use super::lockout::{Counted, forgive};
use super::password::named;
use super::signup::create;
use super::{Problem, StepError, StepResult, Stepped, Visitor, find, scene};
use crate::error::Refusal;
use crate::id::IssuerId;
use crate::login::events::Scene;
use crate::login::model::{
    Evidence, FirstFactor, Flow, MailProof, MailToken, Progress, ProofContent, ProofPurpose, Step, TypedCode,
};
use crate::mailbox::Mailbox;
use crate::outcome::WriteOutcome;
use crate::store::Change;
use crate::user::model::User;

const METHOD: &str = "email-otp";

/// Somebody types the code of a mail where they asked for it.
///
/// # Errors
/// [`StepError`].
pub async fn enter(change: &mut Change<'_>, visitor: &Visitor, flow: Flow, code: &TypedCode) -> StepResult {
    flow.state.require(&[Step::FirstFactor, Step::VerifyEmail])?;
    let (user, name) = counted_as(change, &flow).await?;
    let policy = ground(change, flow.issuer_id).await?.issuer.details.settings.security.lockout;
    let place = (flow.issuer_id, policy);
    let mut counted = Counted::take(change, visitor, place, &name, user.as_ref(), METHOD).await?;
    if let Some(problem) = counted.problem(change) {
        let user = user.map(|user| user.id);
        change.emit(scene(&flow).refused(user, METHOD, "locked", counted.tries))?;
        return Ok(Stepped::not(flow, problem));
    }
    let Some(proof) = current(change, &flow).await? else { return Ok(Stepped::not(flow, Problem::Expired)) };
    if !code.is_of(&proof, &change.keyring().peppers) {
        change.unit().logins().fail_proof(&proof).await?.required()?;
        counted.fail(change).await?;
        change.emit(scene(&flow).refused(proof.user_id, METHOD, "invalid_code", counted.tries))?;
        let problem = counted.problem(change).unwrap_or(Problem::InvalidCode);
        return Ok(Stepped::not(flow, problem));
    }
    counted.succeed(change).await?;
    Box::pin(redeem(change, visitor, flow, proof)).await
}

/// Whose failures are counted, and under which name: of somebody who has proven something that of the user, whatever was
/// typed before.
async fn counted_as(change: &Change<'_>, flow: &Flow) -> Result<(Option<User>, String), Refusal> {
    let typed = flow.state.identifier.clone().unwrap_or_default();
    match flow.state.progress() {
        Progress::FirstFactor => Ok((named(change, flow).await?, typed)),
        Progress::Proven { evidence, .. } => {
            let user = change.reads().users().find(flow.issuer_id, evidence.user_id).await?;
            let user = user.ok_or(Refusal::NotFound)?;
            let name = user.username.as_str().to_owned();
            Ok((Some(user), name))
        }
        _ => Ok((None, typed)),
    }
}

/// The mail that the login waits for.
async fn current(change: &Change<'_>, flow: &Flow) -> Result<Option<MailProof>, Refusal> {
    let Some(id) = flow.state.mail else { return Ok(None) };
    let found = change.reads().logins().proof(flow.issuer_id, id).await?;
    Ok(found.filter(|proof| proof.is_live(change.now())))
}

/// What a link turned out to be.
pub enum Redeemed {
    /// It did what it is for.
    Done {
        /// Where the login stands.
        stepped: Box<Stepped>,
        /// The address that it proves.
        address: String,
    },
    /// The address is proven; the login that it belonged to is over.
    Verified {
        /// The address.
        address: String,
    },
    /// It was opened in another browser than the one that asked: that one wants this code.
    Elsewhere {
        /// How the mail came to be.
        content: Box<ProofContent>,
        /// When.
        asked_at: crate::timestamp::Timestamp,
        /// What to type there.
        code: TypedCode,
    },
    /// It is worth nothing.
    Dead,
}

/// Somebody opens the link of a mail. Looking at it changes nothing: scanners do. With `confirmed` it is used, in the
/// browser that asked for it only.
///
/// # Errors
/// [`StepError`].
pub async fn open_link(
    change: &mut Change<'_>,
    visitor: &Visitor,
    issuer: IssuerId,
    (token, purpose): (&MailToken, ProofPurpose),
    confirmed: bool,
) -> Result<Redeemed, StepError> {
    let found = change.reads().logins().proof(issuer, token.id).await?;
    let peppers = &change.keyring().peppers;
    let found = found.filter(|proof| proof.purpose.is_opened_as(purpose) && token.is_of(proof, peppers));
    let Some(proof) = found.filter(|proof| proof.is_live(change.now())) else {
        if confirmed {
            note_replay(change, issuer, (token, purpose)).await?;
        }
        return Ok(Redeemed::Dead);
    };
    let content = proof.content(change.root_of(issuer)?)?;
    let is_owner = proof.user_id.is_some() && visitor.session.as_ref().map(|session| session.user_id) == proof.user_id;
    // What ends the sessions of a user ends their changes of address, too.
    let is_here = match proof.purpose {
        ProofPurpose::EmailChange => is_owner,
        _ => proof.browser.is(&visitor.mark) || (purpose == ProofPurpose::VerifyEmail && is_owner),
    };
    if !is_here {
        let code = token.code(change.root_of(issuer)?, 6);
        return Ok(Redeemed::Elsewhere { content: Box::new(content), asked_at: proof.created_at, code });
    }
    if !confirmed {
        return Ok(Redeemed::Verified { address: content.address });
    }
    let flow = match proof.flow_id {
        Some(id) => find(change, issuer, id).await?,
        None => None,
    };
    // A mail that was sent after this one took its place.
    match flow.filter(|flow| flow.browser.is(&visitor.mark) && flow.state.mail == Some(proof.id)) {
        Some(flow) => {
            let stepped = Box::new(Box::pin(redeem(change, visitor, flow, proof)).await?);
            Ok(Redeemed::Done { stepped, address: content.address })
        }
        None if proof.purpose == ProofPurpose::EmailChange => Ok(take_effect(change, proof, content).await?),
        None if purpose == ProofPurpose::VerifyEmail => alone(change, visitor, proof, content).await,
        None => Ok(Redeemed::Dead),
    }
}

/// An address is proven after its login is over.
async fn alone(
    change: &mut Change<'_>,
    visitor: &Visitor,
    proof: MailProof,
    content: ProofContent,
) -> Result<Redeemed, StepError> {
    if spend(change, &proof).await? == WriteOutcome::Stale {
        return Ok(Redeemed::Dead);
    }
    let issuer = proof.issuer_id;
    if let Some(user) = proof.user_id {
        let Some(user) = change.reads().users().find(issuer, user).await? else { return Ok(Redeemed::Dead) };
        if user.email() != Some(content.address.as_str()) {
            return Ok(Redeemed::Dead);
        }
        change.act_as(crate::event::model::Actor::user(user.id));
        claim(change, visitor, user).await?;
    } else if let Some(pending) = &content.pending {
        let ground = ground(change, issuer).await?;
        let Some(address) = Mailbox::parse(&content.address) else { return Ok(Redeemed::Dead) };
        let admitted = come(Glance::of(change, issuer)?, &ground, &address, pending).await?;
        let Some(admitted) = admitted else { return Ok(Redeemed::Dead) };
        if create(change, issuer, &content.address, pending, admitted).await?.is_none() {
            return Ok(Redeemed::Dead);
        }
    } else {
        return Ok(Redeemed::Dead);
    }
    Ok(Redeemed::Verified { address: content.address })
}

/// A link that was used before is used again: that leaves a trace. Nothing ends, because whoever has the link is nobody
/// yet; and looking at it leaves none, because scanners do.
pub(super) async fn note_replay(
    change: &mut Change<'_>,
    issuer: IssuerId,
    (token, purpose): (&MailToken, ProofPurpose),
) -> Result<(), Refusal> {
    let spent = change.reads().logins().spent_proof(issuer, token.id).await?;
    let peppers = &change.keyring().peppers;
    let spent = spent.filter(|proof| proof.purpose.is_opened_as(purpose) && token.is_of(proof, peppers));
    let Some(proof) = spent else { return Ok(()) };
    let flow = match proof.flow_id {
        Some(id) => find(change, issuer, id).await?,
        None => None,
    };
    let alone = Scene { account_id: change.account(), issuer_id: issuer, client_id: None };
    let scene = flow.as_ref().map_or(alone, scene);
    change.emit(scene.replayed(proof.user_id, proof.flow_id, "link"))
}

pub(super) async fn spend(change: &mut Change<'_>, proof: &MailProof) -> Result<WriteOutcome, Refusal> {
    Ok(change.unit().logins().spend_proof(proof.issuer_id, proof.id).await?)
}

/// Spends what was mailed, and takes the login on.
async fn redeem(change: &mut Change<'_>, visitor: &Visitor, flow: Flow, proof: MailProof) -> StepResult {
    if spend(change, &proof).await? == WriteOutcome::Stale {
        return Err(StepError::Replayed);
    }
    let content = proof.content(change.root_of(flow.issuer_id)?)?;
    match flow.state.progress().clone() {
        Progress::FirstFactor => log_in(change, visitor, flow, &proof, &content).await,
        Progress::SignUp => become_user(change, visitor, flow, &content).await,
        Progress::Proven { evidence, .. } => {
            let found = change.reads().users().find(flow.issuer_id, evidence.user_id).await?;
            let user = found.ok_or(Refusal::NotFound)?;
            // Another address took its place meanwhile: this one proves nothing.
            if user.email() != Some(content.address.as_str()) {
                return Ok(Stepped::not(flow, Problem::Expired));
            }
            change.act_as(crate::event::model::Actor::user(user.id));
            let claimed = claim(change, visitor, user).await?;
            // The password that was typed is gone with all that a stranger put there; the mail is what counts.
            let evidence = if claimed.is_cleared {
                Evidence::new(claimed.user.id, FirstFactor::EmailCode, change.now())
            } else {
                Evidence { mail_read: true, ..evidence }
            };
            advance(change, visitor, flow, evidence).await
        }
        _ => Err(StepError::Replayed),
    }
}

async fn log_in(
    change: &mut Change<'_>,
    visitor: &Visitor,
    flow: Flow,
    proof: &MailProof,
    content: &ProofContent,
) -> StepResult {
    let found = match proof.user_id {
        Some(user) => change.reads().users().find(flow.issuer_id, user).await?,
        None => None,
    };
    let Some(user) = found.filter(|user| user.email() == Some(content.address.as_str())) else {
        return Ok(Stepped::not(flow, Problem::Expired));
    };
    let (first, channel) = match proof.purpose {
        ProofPurpose::LoginLink => (FirstFactor::EmailLink, "email-link"),
        _ => (FirstFactor::EmailCode, "email-otp"),
    };
    change.act_as(crate::event::model::Actor::user(user.id));
    change.emit(scene(&flow).mail_consumed(user.id, channel))?;
    change.emit(scene(&flow).verified(user.id, first.method()))?;
    let user = claim(change, visitor, user).await?.user;
    forgive(change, &user).await?;
    let evidence = Evidence::new(user.id, first, change.now());
    advance(change, visitor, flow, evidence).await
}

async fn become_user(change: &mut Change<'_>, visitor: &Visitor, mut flow: Flow, content: &ProofContent) -> StepResult {
    let Some(pending) = &content.pending else { return Ok(Stepped::not(flow, Problem::Expired)) };
    let ground = ground(change, flow.issuer_id).await?;
    let Some(address) = Mailbox::parse(&content.address) else { return Ok(Stepped::not(flow, Problem::Expired)) };
    let admitted = come(Glance::of(change, flow.issuer_id)?, &ground, &address, pending).await?;
    let Some(admitted) = admitted else {
        flow.state.refused(crate::login::model::Reason::NotAdmitted)?;
        super::save(change, &mut flow).await?;
        return Ok(Stepped::to(flow));
    };
    let made = create(change, flow.issuer_id, &content.address, pending, admitted).await?;
    // Somebody else has the name by now: whoever reads its mail can come in by that.
    let Some(user) = made else { return Ok(Stepped::not(flow, Problem::Expired)) };
    let evidence = if pending.password.is_some() {
        Evidence::of_password(user.id, FirstFactor::Password, user.security.password_changed_at(), change.now())
    } else {
        Evidence::new(user.id, FirstFactor::EmailCode, change.now())
    };
    flow.state.invitation = super::signup::acceptance(pending);
    let evidence = Evidence { mail_read: true, ..evidence };
    advance(change, visitor, flow, evidence).await
}
