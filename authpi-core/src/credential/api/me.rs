//! `GET /v1/me`: who the presented credential is (core-api section 3).

use async_trait::async_trait;
use serde::Serialize;
use utoipa::ToSchema;

use crate::credential::events;
use crate::error::Refusal;
use crate::event::model::{EventDraft, Subject};
use crate::id::{AccountId, ApiKeyId, IssuerId, OrganizationId, TokenId, UserId};
use crate::scope::Scopes;
use crate::store::Reads;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::caller::{AccountAccess, Caller, Credential, OrganizationAccess};
use crate::web::endpoint::Read;
use crate::web::route::{RateClass, Route};

/// Who a credential is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallerIdentity {
    /// Kind of the credential.
    #[serde(rename = "type")]
    kind: &'static str,
    key_id: Option<ApiKeyId>,
    token_id: Option<TokenId>,
    user_id: Option<UserId>,
    issuer_id: Option<IssuerId>,
    accounts: Vec<CallerAccountAccess>,
    organizations: Vec<CallerOrganizationAccess>,
}

/// Rights on an account.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallerAccountAccess {
    account_id: AccountId,
    org_id: OrganizationId,
    scopes: Scopes,
}

/// Rights in an organization.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallerOrganizationAccess {
    org_id: OrganizationId,
    scopes: Scopes,
}

impl From<&Caller> for CallerIdentity {
    fn from(caller: &Caller) -> Self {
        let account = |access: &AccountAccess| CallerAccountAccess {
            account_id: access.account_id,
            org_id: access.account_id.organization(),
            scopes: access.rights.to_scopes(),
        };
        let organization = |access: &OrganizationAccess| CallerOrganizationAccess {
            org_id: access.org_id,
            scopes: access.scopes.clone(),
        };
        let (kind, key_id, token_id) = match &caller.credential {
            Credential::ApiKey(key) => ("api_key", Some(*key), None),
            Credential::PersonalToken(token) => ("personal_token", None, Some(token.token_id)),
            Credential::AccessToken(_) => ("user", None, None),
        };
        Self {
            kind,
            key_id,
            token_id,
            user_id: caller.user(),
            issuer_id: Some(caller.issuer_id),
            accounts: caller.accounts.iter().map(account).collect(),
            organizations: caller.organizations.iter().map(organization).collect(),
        }
    }
}

/// `api-key.verified` or `user.personal-token.verified`; what a session does leaves its own events.
fn verified(caller: &Caller, surface: &str) -> Option<EventDraft> {
    match &caller.credential {
        Credential::AccessToken(_) => None,
        Credential::PersonalToken(token) => Some(token.verified(surface)),
        Credential::ApiKey(key) => {
            let organization = caller.organizations.first();
            let scopes = organization.map(|access| access.scopes.clone()).unwrap_or_default();
            let subject = Subject::issuer(caller.tenant, caller.issuer_id).api_key(*key);
            let subject = match organization {
                Some(access) => subject.organization(access.org_id),
                None => subject,
            };
            Some(events::verified(subject, &scopes, surface))
        }
    }
}

/// `getMe`
pub(super) struct Me;

#[async_trait]
impl Read for Me {
    fn route(&self) -> Route {
        Route::get("/v1/me")
            .named("getMe", "Who the presented credential is")
            .about("caller", "caller")
            .rate(RateClass::Verification)
            .verifies()
            .answers::<CallerIdentity>(200)
    }

    async fn answer(&self, _reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let caller = call.caller()?;
        let services = call.services();
        if let Some(draft) = verified(caller, "me") {
            services.record(call.origin()?, Some(caller.issuer_id), draft).await?;
        }
        Ok(Answer::of(CallerIdentity::from(caller)))
    }
}
