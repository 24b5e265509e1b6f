//! Webhooks and deliveries on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::id::{AccountId, DeliveryId, EventId, WebhookId};
use crate::metadata::Metadata;
use crate::timestamp::Timestamp;
use crate::web::members::Joined;
use crate::webhook::model::{
    AuthKind, CircuitBreaker, DeliverableType, Delivery, DeliveryStatus, RetryPolicy, SubjectFilter, Webhook,
    WebhookStatus,
};
use crate::webhook::operations::NewSecrets;
use crate::webhook::repository::WebhookListing;

/// The only algorithm.
const HMAC_SHA256: &str = "hmac-sha256";

/// A webhook on the wire.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(super) struct WebhookView {
    id: WebhookId,
    account_id: AccountId,
    name: String,
    description: Option<String>,
    url: String,
    status: WebhookStatus,
    status_at: Option<Timestamp>,
    status_reason: Option<String>,
    status_by: Option<String>,
    auth: WebhookAuthView,
    /// Exact names of the types that are delivered; empty for all.
    events: Vec<DeliverableType>,
    subjects: Vec<SubjectFilter>,
    retry: RetryPolicy,
    circuit_breaker: CircuitBreaker,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// How the receiver knows us.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = WebhookAuth)]
pub(super) struct WebhookAuthView {
    #[serde(rename = "type")]
    kind: AuthKind,
    /// Three dots and the last six characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bearer_token_hint: Option<String>,
    /// `hmac-sha256`
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    signature_algorithm: Option<&'static str>,
    /// Three dots and the last six characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    signature_secret_hint: Option<String>,
    /// Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bearer_token_plain: Option<String>,
    /// Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    signature_secret_plain: Option<String>,
}

/// The secrets of `auth` once more beside it, where the guide of the original has them.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = WebhookWithSecrets)]
pub(super) struct SecretsView {
    /// Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    bearer_token_plain: Option<String>,
    /// Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    signature_secret_plain: Option<String>,
}

/// A webhook with the secrets that were made just now.
pub(super) type WrittenWebhookView = Joined<SecretsView, WebhookView>;

impl From<&Webhook> for WebhookView {
    fn from(webhook: &Webhook) -> Self {
        let status = webhook.status.clone();
        let details = webhook.details.clone();
        let auth = &webhook.auth;
        Self {
            id: webhook.id,
            account_id: webhook.account_id,
            name: details.name.unwrap_or_default(),
            description: details.description,
            url: details.url,
            status: status.value,
            status_at: status.at,
            status_reason: status.reason,
            status_by: status.by,
            auth: WebhookAuthView {
                kind: auth.kind,
                bearer_token_hint: auth.bearer.as_ref().map(|stored| stored.hint.clone()),
                signature_algorithm: auth.kind.has_signature().then_some(HMAC_SHA256),
                signature_secret_hint: auth.signing.as_ref().map(|known| known.current.hint.clone()),
                bearer_token_plain: None,
                signature_secret_plain: None,
            },
            events: details.events,
            subjects: details.subjects,
            retry: details.retry,
            circuit_breaker: details.circuit_breaker,
            metadata: webhook.metadata.clone(),
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

/// The webhook with its new secrets, if there are any.
pub(super) fn written(webhook: &Webhook, secrets: &NewSecrets) -> WrittenWebhookView {
    let mut second = WebhookView::from(webhook);
    let bearer_token_plain = secrets.bearer.as_ref().map(|secret| secret.expose().to_owned());
    let signature_secret_plain = secrets.signing.as_ref().map(|secret| secret.expose().to_owned());
    second.auth.bearer_token_plain.clone_from(&bearer_token_plain);
    second.auth.signature_secret_plain.clone_from(&signature_secret_plain);
    Joined { first: SecretsView { bearer_token_plain, signature_secret_plain }, second }
}

/// A webhook in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct WebhookListItem {
    id: WebhookId,
    account_id: AccountId,
    /// `active`, `disabled`, `failing` or `deleted`.
    status: String,
    name: String,
    description: Option<String>,
    url: String,
    auth_type: AuthKind,
    events: Vec<DeliverableType>,
    status_at: Option<Timestamp>,
    status_reason: Option<String>,
    status_by: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<WebhookListing> for WebhookListItem {
    fn from(listing: WebhookListing) -> Self {
        let WebhookListing { webhook, deleted } = listing;
        let status = match (deleted, webhook.status.value) {
            (true, _) => "deleted",
            (false, WebhookStatus::Active) => "active",
            (false, WebhookStatus::Disabled) => "disabled",
            (false, WebhookStatus::Failing) => "failing",
        };
        Self {
            id: webhook.id,
            account_id: webhook.account_id,
            status: status.to_owned(),
            name: webhook.details.name.unwrap_or_default(),
            description: webhook.details.description,
            url: webhook.details.url,
            auth_type: webhook.auth.kind,
            events: webhook.details.events,
            status_at: webhook.status.at,
            status_reason: webhook.status.reason,
            status_by: webhook.status.by,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

impl WebhookListItem {
    /// The cursor behind this item.
    pub(super) fn cursor(&self) -> String {
        self.id.to_string()
    }
}

/// A delivery on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(super) struct DeliveryView {
    pub(super) id: DeliveryId,
    webhook_id: WebhookId,
    event_id: EventId,
    event_type: String,
    status: DeliveryStatus,
    attempt_count: u32,
    first_attempted_at: Option<Timestamp>,
    last_attempted_at: Option<Timestamp>,
    next_attempt_at: Option<Timestamp>,
    /// The delivery itself while an attempt is scheduled.
    retry_workflow_id: Option<DeliveryId>,
    /// Most attempts.
    attempt_budget: Option<u32>,
    /// Class of the last failure: `blocked_address`, `dns`, `connect`, `tls`, `timeout`, `http_` and a status; `lease_expired`
    /// when nobody knows whether it was sent, `expired` when it was given up without a further attempt.
    last_error: Option<String>,
    last_response_status: Option<u16>,
    pub(super) created_at: Timestamp,
    updated_at: Timestamp,
}

impl DeliveryView {
    /// What is due while the circuit is open is attempted at the end of the cooldown.
    pub(super) fn of(delivery: &Delivery, webhook: &Webhook) -> Self {
        let probe_at = webhook.circuit.open.map(|open| open.probe_at);
        Self {
            id: delivery.id,
            webhook_id: delivery.webhook_id,
            event_id: delivery.event_id,
            event_type: delivery.event_type.as_str().to_owned(),
            status: delivery.status,
            attempt_count: delivery.attempt_count,
            first_attempted_at: delivery.first_attempted_at,
            last_attempted_at: delivery.last_attempted_at,
            next_attempt_at: delivery.next_attempt_at.map(|next| probe_at.map_or(next, |probe| probe.max(next))),
            retry_workflow_id: delivery.next_attempt_at.map(|_| delivery.id),
            attempt_budget: Some(delivery.attempt_budget),
            last_error: delivery.last_error.clone(),
            last_response_status: delivery.last_response_status,
            created_at: delivery.created_at,
            updated_at: delivery.updated_at,
        }
    }
}

/// A delivery after an attempt that was asked for.
pub(super) type RedeliveredView = Joined<AttemptHead, DeliveryView>;

/// How the attempt went.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = WebhookRedelivery)]
pub(super) struct AttemptHead {
    /// This attempt arrived.
    pub(super) success: bool,
}

/// What became of the failed deliveries.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = RequeuedDeliveries)]
pub(super) struct RequeuedView {
    /// Are due again.
    pub(super) queued: u64,
    /// Are not: their event is no longer kept.
    pub(super) skipped: u64,
}
