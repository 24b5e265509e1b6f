//! Endpoints of account domains (core-api section 5). Changes answer the whole account, whose version they move.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::model::{AccountDomain, DomainState};
use super::operations::{self, Evidence};
use crate::account::api::{AccountView, shown as show_account};
use crate::account::model::MAX_DOMAINS;
use crate::account::operations as accounts;
use crate::error::{FieldCode, Refusal};
use crate::hostname::Hostname;
use crate::id::IssuerId;
use crate::store::{Change, Reads};
use crate::timestamp::Timestamp;
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema, NoBody};
use crate::web::call::Call;
use crate::web::endpoint::{Operation, Read, Write};
use crate::web::route::Route;

const ALL: &str = "/v1/accounts/{account_id}/domains";
const ONE: &str = "/v1/accounts/{account_id}/domains/{domain}";
const READ: &str = "domains:read";
const WRITE: &str = "domains:write";

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(List),
        Operation::write(Add),
        Operation::read(Get),
        Operation::write(Remove),
        Operation::write(Verify),
        Operation::write(Assign),
        Operation::write(Unassign),
    ]
}

/// A domain of an account on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AccountDomain)]
pub struct AccountDomainView {
    host: Hostname,
    verified: bool,
    /// The host that the account is known by: one of the verified ones.
    primary: bool,
    added_at: Timestamp,
    assigned_issuer_id: Option<IssuerId>,
    assigned_at: Option<Timestamp>,
    /// Always `null`: there is no edge provider.
    cf_custom_hostname_id: Option<String>,
    /// State of the certificate: `pending`, `active`, `failed`; `null` as long as certificates are not managed here.
    cf_status: Option<String>,
}

impl From<&AccountDomain> for AccountDomainView {
    fn from(domain: &AccountDomain) -> Self {
        let (assigned_issuer_id, assigned_at) = match domain.state {
            DomainState::Assigned { issuer_id, at, .. } => (Some(issuer_id), Some(at)),
            _ => (None, None),
        };
        Self {
            host: domain.host.clone(),
            verified: domain.is_verified(),
            primary: domain.primary,
            added_at: domain.added_at,
            assigned_issuer_id,
            assigned_at,
            cf_custom_hostname_id: None,
            cf_status: None,
        }
    }
}

/// `listAccountDomains`
struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listAccountDomains", "List the custom hosts of an account, newest first")
            .about("domains", "account")
            .scope(READ)
            .answers_list::<AccountDomainView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let domains = reads.domains().of_accounts(&[call.account()?]).await?;
        let items: Vec<_> = domains.iter().map(AccountDomainView::from).collect();
        Ok(Answer::list(items))
    }
}

/// `getAccountDomain`
struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getAccountDomain", "Get a custom host of an account")
            .about("domains", "account")
            .scope(READ)
            .extension()
            .answers::<AccountDomainView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (host,) = call.path::<(Hostname,)>()?;
        let domain = reads.domains().find(call.account()?, &host).await?.ok_or(Refusal::NotFound)?;
        Ok(Answer::of(AccountDomainView::from(&domain)))
    }
}

/// Body of `Add`.
#[derive(Debug, Deserialize, ToSchema)]
struct AddDomain {
    /// A fully qualified host name.
    host: Hostname,
}

impl Body for AddDomain {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Self>("AddAccountDomain").ignoring::<AccountDomainView>())
    }
}

/// `addAccountDomain`
struct Add;

#[async_trait]
impl Write for Add {
    type Body = AddDomain;
    type Prepared = ();

    fn route(&self) -> Route {
        changes(Route::post(ALL), "addAccountDomain", "Add a custom host, which then has to be verified")
            .answers::<AccountView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<AddDomain>) -> Result<Answer, Refusal> {
        locked(change, call).await?;
        let host = call.body()?.host.clone();
        if call.services().urls.is_own_name(&host) {
            return Err(Refusal::field("host", FieldCode::NotAllowed, "is a name of this deployment"));
        }
        operations::add(change, host, MAX_DOMAINS).await?;
        let mut answer = shown(change, call).await?;
        answer.status = http::StatusCode::CREATED;
        Ok(answer)
    }
}

/// `removeAccountDomain`
struct Remove;

#[async_trait]
impl Write for Remove {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        changes(Route::delete(ONE), "removeAccountDomain", "Remove a custom host, which is unassigned first")
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let domain = existing(change, call).await?;
        operations::remove(change, domain).await?;
        Ok(Answer::no_content())
    }
}

