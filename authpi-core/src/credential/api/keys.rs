//! API keys: list, create, get, update, delete.

use async_trait::async_trait;

use super::body::{CreateAccountApiKey, CreateApiKey, CreateOrganizationApiKey, Home, UpdateApiKey};
use super::view::{ApiKeyListItem, ApiKeyView, CreatedApiKeyView, created_view};
use crate::credential::model::{ApiKey, ApiKeyAccess, ApiKeyReadiness, EffectiveStatus, KeyLevel};
use crate::credential::operations;
use crate::credential::repository::ApiKeyFilter;
use crate::error::{FieldCode, Refusal};
use crate::id::{AccountId, ApiKeyId, IssuerId, OrganizationId};
use crate::page::{CursorKey, PageRequest, TimeAndId};
use crate::store::{Change, Reads};
use crate::web::answer::Answer;
use crate::web::body::{Body, NoBody};
use crate::web::call::Call;
use crate::web::endpoint::{Read, Write};
use crate::web::query::{Parameter, Query};
use crate::web::route::Route;

const ALL: &str = "/v1/accounts/{account_id}/api-keys";
const ONE: &str = "/v1/accounts/{account_id}/api-keys/{key_id}";
const OF_ORGANIZATION: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/api-keys";

/// Scope of reads at the account level.
const READ: &str = "api-keys:read";
/// Scope of writes at the account level.
pub(super) const WRITE: &str = "api-keys:write";
const ORGANIZATION_READ: &str = "issuers.organizations.api-keys:read";
const ORGANIZATION_WRITE: &str = "issuers.organizations.api-keys:write";

const PARAMETERS: [Parameter; 4] = [
    Parameter::text("q", "Only with this text in name, id or a tag."),
    Parameter::one_of("status", EffectiveStatus::WORDS, "Only in this status."),
    Parameter::one_of("access", ApiKeyAccess::WORDS, "Only with all, some or no scopes."),
    Parameter::one_of(
        "readiness",
        ApiKeyReadiness::WORDS,
        "Only active ones with scopes that do not expire within 14 days, other active ones, or all others.",
    ),
];

fn filter(query: &Query) -> Result<ApiKeyFilter, Refusal> {
    Ok(ApiKeyFilter {
        status: query.parsed("status")?,
        access: query.parsed("access")?,
        readiness: query.parsed("readiness")?,
        text: query.text("q").map(str::to_owned),
    })
}

/// A cursor as the server makes it, or the bare id of a key.
enum Cursor {
    Place(TimeAndId<ApiKeyId>),
    Key(ApiKeyId),
}

impl CursorKey for Cursor {
    fn encode(&self) -> String {
        match self {
            Self::Place(place) => place.encode(),
            Self::Key(id) => id.encode(),
        }
    }

    fn decode(cursor: &str) -> Option<Self> {
        TimeAndId::decode(cursor).map(Self::Place).or_else(|| ApiKeyId::decode(cursor).map(Self::Key))
    }
}

/// Key ids are random and the lists go by time: an id leads to its place only while the key exists.
async fn page(
    reads: &dyn Reads,
    account: AccountId,
    query: &Query,
) -> Result<PageRequest<TimeAndId<ApiKeyId>>, Refusal> {
    let asked = query.page::<Cursor>()?;
    let after = match asked.after {
        None => None,
        Some(Cursor::Place(place)) => Some(place),
        Some(Cursor::Key(id)) => {
            let unknown = || Refusal::field("cursor", FieldCode::InvalidFormat, "is not a cursor of this list");
            let key = reads.api_keys().find(account, id).await?.ok_or_else(unknown)?;
            Some(TimeAndId { at: key.created_at, id })
        }
    };
    Ok(PageRequest { limit: asked.limit, after })
}

async fn listed(
    reads: &dyn Reads,
    call: &Call,
    account: AccountId,
    organization: OrganizationId,
) -> Result<Answer, Refusal> {
    let query = call.query()?;
    let page = page(reads, account, &query).await?;
    let now = call.now();
    let found = reads.api_keys().list(account, organization, &filter(&query)?, &page, now).await?;
    Ok(Answer::search_page(&found.map(|key| ApiKeyListItem::of(&key, now))))
}

async fn created<B: Body>(
    change: &mut Change<'_>,
    call: &Call<B>,
    body: &CreateApiKey,
    home: Home,
) -> Result<Answer, Refusal> {
    let new = body.new_key(home)?;
    operations::permit(home.level, call.caller()?.in_account(home.account_id), &new.scopes)?;
    let (key, secret) = operations::create(change, new).await?;
    Ok(Answer::created(created_view(&key, &secret, change.now())).etag(key.updated_at))
}

