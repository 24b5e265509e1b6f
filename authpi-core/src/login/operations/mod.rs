//! What can be done with logins.

mod address;
mod admission;
mod advance;
mod claim;
mod finish;
mod invitation;
mod lockout;
mod mailing;
mod password;
mod redeem;
mod reset;
mod second_factor;
mod signup;

pub use address::{enter_change, request_change};
pub use admission::Glance;
pub use advance::{advance, begin};
pub use finish::Granted;
pub use invitation::{Invited, answer_invitation, behind_link, question_of};
pub use mailing::{MailAs, send};
pub use password::{Compared, present, replace};
pub use redeem::{Redeemed, enter, open_link};
pub use reset::{ResetSubject, complete_reset, request_reset, reset_subject};
pub use second_factor::{SecondFactorKind, restart_enrollment, second_factor};
pub use signup::{SignUp, mails_at_sign_up, sign_up};

use crate::device::model::Fingerprint;
use crate::error::Refusal;
use crate::event::model::RequestContext;
use crate::hostname::Hostname;
use crate::id::{FlowId, IssuerId, OrganizationId};
use crate::issuer::model::auth_method::{AuthMethod, AuthMethodKind};
use crate::login::events::Scene;
use crate::login::model::{
    BrowserMark, BrowserSession, Decision, Flow, OrganizationChoice, Outcome, Progress, Question, Resumed, TrustTokens,
    WrongStep,
};
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::secret::Secret;
use crate::session::model::Location;
use crate::store::Change;
use crate::timestamp::Timestamp;

/// A browser that takes a step, as far as its request tells.
#[derive(Clone)]
pub struct Visitor {
    /// What flows of the issuer remember of it.
    pub mark: BrowserMark,
    /// The live session behind its cookie.
    pub session: Option<BrowserSession>,
    /// What stands for it among the devices of a user; none where browsers are not recognized.
    pub fingerprint: Option<Fingerprint>,
    /// Who trusts it.
    pub trusted: TrustTokens,
    /// Where it is.
    pub context: RequestContext,
    /// Its mail goes nowhere, and it cannot tell: the mailbox behind the name got as much as it may.
    pub is_withheld: bool,
    /// The invitation that it came with could not be accepted a moment ago.
    pub is_uninvited: bool,
    /// Where it is.
    pub location: Location,
    /// Nobody signs in at the issuer who has not yet.
    pub is_turned_away: bool,
    /// The domain of the issuer that it is at: mails lead back there. None at the base.
    pub site: Option<Hostname>,
}

/// Why what was presented is not accepted. Leaves traces, so it is no refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is wrong, or nobody has that name.
    InvalidCredentials,
    /// Another code.
    InvalidCode,
    /// Nothing is accepted for a while, or from strangers at all.
    Locked {
        /// Seconds until more can be tried; none when that alone does not help.
        retry_after: Option<u64>,
    },
    /// What was mailed, or begun, is not there any more.
    Expired,
    /// The invitation is not for this user, or not open.
    InvitationRefused,
}

impl Problem {
    /// Nothing is accepted before `until`.
    pub(super) fn locked_until(until: Timestamp, now: Timestamp) -> Self {
        let wait = until.since(now);
        Self::Locked { retry_after: Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)) }
    }

    /// The value of `error` in an answer of a flow.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidCredentials => "invalid_credentials",
            Self::InvalidCode => "invalid_code",
            Self::Locked { .. } => "locked",
            Self::Expired => "expired",
            Self::InvitationRefused => "invitation_refused",
        }
    }
}

/// What a step led to.
pub struct Stepped {
    /// The login after it.
    pub flow: Flow,
    /// Why nothing was accepted.
    pub problem: Option<Problem>,
    /// What the browser is given when somebody has come in.
    pub granted: Option<Granted>,
    /// Codes on paper, shown this once.
    pub backup_codes: Vec<Secret>,
}

impl Stepped {
    /// A step that went well.
    pub const fn to(flow: Flow) -> Self {
        Self { flow, problem: None, granted: None, backup_codes: Vec::new() }
    }

