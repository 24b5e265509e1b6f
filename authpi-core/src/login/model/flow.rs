//! A login under way. Its steps are the only way from state to state.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::cookies::BrowserMark;
use super::evidence::Evidence;
use super::gate::{Authenticated, Need, Reason};
use super::request::{Decision, LoginRequest, Question};
use crate::error::Refusal;
use crate::id::{AccountId, ClientId, EnrollmentId, FlowId, IssuerId, MailProofId, SessionId};
use crate::seal::{RootKey, Sealed};
use crate::timestamp::Timestamp;

/// How long a login may take (D82).
pub const LASTS: Duration = Duration::from_mins(15);

/// A login under way.
#[derive(Clone)]
pub struct Flow {
    /// Its id.
    pub id: FlowId,
    /// Account of the issuer.
    pub account_id: AccountId,
    /// Where it leads.
    pub issuer_id: IssuerId,
    /// The browser it was begun in.
    pub browser: BrowserMark,
    /// How far it has come.
    pub state: FlowState,
    /// From then on it leads nowhere.
    pub expires_at: Timestamp,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Its version: every step compares and moves it.
    pub updated_at: Timestamp,
}

/// A login as storage holds it.
#[derive(Clone, Debug)]
pub struct SealedFlow {
    /// [`Flow::id`]
    pub id: FlowId,
    /// [`Flow::account_id`]
    pub account_id: AccountId,
    /// [`Flow::issuer_id`]
    pub issuer_id: IssuerId,
    /// The application that asked.
    pub client_id: Option<ClientId>,
    /// [`Flow::browser`]
    pub browser: BrowserMark,
    /// [`FlowState`], under the root key of the issuer.
    pub sealed: Sealed,
    /// [`Flow::expires_at`]
    pub expires_at: Timestamp,
    /// [`Flow::created_at`]
    pub created_at: Timestamp,
    /// [`Flow::updated_at`]
    pub updated_at: Timestamp,
}

/// How far a login has come. Personal data and secrets: sealed at rest, and never shown.
#[derive(Clone, Serialize, Deserialize)]
pub struct FlowState {
    /// What it is for.
    pub request: LoginRequest,
    /// Who somebody says they are, as they typed it.
    pub identifier: Option<String>,
    /// The mail that was sent last and waits for an answer.
    pub mail: Option<MailProofId>,
    /// The second factor that is being set up.
    pub enrollment: Option<EnrollmentInFlow>,
    /// The invitation to be accepted once it is known who is here.
    pub invitation: Option<InvitationInFlow>,
    /// What there is to say at the end.
    #[serde(default)]
    pub told: Option<Told>,
    /// The browser is to stand in for the second factor from now on.
    pub trust_device: bool,
    progress: Progress,
}

/// A second factor that is being set up in a login, as its page shows it.
#[derive(Clone, Serialize, Deserialize)]
pub struct EnrollmentInFlow {
    /// Its id.
    pub id: EnrollmentId,
    /// The seed as people type it.
    pub secret: String,
    /// The seed as apps scan it.
    pub provisioning_uri: String,
    /// Until then it can be finished.
    pub expires_at: Timestamp,
}

/// An invitation that somebody came with.
#[derive(Clone, Serialize, Deserialize)]
pub struct InvitationInFlow {
    /// The token of its link.
    pub token: String,
}

/// What there is to say at the end of a login that no application waits for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// An invitation was answered.
    Invitation {
        /// With yes.
        accepted: bool,
        /// What the organization is called.
        organization: String,
    },
}

/// Where a login stands.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum Progress {
    /// Nobody has said who they are.
    Identify,
    /// Somebody said who they are, and proved nothing.
    FirstFactor,
    /// Somebody wants to become a user, and has to prove the address.
    SignUp,
    /// Somebody has proven who they are, and something is missing.
    Proven {
        /// What was proven.
        evidence: Evidence,
        /// What is missing.
        need: Need,
    },
    /// Somebody has passed the gate.
    SignedIn {
        /// Their session.
        session: SessionId,
        /// What is asked of them besides.
        question: Option<Question>,
        /// What they answered.
        decisions: Vec<Decision>,
    },
    /// They want no more.
    Aborted,
    /// They may not.
    Refused {
        /// Why.
        reason: Reason,
    },
}

