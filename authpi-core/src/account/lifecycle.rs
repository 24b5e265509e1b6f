//! Opening and closing accounts (core-api section 4): beyond the SDK, and for people alone.

use std::str::FromStr;

use async_trait::async_trait;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::{ALL, AccountView, ONE, views};
use super::operations::{self, OwnAccount};
use crate::credential::api::{CreatedApiKeyView, created_view};
use crate::error::Refusal;
use crate::rights::Rights;
use crate::scope::Scope;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema, NoBody};
use crate::web::call::Call;
use crate::web::caller::{Caller, Credential};
use crate::web::endpoint::Write;
use crate::web::route::Route;

/// Body of [`Open`].
#[derive(Debug, Deserialize)]
pub(super) struct OpenAccount {
    name: String,
    #[serde(default = "wanted")]
    create_api_key: bool,
}

const fn wanted() -> bool {
    true
}

/// Members of [`OpenAccount`].
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct Members {
    /// Name of its organization.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// It comes with an API key that may do everything there; `true` when absent.
    #[schema(required = false)]
    create_api_key: bool,
}

impl Body for OpenAccount {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Members>("OpenAccount"))
    }
}

/// A new account.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenedAccount)]
pub(super) struct OpenedAccountView {
    #[serde(flatten)]
    account: AccountView,
    /// Its API key, the one time that the secret is visible.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    api_key: Option<CreatedApiKeyView>,
}

/// Whoever opens an account holds all of it, and may be given a key to that: more than a token with fewer scopes is meant
/// to be good for (docs/decisions/0012).
fn require_unbound(caller: &Caller) -> Result<(), Refusal> {
    let is_unbound = match &caller.credential {
        Credential::PersonalToken(token) => Rights::of_member(&token.scopes).is_full(),
        Credential::AccessToken(token) => token.bound().is_none_or(|scopes| Rights::of_member(scopes).is_full()),
        Credential::ApiKey(_) => false,
    };
    let everything = Scope::from_str("*:**").map_err(Refusal::internal)?;
    if is_unbound { Ok(()) } else { Err(Refusal::InsufficientScope(everything)) }
}

/// `openAccount`
pub(super) struct Open;

#[async_trait]
impl Write for Open {
    type Body = OpenAccount;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("openAccount", "Open an account of one's own; for users of the platform")
            .about("accounts", "account")
            .extension()
            .opening_account()
            .answers::<OpenedAccountView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<OpenAccount>) -> Result<Answer, Refusal> {
        let platform = call.services().platform().await?.ok_or(Refusal::NotFound)?.issuer_id;
        let caller = call.caller()?;
        let owner = caller.user().filter(|_| caller.issuer_id == platform);
        let owner = owner.ok_or(Refusal::AccessDenied("Accounts are opened by users of the platform."))?;
        require_unbound(caller)?;
        let body = call.body()?;
        let (name, with_key) = (body.name.clone(), body.create_api_key);
        let new = OwnAccount { id: change.account(), platform, name, owner, with_key };
        let opened = operations::open_own(change, new).await?;
        let (version, now) = (opened.account.account.updated_at, change.now());
        let Some(account) = views(change.reads(), call, &[opened.account]).await?.pop() else {
            return Err(Refusal::internal("an account that was opened is not shown"));
        };
        let api_key = opened.key.map(|(key, secret)| created_view(&key, &secret, now));
        let mut answer = Answer::of(OpenedAccountView { account, api_key }).etag(version);
        answer.status = StatusCode::CREATED;
        Ok(answer)
    }
}

/// `closeAccount`
pub(super) struct Close;

#[async_trait]
impl Write for Close {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("closeAccount", "Close an account without issuers; for its owners")
            .about("accounts", "account")
            .extension()
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let (account, caller) = (call.account()?, call.caller()?);
        let carries_it = caller.in_account(account).is_some_and(Rights::may_name_owner);
        let found = operations::find_locked(change).await?.ok_or(Refusal::NotFound)?;
        operations::require_owner(change, &found, caller.user().filter(|_| carries_it)).await?;
        call.precondition(found.account.updated_at)?;
        operations::close(change, &found).await?;
        Ok(Answer::no_content())
    }
}