/// `verifyAccountDomain`
struct Verify;

#[async_trait]
impl Write for Verify {
    type Body = NoBody;
    type Prepared = Evidence;

    fn route(&self) -> Route {
        changes(
            Route::post("/v1/accounts/{account_id}/domains/{domain}/verify"),
            "verifyAccountDomain",
            "Look for the DNS record that proves a custom host to be the account's",
        )
        .answers::<AccountView>(200)
    }

    async fn prepare(&self, call: &Call) -> Result<Evidence, Refusal> {
        let Ok((host,)) = call.path::<(Hostname,)>() else { return Ok(Evidence::Unasked) };
        let services = call.services();
        // Only names that the account has claimed are looked up for it.
        let domain = services.store.reads().domains().find(call.account()?, &host).await?;
        let Some(domain) = domain.filter(|domain| !domain.is_verified()) else { return Ok(Evidence::Unasked) };
        let challenge = domain.challenge();
        Ok(match services.transport.dns.txt(&challenge.name).await {
            Ok(texts) if texts.contains(&challenge.value) => Evidence::Found,
            Ok(_) => Evidence::Missing,
            Err(_) => Evidence::Unanswered,
        })
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<NoBody, Evidence>) -> Result<Answer, Refusal> {
        let domain = existing(change, call).await?;
        operations::verify(change, domain, *call.prepared()).await?;
        shown(change, call).await
    }
}

/// Body of `Assign`.
#[derive(Debug, Deserialize, ToSchema)]
struct AssignDomain {
    /// An issuer of the account.
    issuer_id: IssuerId,
}

impl Body for AssignDomain {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Self>("AssignAccountDomain"))
    }
}

/// `assignAccountDomain`
struct Assign;

#[async_trait]
impl Write for Assign {
    type Body = AssignDomain;
    type Prepared = ();

    fn route(&self) -> Route {
        changes(
            Route::post("/v1/accounts/{account_id}/domains/{domain}/assign"),
            "assignAccountDomain",
            "Let a verified custom host serve an issuer",
        )
        .answers::<AccountView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<AssignDomain>) -> Result<Answer, Refusal> {
        let domain = existing(change, call).await?;
        let issuer = call.body()?.issuer_id;
        if change.reads().issuers().head(change.account(), issuer).await?.is_none() {
            let message = "the account has no such issuer";
            return Err(Refusal::field("issuer_id", FieldCode::UnknownReference, message));
        }
        operations::assign(change, domain, issuer).await?;
        shown(change, call).await
    }
}

/// `unassignAccountDomain`
struct Unassign;

#[async_trait]
impl Write for Unassign {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        changes(
            Route::post("/v1/accounts/{account_id}/domains/{domain}/unassign"),
            "unassignAccountDomain",
            "Let a custom host serve no issuer",
        )
        .answers::<AccountView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let domain = existing(change, call).await?;
        operations::unassign(change, domain).await?;
        shown(change, call).await
    }
}

fn changes(route: Route, name: &'static str, summary: &'static str) -> Route {
    route.named(name, summary).about("domains", "account").scope(WRITE).conditional()
}

/// Locks the account and compares the condition of the call with its version.
async fn locked<B: Body, P: Sync>(change: &mut Change<'_>, call: &Call<B, P>) -> Result<(), Refusal> {
    let account = accounts::find_locked(change).await?.ok_or(Refusal::NotFound)?;
    call.precondition(account.account.updated_at)
}

/// The domain in the path, after the account is locked.
async fn existing<B: Body, P: Sync>(change: &mut Change<'_>, call: &Call<B, P>) -> Result<AccountDomain, Refusal> {
    let account = accounts::find_locked(change).await?.ok_or(Refusal::NotFound)?;
    let (host,) = call.path::<(Hostname,)>()?;
    let domain = account.domains.into_iter().find(|domain| domain.host == host).ok_or(Refusal::NotFound)?;
    call.precondition(account.account.updated_at)?;
    Ok(domain)
}

async fn shown<B: Body, P: Sync>(change: &Change<'_>, call: &Call<B, P>) -> Result<Answer, Refusal> {
    let account = accounts::find(change.reads(), change.account()).await?.ok_or(Refusal::NotFound)?;
    show_account(change.reads(), call, &account).await
}
