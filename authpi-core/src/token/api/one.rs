//! One personal token, by its id in the account.

use async_trait::async_trait;

use super::body::{PersonalTokenStatusNote, UpdatePersonalToken};
use super::view::PersonalTokenView;
use super::{ONE, READ, REVOKE, WRITE};
use crate::error::Refusal;
use crate::id::TokenId;
use crate::store::{Change, Reads};
use crate::token::model::PersonalToken;
use crate::token::operations;
use crate::web::answer::Answer;
use crate::web::body::{Body, NoBody};
use crate::web::call::Call;
use crate::web::endpoint::{Read, Write};
use crate::web::route::Route;

async fn existing<B: Body>(reads: &dyn Reads, call: &Call<B>) -> Result<PersonalToken, Refusal> {
    let (id,): (TokenId,) = call.path()?;
    reads.personal_tokens().find(call.account()?, id).await?.ok_or(Refusal::NotFound)
}

async fn addressed<B: Body>(change: &mut Change<'_>, call: &Call<B>) -> Result<PersonalToken, Refusal> {
    let token = existing(change.reads(), call).await?;
    call.precondition(token.updated_at)?;
    // The path names no issuer: how much its events keep is found through the token.
    let head = change.reads().issuers().head(token.account_id, token.issuer_id).await?.ok_or(Refusal::NotFound)?;
    change.keep_context(head.event_context);
    Ok(token)
}

fn shown(change: &Change<'_>, token: &PersonalToken) -> Answer {
    let derived = token.derived_status(change.now());
    Answer::of(PersonalTokenView::of(token, change.now())).etag_showing(token.updated_at, derived)
}

/// `getToken`
pub(super) struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getToken", "Get a personal token of any issuer of the account")
            .about("tokens", "personal token")
            .scope(READ)
            .conditional()
            .answers::<PersonalTokenView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let token = existing(reads, call).await?;
        let derived = token.derived_status(call.now());
        Ok(Answer::of(PersonalTokenView::of(&token, call.now())).etag_showing(token.updated_at, derived))
    }
}

/// `updateToken`
pub(super) struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdatePersonalToken;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateToken", "Rename, describe, block or unblock a personal token")
            .about("tokens", "personal token")
            .scope(WRITE)
            .extension()
            .conditional()
            .answers::<PersonalTokenView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdatePersonalToken>) -> Result<Answer, Refusal> {
        let before = addressed(change, call).await?;
        let body = call.body()?;
        body.check_unchanged(&before)?;
        let patch = body.patch(change);
        let after = operations::update(change, before, patch).await?;
        Ok(shown(change, &after))
    }
}

/// `deleteToken`
pub(super) struct Delete;

#[async_trait]
impl Write for Delete {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("deleteToken", "Delete a personal token")
            .about("tokens", "personal token")
            .scope(WRITE)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let token = addressed(change, call).await?;
        operations::delete(change, &token).await?;
        Ok(Answer::no_content())
    }
}

/// `revokeToken`
pub(super) struct Revoke;

#[async_trait]
impl Write for Revoke {
    type Body = PersonalTokenStatusNote;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(REVOKE)
            .named("revokeToken", "Revoke a personal token for ever")
            .about("tokens", "personal token")
            .scope(WRITE)
            .conditional()
            .without_credit()
            .answers::<PersonalTokenView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<PersonalTokenStatusNote>) -> Result<Answer, Refusal> {
        let before = addressed(change, call).await?;
        let note = call.body()?.note(change);
        let after = operations::revoke(change, before, note).await?;
        Ok(shown(change, &after))
    }
}