/// A step as pages see it (idp §23.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FlowStep)]
pub enum Step {
    /// Who is it?
    Identify,
    /// Prove it.
    FirstFactor,
    /// Type the code that was mailed.
    VerifyEmail,
    /// Prove it by a second factor.
    Mfa,
    /// Set up a second factor.
    MfaEnroll,
    /// Choose a password.
    PasswordChange,
    /// Say yes or no.
    Consent,
    /// Choose an organization.
    SelectOrg,
    /// Go back to the application.
    Done,
}

/// A request is for another step than the one the login is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongStep {
    /// It was passed: each can be done once.
    Passed,
    /// It is not reached.
    Ahead,
}

impl FlowState {
    /// At the beginning.
    pub fn new(request: LoginRequest) -> Self {
        let identifier = request.wants.login_hint.clone();
        Self {
            request,
            identifier,
            mail: None,
            enrollment: None,
            invitation: None,
            told: None,
            trust_device: false,
            progress: Progress::Identify,
        }
    }

    /// Where it stands.
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The step that it is at.
    pub const fn step(&self) -> Step {
        match &self.progress {
            Progress::Identify => Step::Identify,
            Progress::FirstFactor => Step::FirstFactor,
            Progress::SignUp | Progress::Proven { need: Need::VerifyEmail | Need::MailBeforeEnrollment, .. } => {
                Step::VerifyEmail
            }
            Progress::Proven { need: Need::SecondFactor, .. } => Step::Mfa,
            Progress::Proven { need: Need::Enrollment, .. } => Step::MfaEnroll,
            Progress::Proven { need: Need::NewPassword, .. } => Step::PasswordChange,
            Progress::SignedIn { question: Some(Question::SelectOrganization { .. }), .. } => Step::SelectOrg,
            Progress::SignedIn { question: Some(_), .. } => Step::Consent,
            Progress::SignedIn { question: None, .. } | Progress::Aborted | Progress::Refused { .. } => Step::Done,
        }
    }

    /// It is at one of these steps.
    ///
    /// # Errors
    /// [`WrongStep`].
    pub fn require(&self, steps: &[Step]) -> Result<(), WrongStep> {
        let at = self.step();
        if steps.contains(&at) {
            return Ok(());
        }
        let is_passed = steps.iter().all(|step| *step < at);
        Err(if is_passed { WrongStep::Passed } else { WrongStep::Ahead })
    }

    /// What was proven so far.
    pub const fn evidence(&self) -> Option<&Evidence> {
        match &self.progress {
            Progress::Proven { evidence, .. } => Some(evidence),
            _ => None,
        }
    }

    /// Somebody says who they are. What was mailed to somebody else counts no more.
    ///
    /// # Errors
    /// [`WrongStep`].
    pub fn identified(&mut self, identifier: String) -> Result<(), WrongStep> {
        self.require(&[Step::Identify, Step::FirstFactor])?;
        self.identifier = Some(identifier);
        self.mail = None;
        self.progress = Progress::FirstFactor;
        Ok(())
    }

    /// Somebody wants to become a user, and proves the address by this mail.
    ///
    /// # Errors
    /// [`WrongStep`].
    pub fn signing_up(&mut self, address: String, mail: MailProofId) -> Result<(), WrongStep> {
        if !matches!(self.progress, Progress::SignUp) {
            self.require(&[Step::Identify, Step::FirstFactor])?;
        }
        self.identifier = Some(address);
        self.mail = Some(mail);
        self.progress = Progress::SignUp;
        Ok(())
    }

    /// Something was proven, and something is missing.
    ///
    /// # Errors
    /// [`WrongStep`] once somebody has passed, or was turned away.
    pub fn needs(&mut self, evidence: Evidence, need: Need) -> Result<(), WrongStep> {
        self.require_open()?;
        self.mail = None;
        self.progress = Progress::Proven { evidence, need };
        Ok(())
    }

