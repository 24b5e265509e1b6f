//! The request that delivers an event: a CloudEvent in structured mode, signed by Standard Webhooks
//! (events-webhooks §8).

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Method};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use url::Url;

use super::figures;
use super::model::{AttemptOutcome, Delivery, Webhook, signature};
use super::operations::SecretsInUse;
use crate::calendar::rfc3339;
use crate::error::Refusal;
use crate::event::model::{Event, EventView};
use crate::id::{AccountId, EventId, IssuerId, OrganizationId, WebhookId};
use crate::secret::Secret;
use crate::timestamp::Timestamp;
use crate::transport::OutgoingRequest;
use crate::web::services::Services;

/// The body goes through structured mode, in UTF-8.
const CLOUD_EVENT: &str = "application/cloudevents+json; charset=utf-8";

/// Who sends.
const PRODUCT: &str = concat!("authpi/", env!("CARGO_PKG_VERSION"));

/// Bytes of the answer that are read, to be dropped.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Keys of a subject, the most specific first.
const MOST_SPECIFIC: [&str; 17] = [
    "delegation_id",
    "device_id",
    "verifier_id",
    "session_id",
    "token_id",
    "invitation_id",
    "group_id",
    "key_id",
    "webhook_id",
    "method_id",
    "domain",
    "user_id",
    "agent_id",
    "client_id",
    "org_id",
    "issuer_id",
    "account_id",
];

/// CloudEvents 1.0, JSON format.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: EventId,
    source: String,
    #[serde(rename = "type")]
    kind: &'static str,
    subject: &'a Value,
    time: String,
    datacontenttype: &'static str,
    accountid: AccountId,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuerid: Option<IssuerId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    orgid: Option<OrganizationId>,
    data: &'a RawValue,
}

/// An event as the bodies of its deliveries show it, with as much of its context as is left.
pub(crate) struct RenderedEvent {
    event: Event,
    /// The id of the most specific entity that it is about.
    subject: Value,
    /// The record on the wire.
    data: Box<RawValue>,
}

impl RenderedEvent {
    /// Opens the context.
    ///
    /// # Errors
    /// [`Refusal::Store`], and [`Refusal::Internal`] when the vault does not give a key, or the event cannot be written as
    /// JSON.
    pub(crate) async fn of(services: &Services, event: Event) -> Result<Self, Refusal> {
        let mut views = EventView::of(services, vec![event.clone()]).await?;
        let view = views.pop().ok_or_else(|| Refusal::internal("an event without a view"))?;
        Self::new(event, &view)
    }

    fn new(event: Event, view: &EventView) -> Result<Self, Refusal> {
        let keys = serde_json::to_value(&event.subject).map_err(Refusal::internal)?;
        let subject = MOST_SPECIFIC.iter().find_map(|key| keys.get(*key)).cloned().unwrap_or_default();
        let data = to_raw_value(view).map_err(Refusal::internal)?;
        Ok(Self { event, subject, data })
    }

    /// The event itself.
    pub(crate) const fn event(&self) -> &Event {
        &self.event
    }

    /// The body that delivers it to `webhook`. `source` is the prefix of the attribute of that name.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when it cannot be written as JSON.
    pub(crate) fn body(&self, source: &str, webhook: WebhookId) -> Result<Vec<u8>, Refusal> {
        let Event { id, kind, subject, timestamp, .. } = &self.event;
        let cloud_event = CloudEvent {
            specversion: "1.0",
            id: *id,
            source: format!("{source}/{webhook}"),
            kind: kind.as_str(),
            subject: &self.subject,
            time: rfc3339(*timestamp),
            datacontenttype: "application/json",
            accountid: subject.account_id,
            issuerid: subject.issuer_id,
            orgid: subject.org_id,
            data: &self.data,
        };
        serde_json::to_vec(&cloud_event).map_err(Refusal::internal)
    }
}

/// One attempt at one delivery.
pub(crate) struct AttemptRequest<'a> {
    pub(crate) webhook: &'a Webhook,
    pub(crate) secrets: &'a SecretsInUse,
    pub(crate) delivery: &'a Delivery,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: Duration,
    pub(crate) now: Timestamp,
}

