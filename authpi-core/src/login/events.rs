//! What happens in logins, as events (events-webhooks §4).

use super::model::Tries;
use crate::event::catalogue::{self, EventType};
use crate::event::model::{EventDraft, Subject};
use crate::id::{AccountId, ClientId, FlowId, IssuerId, UserId};
use crate::timestamp::Timestamp;

/// Which login an event is about.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// Tenant.
    pub account_id: AccountId,
    /// Where it leads.
    pub issuer_id: IssuerId,
    /// The application that asks.
    pub client_id: Option<ClientId>,
}

/// `user.consent.revoked`
pub fn consent_revoked(
    (account, issuer): (AccountId, IssuerId),
    user: UserId,
    client: ClientId,
    scopes: &[String],
) -> EventDraft {
    let subject = Subject::issuer(account, issuer).user(user).client(client);
    EventDraft::new(catalogue::USER_CONSENT_REVOKED, subject).with("scopes", scopes.to_vec())
}

impl Scene {
    fn about(self, kind: EventType, user: Option<UserId>) -> EventDraft {
        let subject = Subject::issuer(self.account_id, self.issuer_id);
        EventDraft::new(kind, Subject { user_id: user, client_id: self.client_id, ..subject })
    }

    /// `user.verification.succeeded`
    pub fn verified(self, user: UserId, method: &str) -> EventDraft {
        self.about(catalogue::USER_VERIFICATION_SUCCEEDED, Some(user)).with("method", method)
    }

    /// `user.verification.failed`; `tries` count up to now.
    pub fn refused(self, user: Option<UserId>, method: &str, cause: &str, tries: Tries) -> EventDraft {
        let draft = self
            .about(catalogue::USER_VERIFICATION_FAILED, user)
            .with("method", method)
            .with("cause", cause)
            .with("attempts", tries.failed);
        match tries.locked_until {
            Some(until) => draft.with("locked_until", Timestamp::as_millis(until)),
            None => draft,
        }
    }

    fn of_user(self, kind: EventType, user: UserId) -> EventDraft {
        EventDraft::new(kind, Subject::issuer(self.account_id, self.issuer_id).user(user))
    }

    /// `user.login-link.requested`
    pub fn mail_requested(self, user: UserId, channel: &str) -> EventDraft {
        self.of_user(catalogue::USER_LOGIN_LINK_REQUESTED, user).with("channel", channel)
    }

    /// `user.login-link.consumed`
    pub fn mail_consumed(self, user: UserId, channel: &str) -> EventDraft {
        self.of_user(catalogue::USER_LOGIN_LINK_CONSUMED, user).with("channel", channel)
    }

    /// `user.password.reset-requested`
    pub fn reset_requested(self, user: UserId) -> EventDraft {
        self.of_user(catalogue::USER_PASSWORD_RESET_REQUESTED, user)
    }

    /// `auth.flow.rate-limited`
    pub fn rate_limited(self, flow: Option<FlowId>, bucket: &str) -> EventDraft {
        let flow = flow.map(|flow| flow.to_string());
        self.about(catalogue::AUTH_FLOW_RATE_LIMITED, None).with("flow", flow).with("bucket", bucket)
    }

    /// `auth.flow.expired`
    pub fn expired(self, flow: FlowId, age_seconds: u64) -> EventDraft {
        self.about(catalogue::AUTH_FLOW_EXPIRED, None).with("flow", flow.to_string()).with("age_seconds", age_seconds)
    }

    /// `auth.flow.replay-attempt`
    pub fn replayed(self, user: Option<UserId>, flow: Option<FlowId>, artefact: &str) -> EventDraft {
        let flow = flow.map(|flow| flow.to_string());
        self.about(catalogue::AUTH_FLOW_REPLAY_ATTEMPT, user).with("flow", flow).with("artefact", artefact)
    }

    /// `auth.flow.device-mismatch`
    pub fn device_mismatch(self, user: Option<UserId>, flow: FlowId) -> EventDraft {
        self.about(catalogue::AUTH_FLOW_DEVICE_MISMATCH, user).with("flow", flow.to_string())
    }
}
