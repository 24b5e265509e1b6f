//! A mail on its way, and when it is tried again.

use std::time::Duration;

use super::{Letter, Template};
use crate::error::Refusal;
use crate::id::{AccountId, EventId, InvitationId, IssuerId, MailId, OrganizationId, UserId};
use crate::lease::Lease;
use crate::seal::{RootKey, Sealed};
use crate::timestamp::Timestamp;

/// Pauses before the second to the fifth attempt: 24 h in all (events-webhooks §14).
const PAUSES: [Duration; 4] =
    [Duration::from_mins(5), Duration::from_mins(30), Duration::from_hours(3), Duration::from_mins(20 * 60 + 25)];

/// How long whoever tries a mail holds it: longer than rendering, handing over and recording last.
pub const LEASE: Duration = Duration::from_mins(3);

/// A mail that waits to be handed over. It is gone once that has happened, or was given up.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Names it over all attempts.
    pub id: MailId,
    /// Tenant of its events.
    pub account_id: AccountId,
    /// Whose looks it has, and whose root key seals it.
    pub issuer_id: IssuerId,
    /// The user it goes to.
    pub user_id: Option<UserId>,
    /// The organization it is about.
    pub org_id: Option<OrganizationId>,
    /// The invitation it is about.
    pub invitation_id: Option<InvitationId>,
    /// Which mail it is.
    pub template: Template,
    /// The event it tells of.
    pub cause: Option<EventId>,
    /// Stands for the recipient in events.
    pub recipient_hash: [u8; 32],
    /// [`Letter`], under the root key of the issuer.
    pub sealed: Sealed,
    /// How far it has come.
    pub lease: Lease,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Mail {
    /// The place that the sealed part is bound to.
    pub fn seal_context(id: MailId) -> String {
        format!("mail:{id}")
    }

    /// Opens the sealed part.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when it does not open.
    pub fn letter(&self, root: &RootKey) -> Result<Letter, Refusal> {
        let plain = root.open(&Self::seal_context(self.id), &self.sealed).map_err(Refusal::internal)?;
        // What serde says about a text may repeat a part of it.
        serde_json::from_slice(&plain).map_err(|_| Refusal::internal("a sealed mail cannot be understood"))
    }

    /// As somebody holds it who tries it now.
    #[must_use]
    pub fn leased(self, now: Timestamp) -> Self {
        Self { lease: self.lease.leased(now.plus(LEASE)), ..self }
    }

    /// As it is after another failure; `None` when it is given up.
    #[must_use]
    pub fn failed(self, now: Timestamp) -> Option<Self> {
        Some(Self { lease: self.lease.failed(&PAUSES, now)?, ..self })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use uuid::Uuid;

    use super::*;
    use crate::id::Id;
    use crate::mail::model::{Address, Content, LinkToken};
    use crate::mailbox::Mailbox;
    use crate::secret::Secret;

    fn mail() -> Mail {
        Mail {
            id: MailId::from_uuid(Uuid::nil()),
            account_id: AccountId::from_uuid(Uuid::nil()),
            issuer_id: IssuerId::from_uuid(Uuid::nil()),
            user_id: None,
            org_id: None,
            invitation_id: None,
            template: Template::Invitation,
            cause: None,
            recipient_hash: [0; 32],
            sealed: Sealed::from_bytes(Vec::new()),
            lease: Lease::due(Timestamp::EPOCH),
            created_at: Timestamp::EPOCH,
        }
    }

    #[test]
    fn five_attempts_are_made_within_a_day() {
        let mut now = Timestamp::EPOCH;
        let mut current = mail();
        let mut attempts = 1;
        while let Some(next) = current.leased(now).failed(now) {
            now = next.lease.due_at;
            current = next;
            attempts += 1;
        }
        assert_eq!((attempts, now.since(Timestamp::EPOCH)), (5, Duration::from_hours(24)));
    }

    #[test]
    fn whoever_tries_it_holds_it_for_three_minutes() {
        let leased = mail().leased(Timestamp::EPOCH).lease;
        assert_eq!((leased.taken, leased.due_at), (1, Timestamp::EPOCH.plus(Duration::from_mins(3))));
    }

    #[test]
    fn a_letter_opens_as_that_of_its_own_mail_only() {
        let root = RootKey::new([7; 32]);
        let token = LinkToken(Secret::new("token"));
        let to = Address(Mailbox::parse("a@example.com").unwrap());
        let letter = Letter { to, content: Content::Link { token } };
        assert!(!format!("{letter:?}").contains("token\""));
        let sealed = letter.sealed(&root, mail().id).unwrap();
        let own = Mail { sealed: sealed.clone(), ..mail() };
        assert!(matches!(own.letter(&root).unwrap().content, Content::Link { token } if token.0.expose() == "token"));
        let other = Mail { id: MailId::from_uuid(Uuid::from_u128(1)), sealed, ..mail() };
        assert!(other.letter(&root).is_err());
    }
}
