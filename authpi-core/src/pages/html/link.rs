//! Links in mails (idp §21, §23.1): sent, opened where they were asked for, opened elsewhere.

use serde::Serialize;

use super::parts::{App, Method, RequestFacts, Step};
use super::policy::{Forms, Policy};
use super::render::Page;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkPurpose {
    /// Signing in.
    SignIn,
    /// Confirming the address.
    VerifyEmail,
}

/// A link was mailed; who opens it in another browser gets a code to type here. Posts `code`.
#[derive(Clone, Debug, Serialize)]
pub struct LinkSent {
    /// Of the flow.
    #[serde(flatten)]
    pub step: Step,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// Where it was sent, as it was typed.
    pub address: String,
    /// The code posts there.
    pub action: String,
    /// How many digits it has.
    pub length: u8,
    /// Sending another one posts there.
    pub resend: Option<String>,
    /// Other ways.
    pub methods: Vec<Method>,
}

/// The link was opened in the browser that asked for it: nothing happens without a click, since scanners open links, too.
#[derive(Clone, Debug, Serialize)]
pub struct LinkConfirm {
    /// Of the flow, or with a ticket of its own.
    #[serde(flatten)]
    pub step: Step,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// Posts there.
    pub action: String,
    /// The address that is confirmed, or of who signs in.
    pub address: String,
}

/// The link was opened in another browser. It changes nothing; the code is typed where the request was made.
#[derive(Clone, Serialize)]
pub struct OpenedElsewhere {
    /// What it is for.
    pub purpose: LinkPurpose,
    /// Where the request would lead.
    pub app: Option<App>,
    /// When and where the request was made.
    pub request: RequestFacts,
    /// The code.
    pub code: String,
}

impl Page for LinkSent {
    const TEMPLATE: &'static str = "link-sent.html";

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn policy(&self) -> Policy {
        let connects = self.methods.iter().any(|method| method.kind.needs_script());
        Policy { connects, ..Policy::with(Forms::Anywhere) }
    }
}

impl Page for LinkConfirm {
    const TEMPLATE: &'static str = "link-confirm.html";

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn policy(&self) -> Policy {
        Policy::with(Forms::Anywhere)
    }
}

impl Page for OpenedElsewhere {
    const TEMPLATE: &'static str = "opened-elsewhere.html";

    fn app(&self) -> Option<&App> {
        self.app.as_ref()
    }
}
