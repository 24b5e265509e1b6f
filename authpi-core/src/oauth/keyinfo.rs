//! `GET /keyinfo` (idp §22): an API key asks about itself.

use async_trait::async_trait;
use http::StatusCode;
use http::header::AUTHORIZATION;
use serde::Serialize;
use utoipa::ToSchema;

use super::introspection::Never;
use crate::credential::events;
use crate::credential::model::{
    API_KEY_HASH, ApiKey, ApiKeyAuthentication, EffectiveStatus, KeyRestrictions, RateLimit, Verdict,
};
use crate::error::{Refusal, Unauthenticated};
use crate::event::model::{Actor, Subject};
use crate::id::{ApiKeyId, IssuerId, OrganizationId};
use crate::metadata::Metadata;
use crate::rotating_secret::RotatingSecret;
use crate::scope::Scopes;
use crate::store::Change;
use crate::timestamp::Timestamp;
use crate::web::answer::Answer;
use crate::web::authentication::basic_credentials;
use crate::web::rate_limit::BucketKey;
use crate::web::route::{RateClass, Route};
use crate::web::runtime::{IssuerCall, Runtime, Step};

/// Where the events of this call say that the key was verified.
const SURFACE: &str = "keyinfo";

const REFUSED: Refusal = Refusal::Unauthenticated(Unauthenticated::Basic);

/// `getKeyInfo`
pub(super) struct GetKeyInfo;

#[async_trait]
impl Runtime for GetKeyInfo {
    type Prepared = Never;

    fn route(&self) -> Route {
        Route::get("/{issuer_id}/keyinfo")
            .named("getKeyInfo", "Get what is known of the API key that calls")
            .about("oauth", "API key")
            .of_issuer(RateClass::Verification)
            .answers_bare::<KeyInfo>()
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Never>, Refusal> {
        let key = match authenticated(call).await {
            Err(refusal @ (Refusal::Unauthenticated(_) | Refusal::AccessDenied(_))) => {
                let bucket = BucketKey::of_address(call.address());
                call.services().limits.take(RateClass::Unauthenticated, bucket)?;
                return Err(refusal);
            }
            outcome => outcome?,
        };
        let origin = call.origin(Actor::ApiKey { key_id: key.id });
        if let Some(limited) = key.limited() {
            call.services().use_own_key(&limited, origin.clone()).await?;
        }
        let reads = call.services().store.reads();
        let whole = reads.api_keys().find(key.account_id, key.id).await?.ok_or(REFUSED)?;
        let subject = Subject::issuer(key.account_id, key.issuer_id).organization(key.org_id).api_key(key.id);
        let verified = events::verified(subject, &key.scopes, SURFACE);
        call.services().record(origin, Some(key.issuer_id), verified).await?;
        Ok(Step::Answer(Answer::json(StatusCode::OK, &KeyInfo::of(whole, call.now()))))
    }

    async fn apply(&self, _: &mut Change<'_>, _: &IssuerCall, never: &Never) -> Result<Answer, Refusal> {
        match *never {}
    }
}

async fn authenticated(call: &IssuerCall) -> Result<ApiKeyAuthentication, Refusal> {
    let header = call.header(&AUTHORIZATION).ok_or(REFUSED)?;
    let (id, secret) = basic_credentials(header).ok_or(REFUSED)?;
    let found = match id.parse::<ApiKeyId>() {
        Ok(id) => call.services().store.reads().api_keys().authentication(id).await?,
        Err(_) => None,
    };
    let (peppers, now) = (&call.services().keyring.peppers, call.now());
    let Some(key) = found.filter(|key| key.issuer_id == call.issuer_id()) else {
        // The same work as for a known key, so that time does not tell them apart.
        let _ = RotatingSecret::dummy(peppers).accepts(peppers, API_KEY_HASH, &secret, now);
        return Err(REFUSED);
    };
    match key.verdict(peppers, &secret, Some(call.address()), now) {
        Verdict::Accepted => Ok(key),
        Verdict::AddressRefused => Err(Refusal::AccessDenied("The key may not be used from this address.")),
        _ => Err(REFUSED),
    }
}

/// What an API key may know of itself.
#[derive(Debug, Serialize, ToSchema)]
struct KeyInfo {
    id: ApiKeyId,
    /// Always `api_key`.
    #[serde(rename = "type")]
    kind: &'static str,
    org_id: OrganizationId,
    issuer_id: IssuerId,
    name: String,
    description: Option<String>,
    tags: Vec<String>,
    status: EffectiveStatus,
    #[schema(value_type = Object)]
    restrictions: KeyRestrictions,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// How often it may be used, where that is limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    rate_limit: Option<RateLimit>,
}

impl KeyInfo {
    fn of(key: ApiKey, now: Timestamp) -> Self {
        let status = key.effective_status(now);
        let details = key.details;
        Self {
            id: key.id,
            kind: "api_key",
            org_id: key.org_id,
            issuer_id: key.issuer_id,
            name: details.name,
            description: details.description,
            tags: details.tags,
            status,
            scopes: details.restrictions.scopes.clone(),
            rate_limit: details.restrictions.rate_limit,
            restrictions: details.restrictions,
            expires_at: details.expires_at,
            metadata: key.metadata,
            created_at: key.created_at,
            updated_at: key.updated_at,
        }
    }
}
