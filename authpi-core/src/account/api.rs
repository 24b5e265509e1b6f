//! Endpoints of accounts (core-api section 4).

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::lifecycle::{Close, Open};
use super::model::{Account, MAX_DOMAINS, MAX_WEBHOOKS};
use super::operations::{self, AccountPatch, AccountWithOrganization};
use super::primary::chosen;
use crate::billing::api::PaymentMethodView;
use crate::billing::model::BillingMode;
use crate::billing::operations::{Overview, overviews};
use crate::domain::api::AccountDomainView;
use crate::error::Refusal;
use crate::id::{AccountId, UserId};
use crate::metadata::Metadata;
use crate::organization::api::OrganizationView;
use crate::page::Page;
use crate::rights::Rights;
use crate::store::{Change, Reads};
use crate::timestamp::Timestamp;
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema};
use crate::web::call::Call;
use crate::web::endpoint::{Operation, Read, Write};
use crate::web::members::{MetadataMember, present};
use crate::web::route::Route;

/// All accounts.
pub(super) const ALL: &str = "/v1/accounts";
/// One account.
pub(super) const ONE: &str = "/v1/accounts/{account_id}";

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(List),
        Operation::write(Open),
        Operation::read(Get),
        Operation::write(Update),
        Operation::write(Close),
    ]
}

/// An account on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub struct AccountView {
    id: AccountId,
    organization: OrganizationView,
    owner_user_id: Option<UserId>,
    /// Custom hosts, newest first.
    domains: Vec<AccountDomainView>,
    /// Feature flags.
    features: BTreeMap<String, bool>,
    limits: AccountLimits,
    billing_mode: BillingMode,
    /// Micro US dollars.
    // GREEK SMALL LETTER MU (U+03BC), never the MICRO SIGN (conventions §4).
    #[serde(rename = "balance_μusd")]
    balance: i64,
    credits_run_out: bool,
    payment_methods: Vec<PaymentMethodView>,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// How many things an account may have; `null` for no limit.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[allow(clippy::struct_field_names, reason = "the names are those of the wire")]
pub struct AccountLimits {
    max_issuers: Option<u32>,
    max_domains: Option<u32>,
    max_webhooks: Option<u32>,
    max_api_keys: Option<u32>,
}

impl AccountView {
    fn of(found: &AccountWithOrganization, open_invitations: u32, billing: &Overview) -> Self {
        let account = &found.account;
        Self {
            id: account.id,
            organization: OrganizationView::of(&found.organization, open_invitations),
            owner_user_id: account.owner_user_id,
            domains: found.domains.iter().map(AccountDomainView::from).collect(),
            features: BTreeMap::new(),
            limits: AccountLimits {
                max_issuers: None,
                max_domains: Some(MAX_DOMAINS),
                max_webhooks: Some(MAX_WEBHOOKS),
                max_api_keys: None,
            },
            billing_mode: billing.mode,
            balance: billing.balance,
            credits_run_out: billing.run_out,
            payment_methods: billing.methods.iter().map(PaymentMethodView::from).collect(),
            metadata: account.metadata.clone(),
            created_at: account.created_at,
            updated_at: account.updated_at,
        }
    }
}

/// Accounts as they are shown, with how they stand.
pub(super) async fn views<B: Body, P>(
    reads: &dyn Reads,
    call: &Call<B, P>,
    found: &[AccountWithOrganization],
) -> Result<Vec<AccountView>, Refusal> {
    let ids: Vec<_> = found.iter().map(|one| (one.account.id, one.account.created_at)).collect();
    let config = call.services().options.billing.as_ref();
    let standing = overviews(reads, config, &ids, call.now()).await?;
    let Some(platform) = found.first().map(|one| one.organization.issuer_id) else { return Ok(Vec::new()) };
    let organizations: Vec<_> = found.iter().map(|one| one.organization.id).collect();
    let open = reads.invitations().count_open(platform, &organizations, call.now()).await?;
    let open = |one: &AccountWithOrganization| open.get(&one.organization.id).copied().unwrap_or_default();
    Ok(found.iter().zip(&standing).map(|(one, billing)| AccountView::of(one, open(one), billing)).collect())
}

