//! Personal tokens of a user: listed and made.

use std::sync::Arc;

use async_trait::async_trait;

use super::OF_USER;
use super::body::CreatePersonalToken;
use super::view::{CreatedPersonalTokenView, PersonalTokenView, TokenPlain, UserTokensListItem};
use crate::error::Refusal;
use crate::id::{IssuerId, TokenId, UserId};
use crate::key::model::{Algorithm, signed};
use crate::key::published::ReadyKey;
use crate::merge::merged;
use crate::store::{Change, Reads};
use crate::token::model::{EffectiveStatus, PREFIX, PersonalTokenDetails, TYP, TokenClaims};
use crate::token::operations::{self, NewPersonalToken};
use crate::token::repository::PersonalTokenFilter;
use crate::transport::alphanumeric;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::{Read, Write};
use crate::web::impersonation;
use crate::web::issuer_keys::signer;
use crate::web::query::Parameter;
use crate::web::route::Route;

/// Characters of a `jti` (idp §8.2).
const JTI_LENGTH: usize = 18;

/// `listUserTokens`
pub(super) struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(OF_USER)
            .named("listUserTokens", "List the personal tokens of a user, newest first")
            .about("tokens", "personal token")
            .scope("issuers.users.tokens:read")
            .query([Parameter::one_of("status", EffectiveStatus::WORDS, "Only in this status.")])
            .answers_page::<UserTokensListItem>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, user): (IssuerId, UserId) = call.path()?;
        if !reads.users().exists(issuer, user).await? {
            return Err(Refusal::NotFound);
        }
        let query = call.query()?;
        let filter = PersonalTokenFilter { status: query.parsed("status")? };
        let now = call.now();
        let page = query.page::<TokenId>()?;
        let found = reads.personal_tokens().list(issuer, user, filter, &page, now).await?;
        Ok(Answer::search_page(&found.map(|token| UserTokensListItem::of(token, now))))
    }
}

/// What signs a token, and the text that it gets as its `jti`.
#[derive(Default)]
pub(super) struct Signing(Option<(Arc<ReadyKey>, String)>);

/// `createUserToken`
pub(super) struct Create;

#[async_trait]
impl Write for Create {
    type Body = CreatePersonalToken;
    type Prepared = Signing;

    fn route(&self) -> Route {
        Route::post(OF_USER)
            .named("createUserToken", "Create a personal token; its text is shown once")
            .about("tokens", "personal token")
            .scope("issuers.users.tokens:write")
            .answers::<CreatedPersonalTokenView>(201)
    }

    async fn prepare(&self, call: &Call<CreatePersonalToken>) -> Result<Signing, Refusal> {
        let (Ok((issuer, _)), Ok(_)) = (call.path::<(IssuerId, UserId)>(), call.body()) else {
            return Ok(Signing::default());
        };
        let services = call.services();
        // An issuer of another account gets no keys from here.
        let is_here = services.store.reads().issuers().head(call.account()?, issuer).await?.is_some();
        if !is_here {
            return Ok(Signing::default());
        }
        let key = signer(services, issuer, Algorithm::Es256).await?;
        let jti = alphanumeric(services.entropy.as_ref(), JTI_LENGTH).map_err(Refusal::internal)?;
        Ok(Signing(Some((key, jti))))
    }

    async fn apply(
        &self,
        change: &mut Change<'_>,
        call: &Call<CreatePersonalToken, Signing>,
    ) -> Result<Answer, Refusal> {
        let (issuer, user): (IssuerId, UserId) = call.path()?;
        if !change.reads().users().exists(issuer, user).await? {
            return Err(Refusal::NotFound);
        }
        let body = call.body()?;
        let Signing(Some((key, jti))) = call.prepared() else { return Err(Refusal::NotFound) };
        let issuer_url = call.services().urls.issuer(issuer);
        let new = NewPersonalToken {
            user_id: user,
            details: merged(&PersonalTokenDetails::default(), &body.details)?,
            restrictions: body.signed.restrictions.clone().unwrap_or_default(),
            expires_at: body.signed.expires_at,
            audience: body.signed.audience.clone().unwrap_or_else(|| issuer_url.clone()),
            jti: jti.clone(),
            metadata: body.metadata(),
        };
        impersonation::check_token(change, call, user, &new.restrictions.scopes).await?;
        let token = operations::create(change, issuer, new).await?;
        let jwt = signed(&key.pair, key.kid, Some(TYP), &TokenClaims::of(&token, issuer_url));
        let token_plain = format!("{PREFIX}{}", jwt.map_err(Refusal::internal)?);
        let view = CreatedPersonalTokenView {
            first: TokenPlain { token_plain },
            second: PersonalTokenView::of(&token, change.now()),
        };
        Ok(Answer::created(view).etag(token.updated_at))
    }
}
