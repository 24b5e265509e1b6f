//! What several pages show alike.

use std::fmt;

use serde::Serialize;

use super::policy::image;
use super::problem::Errors;
use crate::pages::inert::line;
use crate::timestamp::Timestamp;

/// What the pages of one flow have in common.
#[derive(Clone, Default, Serialize)]
pub struct Step {
    /// Posted with every form, as `ticket`.
    pub ticket: String,
    /// Where the reader is going.
    pub app: Option<App>,
    /// What is wrong with what was sent.
    pub errors: Errors,
    /// Giving up posts there.
    pub cancel: Option<String>,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the ticket: whoever has it can go on with the flow.
        f.debug_struct("Step").field("app", &self.app).field("errors", &self.errors).finish_non_exhaustive()
    }
}

/// A client, as people see it; an administrator of the issuer typed it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct App {
    /// Its name.
    pub name: String,
    /// Its logo, https.
    pub logo_url: Option<String>,
}

impl App {
    /// The address of its logo, when it can be shown.
    pub(super) fn logo(&self) -> Option<String> {
        self.logo_url.as_deref().and_then(image).map(Into::into)
    }
}

/// Who is about to go on.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Account {
    /// What they are called, where that may be shown: never before they have proved anything.
    pub name: Option<String>,
    /// Username or address, as it was typed.
    pub identifier: String,
    /// Being somebody else posts there.
    pub change: Option<String>,
}

/// A button that goes another way: it posts to `action`, with `value` as `method` where it has one.
#[derive(Clone, Debug, Serialize)]
pub struct Method {
    /// Which way.
    #[serde(flatten)]
    pub kind: MethodKind,
    /// Posts there.
    pub action: String,
    /// Posted as `method`.
    pub value: Option<String>,
}

/// The ways to prove who one is.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum MethodKind {
    /// With a password.
    Password,
    /// With a link in a mail.
    EmailLink,
    /// With a code in a mail.
    EmailCode,
    /// With the code of an authenticator app.
    Totp,
    /// With a backup code.
    BackupCode,
    /// At another provider.
    Upstream {
        /// Which of the known ones; anything else is shown without a mark.
        provider: String,
        /// What it is called.
        name: String,
    },
    /// At the provider of an organization.
    SingleSignOn {
        /// What the organization is called.
        name: String,
    },
    /// With a passkey. The page's script asks `options` (a POST that answers options of WebAuthn Level 3 as JSON) and posts
    /// the answer of the authenticator, as JSON, in the field `assertion`; without scripts the button is not there.
    Passkey {
        /// Asked by the script.
        options: String,
    },
}

impl MethodKind {
    /// Only a script can do it.
    pub(super) const fn needs_script(&self) -> bool {
        matches!(self, Self::Passkey { .. })
    }
}

/// When, where and with what something was asked for.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RequestFacts {
    /// When, as it is shown.
    #[serde(serialize_with = "in_utc")]
    pub at: Timestamp,
    /// Place, such as a city or country.
    pub place: Option<String>,
    /// Such as "Chrome / macOS".
    pub device: Option<String>,
    /// Address on the network.
    pub ip: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over fields by reference")]
fn in_utc<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&crate::calendar::utc_minutes(*at))
}

/// The first letter or sign of a name, where there is no picture.
pub(super) fn initial(name: &str) -> String {
    let name = line(name).unwrap_or_default();
    let first = name.chars().find(|char| char.is_alphanumeric()).or_else(|| name.chars().next());
    first.map(|char| char.to_uppercase().collect()).unwrap_or_default()
}