/// An account as it is shown, with its version.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn shown<B: Body, P>(
    reads: &dyn Reads,
    call: &Call<B, P>,
    found: &AccountWithOrganization,
) -> Result<Answer, Refusal> {
    let mut views = views(reads, call, std::slice::from_ref(found)).await?;
    Ok(Answer::of(views.pop()).etag(found.account.updated_at))
}

/// `listAccounts`
struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listAccounts", "List the accounts that the credential can act on, newest first")
            .about("accounts", "account")
            .answers_page::<AccountView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let page = call.query()?.page::<AccountId>()?;
        let among: Vec<_> = call.caller()?.accounts.iter().map(|access| access.account_id).collect();
        let found = operations::list(reads, &among, &page).await?;
        let items = views(reads, call, &found.items).await?;
        Ok(Answer::page(&Page { items, has_more: found.has_more }, |account| account.id.to_string()))
    }
}

/// `getAccount`
struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getAccount", "Get an account")
            .about("accounts", "account")
            .scope("accounts:read")
            .conditional()
            .answers::<AccountView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let found = operations::find(reads, call.account()?).await?.ok_or(Refusal::NotFound)?;
        shown(reads, call, &found).await
    }
}

/// Body of `Update`.
#[derive(Debug, Deserialize)]
pub struct UpdateAccount {
    #[serde(default, deserialize_with = "present")]
    owner_user_id: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    metadata: Option<Value>,
    #[serde(default)]
    domains: Option<Vec<Map<String, Value>>>,
    #[serde(flatten)]
    organization: Map<String, Value>,
}

/// Members of [`UpdateAccount`] besides metadata.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct UpdateMembers {
    /// A user who is an active member of the account's organization; `null` only while there is no owner.
    owner_user_id: Option<UserId>,
    /// All hosts of the account, another of which may be `primary`; nothing else can be changed here.
    #[schema(value_type = Vec<Object>, required = false, max_items = 20)]
    domains: Option<Vec<Value>>,
    /// Name of the organization.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Markdown, of the organization.
    #[schema(max_length = 5000)]
    description: Option<String>,
    /// Logo of the organization.
    #[schema(format = "http-url", max_length = 2048)]
    logo_url: Option<String>,
}

impl Body for UpdateAccount {
    fn schema() -> Option<BodySchema> {
        let schema =
            BodySchema::patch_of::<UpdateMembers>("UpdateAccount").and::<MetadataMember>().ignoring::<AccountView>();
        Some(schema)
    }
}

fn is_owner(sent: &Value, account: &Account) -> bool {
    serde_json::from_value(sent.clone()).is_ok_and(|owner: Option<UserId>| owner == account.owner_user_id)
}

/// `updateAccount`
struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateAccount;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateAccount", "Update an account and the organization behind it")
            .about("accounts", "account")
            .scope("accounts:write")
            .conditional()
            .answers::<AccountView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateAccount>) -> Result<Answer, Refusal> {
        let before = operations::find_locked(change).await?.ok_or(Refusal::NotFound)?;
        call.precondition(before.account.updated_at)?;
        let body = call.body()?;
        let names_owner = body.owner_user_id.as_ref().is_some_and(|owner| !is_owner(owner, &before.account));
        if names_owner && !call.caller()?.in_account(change.account()).is_some_and(Rights::may_name_owner) {
            return Err(Refusal::InsufficientScope("owner".parse().map_err(Refusal::internal)?));
        }
        let primary = match &body.domains {
            None => None,
            Some(sent) => chosen(sent, &before.domains)?,
        };
        let patch = AccountPatch {
            primary,
            organization: body.organization.clone(),
            metadata: body.metadata.clone(),
            owner: body.owner_user_id.clone().map(serde_json::from_value).transpose().map_err(Refusal::internal)?,
            grantor: call.caller()?.grantor(change.account().organization()),
        };
        let after = operations::update(change, before, patch).await?;
        shown(change.reads(), call, &after).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn the_balance_is_spelled_with_the_greek_letter() {
        let schema = serde_json::to_string(&AccountView::schema()).unwrap();
        assert!(schema.contains("balance_\u{3bc}usd"));
        assert!(!schema.contains('\u{b5}'));
    }
}
