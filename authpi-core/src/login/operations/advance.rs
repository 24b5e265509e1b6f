//! From what was proven to the next step: every login passes here, whatever the method.

use super::finish::{Granted, finish};
use super::{Problem, StepResult, Stepped, Visitor, save};
use crate::error::Refusal;
use crate::event::model::Actor;
use crate::id::{IssuerId, MemberId, UserId};
use crate::issuer::model::Issuer;
use crate::issuer::model::auth_method::AuthMethod;
use crate::issuer::model::security::MfaPolicy;
use crate::login::model::{
    AAL2, EnrollmentInFlow, Evidence, FirstFactor, Flow, FlowState, LASTS, LoginRequest, Need, Policy, Reason,
    Standing, Step, Verdict, judge,
};
use crate::mailbox::Mailbox;
use crate::organization::model::Organization;
use crate::page::MAX_LIMIT;
use crate::store::Change;
use crate::user::model::{User, UserStatus};
use crate::verifier::operations as verifiers;

/// The issuer of a login, as it is now, with what it offers.
pub(super) struct Ground {
    pub(super) issuer: Issuer,
    pub(super) methods: Vec<AuthMethod>,
}

pub(super) async fn ground(change: &Change<'_>, issuer: IssuerId) -> Result<Ground, Refusal> {
    let found = change.reads().issuers().find(change.account(), issuer).await?.ok_or(Refusal::NotFound)?;
    Ok(Ground { issuer: found, methods: change.reads().issuers().auth_methods(issuer).await? })
}

impl Ground {
    pub(super) fn policy(&self, organizations: &[Organization]) -> Policy {
        let settings = &self.issuer.details.settings;
        let by_organization = organizations.iter().any(|organization| organization.details.security.mfa_required);
        Policy {
            mfa_required: settings.security.mfa == MfaPolicy::Required || by_organization,
            mfa_offered: self.issuer.offers_second_factor(&self.methods),
            verify_email: settings.access.signup.verify_email,
            closed: !settings.portals.login.enabled,
        }
    }
}

/// Active organizations that somebody is an active member of.
async fn organizations(change: &Change<'_>, issuer: IssuerId, user: UserId) -> Result<Vec<Organization>, Refusal> {
    let held = change.reads().memberships().effective_scopes(issuer, MemberId::User(user)).await?;
    let ids: Vec<_> = held.iter().filter(|held| held.is_in_force()).map(|held| held.org_id).collect();
    let mut found = Vec::new();
    for some in ids.chunks(usize::try_from(MAX_LIMIT).unwrap_or(usize::MAX)) {
        found.extend(change.reads().organizations().find_all(issuer, some).await?);
    }
    Ok(found)
}

/// An organization of the user has a way in of its own for the domain of the address, and allows no other.
fn is_sso_only(user: &User, organizations: &[Organization]) -> bool {
    let domain = user.email().and_then(Mailbox::parse).and_then(|address| {
        let address = address.lower_cased().on_the_wire();
        address.rsplit_once('@')?.1.parse().ok()
    });
    let Some(domain) = domain else { return false };
    organizations.iter().any(|organization| {
        let sso = &organization.sso;
        let is_proven = sso.domain(&domain).is_some_and(|domain| domain.verified_at.is_some());
        sso.settings.enabled && sso.settings.sso_only && is_proven
    })
}

pub(super) const fn barred(status: UserStatus) -> Option<Reason> {
    match status {
        UserStatus::Active => None,
        UserStatus::PendingApproval => Some(Reason::PendingApproval),
        UserStatus::Suspended | UserStatus::Disabled => Some(Reason::Inactive),
        UserStatus::Blocked => Some(Reason::Blocked),
    }
}

fn standing(user: &User, organizations: &[Organization]) -> Standing {
    Standing {
        barred: barred(user.status.value),
        has_address: user.email().and_then(Mailbox::parse).is_some(),
        address_verified: user.details.profile.email_verified,
        has_factor: !user.security.mfa_methods().is_empty(),
        sso_only: is_sso_only(user, organizations),
    }
}

