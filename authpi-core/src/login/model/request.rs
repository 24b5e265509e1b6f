//! What a login is for: the seam to whoever begins one and goes on with it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{ClientId, InvitationId, OrganizationId, SessionId, UserId};
use crate::oauth_error::OAuthError;
use crate::timestamp::Timestamp;

/// Why a login begins.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginRequest {
    /// The application that asks; none when somebody comes to the issuer itself.
    pub client_id: Option<ClientId>,
    /// How people are told of it.
    pub application: Option<Application>,
    /// What whoever began it needs to go on; never looked into here.
    pub continuation: String,
    /// What the login must be like.
    pub wants: Wants,
}

/// The continuation is somebody else's secret.
impl fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRequest").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// An application as people are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// What it is called.
    pub name: String,
    /// Its logo.
    pub logo_url: Option<String>,
    /// Where people are sent back to.
    pub redirect_host: Option<String>,
}

/// What a login must be like.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wants {
    /// No earlier login counts (`prompt=login`, `max_age`).
    pub fresh: bool,
    /// People say anew who they are (`prompt=select_account`).
    pub select_account: bool,
    /// Wanted authentication context classes, best first.
    pub acr: Vec<String>,
    /// None of them reached is a failure (OpenID Connect Core §5.5.1.1).
    pub acr_essential: bool,
    /// Only this user will do.
    pub user: Option<UserId>,
    /// The organization that tokens are to be for.
    pub org: Option<OrganizationId>,
    /// Who it probably is.
    pub login_hint: Option<String>,
    /// Languages of the pages, best first.
    pub ui_locales: Option<String>,
}

/// Who it probably is stays out of logs.
impl fmt::Debug for Wants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = (self.fresh, self.select_account, &self.acr, self.acr_essential, self.user, self.org);
        f.debug_tuple("Wants").field(&shown).finish()
    }
}

/// What is asked of somebody who is signed in, before the application learns of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Question {
    /// Whether the application gets what it asks for.
    Consent {
        /// Scopes.
        scopes: Vec<String>,
        /// Who the tokens are for.
        audiences: Vec<String>,
        /// The application learns of memberships.
        shares_organizations: bool,
        /// Where the answer goes.
        redirect_host: Option<String>,
    },
    /// Which organization the tokens are for.
    SelectOrganization {
        /// One of these.
        choices: Vec<OrganizationChoice>,
    },
    /// Whether to go on as who is signed in.
    Continue {
        /// Who is.
        account: String,
    },
    /// Whether to join the organization that the tokens are to be for.
    Invitation {
        /// The invitation.
        invitation_id: InvitationId,
        /// What the organization is called.
        organization: String,
        /// Who invites, as they call themselves.
        inviter: Option<String>,
        /// What they say.
        message: Option<String>,
    },
}

/// An organization to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationChoice {
    /// Its id.
    pub id: OrganizationId,
    /// What it is called.
    pub name: Option<String>,
}

/// What was answered to a [`Question`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Decision {
    /// To [`Question::Consent`].
    Consent {
        /// Yes.
        approved: bool,
    },
    /// To [`Question::SelectOrganization`].
    Organization {
        /// This one.
        org_id: OrganizationId,
    },
    /// To [`Question::Continue`].
    Continue {
        /// Yes.
        approved: bool,
    },
    /// To [`Question::Invitation`].
    Invitation {
        /// Yes, and it went well.
        accepted: bool,
    },
}

impl Decision {
    /// The organization that was chosen.
    pub const fn organization(&self) -> Option<OrganizationId> {
        match self {
            Self::Organization { org_id } => Some(*org_id),
            Self::Consent { .. } | Self::Continue { .. } | Self::Invitation { .. } => None,
        }
    }
}

/// The live session behind the cookie of a browser.
#[derive(Clone, PartialEq, Eq)]
pub struct BrowserSession {
    /// The session at the issuer.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// When they last proved who they are.
    pub authenticated_at: Timestamp,
    /// How.
    pub amr: Vec<String>,
    /// How well.
    pub acr: Option<String>,
    /// Name of the login method.
    pub method: String,
    /// State of the browser, for session management.
    pub browser_state: Option<String>,
}

/// Who knows the state of the browser can pretend to be told of its logins.
impl fmt::Debug for BrowserSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserSession")
            .field("id", &self.id)
            .field("user_id", &self.user_id)
            .field("authenticated_at", &self.authenticated_at)
            .field("acr", &self.acr)
            .finish_non_exhaustive()
    }
}

/// A login that somebody goes on with.
#[derive(Clone)]
pub struct Resumed {
    /// What it was begun with.
    pub continuation: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// As of a [`LoginRequest`].
impl fmt::Debug for Resumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumed").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

/// How a login ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Somebody passed the gate.
    SignedIn {
        /// Their session.
        session: BrowserSession,
        /// What they answered since.
        decisions: Vec<Decision>,
    },
    /// They want no more.
    Aborted,
    /// They may not.
    Refused(OAuthError),
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::Id as _;

    #[test]
    fn what_is_secret_or_personal_in_a_login_is_not_printed() {
        let request = LoginRequest {
            continuation: "s3cret-continuation".to_owned(),
            wants: Wants { login_hint: Some("s3cret@example.com".to_owned()), ..Wants::default() },
            ..LoginRequest::default()
        };
        let session = BrowserSession {
            id: SessionId::from_uuid(Uuid::nil()),
            user_id: UserId::from_uuid(Uuid::nil()),
            authenticated_at: Timestamp::EPOCH,
            amr: Vec::new(),
            acr: None,
            method: "password".to_owned(),
            browser_state: Some("s3cret-state".to_owned()),
        };
        let resumed = Resumed {
            continuation: request.continuation.clone(),
            outcome: Outcome::SignedIn { session: session.clone(), decisions: Vec::new() },
        };
        for printed in [format!("{request:?} {:?}", request.wants), format!("{session:?}"), format!("{resumed:?}")] {
            assert!(!printed.contains("s3cret"), "{printed}");
        }
    }
}
