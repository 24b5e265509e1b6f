//! Pages that browsers work off by themselves.

use serde::Serialize;

use super::policy::{Forms, Policy};
use super::render::Page;

/// Sends the answer of the authorization endpoint as a form (OAuth 2.0 Form Post Response Mode). A script submits it; where
/// scripts are off, the reader does.
#[derive(Clone, Serialize)]
pub struct FormPost {
    /// The redirect URI.
    pub action: String,
    /// The parameters, in order.
    pub fields: Vec<(String, String)>,
}

impl Page for FormPost {
    const TEMPLATE: &'static str = "form-post.html";
    const SENSITIVE: bool = true;

    fn policy(&self) -> Policy {
        Policy::with(Forms::Anywhere)
    }
}

/// The frame that apps ask whether the session changed (OpenID Connect Session Management §3.3). Apps of any origin may
/// show it; the endpoint it asks checks theirs.
#[derive(Clone, Debug, Serialize)]
pub struct CheckSession {
    /// Asked by the script: path of `/check-session`.
    pub endpoint: String,
}

impl Page for CheckSession {
    const TEMPLATE: &'static str = "check-session.html";
    const SENSITIVE: bool = true;

    fn policy(&self) -> Policy {
        Policy { framable: true, invisible: true, connects: true, ..Policy::default() }
    }
}