impl AttemptRequest<'_> {
    /// Sends it, and tells what came of that.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when a stored value does not fit into a request.
    pub(crate) async fn send(self, services: &Services) -> Result<AttemptOutcome, Refusal> {
        let (begun, delivery) = (services.now(), self.delivery);
        let outcome = match services.send(self.build()?).await {
            Ok(answer) => {
                let retry_after = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                AttemptOutcome::answered(answer.status, retry_after, services.now())
            }
            Err(class) => AttemptOutcome::unanswered(class),
        };
        let now = services.now();
        figures::attempted(delivery, &outcome, now.since(begun), now);
        Ok(outcome)
    }

    fn build(self) -> Result<OutgoingRequest, Refusal> {
        let (id, seconds) = (self.delivery.event_id.to_string(), self.now.as_seconds());
        let attempt = self.delivery.attempt_count.saturating_add(1);
        let mut headers = HeaderMap::new();
        let mut set = |name: HeaderName, text: &str| {
            let value = HeaderValue::from_str(text).map_err(Refusal::internal)?;
            headers.insert(name, value);
            Ok::<_, Refusal>(())
        };
        set(CONTENT_TYPE, CLOUD_EVENT)?;
        set(USER_AGENT, PRODUCT)?;
        set(HeaderName::from_static("webhook-id"), &id)?;
        set(HeaderName::from_static("webhook-timestamp"), &seconds.to_string())?;
        set(HeaderName::from_static("x-webhook-attempt"), &attempt.to_string())?;
        if let Some(bearer) = &self.secrets.bearer {
            set(AUTHORIZATION, &format!("Bearer {}", bearer.expose()))?;
        }
        if !self.secrets.signing.is_empty() {
            let sign = |secret: &Secret| signature(secret.expose(), &id, seconds, &self.body);
            let signatures: Option<Vec<_>> = self.secrets.signing.iter().map(sign).collect();
            let signatures = signatures.ok_or_else(|| Refusal::internal("a stored signing secret is none"))?.join(" ");
            set(HeaderName::from_static("webhook-signature"), &signatures)?;
            set(HeaderName::from_static("x-webhook-signature"), &signatures)?;
        }
        if let Some(secret) = headers.get_mut(AUTHORIZATION) {
            secret.set_sensitive(true);
        }
        Ok(OutgoingRequest {
            method: Method::POST,
            url: Url::parse(&self.webhook.details.url).map_err(Refusal::internal)?,
            headers,
            body: Bytes::from(self.body),
            timeout: self.timeout,
            answer_limit: ANSWER_LIMIT,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;
    use crate::event::catalogue;
    use crate::event::model::{Actor, ContextRecord, DEFAULT_SOURCE, RequestContext, Subject, Trigger};
    use crate::id::Id;
    use crate::metadata::Metadata;
    use crate::status::Status;
    use crate::webhook::model::{AuthKind, Circuit, WebhookAuth, WebhookDetails, WebhookStatus};

    fn event() -> Event {
        let account = "acc_0kfz3m8q1w5e9r2t6y4u7i3a1".parse().unwrap();
        let issuer = "i_0kfz3m8q1w5e9r2t6y4u7i3i1".parse().unwrap();
        Event {
            id: "evt_0kfz3m8q1w5e9r2t6y4u7i3o5".parse().unwrap(),
            kind: catalogue::USER_CREATED,
            source: DEFAULT_SOURCE.to_owned(),
            trigger: Trigger::Api,
            trace: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
            actor: Actor::ApiKey { key_id: "key_4f8a2b9c0d1e4f5a8b7c6d5e4f3a2b1c".parse().unwrap() },
            subject: Subject::issuer(account, issuer).user("usr_0kfz3m8q1w5e9r2t6y4u7i3u1".parse().unwrap()),
            timestamp: Timestamp::from_millis(1_781_222_400_123),
            data: json!({ "username_type": "email", "status": "active" }).as_object().unwrap().clone(),
            context: ContextRecord::NONE,
        }
    }

    fn shown(event: Event) -> RenderedEvent {
        RenderedEvent::new(event.clone(), &EventView::new(event, RequestContext::default())).unwrap()
    }

    #[test]
    fn the_body_is_that_of_the_specification() {
        let webhook = "wh_0kfz3m8q1w5e9r2t6y4u7i3w1".parse().unwrap();
        let body = shown(event()).body("com.authpi.webhooks/v1", webhook).unwrap();
        let expected = json!({
            "specversion": "1.0",
            "id": "evt_0kfz3m8q1w5e9r2t6y4u7i3o5",
            "source": "com.authpi.webhooks/v1/wh_0kfz3m8q1w5e9r2t6y4u7i3w1",
            "type": "user.created",
            "subject": "usr_0kfz3m8q1w5e9r2t6y4u7i3u1",
            "time": "2026-06-12T00:00:00.123Z",
            "datacontenttype": "application/json",
            "accountid": "acc_0kfz3m8q1w5e9r2t6y4u7i3a1",
            "issuerid": "i_0kfz3m8q1w5e9r2t6y4u7i3i1",
            "data": {
                "spec": "1.0",
                "id": "evt_0kfz3m8q1w5e9r2t6y4u7i3o5",
                "trace": "4bf92f3577b34da6a3ce929d0e0e4736",
                "type": "user.created",
                "source": "com.authpi/v1",
                "trigger": "api",
                "auth": {
                    "type": "api_key", "key_id": "key_4f8a2b9c0d1e4f5a8b7c6d5e4f3a2b1c",
                    "ip": null, "user_agent": null, "country": null,
                },
                "subject": {
                    "account_id": "acc_0kfz3m8q1w5e9r2t6y4u7i3a1",
                    "issuer_id": "i_0kfz3m8q1w5e9r2t6y4u7i3i1",
                    "user_id": "usr_0kfz3m8q1w5e9r2t6y4u7i3u1",
                },
                "timestamp": 1_781_222_400_123_i64,
                "data": { "username_type": "email", "status": "active" },
            },
        });
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
        let again = shown(event()).body("com.authpi.webhooks/v1", webhook);
        assert_eq!(again.unwrap(), body, "byte by byte the same");
    }

    #[test]
    fn the_subject_is_the_most_specific_id() {
        let subject_of = |subject: Subject| {
            let body = shown(Event { subject, ..event() }).body("x", WebhookId::from_uuid(uuid::Uuid::nil())).unwrap();
            serde_json::from_slice::<Value>(&body).unwrap()["subject"].clone()
        };
        let id = |number: u128| uuid::Uuid::from_u128(number);
        let account = Subject::account(Id::from_uuid(id(1)));
        assert_eq!(subject_of(account.clone()), account.account_id.to_string());
        let member =
            Subject { org_id: Some(Id::from_uuid(id(2))), user_id: Some(Id::from_uuid(id(3))), ..account.clone() };
        assert_eq!(subject_of(member.clone()), member.user_id.unwrap().to_string());
        assert_eq!(subject_of(account.domain("example.com")), "example.com");
    }

    #[test]
    fn headers_follow_the_kind_and_both_secrets_sign_new_first() {
        let webhook = Webhook {
            id: WebhookId::from_uuid(uuid::Uuid::nil()),
            account_id: Id::from_uuid(uuid::Uuid::nil()),
            status: Status::initial(WebhookStatus::Active),
            details: WebhookDetails { url: "https://example.com/hook".to_owned(), ..WebhookDetails::default() },
            auth: WebhookAuth { kind: AuthKind::None, bearer: None, signing: None },
            circuit: Circuit::CLOSED,
            metadata: Metadata::default(),
            events_after: None,
            silent: None,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        };
        let request = |secrets: &SecretsInUse| {
            let now = Timestamp::from_millis(1_781_222_401_999);
            let key = (webhook.account_id, webhook.id);
            let first = Delivery::new(key, Id::from_uuid(uuid::Uuid::nil()), (event().id, event().kind), 10, now);
            let (delivery, timeout) = (Delivery { attempt_count: 1, ..first }, Duration::from_secs(15));
            AttemptRequest { webhook: &webhook, secrets, delivery: &delivery, body: b"{}".to_vec(), timeout, now }
                .build()
                .unwrap()
        };
        let shown = |request: &OutgoingRequest, name: &str| {
            request.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        let plain = request(&SecretsInUse { bearer: None, signing: vec![] });
        assert_eq!(shown(&plain, "webhook-id"), Some(event().id.to_string()));
        assert_eq!(shown(&plain, "webhook-timestamp").as_deref(), Some("1781222401"));
        assert_eq!(shown(&plain, "x-webhook-attempt").as_deref(), Some("2"));
        assert_eq!(shown(&plain, "content-type").as_deref(), Some(CLOUD_EVENT));
        for absent in ["authorization", "webhook-signature", "x-webhook-signature"] {
            assert_eq!(shown(&plain, absent), None, "{absent}");
        }
        let [new, old] = ["whsec_bmV3", "whsec_b2xk"];
        let both = request(&SecretsInUse {
            bearer: Some(Secret::new("whb_token")),
            signing: vec![Secret::new(new), Secret::new(old)],
        });
        assert_eq!(shown(&both, "authorization").as_deref(), Some("Bearer whb_token"));
        let sign = |secret| signature(secret, &event().id.to_string(), 1_781_222_401, b"{}").unwrap();
        let expected = Some(format!("{} {}", sign(new), sign(old)));
        assert_eq!(shown(&both, "webhook-signature"), expected);
        assert_eq!(shown(&both, "x-webhook-signature"), expected);
        assert!(!format!("{both:?}").contains("whb_token"));
    }
}
