//! The life cycle of a session (core-api 21.3, the table of states). Its steps are the only way from state to state.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Refusal;
use crate::words::words;

/// A status as answers show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// No token was issued yet.
    Inactive,
    /// Normal.
    Active,
    /// Frozen. Can be undone.
    Suspended,
    /// Ended by somebody.
    Revoked,
    /// Ended by time.
    Expired,
}

words!(SessionStatus: "inactive" => Self::Inactive, "active" => Self::Active, "suspended" => Self::Suspended, "revoked" => Self::Revoked, "expired" => Self::Expired);

impl SessionStatus {
    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }

    /// No step leads out of it.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Revoked | Self::Expired)
    }
}

/// How far a session has come, whether or not it is frozen there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// No token was issued yet.
    Inactive,
    /// In use.
    Active,
    /// Ended by somebody.
    Revoked,
    /// Ended by time.
    Expired,
}

/// Who freezes a session. Each takes back only its own: what an administrator froze does not thaw with the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freeze {
    /// Somebody suspended this very session.
    Own,
    /// The session at the issuer that it came from is suspended.
    Parent,
    /// The user is suspended.
    User,
}

/// All that freeze a session now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freezes {
    /// [`Freeze::Own`]
    pub own: bool,
    /// [`Freeze::Parent`]
    pub parent: bool,
    /// [`Freeze::User`]
    pub user: bool,
}

impl Freezes {
    const fn any(self) -> bool {
        self.own || self.parent || self.user
    }

    const fn with(mut self, freeze: Freeze, frozen: bool) -> Self {
        match freeze {
            Freeze::Own => self.own = frozen,
            Freeze::Parent => self.parent = frozen,
            Freeze::User => self.user = frozen,
        }
        self
    }
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    phase: Phase,
    freezes: Freezes,
}

/// A session that has ended stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session has ended")]
pub struct AlreadyEnded;

impl From<AlreadyEnded> for Refusal {
    fn from(_: AlreadyEnded) -> Self {
        Self::conflict("The session has ended.")
    }
}

impl Lifecycle {
    /// In use from the beginning: the session at an issuer.
    pub const ACTIVE: Self = Self::stored(Phase::Active, Freezes { own: false, parent: false, user: false });

    /// Without a token yet: the session of a client.
    pub const INACTIVE: Self = Self::stored(Phase::Inactive, Freezes { own: false, parent: false, user: false });

    /// As storage holds it.
    pub const fn stored(phase: Phase, freezes: Freezes) -> Self {
        Self { phase, freezes }
    }

    /// How far it has come.
    pub const fn phase(self) -> Phase {
        self.phase
    }

    /// All that freeze it.
    pub const fn freezes(self) -> Freezes {
        self.freezes
    }

    /// The status, as far as time has no say in it.
    pub const fn status(self) -> SessionStatus {
        match self.phase {
            Phase::Revoked => SessionStatus::Revoked,
            Phase::Expired => SessionStatus::Expired,
            Phase::Inactive | Phase::Active if self.freezes.any() => SessionStatus::Suspended,
            Phase::Inactive => SessionStatus::Inactive,
            Phase::Active => SessionStatus::Active,
        }
    }

    /// Nobody has ended it, and no sweep has noted that time did.
    pub const fn is_live(self) -> bool {
        matches!(self.phase, Phase::Inactive | Phase::Active)
    }

    pub(super) fn used(self) -> Result<Self, AlreadyEnded> {
        self.stepped(|live| Self { phase: Phase::Active, ..live })
    }

    pub(super) fn frozen(self, by: Freeze) -> Result<Self, AlreadyEnded> {
        self.stepped(|live| Self { freezes: live.freezes.with(by, true), ..live })
    }

    pub(super) fn thawed(self, by: Freeze) -> Result<Self, AlreadyEnded> {
        self.stepped(|live| Self { freezes: live.freezes.with(by, false), ..live })
    }

    pub(super) fn revoked(self) -> Result<Self, AlreadyEnded> {
        self.stepped(|live| Self { phase: Phase::Revoked, ..live })
    }

    pub(super) fn expired(self) -> Result<Self, AlreadyEnded> {
        self.stepped(|live| Self { phase: Phase::Expired, ..live })
    }

    fn stepped(self, step: impl FnOnce(Self) -> Self) -> Result<Self, AlreadyEnded> {
        if self.is_live() { Ok(step(self)) } else { Err(AlreadyEnded) }
    }
}
