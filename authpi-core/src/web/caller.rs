//! Who calls, and what they may do.

use uuid::Uuid;

use super::personal_token::TokenUse;
use super::services::Origin;
use crate::credential::model::LimitedKey;
use crate::error::Refusal;
use crate::event::model::{Actor, ContextDetail, RequestContext, Trigger};
use crate::id::{AccountId, ApiKeyId, Id, IssuerId, OrganizationId, UserId};
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
    pub const fn actor(&self) -> Actor {
        match &self.credential {
            Credential::ApiKey(key_id) => Actor::ApiKey { key_id: *key_id },
            Credential::PersonalToken(token) => {
                Actor::PersonalToken { token_id: token.token_id, user_id: token.user_id }
            }
        }
    }

    /// What tells the credential apart from all others.
    pub fn credential_id(&self) -> Uuid {
        match &self.credential {
            Credential::ApiKey(key) => key.uuid(),
            Credential::PersonalToken(token) => token.token_id.uuid(),
        }
    }

    /// The person behind the credential; a key has none.
    pub const fn user(&self) -> Option<UserId> {
        match &self.credential {
            Credential::ApiKey(_) => None,
            Credential::PersonalToken(token) => Some(token.user_id),
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

    /// The only organization of the caller: always there for an API key.
    pub fn org(&self) -> Option<OrganizationId> {
        match self.organizations.as_slice() {
            [only] => Some(only.org_id),
            _ => None,
        }
    }

    /// Demands `scope` in the caller's only organization, for routes that are not about one organization in particular.
    ///
    /// # Errors
    /// [`Refusal::InsufficientScope`]; [`Refusal::Malformed`] when `scope` is no scope.
    pub fn require(&self, scope: &str) -> Result<(), Refusal> {
        demand(self.org().and_then(|org| self.in_organization(org)), scope)
    }

    /// Demands `scope` in `organization`.
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
        Some(held) if held.grants(&scope) => Ok(()),
        _ => Err(Refusal::InsufficientScope(scope)),
    }
}
