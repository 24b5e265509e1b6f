//! Why sessions end.

/// Why somebody ended a session (events-webhooks §4, `session.terminated`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// The user signed out.
    Logout,
    /// Somebody revoked it.
    Revoked,
    /// The session at the issuer that it came from was ended.
    Parent,
    /// The user was blocked, disabled or deleted.
    UserStatus,
    /// The organization that its tokens are selected to lost its access.
    OrganizationRevoked,
    /// It is in wrong hands.
    Compromised,
    /// Its authorization code was used twice.
    CodeReplay,
    /// Its refresh token was revoked.
    TokenRevoked,
}

impl EndCause {
    /// The client is told that its session ended (D106): it was not the client itself that ended it.
    pub const fn is_told(self) -> bool {
        !matches!(self, Self::CodeReplay | Self::TokenRevoked)
    }

    /// The value in events, and the reason where nobody gave one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Revoked => "revoked",
            Self::Parent => "parent",
            Self::UserStatus => "user_status",
            Self::OrganizationRevoked => "organization_revoked",
            Self::Compromised => "compromised",
            Self::CodeReplay => "code_replay",
            Self::TokenRevoked => "token_revoked",
        }
    }
}

/// Why a session expired (events-webhooks §4, `session.expired`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiryCause {
    /// It lasted as long as it may.
    MaxAge,
    /// Nobody used it.
    IdleTimeout,
    /// The user has newer ones, as many as they may have.
    SessionLimit,
}

impl ExpiryCause {
    /// The value in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxAge => "max_age",
            Self::IdleTimeout => "idle_timeout",
            Self::SessionLimit => "session_limit",
        }
    }
}
