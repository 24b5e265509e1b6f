//! The decision about a sign-up (core-api section 22).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::status::UserStatus;
use crate::timestamp::Timestamp;

/// A sign-up that had to be approved, and what was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// Where it stands.
    pub status: ApprovalStatus,
    /// When the user signed up.
    pub requested_at: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// Who decided: an id.
    pub decided_by: Option<String>,
    /// What was said about it.
    pub reason: Option<String>,
}

/// Where an approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStatus {
    /// Not decided.
    Pending,
    /// The user is in.
    Approved,
    /// The user is blocked.
    Rejected,
}

/// What is decided about a sign-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The user is in.
    Approved,
    /// The user is blocked.
    Rejected,
}

impl Verdict {
    /// Where a user stands after it.
    pub const fn user_status(self) -> UserStatus {
        match self {
            Self::Approved => UserStatus::Active,
            Self::Rejected => UserStatus::Blocked,
        }
    }
}

impl Approval {
    /// Of somebody who signed up at `now`.
    pub const fn requested(now: Timestamp) -> Self {
        Self { status: ApprovalStatus::Pending, requested_at: now, decided_at: None, decided_by: None, reason: None }
    }

    /// The decision.
    #[must_use]
    pub fn decided(self, verdict: Verdict, now: Timestamp, by: String, reason: Option<String>) -> Self {
        let status = match verdict {
            Verdict::Approved => ApprovalStatus::Approved,
            Verdict::Rejected => ApprovalStatus::Rejected,
        };
        Self { status, decided_at: Some(now), decided_by: Some(by), reason, ..self }
    }
}
