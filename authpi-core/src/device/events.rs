//! What happens to devices, as events (events-webhooks §4).

use super::model::{Device, Trust};
use crate::event::catalogue::{self, EventType};
use crate::event::model::{EventDraft, Subject};
use crate::id::AccountId;

fn about(kind: EventType, account: AccountId, device: &Device) -> EventDraft {
    EventDraft::new(kind, Subject::issuer(account, device.issuer_id).user(device.user_id).device(device.id))
}

/// `user.device.trusted`
pub fn trusted(account: AccountId, device: &Device, trust: Trust) -> EventDraft {
    about(catalogue::USER_DEVICE_TRUSTED, account, device).with("expires_at", trust.expires_at.as_millis())
}

/// `user.device.revoked`, one for each device.
pub fn revoked(account: AccountId, device: &Device) -> EventDraft {
    about(catalogue::USER_DEVICE_REVOKED, account, device).with("count", 1)
}
