//! Which events a webhook receives: by type and by subject.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::event::catalogue::{ALL, EventType};
use crate::event::model::Subject;
use crate::id::{
    AccountId, AgentId, ApiKeyId, AuthMethodId, ClientId, DelegationId, DeviceId, GroupId, InvitationId, IssuerId,
    OrganizationId, SessionId, TokenId, UserId, VerifierId, WebhookId,
};

/// An event type that webhooks can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeliverableType(EventType);

impl DeliverableType {
    /// The type.
    pub const fn event_type(self) -> EventType {
        self.0
    }
}

/// Not a name of a type that is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an event type that webhooks deliver")]
pub struct NotDeliverable;

impl TryFrom<EventType> for DeliverableType {
    type Error = NotDeliverable;

    fn try_from(kind: EventType) -> Result<Self, NotDeliverable> {
        if kind.is_deliverable() { Ok(Self(kind)) } else { Err(NotDeliverable) }
    }
}

impl TryFrom<String> for DeliverableType {
    type Error = NotDeliverable;

    fn try_from(name: String) -> Result<Self, NotDeliverable> {
        EventType::parse(&name).ok_or(NotDeliverable)?.try_into()
    }
}

impl From<DeliverableType> for String {
    fn from(kind: DeliverableType) -> Self {
        kind.0.as_str().to_owned()
    }
}

impl PartialSchema for DeliverableType {
    fn schema() -> RefOr<Schema> {
        let names = ALL.iter().filter(|kind| kind.is_deliverable()).map(|kind| kind.as_str());
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
    }
}

impl ToSchema for DeliverableType {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("WebhookEventType")
    }
}

/// Ids that an event must be about, all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are those of the subject of an event")]
pub struct SubjectFilter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer_id: Option<IssuerId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<OrganizationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<ApiKeyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<TokenId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifier_id: Option<VerifierId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<GroupId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation_id: Option<InvitationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_id: Option<WebhookId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method_id: Option<AuthMethodId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 253)]
    pub domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<DeviceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegation_id: Option<DelegationId>,
}

impl SubjectFilter {
    /// Names nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Everything it names is what the event is about.
    pub fn matches(&self, subject: &Subject) -> bool {
        fn holds<T: PartialEq>(wanted: Option<&T>, known: Option<&T>) -> bool {
            wanted.is_none() || wanted == known
        }
        holds(self.account_id.as_ref(), Some(&subject.account_id))
            && holds(self.issuer_id.as_ref(), subject.issuer_id.as_ref())
            && holds(self.org_id.as_ref(), subject.org_id.as_ref())
            && holds(self.user_id.as_ref(), subject.user_id.as_ref())
            && holds(self.client_id.as_ref(), subject.client_id.as_ref())
            && holds(self.agent_id.as_ref(), subject.agent_id.as_ref())
            && holds(self.key_id.as_ref(), subject.key_id.as_ref())
            && holds(self.token_id.as_ref(), subject.token_id.as_ref())
            && holds(self.session_id.as_ref(), subject.session_id.as_ref())
            && holds(self.verifier_id.as_ref(), subject.verifier_id.as_ref())
            && holds(self.group_id.as_ref(), subject.group_id.as_ref())
            && holds(self.invitation_id.as_ref(), subject.invitation_id.as_ref())
            && holds(self.webhook_id.as_ref(), subject.webhook_id.as_ref())
            && holds(self.method_id.as_ref(), subject.method_id.as_ref())
            && holds(self.domain.as_ref(), subject.domain.as_ref())
            && holds(self.device_id.as_ref(), subject.device_id.as_ref())
            && holds(self.delegation_id.as_ref(), subject.delegation_id.as_ref())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::event::catalogue;
    use crate::id::Id;
    use crate::webhook::model::WebhookDetails;

    fn id<I: Id>(number: u128) -> I {
        I::from_uuid(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn every_deliverable_name_is_accepted_and_every_other_refused() {
        for kind in ALL {
            let named = DeliverableType::try_from(kind.as_str().to_owned());
            assert_eq!(named.is_ok(), kind.is_deliverable(), "{kind}");
        }
        for other in ["user.*", "membership.added", "User.created", ""] {
            assert_eq!(DeliverableType::try_from(other.to_owned()), Err(NotDeliverable), "{other}");
        }
    }

    #[test]
    fn an_event_passes_when_one_entry_holds_whole() {
        let subject = Subject::issuer(id(1), id(2)).organization(id(3));
        let entry = |issuer: u128, org: Option<u128>| SubjectFilter {
            issuer_id: Some(id(issuer)),
            org_id: org.map(id),
            ..SubjectFilter::default()
        };
        let wants = |subjects: Vec<SubjectFilter>| {
            WebhookDetails { subjects, ..WebhookDetails::default() }.wants(catalogue::USER_CREATED, &subject)
        };
        assert!(wants(vec![]));
        assert!(wants(vec![entry(2, None)]));
        assert!(wants(vec![entry(9, None), entry(2, Some(3))]));
        assert!(!wants(vec![entry(2, Some(4)), entry(9, Some(3))]));
        let named = SubjectFilter { user_id: Some(id(5)), ..SubjectFilter::default() };
        assert!(!wants(vec![named]), "what the event does not name is not equal");
    }

    #[test]
    fn an_event_passes_by_its_type_and_audit_only_types_never_do() {
        let subject = Subject::account(id(1));
        let named =
            WebhookDetails { events: vec![catalogue::USER_CREATED.try_into().unwrap()], ..WebhookDetails::default() };
        assert!(named.wants(catalogue::USER_CREATED, &subject));
        assert!(!named.wants(catalogue::USER_DELETED, &subject));
        assert!(WebhookDetails::default().wants(catalogue::USER_DELETED, &subject));
        assert!(!WebhookDetails::default().wants(catalogue::API_KEY_VERIFIED, &subject));
    }
}
