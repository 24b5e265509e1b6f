//! Personal tokens as answers show them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::id::{IssuerId, TokenId, UserId};
use crate::metadata::Metadata;
use crate::scope::Scopes;
use crate::timestamp::Timestamp;
use crate::token::model::{EffectiveStatus, PersonalToken, TokenRestrictions};
use crate::web::members::Joined;

/// The one value of `type`.
const KIND: &str = "personal_token";

/// A personal token on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PersonalToken)]
pub(super) struct PersonalTokenView {
    id: TokenId,
    user_id: UserId,
    issuer_id: IssuerId,
    /// Always `personal_token`.
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    description: Option<String>,
    tags: Vec<String>,
    pub(super) restrictions: TokenRestrictions,
    status: EffectiveStatus,
    status_at: Option<Timestamp>,
    status_reason: Option<String>,
    status_by: Option<String>,
    pub(super) expires_at: Timestamp,
    /// `aud` of the JWT.
    pub(super) audience: String,
    /// `jti` of the JWT.
    jti: String,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl PersonalTokenView {
    /// As it is at `now`.
    pub(super) fn of(token: &PersonalToken, now: Timestamp) -> Self {
        let status = token.effective_status(now);
        let expired_at = (status == EffectiveStatus::Expired).then_some(token.expires_at);
        let (status_at, status_reason, status_by) = token.status.shown(expired_at);
        let details = token.details.clone();
        Self {
            id: token.id,
            user_id: token.user_id,
            issuer_id: token.issuer_id,
            kind: KIND,
            name: details.name,
            description: details.description,
            tags: details.tags,
            restrictions: token.restrictions.clone(),
            status,
            status_at,
            status_reason,
            status_by,
            expires_at: token.expires_at,
            audience: token.audience.clone(),
            jti: token.jti.clone(),
            metadata: token.metadata.clone(),
            created_at: token.created_at,
            updated_at: token.updated_at,
        }
    }
}

/// The text of a token, the one time that it is visible.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatePersonalTokenResponse, description = "A new personal token with its text.")]
pub(super) struct TokenPlain {
    /// `ptk_` and the JWT.
    pub token_plain: String,
}

/// A new personal token with its text.
pub(super) type CreatedPersonalTokenView = Joined<TokenPlain, PersonalTokenView>;

/// A personal token in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct UserTokensListItem {
    id: TokenId,
    user_id: UserId,
    issuer_id: IssuerId,
    status: EffectiveStatus,
    name: String,
    description: Option<String>,
    tags: Vec<String>,
    scopes: Scopes,
    audience: Option<String>,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Option<Timestamp>,
}

impl UserTokensListItem {
    /// As it is at `now`.
    pub(super) fn of(token: PersonalToken, now: Timestamp) -> Self {
        Self {
            id: token.id,
            user_id: token.user_id,
            issuer_id: token.issuer_id,
            status: token.effective_status(now),
            name: token.details.name,
            description: token.details.description,
            tags: token.details.tags,
            scopes: token.restrictions.scopes,
            audience: Some(token.audience),
            expires_at: Some(token.expires_at),
            created_at: token.created_at,
            updated_at: Some(token.updated_at),
        }
    }
}
