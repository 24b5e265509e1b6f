//! Pages that tell something and ask nothing.

use serde::Serialize;

use super::fault::Fault;
use super::parts::App;
use super::policy::Policy;
use super::render::Page;

/// Tells how something ended.
#[derive(Clone, Debug, Serialize)]
pub struct Notice {
    /// What.
    pub kind: NoticeKind,
    /// Which address, username or organization it is about, as it was typed.
    pub about: Option<String>,
    /// Where the reader was going.
    pub app: Option<App>,
    /// Link that goes on.
    pub next: Option<String>,
}

/// What a notice tells; the catalogues have its text as `notice-…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// Signing up ended in a mail, whoever has the address.
    CheckMail,
    /// There is an account with this address.
    AccountExists,
    /// An administrator looks at the registration first.
    ApprovalPending,
    /// The address is confirmed.
    EmailVerified,
    /// The password is changed.
    PasswordChanged,
    /// The invitation is accepted.
    InvitationAccepted,
    /// The invitation is declined.
    InvitationDeclined,
    /// The invitation waits for an approval.
    InvitationPending,
    /// Signed out.
    SignedOut,
}

impl NoticeKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::CheckMail,
        Self::AccountExists,
        Self::ApprovalPending,
        Self::EmailVerified,
        Self::PasswordChanged,
        Self::InvitationAccepted,
        Self::InvitationDeclined,
        Self::InvitationPending,
        Self::SignedOut,
    ];

    const fn is_sensitive(self) -> bool {
        matches!(self, Self::PasswordChanged | Self::SignedOut)
    }
}

impl Page for Notice {
    const TEMPLATE: &'static str = "notice.html";

    fn app(&self) -> Option<&App> {
        self.app.as_ref()
    }

    fn is_sensitive(&self) -> bool {
        self.kind.is_sensitive()
    }
}

/// Tells the other apps of an ended session about it, and goes on (idp §17.1). Its script waits for them, at most 3 s.
#[derive(Clone, Debug, Serialize)]
pub struct FrontChannelLogout {
    /// Addresses of the apps, with `iss` and `sid`.
    pub frames: Vec<String>,
    /// Where to go on; `None`: the reader is signed out, and that is it.
    pub next: Option<String>,
    /// Why it does not go on where the app wanted.
    pub fault: Option<Fault>,
}

impl Page for FrontChannelLogout {
    const TEMPLATE: &'static str = "front-channel-logout.html";
    const SENSITIVE: bool = true;

    fn policy(&self) -> Policy {
        Policy { frames: self.frames.clone(), ..Policy::default() }
    }
}
