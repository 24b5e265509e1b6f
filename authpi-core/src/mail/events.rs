//! What becomes of mail, as events (events-webhooks §4). Recipients appear as a hash only.

use super::model::Mail;
use crate::event::catalogue::{self, EventType};
use crate::event::model::{EventDraft, Subject};
use crate::secret::hex;

/// Why a mail was given up: `data.cause`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureCause {
    /// The provider will never take it.
    Refused,
    /// All attempts failed.
    Exhausted,
    /// Nobody handed it over in time.
    Expired,
}

impl FailureCause {
    /// The value in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Exhausted => "exhausted",
            Self::Expired => "expired",
        }
    }
}

fn about(kind: EventType, mail: &Mail) -> EventDraft {
    let mut subject = if mail.template.is_of_account() {
        Subject::account(mail.account_id)
    } else {
        Subject::issuer(mail.account_id, mail.issuer_id)
    };
    subject.user_id = mail.user_id;
    subject.org_id = mail.org_id;
    subject.invitation_id = mail.invitation_id;
    EventDraft::new(kind, subject)
        .with("template", mail.template.as_str())
        .with("recipient_hash", hex(&mail.recipient_hash))
}

/// `email.sent`: the provider accepted it.
pub fn sent(mail: &Mail, message_id: &str) -> EventDraft {
    about(catalogue::EMAIL_SENT, mail).with("message_id", message_id)
}

/// `email.failed`: it will not be tried again.
pub fn failed(mail: &Mail, cause: FailureCause) -> EventDraft {
    about(catalogue::EMAIL_FAILED, mail).with("cause", cause.as_str())
}
