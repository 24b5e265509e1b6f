//! API keys on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::credential::model::{ApiKey, EffectiveStatus, KeyRestrictions, RateLimit};
use crate::id::{ApiKeyId, IssuerId, OrganizationId};
use crate::metadata::Metadata;
use crate::network::Network;
use crate::scope::Scopes;
use crate::secret::Secret;
use crate::timestamp::Timestamp;
use crate::web::members::Joined;

/// The one value of `type`.
const KIND: &str = "api_key";

/// How the SDK names the hash that secrets are kept as (conventions §14).
const ALGORITHM: &str = "sha256";

/// An API key.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct ApiKeyView {
    id: ApiKeyId,
    org_id: OrganizationId,
    issuer_id: IssuerId,
    /// Always `api_key`.
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    description: Option<String>,
    tags: Vec<String>,
    #[schema(value_type = ShownRestrictions)]
    restrictions: KeyRestrictions,
    status: EffectiveStatus,
    status_at: Option<Timestamp>,
    status_reason: Option<String>,
    status_by: Option<String>,
    expires_at: Option<Timestamp>,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
    secret: SecretView,
}

/// Members of [`KeyRestrictions`] in an answer: a limit that is not there is left out.
#[derive(ToSchema)]
#[schema(as = ApiKeyRestrictions)]
#[allow(dead_code, reason = "states the schema only")]
struct ShownRestrictions {
    scopes: Scopes,
    /// IP addresses and CIDR blocks it may be used from; empty means any.
    ip_allowlist: Vec<Network>,
    /// How often it may be used; without one as often as it likes.
    #[schema(nullable = false)]
    rate_limit: Option<RateLimit>,
}

/// What is shown of a secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ApiKeySecret)]
struct SecretView {
    /// Name of the hash.
    algorithm: &'static str,
    /// Its last characters.
    hint: String,
    /// When it was last replaced.
    rotated_at: Option<Timestamp>,
    /// Until when the secret before works, or worked, too.
    previous_valid_until: Option<Timestamp>,
}

impl ApiKeyView {
    /// As it is at `now`.
    pub(super) fn of(key: &ApiKey, now: Timestamp) -> Self {
        let status = key.effective_status(now);
        let expired_at = key.details.expires_at.filter(|_| status == EffectiveStatus::Expired);
        let (status_at, status_reason, status_by) = key.status.shown(expired_at);
        let details = key.details.clone();
        let previous = key.secret.previous.as_ref().map(|(_, until)| *until);
        Self {
            id: key.id,
            org_id: key.org_id,
            issuer_id: key.issuer_id,
            kind: KIND,
            name: details.name,
            description: details.description,
            tags: details.tags,
            restrictions: details.restrictions,
            status,
            status_at,
            status_reason,
            status_by,
            expires_at: details.expires_at,
            metadata: key.metadata.clone(),
            created_at: key.created_at,
            updated_at: key.updated_at,
            secret: SecretView {
                algorithm: ALGORITHM,
                hint: key.secret_hint.clone(),
                rotated_at: key.rotated_at,
                previous_valid_until: previous,
            },
        }
    }
}

/// A secret, the one time that it is visible.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKeySecretPlain)]
pub(super) struct SecretPlain {
    /// The secret itself.
    secret_plain: String,
}

impl From<&Secret> for SecretPlain {
    fn from(secret: &Secret) -> Self {
        Self { secret_plain: secret.expose().to_owned() }
    }
}

/// The secret of a new API key, the one time that it is visible.
#[derive(Serialize, ToSchema)]
#[schema(as = CreateApiKeyResponse, description = "A new API key with its secret.")]
pub struct CreatedSecret {
    /// The secret itself.
    secret_plain: String,
}

impl From<&Secret> for CreatedSecret {
    fn from(secret: &Secret) -> Self {
        Self { secret_plain: secret.expose().to_owned() }
    }
}

/// A new API key with its secret.
pub type CreatedApiKeyView = Joined<CreatedSecret, ApiKeyView>;

/// A new API key with its secret, as it is shown once.
pub fn created_view(key: &ApiKey, secret: &Secret, now: Timestamp) -> CreatedApiKeyView {
    Joined { first: CreatedSecret::from(secret), second: ApiKeyView::of(key, now) }
}

/// An API key in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ApiKeyListItem {
    id: ApiKeyId,
    org_id: OrganizationId,
    issuer_id: IssuerId,
    /// Always `api_key`.
    #[serde(rename = "type")]
    kind: &'static str,
    status: EffectiveStatus,
    status_at: Option<Timestamp>,
    name: String,
    description: Option<String>,
    tags: Vec<String>,
    scopes: Scopes,
    ip_allowlist: Vec<Network>,
    expires_at: Option<Timestamp>,
    secret_hint: Option<String>,
    last_rotated_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl ApiKeyListItem {
    /// As it is at `now`.
    pub(super) fn of(key: &ApiKey, now: Timestamp) -> Self {
        let view = ApiKeyView::of(key, now);
        Self {
            id: view.id,
            org_id: view.org_id,
            issuer_id: view.issuer_id,
            kind: view.kind,
            status: view.status,
            status_at: view.status_at,
            name: view.name,
            description: view.description,
            tags: view.tags,
            scopes: view.restrictions.scopes,
            ip_allowlist: view.restrictions.ip_allowlist,
            expires_at: view.expires_at,
            secret_hint: Some(view.secret.hint),
            last_rotated_at: view.secret.rotated_at,
            created_at: view.created_at,
            updated_at: view.updated_at,
        }
    }
}
