//! A login under way. Its steps are the only way from state to state.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::evidence::Evidence;
use super::gate::{Authenticated, Need, Reason};
use super::request::{Decision, LoginRequest, Question};
use crate::id::{EnrollmentId, MailProofId, SessionId};
use crate::timestamp::Timestamp;

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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
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
}
