//! What a user decides after proving who they are: as whom, for which organization, and what an app may have.

use serde::Serialize;

use super::parts::{Account, App, Step};
use super::policy::{Forms, Policy};
use super::render::Page;

/// Asks as whom to go on. Each account posts its `value` as `account`.
#[derive(Clone, Debug, Serialize)]
pub struct ChooseAccount {
    /// Of the flow.
    #[serde(flatten)]
    pub step: Step,
    /// Posts there.
    pub action: String,
    /// The accounts; of a single one the page asks "continue as …?".
    pub accounts: Vec<KnownAccount>,
    /// Being somebody else posts there.
    pub other: Option<String>,
}

/// An account that this browser knows.
#[derive(Clone, Debug, Serialize)]
pub struct KnownAccount {
    /// Posted as `account`.
    pub value: String,
    /// What they are called.
    pub name: Option<String>,
    /// Username or address.
    pub identifier: String,
    /// Their session lives.
    pub signed_in: bool,
}

/// Asks for which organization. Each posts its `value` as `org`.
#[derive(Clone, Debug, Serialize)]
pub struct ChooseOrganization {
    /// Of the flow.
    #[serde(flatten)]
    pub step: Step,
    /// Posts there.
    pub action: String,
    /// The organizations.
    pub organizations: Vec<OrganizationChoice>,
    /// None of them: posts an empty `org`.
    pub none: bool,
}

/// An organization to choose.
#[derive(Clone, Debug, Serialize)]
pub struct OrganizationChoice {
    /// Posted as `org`.
    pub value: String,
    /// What it is called.
    pub name: String,
}

/// Asks whether an app may have what it asks for (idp §19). Posts `approve` = `true` or `false`.
#[derive(Clone, Debug, Serialize)]
pub struct Consent {
    /// Of the flow; its app is shown large.
    #[serde(flatten)]
    pub step: Step,
    /// Posts there.
    pub action: String,
    /// Who decides.
    pub account: Account,
    /// Host of the redirect URI, as ASCII, or the whole URI where it has none.
    pub redirect_host: String,
    /// What it asks for.
    pub scopes: Vec<ScopeLine>,
    /// For which services, by their URIs.
    pub audiences: Vec<String>,
    /// The memberships of the user are shared.
    pub shares_organizations: bool,
}

/// A scope that an app asks for.
#[derive(Clone, Debug, Serialize)]
pub struct ScopeLine {
    /// The scope.
    pub scope: String,
    /// What the issuer says about it; the standard ones have texts of ours.
    pub description: Option<String>,
    /// It stands for many: marked.
    pub is_wildcard: bool,
}

/// Asks whether to join an organization. Posts `accept` = `true` or `false`.
#[derive(Clone, Debug, Serialize)]
pub struct Invitation {
    /// Of the flow, or with a ticket of its own.
    #[serde(flatten)]
    pub step: Step,
    /// Posts there.
    pub action: String,
    /// Who decides, when it is known.
    pub account: Option<Account>,
    /// What the organization is called.
    pub organization: String,
    /// Who invites; anybody may have typed it.
    pub inviter: Option<String>,
    /// What they say; anybody may have typed it.
    #[serde(serialize_with = "paragraphs")]
    pub message: Option<String>,
}

#[allow(clippy::ref_option, reason = "serde hands over fields by reference")]
fn paragraphs<S: serde::Serializer>(message: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let paragraphs = message.as_deref().map(crate::pages::inert::paragraphs_without_links).unwrap_or_default();
    paragraphs.serialize(serializer)
}

/// Asks whether to log out (idp §17). Posts `confirm` = `true`.
#[derive(Clone, Debug, Serialize)]
pub struct LogoutQuestion {
    /// With a ticket of its own.
    #[serde(flatten)]
    pub step: Step,
    /// Posts there.
    pub action: String,
    /// Who is signed in.
    pub account: Option<Account>,
    /// The hint was bad: the page says so.
    pub bad_hint: bool,
}

impl Page for ChooseAccount {
    const TEMPLATE: &'static str = "choose-account.html";

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn policy(&self) -> Policy {
        Policy::with(Forms::Anywhere)
    }
}

impl Page for ChooseOrganization {
    const TEMPLATE: &'static str = "choose-organization.html";

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn policy(&self) -> Policy {
        Policy::with(Forms::Anywhere)
    }
}

impl Page for Consent {
    const TEMPLATE: &'static str = "consent.html";
    const SENSITIVE: bool = true;

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn app(&self) -> Option<&App> {
        self.step.app.as_ref()
    }

    fn policy(&self) -> Policy {
        Policy::with(Forms::Anywhere)
    }
}

impl Page for Invitation {
    const TEMPLATE: &'static str = "invitation.html";

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn policy(&self) -> Policy {
        Policy::with(Forms::Anywhere)
    }
}

impl Page for LogoutQuestion {
    const TEMPLATE: &'static str = "logout-question.html";
    const SENSITIVE: bool = true;

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn policy(&self) -> Policy {
        Policy::with(Forms::Anywhere)
    }
}
