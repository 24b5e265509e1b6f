//! One credential of a user.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::lockout::Attempts;
use super::password::PasswordHash;
use crate::id::{IssuerId, UserId, VerifierId};
use crate::seal::Sealed;
use crate::timestamp::Timestamp;

/// How long a temporary password is good for (idp §23.1).
pub const TEMPORARY_LASTS: Duration = Duration::from_hours(24);

/// What a credential is, by the names of idp §23.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[non_exhaustive]
pub enum VerifierKind {
    /// A password.
    #[serde(rename = "password")]
    Password,
    /// A password that an administrator set, good for one login, which replaces it.
    #[serde(rename = "temporary-password")]
    TemporaryPassword,
    /// An app that shows a code every 30 seconds.
    #[serde(rename = "totp_app")]
    Totp,
    /// Codes on paper, each good for once.
    #[serde(rename = "backup_codes")]
    BackupCodes,
}

impl VerifierKind {
    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::TemporaryPassword => "temporary-password",
            Self::Totp => "totp_app",
            Self::BackupCodes => "backup_codes",
        }
    }

    /// It is a second factor of its own. Backup codes stand in for one.
    pub const fn is_factor(self) -> bool {
        matches!(self, Self::Totp)
    }

    /// A code can be compared with it. Passwords are compared at a login only.
    pub const fn takes_codes(self) -> bool {
        matches!(self, Self::Totp | Self::BackupCodes)
    }
}

/// A credential of a user, with what it is compared with.
#[derive(Clone, Debug)]
pub struct Verifier {
    /// Its id.
    pub id: VerifierId,
    /// Where the user lives.
    pub issuer_id: IssuerId,
    /// Whose it is.
    pub user_id: UserId,
    /// What its user calls it.
    pub name: Option<String>,
    /// What it is compared with.
    pub proof: Proof,
    /// When that was set.
    pub proof_set_at: Timestamp,
    /// Somebody else than the user set it, such as an administrator: proof of the user's address does not take it away.
    pub by_another: bool,
    /// What was presented for it in vain.
    pub attempts: Attempts,
    /// When it was last accepted.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// What a credential is compared with.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A password.
    Password {
        /// The password.
        hash: PasswordHash,
    },
    /// A password that an administrator set.
    TemporaryPassword {
        /// The password.
        hash: PasswordHash,
        /// From then on it is none.
        expires_at: Timestamp,
    },
    /// Codes by time (RFC 6238).
    Totp {
        /// The seed, under the root key of the issuer.
        seed: Sealed,
        /// The time step of the last accepted code: it and those before it are not accepted again.
        last_step: u64,
    },
    /// Codes on paper; the codes stand beside it.
    BackupCodes {
        /// How many were made.
        total: u32,
        /// How many are left.
        remaining: u32,
    },
}

/// Whether a credential is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifierStatus {
    /// It is.
    Active,
    /// Not for a while, after too many failed attempts.
    Locked,
}

impl Verifier {
    /// What it is.
    pub const fn kind(&self) -> VerifierKind {
        match self.proof {
            Proof::Password { .. } => VerifierKind::Password,
            Proof::TemporaryPassword { .. } => VerifierKind::TemporaryPassword,
            Proof::Totp { .. } => VerifierKind::Totp,
            Proof::BackupCodes { .. } => VerifierKind::BackupCodes,
        }
    }

    /// Whether it is accepted at `now`.
    pub fn status(&self, now: Timestamp) -> VerifierStatus {
        if self.attempts.locked_at(now).is_some() { VerifierStatus::Locked } else { VerifierStatus::Active }
    }

    /// From then on it is none.
    pub const fn expires_at(&self) -> Option<Timestamp> {
        match self.proof {
            Proof::TemporaryPassword { expires_at, .. } => Some(expires_at),
            _ => None,
        }
    }
}