    /// Somebody has passed the gate.
    ///
    /// # Errors
    /// [`WrongStep`] once somebody has passed, or was turned away.
    pub fn passed(&mut self, _by: &Authenticated, session: SessionId) -> Result<(), WrongStep> {
        self.require_open()?;
        (self.mail, self.enrollment) = (None, None);
        self.progress = Progress::SignedIn { session, question: None, decisions: Vec::new() };
        Ok(())
    }

    /// The session of the browser is all that is needed.
    ///
    /// # Errors
    /// [`WrongStep`] unless nothing has happened yet.
    pub fn signed_in_before(&mut self, session: SessionId) -> Result<(), WrongStep> {
        self.require(&[Step::Identify])?;
        self.progress = Progress::SignedIn { session, question: None, decisions: Vec::new() };
        Ok(())
    }

    /// Somebody was turned away.
    ///
    /// # Errors
    /// [`WrongStep`] once somebody has passed, or was turned away.
    pub fn refused(&mut self, reason: Reason) -> Result<(), WrongStep> {
        self.require_open()?;
        self.progress = Progress::Refused { reason };
        Ok(())
    }

    /// They want no more.
    ///
    /// # Errors
    /// [`WrongStep`] when it has ended.
    pub fn aborted(&mut self) -> Result<(), WrongStep> {
        if self.step() == Step::Done {
            return Err(WrongStep::Passed);
        }
        self.progress = Progress::Aborted;
        Ok(())
    }

    /// Something is asked of whoever is signed in.
    ///
    /// # Errors
    /// [`WrongStep`] unless somebody is, and nothing else is asked.
    pub fn asked(&mut self, question: Question) -> Result<(), WrongStep> {
        match &mut self.progress {
            Progress::SignedIn { question: open @ None, .. } => {
                *open = Some(question);
                Ok(())
            }
            _ => Err(WrongStep::Ahead),
        }
    }

    /// They answered. `decide` makes a decision of the open question, or none if the answer does not fit it.
    ///
    /// # Errors
    /// [`WrongStep`] when nothing is asked.
    pub fn answered(&mut self, decide: impl FnOnce(&Question) -> Option<Decision>) -> Result<bool, WrongStep> {
        match &mut self.progress {
            Progress::SignedIn { question, decisions, .. } => {
                let Some(open) = question.as_ref() else { return Err(WrongStep::Passed) };
                let Some(decision) = decide(open) else { return Ok(false) };
                decisions.push(decision);
                *question = None;
                Ok(true)
            }
            Progress::Aborted | Progress::Refused { .. } => Err(WrongStep::Passed),
            _ => Err(WrongStep::Ahead),
        }
    }

    fn require_open(&self) -> Result<(), WrongStep> {
        let is_open = matches!(
            self.progress,
            Progress::Identify | Progress::FirstFactor | Progress::SignUp | Progress::Proven { .. }
        );
        if is_open { Ok(()) } else { Err(WrongStep::Passed) }
    }
}

fn seal_context(id: FlowId) -> String {
    format!("flow:{id}")
}

