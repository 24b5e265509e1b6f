//! Endpoints of login methods (core-api section 13).

mod body;
mod view;

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::{FieldCode, Refusal};
use crate::id::{AuthMethodId, IssuerId};
use crate::issuer::model::auth_method::AuthMethod;
use crate::issuer::operations::auth_methods::{self as operations, AuthMethodPatch, NewAuthMethod};
use crate::store::{Change, Reads};
use crate::web::answer::Answer;
use crate::web::body::NoBody;
use crate::web::call::Call;
use crate::web::endpoint::{Operation, Read, Write};
use crate::web::route::Route;

use body::{CreateAuthMethod, UpdateAuthMethod};
use view::AuthMethodView;

const ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/auth-methods";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/auth-methods/{method_id}";
const READ: &str = "issuers.auth-methods:read";
const WRITE: &str = "issuers.auth-methods:write";

/// The operations on login methods.
pub(super) fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(List),
        Operation::write(Create),
        Operation::read(Get),
        Operation::write(Update),
        Operation::write(Delete),
    ]
}

async fn existing(reads: &dyn Reads, (issuer, id): (IssuerId, AuthMethodId)) -> Result<AuthMethod, Refusal> {
    reads.issuers().auth_method(issuer, id).await?.ok_or(Refusal::NotFound)
}

/// `listAuthMethods`
struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listAuthMethods", "List all login methods of an issuer, newest first")
            .about("auth-methods", "login method")
            .scope(READ)
            .answers_list::<AuthMethodView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer,) = call.path()?;
        let mut methods = reads.issuers().auth_methods(issuer).await?;
        methods.reverse();
        Ok(Answer::list(methods.into_iter().map(AuthMethodView::from).collect()))
    }
}

/// `createAuthMethod`
struct Create;

#[async_trait]
impl Write for Create {
    type Body = CreateAuthMethod;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("createAuthMethod", "Add a login method to an issuer")
            .about("auth-methods", "login method")
            .scope(WRITE)
            .answers::<AuthMethodView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<CreateAuthMethod>) -> Result<Answer, Refusal> {
        let (issuer,) = call.path()?;
        let body = call.body()?;
        let (details, client_secret) = body.details.parts();
        let new = NewAuthMethod { kind: body.kind()?, details, client_secret: client_secret.flatten() };
        let method = operations::create(change, issuer, &new).await?;
        let version = method.updated_at;
        Ok(Answer::created(AuthMethodView::from(method)).etag(version))
    }
}

/// `getAuthMethod`
struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getAuthMethod", "Get a login method")
            .about("auth-methods", "login method")
            .scope(READ)
            .conditional()
            .answers::<AuthMethodView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let method = existing(reads, call.path()?).await?;
        let version = method.updated_at;
        Ok(Answer::of(AuthMethodView::from(method)).etag(version))
    }
}

/// `updateAuthMethod`
struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateAuthMethod;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateAuthMethod", "Update a login method")
            .about("auth-methods", "login method")
            .scope(WRITE)
            .conditional()
            .answers::<AuthMethodView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateAuthMethod>) -> Result<Answer, Refusal> {
        let before = existing(change.reads(), call.path()?).await?;
        call.precondition(before.updated_at)?;
        let body = call.body()?;
        if body.kind()?.is_some_and(|kind| kind != before.kind) {
            return Err(Refusal::field("method", FieldCode::Immutable, "cannot change"));
        }
        let (details, client_secret) = body.details.parts();
        let patch = AuthMethodPatch { details, client_secret: client_secret.as_ref().map(std::option::Option::as_ref) };
        let after = operations::update(change, before, patch).await?;
        let version = after.updated_at;
        Ok(Answer::of(AuthMethodView::from(after)).etag(version))
    }
}

/// `deleteAuthMethod`
struct Delete;

#[async_trait]
impl Write for Delete {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("deleteAuthMethod", "Remove a login method; users keep what they proved themselves with")
            .about("auth-methods", "login method")
            .scope(WRITE)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let method = existing(change.reads(), call.path()?).await?;
        call.precondition(method.updated_at)?;
        operations::delete(change, &method).await?;
        Ok(Answer::no_content())
    }
}
