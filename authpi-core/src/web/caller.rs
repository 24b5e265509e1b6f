//! Who calls, and what they may do.

use std::fmt;

use uuid::Uuid;

use super::personal_token::TokenUse;
use super::services::Origin;
use crate::credential::model::LimitedKey;
use crate::error::Refusal;
use crate::event::model::{Actor, ContextDetail, RequestContext, Trigger};
use crate::id::{AccountId, AgentId, ApiKeyId, ClientId, Id, IssuerId, OrganizationId, UserId};
use crate::oauth::model::AccessClaims;
use crate::rights::{Grantor, Rights};
use crate::scope::{Scope, Scopes};

/// The credential that was presented and accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// An API key, by HTTP Basic.
    ApiKey(ApiKeyId),
    /// A personal token, as bearer: acts for its user, as far as its scopes reach.
    PersonalToken(TokenUse),
    /// A JWT access token, as bearer: of a user, or, at the host's own routes, of a machine.
    AccessToken(Box<AccessUse>),
}

/// Who a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Principal {
    /// An API key of an organization.
    ApiKey(ApiKeyId),
    /// A person.
    User(UserId),
    /// An agent, for itself.
    Agent(AgentId),
    /// A client, for itself.
    Client(ClientId),
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiKey(key) => key.fmt(f),
            Self::User(user) => user.fmt(f),
            Self::Agent(agent) => agent.fmt(f),
            Self::Client(client) => client.fmt(f),
        }
    }
}

/// An access token in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessUse {
    /// What it says.
    pub claims: AccessClaims,
    subject: Principal,
    scopes: Scopes,
    unbound: bool,
}

impl AccessUse {
    /// A genuine token; `None` when nobody here could be its subject.
    pub(super) fn new(claims: AccessClaims) -> Option<Self> {
        let user = claims.sub.parse().map(Principal::User).ok();
        let agent = || claims.sub.parse().map(Principal::Agent).ok();
        let client = || claims.sub.parse().map(Principal::Client).ok();
        let subject = user.or_else(agent).or_else(client)?;
        let scopes = claims.scope.split(' ').filter_map(|scope| scope.parse().ok()).collect();
        Some(Self { claims, subject, scopes, unbound: false })
    }

    /// Whatever its scopes, it is good for all that its user may do.
    pub(super) fn unbound(self) -> Self {
        Self { unbound: true, ..self }
    }

    /// What it cuts the rights of its user to; `None` when it does not.
    pub fn bound(&self) -> Option<&Scopes> {
        (!self.unbound).then_some(&self.scopes)
    }

    /// What was granted to whom asked for the token.
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The user whose token it is, or for whom an agent acts with it.
    pub const fn user(&self) -> Option<UserId> {
        match self.subject {
            Principal::User(user) => Some(user),
            _ => None,
        }
    }

    fn actor(&self) -> Actor {
        let acting = self.claims.act.as_ref().map(|act| act.sub);
        match (acting, self.subject) {
            (Some(agent_id), _) => {
                let delegation_id = self.claims.delegation_id;
                Actor::Agent { agent_id, user_id: self.user(), delegation_id }
            }
            (None, Principal::User(user_id)) => Actor::User { user_id, session_id: self.claims.sid },
            (None, Principal::Agent(agent_id)) => Actor::agent(agent_id),
            (None, Principal::Client(client_id)) => Actor::Client { client_id },
            (None, Principal::ApiKey(key_id)) => Actor::ApiKey { key_id },
        }
    }

    /// Whose requests are counted together: all that one user or machine bears.
    fn uuid(&self) -> Uuid {
        match self.subject {
            Principal::ApiKey(key) => key.uuid(),
            Principal::User(user) => user.uuid(),
            Principal::Agent(agent) => agent.uuid(),
            Principal::Client(client) => client.uuid(),
        }
    }
}

/// Rights on one account.
#[derive(Clone, Debug)]
pub struct AccountAccess {
    /// The account.
    pub account_id: AccountId,
    /// What the caller holds there.
    pub rights: Rights,
}

/// Rights in one organization.
#[derive(Clone, Debug)]
pub struct OrganizationAccess {
    /// The organization.
    pub org_id: OrganizationId,
    /// What the caller holds there.
    pub scopes: Scopes,
}

/// An authenticated caller of either API or of the host's own routes.
#[derive(Clone, Debug)]
pub struct Caller {
    /// What was presented.
    pub credential: Credential,
    /// Account that the credential belongs to, whether or not it may act there: the tenant of its events.
    pub tenant: AccountId,
    /// Issuer that the credential belongs to.
    pub issuer_id: IssuerId,
    /// How much request context the events of that issuer keep.
    pub event_context: ContextDetail,
    /// The key that was presented, when it has a limit of its own.
    pub limited_key: Option<LimitedKey>,
    /// Accounts that the caller can act on.
    pub accounts: Vec<AccountAccess>,
    /// Organizations that the caller belongs to.
    pub organizations: Vec<OrganizationAccess>,
}

