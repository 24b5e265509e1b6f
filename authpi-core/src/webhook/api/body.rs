//! Bodies of webhooks.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::view::{WebhookListItem, WebhookView};
use crate::timestamp::Timestamp;
use crate::web::body::{Body, BodySchema};
use crate::web::members::{MetadataMember, StatusNoteMembers, present};
use crate::webhook::model::{AuthKind, DeliverableType, WebhookDetails, WebhookStatus};
use crate::webhook::operations::WantedAuth;

/// Most deliveries that one call makes due again.
pub(super) const MOST_REDELIVERED: u32 = 1_000;

/// How the receiver is to know us; all secrets are made here.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookAuthInput)]
pub(super) struct AuthMember {
    /// What deliveries carry.
    #[serde(rename = "type")]
    kind: Option<AuthKind>,
    /// Make new secrets although there are some.
    regenerate: Option<bool>,
    /// The only algorithm there is.
    #[serde(rename = "signature_algorithm")]
    _signature_algorithm: Option<SignatureAlgorithm>,
    /// Ignored.
    #[serde(rename = "bearer_token_hint")]
    #[schema(read_only)]
    _bearer_token_hint: Option<String>,
    /// Ignored.
    #[serde(rename = "signature_secret_hint")]
    #[schema(read_only)]
    _signature_secret_hint: Option<String>,
}

/// How deliveries are signed.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[schema(as = WebhookSignatureAlgorithm)]
enum SignatureAlgorithm {
    /// HMAC with SHA-256.
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
}

/// The same with a kind that must be there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookAuthOfCreate)]
#[allow(dead_code, reason = "states the schema only")]
struct NewAuthMember {
    r#type: AuthKind,
    regenerate: Option<bool>,
    signature_algorithm: Option<SignatureAlgorithm>,
    #[schema(read_only)]
    bearer_token_hint: Option<String>,
    #[schema(read_only)]
    signature_secret_hint: Option<String>,
}

impl AuthMember {
    pub(super) fn wanted(&self) -> WantedAuth {
        WantedAuth { kind: self.kind, regenerate: self.regenerate.unwrap_or_default() }
    }

    pub(super) fn kind(&self) -> Option<AuthKind> {
        self.kind
    }
}

/// A status as a new webhook may have it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NewWebhookStatus)]
pub(super) enum FirstStatus {
    /// Delivering.
    Active,
    /// Paused.
    Disabled,
}

/// Body of `Create`.
#[derive(Debug, Deserialize)]
pub(super) struct CreateWebhook {
    #[serde(default)]
    pub(super) status: Option<FirstStatus>,
    pub(super) auth: AuthMember,
    #[serde(default)]
    pub(super) metadata: Value,
    #[serde(flatten)]
    pub(super) details: Map<String, Value>,
}

/// Members of [`CreateWebhook`] besides details and metadata.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct CreateMembers {
    status: Option<FirstStatus>,
    auth: NewAuthMember,
}

impl Body for CreateWebhook {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::of::<WebhookDetails>("CreateWebhook")
            .and::<CreateMembers>()
            .and::<MetadataMember>()
            .requiring(&["url"]);
        Some(with_aliases(schema))
    }
}

/// Body of `Update`.
#[derive(Debug, Deserialize)]
pub(super) struct UpdateWebhook {
    #[serde(default)]
    pub(super) status: Option<WebhookStatus>,
    #[serde(flatten)]
    pub(super) note: StatusNoteMembers,
    #[serde(default)]
    pub(super) auth: AuthMember,
    #[serde(default, deserialize_with = "present")]
    pub(super) metadata: Option<Value>,
    #[serde(flatten)]
    pub(super) details: Map<String, Value>,
}

/// Members of [`UpdateWebhook`] besides details, status note and metadata.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct UpdateMembers {
    status: Option<WebhookStatus>,
    #[schema(required = false)]
    auth: AuthMember,
}

impl Body for UpdateWebhook {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::patch_of::<WebhookDetails>("UpdateWebhook")
            .and::<StatusNoteMembers>()
            .and::<MetadataMember>()
            .and::<UpdateMembers>();
        Some(with_aliases(schema))
    }
}

fn with_aliases(schema: BodySchema) -> BodySchema {
    schema.ignoring::<WebhookView>().ignoring::<WebhookListItem>().alias("auth_type", "auth.type")
}

/// Body of `RedeliverFailed`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = RedeliverFailed)]
pub(super) struct RedeliverFailedBody {
    /// Only deliveries made later than this, exclusive.
    pub(super) after: Option<Timestamp>,
    /// Only deliveries made earlier than this, exclusive.
    pub(super) before: Option<Timestamp>,
    /// Only of events of these types.
    #[schema(nullable = true)]
    pub(super) event_types: Option<Vec<DeliverableType>>,
    /// At most so many, the newest.
    #[schema(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<u32>,
}

impl Body for RedeliverFailedBody {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Self>("RedeliverFailedWebhookDeliveries"))
    }
}
