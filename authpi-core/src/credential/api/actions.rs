//! API keys: block, unblock, revoke, rotate. Each is fine with a key that is already where it leads to.

use async_trait::async_trait;

use super::body::ApiKeyStatusNote;
use super::keys::{WRITE, existing};
use super::view::{ApiKeyView, SecretPlain};
use crate::credential::model::ApiKey;
use crate::credential::operations;
use crate::error::Refusal;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::body::NoBody;
use crate::web::call::Call;
use crate::web::endpoint::Write;
use crate::web::route::Route;

fn action(path: &'static str, name: &'static str, summary: &'static str) -> Route {
    Route::post(path).named(name, summary).about("api-keys", "API key").scope(WRITE).conditional()
}

fn shown(change: &Change<'_>, key: &ApiKey) -> Answer {
    Answer::of(ApiKeyView::of(key, change.now())).etag_showing(key.updated_at, key.derived_status(change.now()))
}

/// `blockApiKey`
pub(super) struct Block;

#[async_trait]
impl Write for Block {
    type Body = ApiKeyStatusNote;
    type Prepared = ();

    fn route(&self) -> Route {
        action("/v1/accounts/{account_id}/api-keys/{key_id}/block", "blockApiKey", "Block an API key")
            .without_credit()
            .answers::<ApiKeyView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<ApiKeyStatusNote>) -> Result<Answer, Refusal> {
        let before = existing(change, call).await?;
        let note = call.body()?.note(change);
        let after = operations::block(change, before, note).await?;
        Ok(shown(change, &after))
    }
}

/// `unblockApiKey`
pub(super) struct Unblock;

#[async_trait]
impl Write for Unblock {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        action(
            "/v1/accounts/{account_id}/api-keys/{key_id}/unblock",
            "unblockApiKey",
            "Take the block of an API key back",
        )
        .answers::<ApiKeyView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let before = existing(change, call).await?;
        let note = change.status_note(None, None);
        let after = operations::unblock(change, before, note).await?;
        Ok(shown(change, &after))
    }
}

/// `revokeApiKey`
pub(super) struct Revoke;

#[async_trait]
impl Write for Revoke {
    type Body = ApiKeyStatusNote;
    type Prepared = ();

    fn route(&self) -> Route {
        action("/v1/accounts/{account_id}/api-keys/{key_id}/revoke", "revokeApiKey", "Revoke an API key for ever")
            .without_credit()
            .answers::<ApiKeyView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<ApiKeyStatusNote>) -> Result<Answer, Refusal> {
        let before = existing(change, call).await?;
        let note = call.body()?.note(change);
        let after = operations::revoke(change, before, note).await?;
        Ok(shown(change, &after))
    }
}

/// `rotateApiKey`
pub(super) struct Rotate;

#[async_trait]
impl Write for Rotate {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        action(
            "/v1/accounts/{account_id}/api-keys/{key_id}/rotate",
            "rotateApiKey",
            "Replace the secret of an API key; the one before works for 15 more minutes",
        )
        .answers::<SecretPlain>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let before = existing(change, call).await?;
        let held = call.caller()?.in_account(before.account_id);
        let (after, secret) = operations::rotate(change, before, held).await?;
        Ok(Answer::of(SecretPlain::from(&secret)).etag(after.updated_at))
    }
}
