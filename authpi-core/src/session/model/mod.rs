//! What a session is, and which steps it may take.

mod ending;
mod lifecycle;
mod place;

use std::time::Duration;

pub use ending::{EndCause, ExpiryCause};
pub use lifecycle::{AlreadyEnded, Freeze, Freezes, Lifecycle, Phase, SessionStatus};
pub use place::{Authentication, Device, Location};
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, ClientId, IssuerId, OrganizationId, SessionId, UserId};
use crate::metadata::Metadata;
use crate::status::{Status, StatusNote};
use crate::timestamp::Timestamp;

/// Sessions of one type that a user has at most; one more expires the oldest (idp §12).
pub const SESSIONS_PER_USER: usize = 50;

/// How long an ended session stays in the list (core-api 21.3).
pub const ENDED_KEPT: Duration = Duration::from_hours(30 * 24);

/// One authentication of a user: who, how, where, and which client gets tokens for it.
#[derive(Clone, Debug, PartialEq)]
pub struct UserSession {
    /// Unique in its issuer.
    pub id: SessionId,
    /// Account of the issuer.
    pub account_id: AccountId,
    /// Where the user lives.
    pub issuer_id: IssuerId,
    /// Whose it is.
    pub user_id: UserId,
    /// Of the issuer itself, or of one client.
    pub kind: SessionKind,
    /// Where it stands.
    pub status: Status<Lifecycle>,
    /// How, from which device and from where the user came.
    pub details: SessionDetails,
    /// How long it lasts.
    pub lifetime: Lifetime,
    /// Tokens handed out for it.
    pub tokens: IssuedTokens,
    /// When it turned out to be in wrong hands, and by what.
    pub compromise: Option<Compromise>,
    /// Why it was revoked.
    pub revoked_reason: Option<String>,
    /// When it ended, by whatever.
    pub ended_at: Option<Timestamp>,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// When it began.
    pub created_at: Timestamp,
    /// Its version. Activity and tokens leave it alone.
    pub updated_at: Timestamp,
}

/// Whose session with the user it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// Of the issuer itself: the anchor of single sign-on, behind its cookie.
    Op,
    /// Of one client.
    Rp(RpSession),
}

/// What only the session of a client has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpSession {
    /// The session at the issuer that it came from.
    pub op_session_id: SessionId,
    /// The client.
    pub client_id: ClientId,
    /// What the client was called when the session began.
    pub client_name: String,
    /// The organization that its tokens are selected to.
    pub org_id: Option<OrganizationId>,
    /// Until then the first token must have been issued.
    pub unused_until: Timestamp,
}

impl SessionKind {
    /// The value of `type` on the wire.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Op => "op",
            Self::Rp(_) => "rp",
        }
    }

    /// What only the session of a client has.
    pub const fn rp(&self) -> Option<&RpSession> {
        match self {
            Self::Op => None,
            Self::Rp(rp) => Some(rp),
        }
    }
}

/// How, from which device and from where the user came. Personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionDetails {
    /// How the user proved who they are.
    pub authentication: Authentication,
    /// With which device.
    pub device: Device,
    /// From where.
    pub location: Location,
    /// Origin of the client, for session management in browsers.
    pub origin: Option<String>,
}

/// How long a session lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// In all, in seconds.
    pub ttl: u32,
    /// Without activity, in seconds.
    pub idle_timeout: u32,
    /// When somebody last did something with it.
    pub last_activity_at: Timestamp,
    /// The end that no activity moves.
    pub expires_at: Timestamp,
}

/// Tokens handed out for a session. Values are never kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IssuedTokens {
    /// The last access token.
    pub access_at: Option<Timestamp>,
    /// The last refresh token.
    pub refresh_at: Option<Timestamp>,
    /// How often tokens were refreshed.
    pub refresh_count: u32,
}

/// A session is in wrong hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compromise {
    /// When that was noticed.
    pub at: Timestamp,
    /// By what: a machine word.
    pub reason: String,
}

impl Lifetime {
    /// When a session that nobody uses from here on is over.
    pub fn lapses_at(&self) -> Timestamp {
        self.expires_at.min(self.idle_until())
    }

    fn idle_until(&self) -> Timestamp {
        self.last_activity_at.plus(Duration::from_secs(u64::from(self.idle_timeout)))
    }
}

