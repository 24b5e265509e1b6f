//! The error page: what went wrong, what to do, and what support needs to know.

use serde::Serialize;

use super::parts::App;
use super::render::Page;

/// Tells what went wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// Reference of the request, for support.
    pub reference: String,
    /// Code of the error as programs know it, for the developers of the app.
    pub code: Option<String>,
    /// Fixed English text about it, for the same.
    pub description: Option<String>,
    /// Where the reader was going.
    pub app: Option<App>,
    /// Link to start again.
    pub retry: Option<String>,
}

/// What went wrong; the catalogues have its texts as `fault-…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The request of the app is not as it must be: client, redirect URI, parameters.
    BadRequest,
    /// The app is disabled.
    AppDisabled,
    /// The issuer is not active.
    Inactive,
    /// There is no such page.
    NotFound,
    /// The flow is too old.
    FlowExpired,
    /// A step was sent twice.
    FlowReplayed,
    /// The flow belongs to another browser, or cookies are off.
    OtherBrowser,
    /// The link was used, is too old, or was never right.
    LinkInvalid,
    /// Nobody can sign up.
    SignUpClosed,
    /// The invitation is for another address.
    WrongAccount,
    /// The account is blocked.
    AccountBlocked,
    /// The registration was not approved yet, or never.
    NotApproved,
    /// The rules of the organization do not allow it.
    NotAllowed,
    /// The other provider did not answer as it must.
    UpstreamFailed,
    /// The identity has to be linked by signing in as before first.
    LinkingRequired,
    /// The hint of the logout cannot be verified.
    BadLogoutHint,
    /// The address to return to after logout is not registered; the logout happened.
    BadLogoutReturn,
    /// Too many requests.
    TooMany,
    /// Our fault.
    ServerError,
    /// Too much to do, or something does not answer.
    Unavailable,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 20] = [
        Self::BadRequest,
        Self::AppDisabled,
        Self::Inactive,
        Self::NotFound,
        Self::FlowExpired,
        Self::FlowReplayed,
        Self::OtherBrowser,
        Self::LinkInvalid,
        Self::SignUpClosed,
        Self::WrongAccount,
        Self::AccountBlocked,
        Self::NotApproved,
        Self::NotAllowed,
        Self::UpstreamFailed,
        Self::LinkingRequired,
        Self::BadLogoutHint,
        Self::BadLogoutReturn,
        Self::TooMany,
        Self::ServerError,
        Self::Unavailable,
    ];
}

impl Page for Fault {
    const TEMPLATE: &'static str = "fault.html";

    fn app(&self) -> Option<&App> {
        self.app.as_ref()
    }
}
