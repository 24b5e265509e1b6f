//! What a client is to be told, and when it is tried again (OpenID Connect Back-Channel Logout 1.0; idp §17.2).

use std::time::Duration;

use crate::id::{ClientId, IssuerId, SessionId, UserId};
use crate::lease::Lease;
use crate::timestamp::Timestamp;

/// How long a client may take to answer.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// How long whoever tries a notice holds it: longer than signing, sending and recording last.
pub const LEASE: Duration = Duration::from_secs(30);

/// How long a notice waits where nobody delivers any.
pub const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// Pauses before the second and the third attempt.
const PAUSES: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(30)];

/// A session of a client has ended, and the client does not know yet. Gone once it was told, or given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutNotice {
    /// The session; it ends once.
    pub session_id: SessionId,
    /// Where the user lives.
    pub issuer_id: IssuerId,
    /// Who is told.
    pub client_id: ClientId,
    /// Whose session it was.
    pub user_id: UserId,
    /// How far it has come.
    pub lease: Lease,
    /// When the session ended.
    pub created_at: Timestamp,
}

impl LogoutNotice {
    /// A notice that is due at once.
    pub const fn new(
        issuer_id: IssuerId,
        session_id: SessionId,
        (client_id, user_id): (ClientId, UserId),
        now: Timestamp,
    ) -> Self {
        Self { session_id, issuer_id, client_id, user_id, lease: Lease::due(now), created_at: now }
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
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::Id as _;

    fn notice() -> LogoutNotice {
        let id = Uuid::nil();
        let parties = (ClientId::from_uuid(id), UserId::from_uuid(id));
        LogoutNotice::new(IssuerId::from_uuid(id), SessionId::from_uuid(id), parties, Timestamp::EPOCH)
    }

    #[test]
    fn three_attempts_are_made_within_a_minute() {
        let (mut current, mut now, mut attempts) = (notice(), Timestamp::EPOCH, 1);
        while let Some(next) = current.leased(now).failed(now) {
            (now, current, attempts) = (next.lease.due_at, next, attempts + 1);
        }
        assert_eq!((attempts, now.since(Timestamp::EPOCH)), (3, Duration::from_secs(35)));
    }

    #[test]
    fn whoever_tries_it_holds_it_for_half_a_minute() {
        let leased = notice().leased(Timestamp::EPOCH).lease;
        assert_eq!((leased.taken, leased.due_at), (1, Timestamp::EPOCH.plus(Duration::from_secs(30))));
    }
}
