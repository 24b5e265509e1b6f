//! The life cycle of a user (core-api section 21, the table of states).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Refusal;
use crate::words::words;

/// Where a user stands. `deleted` is not here: from the accepted delete on there is none for anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// Normal; the only one that may authenticate.
    Active,
    /// Out for a while; sessions are frozen.
    Suspended,
    /// Out for abuse, or refused when asking to sign up.
    Blocked,
    /// Out for ever; the data stays.
    Disabled,
    /// Signed up, and waits for an approval.
    PendingApproval,
}

/// A step that a PATCH may take through the life cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusStep {
    /// Out for a while.
    Suspended,
    /// Back from a suspension.
    Reactivated,
    /// Out for abuse.
    Blocked,
    /// Back from a block.
    Unblocked,
    /// Out for ever.
    Disabled,
}

/// The life cycle has no such step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a user that is {} cannot become {}", .from.as_str(), .to.as_str())]
pub struct IllegalTransition {
    /// Where the user stands.
    pub from: UserStatus,
    /// What was asked for.
    pub to: UserStatus,
}

impl From<IllegalTransition> for Refusal {
    fn from(illegal: IllegalTransition) -> Self {
        let IllegalTransition { from, to } = illegal;
        Self::conflict(format!("A user whose status is {} cannot become {}.", from.as_str(), to.as_str()))
    }
}

impl UserStatus {
    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Blocked => "blocked",
            Self::Disabled => "disabled",
            Self::PendingApproval => "pending_approval",
        }
    }

    /// Logins, refreshes and tokens of such a user work.
    pub const fn may_authenticate(self) -> bool {
        matches!(self, Self::Active)
    }

    /// The step that leads from here to `wanted`; `None` when the user is there.
    ///
    /// # Errors
    /// [`IllegalTransition`] for every pair that the table does not have. What waits for an approval leaves that status
    /// by the approval, or for ever.
    pub const fn step_to(self, wanted: Self) -> Result<Option<StatusStep>, IllegalTransition> {
        use UserStatus::{Active, Blocked, Disabled, PendingApproval, Suspended};
        match (self, wanted) {
            (Active, Active)
            | (Suspended, Suspended)
            | (Blocked, Blocked)
            | (Disabled, Disabled)
            | (PendingApproval, PendingApproval) => Ok(None),
            (Active, Suspended) => Ok(Some(StatusStep::Suspended)),
            (Suspended, Active) => Ok(Some(StatusStep::Reactivated)),
            (Active | Suspended, Blocked) => Ok(Some(StatusStep::Blocked)),
            (Blocked, Active) => Ok(Some(StatusStep::Unblocked)),
            (Active | Suspended | Blocked | PendingApproval, Disabled) => Ok(Some(StatusStep::Disabled)),
            (from, to) => Err(IllegalTransition { from, to }),
        }
    }
}

/// A status as the directory shows it: the deleted are listed until they are purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DirectoryStatus {
    /// [`UserStatus::Active`]
    Active,
    /// [`UserStatus::Suspended`]
    Suspended,
    /// [`UserStatus::Blocked`]
    Blocked,
    /// [`UserStatus::Disabled`]
    Disabled,
    /// [`UserStatus::PendingApproval`]
    PendingApproval,
    /// The deletion was accepted.
    Deleted,
}

words!(DirectoryStatus: "active" => Self::Active, "suspended" => Self::Suspended, "blocked" => Self::Blocked, "disabled" => Self::Disabled, "pending_approval" => Self::PendingApproval, "deleted" => Self::Deleted);

impl From<UserStatus> for DirectoryStatus {
    fn from(status: UserStatus) -> Self {
        match status {
            UserStatus::Active => Self::Active,
            UserStatus::Suspended => Self::Suspended,
            UserStatus::Blocked => Self::Blocked,
            UserStatus::Disabled => Self::Disabled,
            UserStatus::PendingApproval => Self::PendingApproval,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing test panics")]

    use super::*;

    use UserStatus::{Active, Blocked, Disabled, PendingApproval, Suspended};

    const ALL: [UserStatus; 5] = [Active, Suspended, Blocked, Disabled, PendingApproval];

    #[test]
    fn the_steps_are_those_of_the_table_and_no_others() {
        let table = [
            (Active, Suspended, StatusStep::Suspended),
            (Suspended, Active, StatusStep::Reactivated),
            (Active, Blocked, StatusStep::Blocked),
            (Suspended, Blocked, StatusStep::Blocked),
            (Blocked, Active, StatusStep::Unblocked),
            (Active, Disabled, StatusStep::Disabled),
            (Suspended, Disabled, StatusStep::Disabled),
            (Blocked, Disabled, StatusStep::Disabled),
            (PendingApproval, Disabled, StatusStep::Disabled),
        ];
        for from in ALL {
            for to in ALL {
                let row = table.iter().find(|(row_from, row_to, _)| (*row_from, *row_to) == (from, to));
                let expected = match row {
                    Some((_, _, step)) => Ok(Some(*step)),
                    None if from == to => Ok(None),
                    None => Err(IllegalTransition { from, to }),
                };
                assert_eq!(from.step_to(to), expected, "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn every_status_has_one_word_everywhere() {
        for status in ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
            assert_eq!(status.as_str().parse(), Ok(DirectoryStatus::from(status)));
        }
        let parsed: Result<Vec<DirectoryStatus>, _> = DirectoryStatus::WORDS.iter().map(|word| word.parse()).collect();
        assert_eq!(parsed.unwrap().len(), ALL.len() + 1);
        assert!("Active".parse::<DirectoryStatus>().is_err());
    }
}