/// The organization of the user leaves no way in but its own: nothing is mailed, either.
pub(super) async fn has_own_way_in(change: &Change<'_>, user: &User) -> Result<bool, Refusal> {
    Ok(is_sso_only(user, &organizations(change, user.issuer_id, user.id).await?))
}

/// Begins a login in a browser. What its session has proven counts, unless the request wants it anew.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn begin(
    change: &mut Change<'_>,
    issuer: IssuerId,
    visitor: &Visitor,
    request: LoginRequest,
) -> Result<Flow, Refusal> {
    let now = change.now();
    let mut flow = Flow {
        id: change.mint()?,
        account_id: change.account(),
        issuer_id: issuer,
        browser: visitor.mark,
        state: FlowState::new(request),
        expires_at: now.plus(LASTS),
        created_at: now,
        updated_at: now,
    };
    carry_on(change, visitor, &mut flow).await?;
    if visitor.is_turned_away && flow.state.step() == Step::Identify {
        let refused = flow.state.refused(Reason::Closed);
        refused.map_err(|_| Refusal::internal("a flow that begins is not at its beginning"))?;
    }
    let sealed = flow.sealed(change.root_of(issuer)?)?;
    change.unit().logins().insert_flow(&sealed).await?;
    Ok(flow)
}

/// Lets the session of the browser count.
async fn carry_on(change: &mut Change<'_>, visitor: &Visitor, flow: &mut Flow) -> Result<(), Refusal> {
    let wants = &flow.state.request.wants;
    let Some(session) = visitor.session.as_ref().filter(|_| !wants.fresh && !wants.select_account) else {
        return Ok(());
    };
    if wants.user.is_some_and(|wanted| wanted != session.user_id) {
        return Ok(());
    }
    let user = change.reads().users().find(flow.issuer_id, session.user_id).await?;
    if let Some(user) = &user {
        flow.state.identifier = Some(user.username.as_str().to_owned());
    }
    let first = FirstFactor::Session { method: session.method.clone(), amr: session.amr.clone() };
    let evidence = Evidence::new(session.user_id, first, session.authenticated_at);
    // A session that is here has met the policies of its time; a class that is wanted now may ask for more.
    let wants_more = wants.acr.first().is_some_and(|best| best == AAL2) && !evidence.is_mfa();
    let verdict = match &user {
        Some(user) if wants_more => {
            let ground = ground(change, flow.issuer_id).await?;
            judged(change, visitor, (user, &ground), flow, evidence.clone()).await?
        }
        _ => None,
    };
    let stepped = match verdict {
        Some((Verdict::Needs(need @ (Need::SecondFactor | Need::Enrollment)), evidence)) => {
            flow.state.needs(evidence, need).map(|()| need == Need::Enrollment)
        }
        Some((Verdict::Needs(need), evidence)) => flow.state.needs(evidence, need).map(|()| false),
        Some((Verdict::Refused(reason), _)) => flow.state.refused(reason).map(|()| false),
        Some((Verdict::Passed(_), _)) | None => flow.state.signed_in_before(session.id).map(|()| false),
    };
    match stepped {
        Ok(true) => enroll(change, flow, session.user_id).await,
        Ok(false) => Ok(()),
        Err(_) => Err(Refusal::internal("a flow that begins is not at its beginning")),
    }
}

/// What the gate says, and what it was told; none when what was proven a moment ago is worth nothing any more.
async fn judged(
    change: &Change<'_>,
    visitor: &Visitor,
    (user, ground): (&User, &Ground),
    flow: &Flow,
    mut evidence: Evidence,
) -> Result<Option<(Verdict, Evidence)>, Refusal> {
    if !evidence.holds(user.security.password_changed_at()) || !has_session(visitor, &evidence) {
        return Ok(None);
    }
    let organizations = organizations(change, flow.issuer_id, user.id).await?;
    evidence.device_trusted = is_trusted(change, visitor, user).await?;
    let standing = standing(user, &organizations);
    let verdict = judge(ground.policy(&organizations), standing, &flow.state.request.wants, &evidence);
    Ok(Some((verdict, evidence)))
}

