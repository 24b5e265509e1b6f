//! What a customer's backend asks about a credential that was presented to it (core-api section 8).

use std::net::IpAddr;

use async_trait::async_trait;
use serde::Serialize;
use utoipa::ToSchema;

use super::INTROSPECT;
use super::body::IntrospectToken;
use crate::credential::events as key_events;
use crate::credential::model::{API_KEY_HASH, ApiKey, ApiKeyAuthentication, Verdict as KeyVerdict};
use crate::error::Refusal;
use crate::event::model::{EventDraft, Subject};
use crate::id::{ApiKeyId, IssuerId, OrganizationId, TokenId, UserId};
use crate::metadata::Metadata;
use crate::rotating_secret::RotatingSecret;
use crate::scope::Scopes;
use crate::store::Reads;
use crate::timestamp::Timestamp;
use crate::token::model::{PREFIX, PersonalToken, Verdict};
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Ask;
use crate::web::key_uses::{Allowance, KeyUse};
use crate::web::personal_token::{InvalidToken, genuine, used};
use crate::web::route::{RateClass, Route};

/// Where the events of this call say that the credential was verified.
const SURFACE: &str = "introspect";

/// Why a credential is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = IntrospectionReason)]
enum Reason {
    /// There is none like it in this issuer.
    NotFound,
    /// The secret of the key is another.
    InvalidSecret,
    /// The issuer has not signed the token.
    InvalidSignature,
    /// Out of use for ever.
    Revoked,
    /// Out of use until it is unblocked.
    Blocked,
    /// Past its time.
    Expired,
    /// Its organization, or its user, is suspended.
    Suspended,
    /// Presented from an address that is not on its list.
    IpNotAllowed,
    /// Its user is blocked or disabled, or waits for an approval.
    UserBlocked,
    /// Not of the form of such a credential.
    Malformed,
}

/// Kind of the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = IntrospectedType)]
enum Kind {
    ApiKey,
    PersonalToken,
}

/// What is known of a credential that was presented somewhere.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = TokenIntrospection)]
pub(super) enum Introspection {
    Active(Box<Active>),
    Inactive(Inactive),
}

/// It may be used now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ActiveIntrospection)]
#[allow(clippy::struct_field_names, reason = "RFC 7662 §2.2 names the member")]
pub(super) struct Active {
    /// Always `true`.
    active: bool,
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(flatten)]
    known: Known,
}

/// It may not be used now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InactiveIntrospection)]
pub(super) struct Inactive {
    /// Always `false`.
    active: bool,
    /// Why not.
    reason: Reason,
    #[serde(rename = "type")]
    kind: Kind,
}

/// What an active credential is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IntrospectedCredential)]
struct Known {
    /// `key_…` or `tok_…`.
    id: String,
    issuer_id: IssuerId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    org_id: Option<OrganizationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    user_id: Option<UserId>,
    name: String,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    audience: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    jti: Option<String>,
    metadata: Metadata,
    created_at: Timestamp,
    /// What is left of the limit that the key has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    rate_limit: Option<Allowance>,
}

impl Introspection {
    fn inactive(kind: Kind, reason: Reason) -> Self {
        Self::Inactive(Inactive { active: false, reason, kind })
    }

    fn active(kind: Kind, known: Known) -> Self {
        Self::Active(Box::new(Active { active: true, kind, known }))
    }
}

impl From<ApiKey> for Known {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            issuer_id: key.issuer_id,
            org_id: Some(key.org_id),
            user_id: None,
            name: key.details.name,
            scopes: key.details.restrictions.scopes,
            expires_at: key.details.expires_at,
            audience: None,
            jti: None,
            metadata: key.metadata,
            created_at: key.created_at,
            rate_limit: None,
        }
    }
}

impl From<PersonalToken> for Known {
    fn from(token: PersonalToken) -> Self {
        let id: TokenId = token.id;
        Self {
            id: id.to_string(),
            issuer_id: token.issuer_id,
            org_id: None,
            user_id: Some(token.user_id),
            name: token.details.name,
            scopes: token.restrictions.scopes,
            expires_at: Some(token.expires_at),
            audience: Some(token.audience),
            jti: Some(token.jti),
            metadata: token.metadata,
            created_at: token.created_at,
            rate_limit: None,
        }
    }
}

/// `introspectToken`
pub(super) struct Introspect;

#[async_trait]
impl Ask for Introspect {
    type Body = IntrospectToken;

    fn route(&self) -> Route {
        Route::post(INTROSPECT)
            .named("introspectToken", "Check an API key or a personal token that somebody presented")
            .about("tokens", "token")
            .scope("issuers.tokens:read")
            .rate(RateClass::Verification)
            .answers::<Introspection>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call<IntrospectToken>) -> Result<Answer, Refusal> {
        let body = call.body()?;
        let ip = body.ip.as_deref().and_then(|text| text.parse().ok());
        let found = if body.token.starts_with(PREFIX) {
            of_personal_token(call, &body.token, ip).await?
        } else {
            of_api_key(reads, call, &body.token, ip).await?
        };
        Ok(Answer::of(found))
    }
}