impl Caller {
    /// As events name the caller.
    pub fn actor(&self) -> Actor {
        match &self.credential {
            Credential::ApiKey(key_id) => Actor::ApiKey { key_id: *key_id },
            Credential::PersonalToken(token) => {
                Actor::PersonalToken { token_id: token.token_id, user_id: token.user_id }
            }
            Credential::AccessToken(token) => token.actor(),
        }
    }

    /// What tells the credential apart from all others.
    pub fn credential_id(&self) -> Uuid {
        match &self.credential {
            Credential::ApiKey(key) => key.uuid(),
            Credential::PersonalToken(token) => token.token_id.uuid(),
            Credential::AccessToken(token) => token.uuid(),
        }
    }

    /// Who the credential is. Of a token with which an agent acts for somebody, that somebody; see [`Caller::act`].
    pub const fn subject(&self) -> Principal {
        match &self.credential {
            Credential::ApiKey(key) => Principal::ApiKey(*key),
            Credential::PersonalToken(token) => Principal::User(token.user_id),
            Credential::AccessToken(token) => token.subject,
        }
    }

    /// The agent that acts for the subject (RFC 8693 §4.1).
    pub fn act(&self) -> Option<AgentId> {
        self.claims()?.act.as_ref().map(|act| act.sub)
    }

    /// What the access token says, where one was presented.
    pub const fn claims(&self) -> Option<&AccessClaims> {
        match &self.credential {
            Credential::AccessToken(token) => Some(&token.claims),
            _ => None,
        }
    }

    /// The person behind the credential; a key and a machine have none.
    pub const fn user(&self) -> Option<UserId> {
        match &self.credential {
            Credential::ApiKey(_) => None,
            Credential::PersonalToken(token) => Some(token.user_id),
            Credential::AccessToken(token) => token.user(),
        }
    }

    /// Who and where a request of the caller comes from, as an event of the caller's own tenant states it.
    pub(crate) fn origin(&self, trace: Option<String>, request: RequestContext) -> Origin {
        Origin {
            account_id: self.tenant,
            actor: self.actor(),
            trigger: Trigger::Api,
            trace,
            request,
            detail: self.event_context,
        }
    }

    /// What the caller holds in `account`; `None` when it cannot act there at all.
    pub fn in_account(&self, account: AccountId) -> Option<&Rights> {
        self.accounts.iter().find(|access| access.account_id == account).map(|access| &access.rights)
    }

    /// What the caller holds in `organization`.
    pub fn in_organization(&self, organization: OrganizationId) -> Option<&Scopes> {
        self.organizations.iter().find(|access| access.org_id == organization).map(|access| &access.scopes)
    }

    /// What bounds the scopes that the caller may give in `organization`: what it holds in the account over it.
    pub fn grantor(&self, organization: OrganizationId) -> Grantor {
        Grantor::Holder(self.in_account(organization.account()).cloned().unwrap_or_default())
    }

    /// The only organization of the caller: always there for an API key, and for a token that is selected to one.
    pub fn org(&self) -> Option<OrganizationId> {
        match self.organizations.as_slice() {
            [only] => Some(only.org_id),
            _ => None,
        }
    }

    /// Demands `scope` for routes that are not about one organization in particular: in the caller's only organization,
    /// or of the access token itself. Of a token of a machine, or of an agent that acts for somebody, only the latter
    /// counts. The scopes are the host's own, of which no action means another: `invoices:manage` is not `invoices:read`
    /// (idp §11.2), whatever the credential.
    ///
    /// # Errors
    /// [`Refusal::InsufficientScope`]; [`Refusal::Malformed`] when `scope` is no scope.
    pub fn require(&self, scope: &str) -> Result<(), Refusal> {
        if let Credential::AccessToken(token) = &self.credential {
            let is_machine = token.user().is_none() || token.claims.act.is_some();
            let granted = demand(Some(token.scopes()), scope);
            if is_machine || !matches!(granted, Err(Refusal::InsufficientScope(_))) {
                return granted;
            }
        }
        demand(self.org().and_then(|org| self.in_organization(org)), scope)
    }

    /// Demands `scope` in `organization`, matched as [`Caller::require`] does.
    ///
    /// # Errors
    /// As [`Caller::require`]; also when the caller does not belong to it.
    pub fn require_in(&self, organization: OrganizationId, scope: &str) -> Result<(), Refusal> {
        demand(self.in_organization(organization), scope)
    }
}

fn demand(held: Option<&Scopes>, scope: &str) -> Result<(), Refusal> {
    let scope: Scope = scope.parse().map_err(|_| Refusal::Malformed("the required scope is not a scope"))?;
    match held {
        Some(held) if held.matches(&scope) => Ok(()),
        _ => Err(Refusal::InsufficientScope(scope)),
    }
}
