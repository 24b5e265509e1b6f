//! What an access token says (RFC 9068 §2.2), strictly typed: one of another type is no access token.

use serde::{Deserialize, Serialize};

use crate::error::Refused;
use crate::scope::grants;

/// Whom a token is for: one text, or several (RFC 7519 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Audience {
    /// It names `whom`, compared as it stands.
    pub fn names(&self, whom: &str) -> bool {
        match self {
            Self::One(one) => one == whom,
            Self::Many(many) => many.iter().any(|one| one == whom),
        }
    }
}

/// Who acts for the subject (RFC 8693 §4.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acting {
    /// The agent.
    pub sub: String,
    /// Who had it done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub act: Option<Box<Self>>,
}

/// What the subject is in an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationClaim {
    /// The organization.
    pub id: String,
    /// What the member is called there.
    pub title: Option<String>,
    /// What they hold there.
    pub scopes: Vec<String>,
    /// Unix seconds.
    pub joined_at: i64,
}

/// The claims of an access token. What is not listed is ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// URL of the issuer.
    pub iss: String,
    /// `usr_…`, `agt_…` or `c_…`.
    pub sub: String,
    /// Whom the token is for.
    pub aud: Audience,
    /// Unix seconds.
    pub exp: i64,
    /// Unix seconds; issuers of authpi do not set it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nbf: Option<i64>,
    /// Unix seconds.
    pub iat: i64,
    /// Unix seconds; by default no proof of a recent login.
    pub auth_time: i64,
    /// Unique.
    pub jti: String,
    /// Session of the client; tokens of users only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sid: Option<String>,
    /// Who asked for the token.
    pub client_id: String,
    /// Who acts for the subject.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub act: Option<Acting>,
    /// Separated by spaces.
    pub scope: String,
    /// What the subject is where.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub organizations: Option<Vec<OrganizationClaim>>,
    /// There are more than the token names.
    #[serde(default)]
    pub organizations_truncated: bool,
    /// The organization that the token is selected to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub org_id: Option<String>,
    /// Under which the agent acts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delegation_id: Option<String>,
    /// Class of the login, where the client wants it here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acr: Option<String>,
    /// Means of the login, where the client wants them here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amr: Option<Vec<String>>,
}

/// A token that is genuine, in its time and for this API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(Claims);

impl Token {
    pub(crate) const fn new(claims: Claims) -> Self {
        Self(claims)
    }

    /// What it says.
    pub const fn claims(&self) -> &Claims {
        &self.0
    }

    /// Whose token it is: a user, an agent or a client. Of a token with which an agent acts for a user, the user.
    pub fn subject(&self) -> &str {
        &self.0.sub
    }

    /// The agent that acts for the subject.
    pub fn act(&self) -> Option<&str> {
        self.0.act.as_ref().map(|act| act.sub.as_str())
    }

    /// The only organization that the token names.
    pub fn org(&self) -> Option<&str> {
        match self.0.organizations.as_deref() {
            Some([only]) if !self.0.organizations_truncated => Some(&only.id),
            _ => None,
        }
    }

    /// Demands `scope` of the token itself: what the client, or the machine, was granted.
    ///
    /// # Errors
    /// [`Refused::InsufficientScope`].
    pub fn require(&self, scope: &str) -> Result<(), Refused> {
        demand(self.0.scope.split(' '), scope)
    }

    /// Demands that the subject holds `scope` in `organization`.
    ///
    /// # Errors
    /// [`Refused::InsufficientScope`], also when the subject does not belong to it.
    pub fn require_in(&self, organization: &str, scope: &str) -> Result<(), Refused> {
        let held = self.0.organizations.iter().flatten().find(|held| held.id == organization);
        demand(held.into_iter().flat_map(|held| held.scopes.iter().map(String::as_str)), scope)
    }
}

fn demand<'s>(mut held: impl Iterator<Item = &'s str>, required: &str) -> Result<(), Refused> {
    if held.any(|held| grants(held, required)) {
        return Ok(());
    }
    Err(Refused::InsufficientScope(required.to_owned()))
}