impl Flow {
    /// For storage.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the seal fails.
    pub fn sealed(&self, root: &RootKey) -> Result<SealedFlow, Refusal> {
        let plain = Zeroizing::new(serde_json::to_vec(&self.state).map_err(Refusal::internal)?);
        Ok(SealedFlow {
            id: self.id,
            account_id: self.account_id,
            issuer_id: self.issuer_id,
            client_id: self.state.request.client_id,
            browser: self.browser,
            sealed: root.seal(&seal_context(self.id), &plain).map_err(Refusal::internal)?,
            expires_at: self.expires_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

impl SealedFlow {
    /// As it is worked with.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when it does not open.
    pub fn opened(self, root: &RootKey) -> Result<Flow, Refusal> {
        let plain = root.open(&seal_context(self.id), &self.sealed).map_err(Refusal::internal)?;
        let state = serde_json::from_slice(&plain).map_err(|_| Refusal::internal("a sealed flow is malformed"))?;
        Ok(Flow {
            id: self.id,
            account_id: self.account_id,
            issuer_id: self.issuer_id,
            browser: self.browser,
            state,
            expires_at: self.expires_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use uuid::Uuid;

    use super::super::evidence::FirstFactor;
    use super::super::gate::{Policy, Standing, Verdict, judge};
    use super::super::request::Wants;
    use super::*;
    use crate::id::{Id as _, UserId};

    fn evidence() -> Evidence {
        Evidence::new(UserId::from_uuid(Uuid::nil()), FirstFactor::Password, Timestamp::EPOCH)
    }

    fn authenticated() -> Option<Authenticated> {
        let standing =
            Standing { barred: None, has_address: false, address_verified: false, has_factor: false, sso_only: false };
        match judge(Policy::default(), standing, &Wants::default(), &evidence()) {
            Verdict::Passed(authenticated) => Some(authenticated),
            _ => None,
        }
    }

    fn session() -> SessionId {
        SessionId::from_uuid(Uuid::nil())
    }

    #[test]
    fn a_login_goes_forward_only() {
        let mut state = FlowState::new(LoginRequest::default());
        assert_eq!(state.require(&[Step::Mfa]), Err(WrongStep::Ahead));
        state.identified("ada".to_owned()).unwrap();
        state.identified("bob".to_owned()).unwrap();
        assert_eq!((state.step(), state.identifier.as_deref()), (Step::FirstFactor, Some("bob")));
        state.needs(evidence(), Need::SecondFactor).unwrap();
        assert_eq!(state.identified("eve".to_owned()), Err(WrongStep::Passed));
        assert_eq!(state.require(&[Step::FirstFactor]), Err(WrongStep::Passed));
        assert_eq!(state.asked(Question::Continue { account: "a".to_owned() }), Err(WrongStep::Ahead));
        state.passed(&authenticated().unwrap(), session()).unwrap();
        assert_eq!(state.needs(evidence(), Need::SecondFactor), Err(WrongStep::Passed));
        assert_eq!(state.passed(&authenticated().unwrap(), session()), Err(WrongStep::Passed));
        assert_eq!(state.aborted(), Err(WrongStep::Passed));
    }

    #[test]
    fn a_question_is_answered_once_and_by_what_it_asks() {
        let mut state = FlowState::new(LoginRequest::default());
        state.signed_in_before(session()).unwrap();
        assert_eq!(state.answered(|_| Some(Decision::Consent { approved: true })), Err(WrongStep::Passed));
        state.asked(Question::Continue { account: "a".to_owned() }).unwrap();
        assert_eq!(state.step(), Step::Consent);
        assert_eq!(state.answered(|_| None), Ok(false));
        assert_eq!(state.answered(|_| Some(Decision::Continue { approved: true })), Ok(true));
        assert_eq!(state.step(), Step::Done);
        state.asked(Question::SelectOrganization { choices: Vec::new() }).unwrap();
        assert_eq!(state.step(), Step::SelectOrg);
        state.aborted().unwrap();
        assert_eq!(state.answered(|_| Some(Decision::Consent { approved: true })), Err(WrongStep::Passed));
    }

    #[test]
    fn no_changed_byte_of_a_stored_flow_opens() {
        let root = RootKey::new([5; 32]);
        let flow = Flow {
            id: FlowId::from_uuid(Uuid::from_u128(1)),
            account_id: AccountId::from_uuid(Uuid::nil()),
            issuer_id: IssuerId::from_uuid(Uuid::nil()),
            browser: BrowserMark::from_bytes([1; 32]),
            state: FlowState::new(LoginRequest::default()),
            expires_at: Timestamp::EPOCH,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        };
        let stored = flow.sealed(&root).unwrap();
        assert_eq!(stored.clone().opened(&root).unwrap().state.step(), Step::Identify);
        for place in 0..stored.sealed.as_bytes().len() {
            let mut bytes = stored.sealed.as_bytes().to_vec();
            bytes[place] ^= 1;
            assert!(SealedFlow { sealed: Sealed::from_bytes(bytes), ..stored.clone() }.opened(&root).is_err());
        }
        let moved = SealedFlow { id: FlowId::from_uuid(Uuid::from_u128(2)), ..stored };
        assert!(moved.opened(&root).is_err());
    }
}