/// Whoever proved something before, if that still is worth something: asked before anything is done on the strength of it.
pub(super) async fn still_holding(
    change: &Change<'_>,
    visitor: &Visitor,
    flow: &Flow,
    evidence: &Evidence,
) -> Result<Option<User>, Refusal> {
    let user = change.reads().users().find(flow.issuer_id, evidence.user_id).await?;
    let holds = |user: &User| evidence.holds(user.security.password_changed_at()) && has_session(visitor, evidence);
    Ok(user.filter(holds))
}

/// What an earlier login has proven holds for as long as its session.
fn has_session(visitor: &Visitor, evidence: &Evidence) -> bool {
    let is_session = matches!(evidence.first, FirstFactor::Session { .. });
    !is_session || visitor.session.as_ref().is_some_and(|session| session.user_id == evidence.user_id)
}

/// The token of the browser is that of a device which the user still trusts.
async fn is_trusted(change: &Change<'_>, visitor: &Visitor, user: &User) -> Result<bool, Refusal> {
    let Some(token) = visitor.trusted.of(user.id) else { return Ok(false) };
    let device = change.reads().devices().find(user.issuer_id, user.id, token.device).await?;
    let trust = device.and_then(|device| device.trusted_at(change.now()));
    Ok(trust.is_some_and(|trust| trust.at == token.since))
}

/// Takes a login on from what was proven: to what is missing, to a session, or to its end.
///
/// # Errors
/// [`StepError`](super::StepError).
pub async fn advance(change: &mut Change<'_>, visitor: &Visitor, mut flow: Flow, evidence: Evidence) -> StepResult {
    let issuer = flow.issuer_id;
    let Some(user) = change.reads().users().find(issuer, evidence.user_id).await? else {
        // Deleted since a moment ago: as if nobody had that name.
        save(change, &mut flow).await?;
        return Ok(Stepped::not(flow, Problem::InvalidCredentials));
    };
    let ground = ground(change, issuer).await?;
    advance_with(change, visitor, (&user, &ground), flow, evidence).await
}

/// [`advance`] with the user and the issuer as this unit of work has read them.
///
/// # Errors
/// [`StepError`](super::StepError).
pub(super) async fn advance_with(
    change: &mut Change<'_>,
    visitor: &Visitor,
    (user, ground): (&User, &Ground),
    mut flow: Flow,
    evidence: Evidence,
) -> StepResult {
    change.act_as(Actor::user(user.id));
    let mut problem: Option<Problem> = None;
    let mut granted: Option<Granted> = None;
    match judged(change, visitor, (user, ground), &flow, evidence).await? {
        // Signed out, or with another password, since a moment ago.
        None => problem = Some(Problem::InvalidCredentials),
        Some((Verdict::Refused(reason), _)) => flow.state.refused(reason)?,
        Some((Verdict::Needs(need), evidence)) => {
            flow.state.needs(evidence, need)?;
            if need == Need::Enrollment {
                enroll(change, &mut flow, user.id).await?;
            }
        }
        Some((Verdict::Passed(authenticated), _)) => {
            let place = (user, &ground.issuer);
            let (given, trouble) = finish(change, visitor, place, &mut flow, &authenticated).await?;
            flow.state.passed(&authenticated, given.session)?;
            (granted, problem) = (Some(given), trouble);
        }
    }
    save(change, &mut flow).await?;
    Ok(Stepped { flow, problem, granted, backup_codes: Vec::new() })
}

/// Begins to set up a second factor, in the place of any that was begun before.
pub(super) async fn enroll(change: &mut Change<'_>, flow: &mut Flow, user: UserId) -> Result<(), Refusal> {
    let enrolling = verifiers::enroll(change, flow.issuer_id, user, None).await?;
    flow.state.enrollment = Some(EnrollmentInFlow {
        id: enrolling.enrollment.id,
        secret: enrolling.secret.expose().to_owned(),
        provisioning_uri: enrolling.provisioning_uri.expose().to_owned(),
        expires_at: enrolling.enrollment.expires_at,
    });
    Ok(())
}
