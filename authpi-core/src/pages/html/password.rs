//! Passwords: a new one, and the way to it for those who forgot the old one.

use serde::Serialize;

use super::parts::{Account, Step};
use super::policy::{Forms, Policy};
use super::render::Page;

/// Asks for a new password. Posts `password`.
#[derive(Clone, Debug, Serialize)]
pub struct NewPassword {
    /// Of the flow, or with a ticket of its own.
    #[serde(flatten)]
    pub step: Step,
    /// Posts there.
    pub action: String,
    /// Why.
    pub reason: NewPasswordReason,
    /// Whose.
    pub account: Option<Account>,
    /// So many characters at least.
    pub min_length: u32,
}

/// Why somebody chooses a new password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewPasswordReason {
    /// They signed in with one that an administrator gave them.
    Temporary,
    /// They followed the link of a reset, which ends their sessions.
    Reset,
}

/// Asks whose password is to be reset. Posts `identifier`.
#[derive(Clone, Debug, Serialize)]
pub struct ResetRequest {
    /// Of the flow.
    #[serde(flatten)]
    pub step: Step,
    /// Posts there.
    pub action: String,
    /// What was typed already.
    pub identifier: String,
    /// Link back to signing in.
    pub back: Option<String>,
}

/// A mail is on its way, if there is such a user.
#[derive(Clone, Debug, Serialize)]
pub struct ResetSent {
    /// What was typed.
    pub identifier: String,
    /// Link back to signing in.
    pub back: Option<String>,
}

impl Page for NewPassword {
    const TEMPLATE: &'static str = "new-password.html";
    const SENSITIVE: bool = true;

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn policy(&self) -> Policy {
        Policy::with(Forms::Anywhere)
    }
}

impl Page for ResetRequest {
    const TEMPLATE: &'static str = "reset-request.html";
    const SENSITIVE: bool = true;

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn policy(&self) -> Policy {
        Policy::with(if self.step.cancel.is_some() { Forms::Anywhere } else { Forms::Own })
    }
}

impl Page for ResetSent {
    const TEMPLATE: &'static str = "reset-sent.html";
    const SENSITIVE: bool = true;
}