/// The key of a by-id route. Events of a tenant's key keep as much request context as its issuer wants.
pub(super) async fn existing<B: Body>(change: &mut Change<'_>, call: &Call<B>) -> Result<ApiKey, Refusal> {
    let account = call.account()?;
    let (id,) = call.path()?;
    let key = change.reads().api_keys().find(account, id).await?.ok_or(Refusal::NotFound)?;
    if let Some(issuer) = change.reads().issuers().head(account, key.issuer_id).await? {
        change.keep_context(issuer.event_context);
    }
    call.precondition(key.updated_at)?;
    Ok(key)
}

/// `listAccountApiKeys`
pub(super) struct ListOfAccount;

#[async_trait]
impl Read for ListOfAccount {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listAccountApiKeys", "List the API keys of the account itself, newest first")
            .about("api-keys", "API key")
            .scope(READ)
            .query(PARAMETERS)
            .answers_page::<ApiKeyListItem>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let account = call.account()?;
        listed(reads, call, account, account.organization()).await
    }
}

/// `createAccountApiKey`
pub(super) struct CreateInAccount;

#[async_trait]
impl Write for CreateInAccount {
    type Body = CreateAccountApiKey;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("createAccountApiKey", "Create an API key of the account")
            .about("api-keys", "API key")
            .scope(WRITE)
            .answers::<CreatedApiKeyView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<CreateAccountApiKey>) -> Result<Answer, Refusal> {
        let account = call.account()?;
        let platform = call.services().platform().await?.ok_or(Refusal::NotFound)?;
        let home = Home {
            account_id: account,
            org_id: account.organization(),
            issuer_id: platform.issuer_id,
            level: KeyLevel::Account,
        };
        let CreateAccountApiKey(body) = call.body()?;
        created(change, call, body, home).await
    }
}

/// The account whose keys an organization has: an organization of the platform issuer is the facade of one.
fn owner<B: Body>(call: &Call<B>, organization: OrganizationId) -> Result<(AccountId, KeyLevel), Refusal> {
    if call.issuer()?.platform {
        Ok((organization.account(), KeyLevel::Account))
    } else {
        Ok((call.account()?, KeyLevel::Organization))
    }
}

/// `listOrganizationApiKeys`
pub(super) struct ListOfOrganization;

#[async_trait]
impl Read for ListOfOrganization {
    fn route(&self) -> Route {
        Route::get(OF_ORGANIZATION)
            .named("listOrganizationApiKeys", "List the API keys of an organization, newest first")
            .about("api-keys", "API key")
            .scope(ORGANIZATION_READ)
            .query(PARAMETERS)
            .answers_page::<ApiKeyListItem>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, id): (IssuerId, OrganizationId) = call.path()?;
        reads.organizations().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        let (account, _) = owner(call, id)?;
        listed(reads, call, account, id).await
    }
}

/// `createOrganizationApiKey`
pub(super) struct CreateInOrganization;

#[async_trait]
impl Write for CreateInOrganization {
    type Body = CreateOrganizationApiKey;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(OF_ORGANIZATION)
            .named("createOrganizationApiKey", "Create an API key of an organization")
            .about("api-keys", "API key")
            .scope(ORGANIZATION_WRITE)
            .answers::<CreatedApiKeyView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<CreateOrganizationApiKey>) -> Result<Answer, Refusal> {
        let (issuer, id): (IssuerId, OrganizationId) = call.path()?;
        change.reads().organizations().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        let (account_id, level) = owner(call, id)?;
        let CreateOrganizationApiKey(body) = call.body()?;
        created(change, call, body, Home { account_id, org_id: id, issuer_id: issuer, level }).await
    }
}

/// `getApiKey`
pub(super) struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getApiKey", "Get an API key of the account or of one of its organizations")
            .about("api-keys", "API key")
            .scope(READ)
            .conditional()
            .answers::<ApiKeyView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (id,) = call.path()?;
        let key = reads.api_keys().find(call.account()?, id).await?.ok_or(Refusal::NotFound)?;
        let derived = key.derived_status(call.now());
        Ok(Answer::of(ApiKeyView::of(&key, call.now())).etag_showing(key.updated_at, derived))
    }
}

/// `updateApiKey`
pub(super) struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateApiKey;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateApiKey", "Update an API key; block or unblock it")
            .about("api-keys", "API key")
            .scope(WRITE)
            .conditional()
            .answers::<ApiKeyView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateApiKey>) -> Result<Answer, Refusal> {
        let before = existing(change, call).await?;
        let patch = call.body()?.patch(change);
        let held = call.caller()?.in_account(before.account_id);
        let after = operations::update(change, before, patch, held).await?;
        let derived = after.derived_status(change.now());
        Ok(Answer::of(ApiKeyView::of(&after, change.now())).etag_showing(after.updated_at, derived))
    }
}

/// `deleteApiKey`
pub(super) struct Delete;

#[async_trait]
impl Write for Delete {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("deleteApiKey", "Delete an API key")
            .about("api-keys", "API key")
            .scope(WRITE)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let key = existing(change, call).await?;
        operations::delete(change, &key).await?;
        Ok(Answer::no_content())
    }
}