async fn record(call: &Call<IntrospectToken>, draft: EventDraft) -> Result<(), Refusal> {
    let issuer = call.issuer()?;
    let mut origin = call.origin()?;
    origin.detail = issuer.event_context;
    call.services().record(origin, Some(issuer.id), draft).await
}

async fn of_personal_token(
    call: &Call<IntrospectToken>,
    text: &str,
    ip: Option<IpAddr>,
) -> Result<Introspection, Refusal> {
    let issuer = call.issuer()?.id;
    let inactive = |reason| Ok(Introspection::inactive(Kind::PersonalToken, reason));
    let found = match genuine(call.services(), text).await? {
        Ok(found) if found.token.issuer_id == issuer => found,
        Err(InvalidToken::Malformed) => return inactive(Reason::Malformed),
        Err(InvalidToken::Signature) => return inactive(Reason::InvalidSignature),
        Err(InvalidToken::Expired { issuer_id }) if issuer_id == issuer => return inactive(Reason::Expired),
        Ok(_) | Err(InvalidToken::Expired { .. } | InvalidToken::Unknown) => return inactive(Reason::NotFound),
    };
    match found.token.verdict(ip, call.now()) {
        Verdict::Accepted => {}
        Verdict::Blocked => return inactive(Reason::Blocked),
        Verdict::Revoked => return inactive(Reason::Revoked),
        Verdict::Expired => return inactive(Reason::Expired),
        Verdict::OwnerSuspended => return inactive(Reason::Suspended),
        Verdict::OwnerBarred => return inactive(Reason::UserBlocked),
        Verdict::OwnerGone => return inactive(Reason::NotFound),
        Verdict::AddressRefused => return inactive(Reason::IpNotAllowed),
    }
    let token_use = used(call.services(), &found, ip).await?;
    record(call, token_use.verified(SURFACE)).await?;
    Ok(Introspection::active(Kind::PersonalToken, found.token.into()))
}

async fn of_api_key(
    reads: &dyn Reads,
    call: &Call<IntrospectToken>,
    text: &str,
    ip: Option<IpAddr>,
) -> Result<Introspection, Refusal> {
    let inactive = |reason| Ok(Introspection::inactive(Kind::ApiKey, reason));
    let Some((Ok(id), secret)) = text.split_once(':').map(|(id, secret)| (id.parse::<ApiKeyId>(), secret)) else {
        return inactive(Reason::Malformed);
    };
    let (peppers, now) = (&call.services().keyring.peppers, call.now());
    let issuer = call.issuer()?.id;
    let found = reads.api_keys().authentication(id).await?.filter(|key| key.issuer_id == issuer);
    let Some(key) = found else {
        // The same work as for a known key, so that time does not tell them apart.
        let _ = RotatingSecret::dummy(peppers).accepts(peppers, API_KEY_HASH, secret, now);
        return inactive(Reason::NotFound);
    };
    match key.verdict(peppers, secret, ip, now) {
        KeyVerdict::Accepted => {}
        KeyVerdict::WrongSecret => return inactive(Reason::InvalidSecret),
        KeyVerdict::Blocked => return inactive(Reason::Blocked),
        KeyVerdict::Revoked => return inactive(Reason::Revoked),
        KeyVerdict::Expired => return inactive(Reason::Expired),
        KeyVerdict::Suspended => return inactive(Reason::Suspended),
        KeyVerdict::Gone => return inactive(Reason::NotFound),
        KeyVerdict::AddressRefused => return inactive(Reason::IpNotAllowed),
    }
    let Some(whole) = reads.api_keys().find(key.account_id, key.id).await? else {
        return inactive(Reason::NotFound);
    };
    let rate_limit = counted(call, &key).await?;
    record(call, verified(&key)).await?;
    Ok(Introspection::active(Kind::ApiKey, Known { rate_limit, ..whole.into() }))
}

/// Counts the use of a key that has a limit of its own.
async fn counted(call: &Call<IntrospectToken>, key: &ApiKeyAuthentication) -> Result<Option<Allowance>, Refusal> {
    let Some(limited) = key.limited() else { return Ok(None) };
    let mut origin = call.origin()?;
    origin.detail = call.issuer()?.event_context;
    match call.services().use_key(&limited, origin).await? {
        KeyUse::Counted(allowance) => Ok(Some(allowance)),
        KeyUse::Exceeded { retry_after } => Err(Refusal::InspectedRateLimited { retry_after }),
    }
}

fn verified(key: &ApiKeyAuthentication) -> EventDraft {
    let subject = Subject::issuer(key.account_id, key.issuer_id).organization(key.org_id).api_key(key.id);
    key_events::verified(subject, &key.scopes, SURFACE)
}
