//! Invitations that people answer in a login: by the link of their mail, or because the application wants the organization
//! that invites them (D73).

use super::{Problem, StepError, StepResult, Stepped, Visitor, save};
use crate::error::Refusal;
use crate::event::model::Actor;
use crate::id::{IssuerId, OrganizationId, SessionId, UserId};
use crate::invitation::model::{Invitation, InvitationState, InvitationStatus, Invitee, LinkToken};
use crate::invitation::operations::{self as invitations, Door};
use crate::login::model::{Decision, Flow, InvitationInFlow, Progress, Question, Step, Told};
use crate::organization::model::Organization;
use crate::seal::RootKey;
use crate::store::{Change, Reads};
use crate::timestamp::Timestamp;

/// An invitation as people are asked about it.
pub struct Invited {
    /// The invitation.
    pub invitation: Invitation,
    /// Who is invited, and by whom.
    pub invitee: Invitee,
    /// What the organization is called.
    pub organization: String,
}

/// The open invitation behind a link; none for a link that is dead, and while the organization is suspended.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn behind_link(change: &Change<'_>, issuer: IssuerId, token: &str) -> Result<Option<Invited>, Refusal> {
    let Some(token) = LinkToken::parse(token) else { return Ok(None) };
    let found = change.reads().invitations().find_in_issuer(issuer, token.id).await?;
    let is_own = |invitation: &Invitation| match &invitation.state {
        InvitationState::Pending { token: hash } => token.is(hash, &change.keyring().peppers),
        _ => false,
    };
    match found.filter(is_own) {
        Some(invitation) => shown(change.reads(), change.root_of(issuer)?, invitation, change.now()).await,
        None => Ok(None),
    }
}

async fn shown(
    reads: &dyn Reads,
    root: &RootKey,
    invitation: Invitation,
    now: Timestamp,
) -> Result<Option<Invited>, Refusal> {
    if invitation.status(now) != InvitationStatus::Pending {
        return Ok(None);
    }
    let organization = reads.organizations().find(invitation.issuer_id, invitation.org_id).await?;
    let organization = organization.filter(Organization::is_active);
    let (Some(mut organization), Some(mut invitee)) = (organization, invitation.invitee(root)?) else {
        return Ok(None);
    };
    invitee.message = invitee.message.or(organization.details.invitation_message.take());
    let organization = called(organization);
    Ok(Some(Invited { invitation, invitee, organization }))
}

fn called(organization: Organization) -> String {
    organization.details.name.unwrap_or_else(|| organization.id.to_string())
}

/// What to ask a user who is invited into an organization and no member of it yet; none when nothing waits for their
/// proven address.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn question_of(
    reads: &dyn Reads,
    root: &RootKey,
    (issuer, organization): (IssuerId, OrganizationId),
    user: UserId,
    now: Timestamp,
) -> Result<Option<Question>, Refusal> {
    let Some(user) = reads.users().find(issuer, user).await? else { return Ok(None) };
    let Some(address) = user.proven_email_hash(root) else { return Ok(None) };
    let Some(id) = reads.invitations().open_for(organization, address.as_bytes(), None, now).await? else {
        return Ok(None);
    };
    let Some(invitation) = reads.invitations().find(issuer, organization, id).await? else { return Ok(None) };
    Ok(shown(reads, root, invitation, now).await?.map(|invited| Question::Invitation {
        invitation_id: id,
        organization: invited.organization,
        inviter: invited.invitee.inviter_name,
        message: invited.invitee.message,
    }))
}

/// Somebody says yes or no to an invitation: to the one that the login asks about, or, with a token, to that of the link.
/// Who declines need not say who they are: they have read the mail.
///
/// # Errors
/// [`StepError`]; [`Refusal::Conflict`] when the login asks about none.
pub async fn answer_invitation(
    change: &mut Change<'_>,
    visitor: &Visitor,
    flow: Flow,
    token: Option<&str>,
    accept: bool,
) -> StepResult {
    match token {
        Some(token) if accept => accept_link(change, visitor, flow, token).await,
        Some(token) => decline_link(change, flow, token).await,
        None => answer_question(change, visitor, flow, accept).await,
    }
}

async fn decline_link(change: &mut Change<'_>, mut flow: Flow, token: &str) -> StepResult {
    let Some(found) = behind_link(change, flow.issuer_id, token).await? else {
        return Ok(Stepped::not(flow, Problem::InvitationRefused));
    };
    invitations::decline_unasked(change, found.invitation).await?;
    flow.state.invitation = None;
    flow.state.told = Some(Told::Invitation { accepted: false, organization: found.organization });
    save(change, &mut flow).await?;
    Ok(Stepped::to(flow))
}

