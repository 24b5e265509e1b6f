//! The decision about a sign-up (core-api section 22).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::status::UserStatus;
use crate::error::Refusal;
use crate::status::StatusNote;
use crate::timestamp::Timestamp;

/// A sign-up that had to be approved, and what was decided, if anything was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "ApprovalRecord", try_from = "ApprovalRecord")]
pub struct Approval {
    /// When the user signed up.
    pub requested_at: Timestamp,
    /// What was decided; nothing yet when absent.
    pub decision: Option<Decision>,
}

/// What was decided about a sign-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the user is in.
    pub verdict: Verdict,
    /// When.
    pub at: Timestamp,
    /// Who decided and why.
    pub note: StatusNote,
}

/// An approval on the wire and in storage.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Approval)]
pub struct ApprovalRecord {
    /// Where it stands.
    status: ApprovalStatus,
    /// When the user signed up.
    requested_at: Timestamp,
    /// When it was decided.
    decided_at: Option<Timestamp>,
    /// Who decided.
    decided_by: Option<String>,
    /// What was said about it.
    reason: Option<String>,
}

/// Where an approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStatus {
    /// Not decided.
    Pending,
    /// The user is in.
    Approved,
    /// The user is out.
    Rejected,
}

/// What is decided about a sign-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The user is in.
    Approved,
    /// The user is out.
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

/// The user does not wait for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the user does not wait for an approval")]
pub struct NotWaiting;

impl From<NotWaiting> for Refusal {
    fn from(_: NotWaiting) -> Self {
        Self::conflict("The user does not wait for an approval.")
    }
}

impl Approval {
    /// Of somebody who signed up at `now`.
    pub const fn requested(now: Timestamp) -> Self {
        Self { requested_at: now, decision: None }
    }

    /// The decision.
    #[must_use]
    pub fn decided(self, verdict: Verdict, now: Timestamp, note: StatusNote) -> Self {
        Self { decision: Some(Decision { verdict, at: now, note }), ..self }
    }
}

impl From<Approval> for ApprovalRecord {
    fn from(approval: Approval) -> Self {
        let requested_at = approval.requested_at;
        let Some(Decision { verdict, at, note }) = approval.decision else {
            let status = ApprovalStatus::Pending;
            return Self { status, requested_at, decided_at: None, decided_by: None, reason: None };
        };
        let status = match verdict {
            Verdict::Approved => ApprovalStatus::Approved,
            Verdict::Rejected => ApprovalStatus::Rejected,
        };
        Self { status, requested_at, decided_at: Some(at), decided_by: note.by, reason: note.reason }
    }
}

/// A record that contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an approval is decided with a time, or pending without one")]
pub struct Contradiction;

impl TryFrom<ApprovalRecord> for Approval {
    type Error = Contradiction;

    fn try_from(record: ApprovalRecord) -> Result<Self, Contradiction> {
        let asked = Self::requested(record.requested_at);
        let note = StatusNote { reason: record.reason, by: record.decided_by };
        match (record.status, record.decided_at) {
            (ApprovalStatus::Pending, None) => Ok(asked),
            (ApprovalStatus::Approved, Some(at)) => Ok(asked.decided(Verdict::Approved, at, note)),
            (ApprovalStatus::Rejected, Some(at)) => Ok(asked.decided(Verdict::Rejected, at, note)),
            _ => Err(Contradiction),
        }
    }
}
