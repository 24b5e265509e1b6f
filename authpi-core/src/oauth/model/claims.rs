//! The claims of what we sign (idp §8), strictly typed: one of another type is no token of that kind (RFC 8725 §3.11).

use serde::{Deserialize, Serialize};

use super::Audience;
use crate::id::{AgentId, DelegationId, OrganizationId, SessionId};
use crate::timestamp::Timestamp;

/// `typ` in the header of an access token (RFC 9068 §2.1). It is what keeps other tokens out of APIs.
pub const ACCESS_TYP: &str = "at+jwt";

/// `typ` in the header of a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4).
pub const LOGOUT_TYP: &str = "logout+jwt";

/// Of whose kind a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Dat {
    /// A person.
    Identity,
    /// An agent, for itself or for a person.
    Agent,
}

/// Who acts for the subject of a token (RFC 8693 §4.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// The agent.
    pub sub: AgentId,
    /// Who had it done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub act: Option<Box<Self>>,
}

/// What somebody is in an organization, as tokens and UserInfo say it (idp §10.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationClaim {
    /// The organization.
    pub id: OrganizationId,
    /// What the member is called there.
    pub title: Option<String>,
    /// What they hold, directly and through groups; sorted.
    pub scopes: Vec<String>,
    /// Unix seconds.
    pub joined_at: i64,
}

/// Claims of an access token (RFC 9068 §2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// URL of the issuer.
    pub iss: String,
    /// User, client or agent.
    pub sub: String,
    /// Whom the token is for.
    pub aud: Audience,
    /// Unix seconds.
    pub exp: i64,
    /// Unix seconds.
    pub iat: i64,
    /// Unix seconds: `iat`, or the time of the login where the client wants that.
    pub auth_time: i64,
    /// Unique.
    pub jti: String,
    /// The session of the client; tokens of users only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sid: Option<SessionId>,
    /// Who asked for it.
    pub client_id: String,
    /// Of whose kind it is; not on tokens of clients.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dat: Option<Dat>,
    /// Who acts for the subject.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub act: Option<Actor>,
    /// Separated by spaces.
    pub scope: String,
    /// What the subject is where.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub organizations: Option<Vec<OrganizationClaim>>,
    /// There are more than the token names.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub organizations_truncated: bool,
    /// The organization that the token is selected to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub org_id: Option<OrganizationId>,
    /// Under which the agent acts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delegation_id: Option<DelegationId>,
    /// Class of the login, where the client wants it here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acr: Option<String>,
    /// Means of the login, where the client wants them here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub amr: Option<Vec<String>>,
}

/// An access token whose signature, type, issuer and time were found right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAccess(AccessClaims);

impl AccessClaims {
    /// Its time has not come to an end.
    pub const fn is_in_time(&self, now: Timestamp) -> bool {
        self.exp > now.as_seconds()
    }
}

impl VerifiedAccess {
    /// Claims of a token that is signed by the issuer as [`ACCESS_TYP`]; `None` when they are another issuer's, or past
    /// their time.
    pub fn new(claims: AccessClaims, iss: &str, now: Timestamp) -> Option<Self> {
        (claims.iss == iss && claims.is_in_time(now)).then_some(Self(claims))
    }

    /// What it says.
    pub const fn claims(&self) -> &AccessClaims {
        &self.0
    }

    /// What it says.
    pub fn into_claims(self) -> AccessClaims {
        self.0
    }
}

/// Claims of an ID token (OpenID Connect Core §2). What the client asked for beyond the standard set is beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdClaims {
    /// URL of the issuer.
    pub iss: String,
    /// The user.
    pub sub: String,
    /// The client.
    pub aud: String,
    /// Unix seconds.
    pub exp: i64,
    /// Unix seconds.
    pub iat: i64,
    /// Unique.
    pub jti: String,
    /// Unix seconds: when the user signed in.
    pub auth_time: i64,
    /// As it came with the authorization request.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nonce: Option<String>,
    /// The session of the client.
    pub sid: SessionId,
    /// Binds the access token that came with it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at_hash: Option<String>,
    /// Means of the login (RFC 8176).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub amr: Vec<String>,
    /// Class of the login.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acr: Option<String>,
    /// `email`, `organizations` and whatever else is due.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

/// Marks a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenUse {
    /// It refreshes.
    Refresh,
}

/// Claims of a refresh token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshClaims {
    /// URL of the issuer.
    pub iss: String,
    /// The user.
    pub sub: String,
    /// URL of the issuer.
    pub aud: String,
    /// Unix seconds.
    pub exp: i64,
    /// Unix seconds.
    pub iat: i64,
    /// Current in its session, or spent.
    pub jti: String,
    /// The session of the client.
    pub sid: SessionId,
    /// The client.
    pub client_id: String,
    /// All that was granted, separated by spaces.
    pub scope: String,
    /// The organization that the tokens are selected to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub org_id: Option<OrganizationId>,
    /// What tells it from other tokens.
    pub token_use: TokenUse,
}

/// Claims of a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4). Never a `nonce`, so that it passes for no ID
/// token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutClaims {
    /// URL of the issuer.
    pub iss: String,
    /// The user.
    pub sub: String,
    /// The client.
    pub aud: String,
    /// Unix seconds.
    pub exp: i64,
    /// Unix seconds.
    pub iat: i64,
    /// Unique.
    pub jti: String,
    /// The session of the client that has ended.
    pub sid: SessionId,
    /// What has happened (RFC 8417 §2.2).
    pub events: LogoutEvents,
}

/// `events` of a logout token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutEvents {
    #[serde(rename = "http://schemas.openid.net/event/backchannel-logout")]
    backchannel_logout: Nothing,
}

/// An empty object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Nothing {}