impl UserSession {
    /// When it is over unless something happens before.
    pub fn lapses_at(&self) -> Timestamp {
        let unused_until =
            self.kind.rp().map(|rp| rp.unused_until).filter(|_| self.status.value.phase() == Phase::Inactive);
        self.lifetime.lapses_at().min(unused_until.unwrap_or(self.lifetime.expires_at))
    }

    /// Its status at `now`: time ends a session before anybody writes so.
    pub fn status_at(&self, now: Timestamp) -> SessionStatus {
        let known = self.status.value.status();
        if self.is_live() && self.lapses_at() <= now { SessionStatus::Expired } else { known }
    }

    /// The word of the status that is shown at `now` in place of the stored one.
    pub fn derived_status(&self, now: Timestamp) -> Option<&'static str> {
        (self.is_live() && self.status_at(now) == SessionStatus::Expired).then_some("expired")
    }

    /// Nothing has ended it yet but, perhaps, time.
    pub const fn is_live(&self) -> bool {
        self.status.value.is_live()
    }

    /// It takes a place among the sessions that a user may have: those of clients from their first token on.
    pub fn takes_a_place(&self, now: Timestamp) -> bool {
        let is_used = self.kind == SessionKind::Op || self.status.value.phase() == Phase::Active;
        is_used && self.status_at(now) != SessionStatus::Expired && self.is_live()
    }

    /// What time ended it by, or is going to.
    pub fn lapses_by(&self) -> ExpiryCause {
        let idle =
            self.lifetime.lapses_at() < self.lifetime.expires_at && self.lapses_at() == self.lifetime.lapses_at();
        if idle { ExpiryCause::IdleTimeout } else { ExpiryCause::MaxAge }
    }

    /// Frozen by `by`; left alone when it was.
    ///
    /// # Errors
    /// [`AlreadyEnded`], by time or otherwise.
    pub fn frozen(self, by: Freeze, now: Timestamp, note: StatusNote) -> Result<Self, AlreadyEnded> {
        self.require_alive(now)?;
        let after = self.status.value.frozen(by)?;
        Ok(self.stepped(after, now, note))
    }

    /// No longer frozen by `by`; left alone when it was not.
    ///
    /// # Errors
    /// [`AlreadyEnded`], by time or otherwise.
    pub fn thawed(self, by: Freeze, now: Timestamp, note: StatusNote) -> Result<Self, AlreadyEnded> {
        self.require_alive(now)?;
        let after = self.status.value.thawed(by)?;
        Ok(self.stepped(after, now, note))
    }

    /// Tokens were issued: from the first ones on it is in use.
    ///
    /// # Errors
    /// [`AlreadyEnded`], by time or otherwise.
    pub fn used(mut self, now: Timestamp) -> Result<Self, AlreadyEnded> {
        self.require_alive(now)?;
        let after = self.status.value.used()?;
        self.tokens.access_at = Some(now);
        self.lifetime.last_activity_at = now;
        Ok(self.stepped(after, now, StatusNote::default()))
    }

    /// Ended by somebody, for ever.
    ///
    /// # Errors
    /// [`AlreadyEnded`], by time or otherwise.
    pub fn revoked(mut self, cause: EndCause, now: Timestamp, note: StatusNote) -> Result<Self, AlreadyEnded> {
        self.require_alive(now)?;
        self.revoked_reason = Some(note.reason.clone().unwrap_or_else(|| cause.as_str().to_owned()));
        self.status = Status::changed(self.status.value.revoked()?, now, note);
        self.ended_at = Some(now);
        Ok(self)
    }

    /// Ended by time, or because the user has as many as they may have.
    ///
    /// # Errors
    /// [`AlreadyEnded`], by somebody or by an earlier call.
    pub fn expired(mut self, cause: ExpiryCause, now: Timestamp) -> Result<Self, AlreadyEnded> {
        let at = if cause == ExpiryCause::SessionLimit { now } else { self.lapses_at().min(now) };
        self.status = Status::changed(self.status.value.expired()?, at, StatusNote::default());
        self.ended_at = Some(at);
        Ok(self)
    }

    fn require_alive(&self, now: Timestamp) -> Result<(), AlreadyEnded> {
        if self.status_at(now).is_final() { Err(AlreadyEnded) } else { Ok(()) }
    }

    /// What freezes it may change behind a status that stays: then the note on the status stays, too.
    fn stepped(mut self, after: Lifecycle, now: Timestamp, note: StatusNote) -> Self {
        if after.status() == self.status.value.status() {
            self.status.value = after;
        } else {
            self.status = Status::changed(after, now, note);
        }
        self
    }
}

#[cfg(test)]
mod tests;