async fn accept_link(change: &mut Change<'_>, visitor: &Visitor, mut flow: Flow, token: &str) -> StepResult {
    let Some(found) = behind_link(change, flow.issuer_id, token).await? else {
        return Ok(Stepped::not(flow, Problem::InvitationRefused));
    };
    flow.state.invitation = Some(InvitationInFlow { token: token.to_owned() });
    let here = match flow.state.progress() {
        Progress::SignedIn { session, .. } => Some(user_of(visitor, *session)?),
        _ if flow.state.step() == Step::Done => return Err(StepError::Replayed),
        _ => None,
    };
    let problem = match here {
        Some(user) => {
            change.act_as(Actor::user(user));
            take_up(change, visitor, &mut flow, user).await?
        }
        None => None,
    };
    if flow.state.step() == Step::Identify {
        flow.state.identifier = Some(found.invitee.email);
    }
    save(change, &mut flow).await?;
    Ok(Stepped { problem, ..Stepped::to(flow) })
}

fn user_of(visitor: &Visitor, session: SessionId) -> Result<UserId, StepError> {
    let current = visitor.session.as_ref().filter(|current| current.id == session);
    current.map(|current| current.user_id).ok_or(StepError::Replayed)
}

async fn answer_question(change: &mut Change<'_>, visitor: &Visitor, mut flow: Flow, accept: bool) -> StepResult {
    let Progress::SignedIn { session, question: Some(Question::Invitation { invitation_id, .. }), .. } =
        flow.state.progress()
    else {
        return Err(Refusal::conflict("The login asks about no invitation.").into());
    };
    let (session, door) = (*session, Door::Listed(*invitation_id));
    let user = user_of(visitor, session)?;
    change.act_as(Actor::user(user));
    let is_done = if accept {
        accepted(change, visitor, flow.issuer_id, &door, user).await?.is_some()
    } else {
        declined(change, flow.issuer_id, &door, user).await?
    };
    let decision = Decision::Invitation { accepted: accept && is_done };
    let problem = (!is_done).then_some(Problem::InvitationRefused);
    flow.state.answered(|_| Some(decision))?;
    save(change, &mut flow).await?;
    Ok(Stepped { problem, ..Stepped::to(flow) })
}

/// Takes up the invitation that somebody came with, now that it is known who it is.
pub(super) async fn take_up(
    change: &mut Change<'_>,
    visitor: &Visitor,
    flow: &mut Flow,
    user: UserId,
) -> Result<Option<Problem>, StepError> {
    let Some(wish) = flow.state.invitation.take() else { return Ok(None) };
    let Some(token) = LinkToken::parse(&wish.token) else { return Ok(Some(Problem::InvitationRefused)) };
    let issuer = flow.issuer_id;
    let Some(joined) = accepted(change, visitor, issuer, &Door::Link(token), user).await? else {
        return Ok(Some(Problem::InvitationRefused));
    };
    if let Some(organization) = change.reads().organizations().find(issuer, joined).await? {
        flow.state.told = Some(Told::Invitation { accepted: true, organization: called(organization) });
    }
    Ok(None)
}

/// The organization that the user has joined; none when the invitation is not theirs, or not open.
async fn accepted(
    change: &mut Change<'_>,
    visitor: &Visitor,
    issuer: IssuerId,
    door: &Door,
    user: UserId,
) -> Result<Option<OrganizationId>, StepError> {
    if visitor.is_uninvited {
        return Ok(None);
    }
    match invitations::accept(change, issuer, door, user).await {
        Ok(membership) => Ok(Some(membership.org_id)),
        // Nothing was written.
        Err(Refusal::NotFound | Refusal::AccessDenied(_)) => Ok(None),
        // Something may have been: the step is taken anew, without the invitation.
        Err(Refusal::Conflict { .. }) => Err(StepError::Uninvited),
        Err(other) => Err(other.into()),
    }
}

async fn declined(change: &mut Change<'_>, issuer: IssuerId, door: &Door, user: UserId) -> Result<bool, StepError> {
    match invitations::decline(change, issuer, door, user).await {
        Ok(()) => Ok(true),
        // The state is looked at before anything is written.
        Err(Refusal::NotFound | Refusal::AccessDenied(_) | Refusal::Conflict { .. }) => Ok(false),
        Err(other) => Err(other.into()),
    }
}