    /// What was presented is not accepted.
    pub fn not(flow: Flow, problem: Problem) -> Self {
        Self { problem: Some(problem), ..Self::to(flow) }
    }
}

/// A step was refused, and something has to be written all the same.
pub enum StepError {
    /// It was done before: the login is over.
    Replayed,
    /// The invitation that somebody came with cannot be accepted: everything is undone, to be done again without it.
    Uninvited,
    /// Everything is undone.
    Refusal(Refusal),
}

impl From<Refusal> for StepError {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<crate::error::StoreError> for StepError {
    fn from(error: crate::error::StoreError) -> Self {
        Self::Refusal(error.into())
    }
}

impl From<WrongStep> for StepError {
    fn from(wrong: WrongStep) -> Self {
        match wrong {
            WrongStep::Passed => Self::Replayed,
            WrongStep::Ahead => Self::Refusal(Refusal::conflict("The login is not at this step.")),
        }
    }
}

/// What came of a step.
pub type StepResult = Result<Stepped, StepError>;

/// The scene of a flow, for its events.
pub const fn scene(flow: &Flow) -> Scene {
    Scene { account_id: flow.account_id, issuer_id: flow.issuer_id, client_id: flow.state.request.client_id }
}

/// A login as it is now; none when it is unknown, or its time is over.
///
/// # Errors
/// [`Refusal::Store`]; [`Refusal::Internal`] when it does not open.
pub async fn find(change: &Change<'_>, issuer: IssuerId, id: FlowId) -> Result<Option<Flow>, Refusal> {
    let Some(sealed) = change.reads().logins().flow(issuer, id).await? else { return Ok(None) };
    let flow = sealed.opened(change.root_of(issuer)?)?;
    Ok((flow.expires_at > change.now()).then_some(flow))
}

/// Writes a login, if nobody else took a step meanwhile.
///
/// # Errors
/// [`Refusal::Stale`].
pub async fn save(change: &mut Change<'_>, flow: &mut Flow) -> Result<(), Refusal> {
    let before = flow.updated_at;
    flow.updated_at = before.next_version(change.now());
    let sealed = flow.sealed(change.root_of(flow.issuer_id)?)?;
    change.unit().logins().update_flow(&sealed, before).await?.required()
}

/// Ends a login because something in it was used twice.
///
/// # Errors
/// [`Refusal::Stale`] when somebody took a step meanwhile.
pub async fn kill(change: &mut Change<'_>, flow: &Flow, artefact: &str) -> Result<(), Refusal> {
    change.unit().logins().remove_flow(flow.issuer_id, flow.id, flow.updated_at).await?.required()?;
    let user = flow.state.evidence().map(|evidence| evidence.user_id);
    change.emit(scene(flow).replayed(user, Some(flow.id), artefact))
}

/// Ends a login whose time is over.
///
/// # Errors
/// [`Refusal::Stale`] when somebody else did.
pub async fn expire(change: &mut Change<'_>, flow: &crate::login::model::SealedFlow) -> Result<(), Refusal> {
    change.unit().logins().remove_flow(flow.issuer_id, flow.id, flow.updated_at).await?.required()?;
    let scene = Scene { account_id: flow.account_id, issuer_id: flow.issuer_id, client_id: flow.client_id };
    let age = change.now().since(flow.created_at).as_secs();
    change.emit(scene.expired(flow.id, age))
}

/// Somebody says who they are.
///
/// # Errors
/// [`StepError`].
pub async fn identify(change: &mut Change<'_>, mut flow: Flow, identifier: String) -> StepResult {
    flow.state.identified(identifier)?;
    save(change, &mut flow).await?;
    Ok(Stepped::to(flow))
}

/// They want no more.
///
/// # Errors
/// [`StepError`].
pub async fn abort(change: &mut Change<'_>, mut flow: Flow) -> StepResult {
    flow.state.aborted()?;
    save(change, &mut flow).await?;
    Ok(Stepped::to(flow))
}

/// Asks something of whoever has signed in, before the application learns of it.
///
/// # Errors
/// [`Refusal::Conflict`] unless somebody has, and nothing else is asked; [`Refusal::Stale`] when somebody took a step
/// meanwhile.
pub async fn ask(change: &mut Change<'_>, mut flow: Flow, question: Question) -> Result<Flow, Refusal> {
    flow.state.asked(question).map_err(|_| Refusal::conflict("Nobody is signed in whom that could be asked."))?;
    save(change, &mut flow).await?;
    Ok(flow)
}

/// They said yes or no, to consent or to going on as who they are.
///
/// # Errors
/// [`StepError`].
pub async fn consent(change: &mut Change<'_>, mut flow: Flow, approved: bool) -> StepResult {
    flow.state.require(&[crate::login::model::Step::Consent])?;
    let fits = flow.state.answered(|question| match question {
        Question::Consent { .. } => Some(Decision::Consent { approved }),
        Question::Continue { .. } => Some(Decision::Continue { approved }),
        Question::SelectOrganization { .. } | Question::Invitation { .. } => None,
    })?;
    if !fits {
        return Err(Refusal::conflict("The login asks something else.").into());
    }
    save(change, &mut flow).await?;
    Ok(Stepped::to(flow))
}

/// They chose an organization.
///
/// # Errors
/// [`StepError`]; [`Refusal::NotFound`] for one that was not to choose.
pub async fn select(change: &mut Change<'_>, mut flow: Flow, org_id: OrganizationId) -> StepResult {
    flow.state.require(&[crate::login::model::Step::SelectOrg])?;
    let is_offered = |choices: &[OrganizationChoice]| choices.iter().any(|choice| choice.id == org_id);
    let fits = flow.state.answered(|question| match question {
        Question::SelectOrganization { choices } if is_offered(choices) => Some(Decision::Organization { org_id }),
        _ => None,
    })?;
    if !fits {
        return Err(Refusal::NotFound.into());
    }
    save(change, &mut flow).await?;
    Ok(Stepped::to(flow))
}

/// Goes on with a login that has come to its end in this browser; none when it is unknown, over, of another browser, or
/// not at its end. What is done with it then, [`ask`] or [`close`], is done once.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn resume(
    change: &Change<'_>,
    issuer: IssuerId,
    id: FlowId,
    visitor: &Visitor,
) -> Result<Option<(Flow, Resumed)>, Refusal> {
    let Some(flow) = find(change, issuer, id).await?.filter(|flow| flow.browser.is(&visitor.mark)) else {
        return Ok(None);
    };
    let outcome = match flow.state.progress() {
        Progress::SignedIn { session, question: None, decisions } => {
            match visitor.session.clone().filter(|current| current.id == *session) {
                Some(session) => Outcome::SignedIn { session, decisions: decisions.clone() },
                // The session has ended since, or the browser forgot it.
                None => Outcome::Refused(OAuthError::new(OAuthCode::LoginRequired, "The session has ended.")),
            }
        }
        Progress::Aborted => Outcome::Aborted,
        Progress::Refused { reason } => Outcome::Refused(reason.error()),
        _ => return Ok(None),
    };
    let resumed = Resumed { continuation: flow.state.request.continuation.clone(), outcome };
    Ok(Some((flow, resumed)))
}

/// Ends a login for good: of any number of attempts to go on with it one does.
///
/// # Errors
/// [`Refusal::Stale`] when somebody else did, or took a step meanwhile.
pub async fn close(change: &mut Change<'_>, flow: &Flow) -> Result<(), Refusal> {
    change.unit().logins().remove_flow(flow.issuer_id, flow.id, flow.updated_at).await?.required()
}

/// The method of a kind that people can log in with, if the issuer offers it.
pub fn login_method(methods: &[AuthMethod], kind: AuthMethodKind) -> Option<&AuthMethod> {
    methods.iter().find(|method| method.kind == kind && method.details.enabled && method.details.allow_login)
}

/// The method of a kind that people can sign up with, if the issuer offers it.
pub fn signup_method(methods: &[AuthMethod], kind: AuthMethodKind) -> Option<&AuthMethod> {
    methods.iter().find(|method| method.kind == kind && method.details.enabled && method.details.allow_signup)
}
