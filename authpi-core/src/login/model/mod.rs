//! What a login is made of, and which steps lead through it.

mod cookies;
mod device;
mod evidence;
mod flow;
mod gate;
mod proof;
mod request;
mod sealed_flow;
mod tries;

pub use cookies::{BrowserMark, CookieKey, FlowCookie, OpCookie, TrustToken, TrustTokens};
pub use device::device_name;
pub use evidence::{AAL1, AAL2, Evidence, FirstFactor, SecondFactor};
pub use flow::{EnrollmentInFlow, FlowState, InvitationInFlow, Progress, Step, Told, WrongStep};
pub use gate::{Authenticated, Need, Policy, Reason, Standing, Verdict, judge};
pub use proof::{MailProof, MailToken, PROOF_TRIES, PendingUser, ProofContent, ProofPurpose, TypedCode};
pub use request::{
    Application, BrowserSession, Decision, LoginRequest, OrganizationChoice, Outcome, Question, Resumed, Wants,
};
pub use sealed_flow::{Flow, LASTS, OVER_KEPT, SealedFlow};
pub use tries::{MOST_IN_A_ROW, TRIES_KEPT, Tries, TriesKey};
