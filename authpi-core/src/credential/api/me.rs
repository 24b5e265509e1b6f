//! `GET /v1/me`: who the presented credential is (core-api section 3).

use async_trait::async_trait;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Refusal;
use crate::event::catalogue;
use crate::event::model::{EventDraft, Subject};
use crate::id::{AccountId, ApiKeyId, IssuerId, OrganizationId};
use crate::scope::{Scope, Scopes};
use crate::store::Reads;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::caller::{Caller, Credential};
use crate::web::endpoint::Read;
use crate::web::route::{RateClass, Route};

/// Who a credential is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallerIdentity {
    /// Kind of the credential.
    #[serde(rename = "type")]
    kind: &'static str,
    key_id: Option<ApiKeyId>,
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
        let Credential::ApiKey(key_id) = caller.credential;
        let account = |access: &crate::web::caller::AccountAccess| CallerAccountAccess {
            account_id: access.account_id,
            org_id: access.account_id.organization(),
            scopes: access.scopes.clone(),
        };
        let organization = |access: &crate::web::caller::OrganizationAccess| CallerOrganizationAccess {
            org_id: access.org_id,
            scopes: access.scopes.clone(),
        };
        Self {
            kind: "api_key",
            key_id: Some(key_id),
            issuer_id: Some(caller.issuer_id),
            accounts: caller.accounts.iter().map(account).collect(),
            organizations: caller.organizations.iter().map(organization).collect(),
        }
    }
}

/// `api-key.verified`
fn verified(caller: &Caller, surface: &str) -> EventDraft {
    let Credential::ApiKey(key_id) = caller.credential;
    let mut subject = Subject::issuer(caller.tenant, caller.issuer_id).api_key(key_id);
    let mut scopes = serde_json::Value::Array(Vec::new());
    if let [access] = caller.organizations.as_slice() {
        subject = subject.organization(access.org_id);
        scopes = access.scopes.iter().map(Scope::as_str).collect();
    }
    EventDraft::new(catalogue::API_KEY_VERIFIED, subject).with("surface", surface).with("scopes", scopes)
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
            .answers::<CallerIdentity>(200)
    }

    async fn answer(&self, _reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let caller = call.caller()?;
        let services = call.services();
        services.record(call.origin()?, Some(caller.issuer_id), verified(caller, "me")).await?;
        Ok(Answer::of(CallerIdentity::from(caller)))
    }
}
