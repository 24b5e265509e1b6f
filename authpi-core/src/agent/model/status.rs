//! The life cycle of an agent.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Refusal;
use crate::words::words;

/// Where an agent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentStatus {
    /// Normal.
    Active,
    /// Gets no tokens. Can be undone.
    Suspended,
    /// As suspended, for abuse: comes back only by becoming active.
    Blocked,
}

words!(AgentStatus: "active" => Self::Active, "suspended" => Self::Suspended, "blocked" => Self::Blocked);

/// The life cycle has no such step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an agent that is {} cannot become {}", .from.as_str(), .to.as_str())]
pub struct IllegalTransition {
    /// Where the agent stands.
    pub from: AgentStatus,
    /// What was asked for.
    pub to: AgentStatus,
}

impl From<IllegalTransition> for Refusal {
    fn from(illegal: IllegalTransition) -> Self {
        let IllegalTransition { from, to } = illegal;
        Self::conflict(format!("An agent whose status is {} cannot become {}.", from.as_str(), to.as_str()))
    }
}

impl AgentStatus {
    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Blocked => "blocked",
        }
    }

    /// Whether becoming `wanted` is a step; not when it is there.
    ///
    /// # Errors
    /// [`IllegalTransition`]: a block for abuse is not watered down to a suspension.
    pub const fn leads_to(self, wanted: Self) -> Result<bool, IllegalTransition> {
        use AgentStatus::{Active, Blocked, Suspended};
        match (self, wanted) {
            (Active, Active) | (Suspended, Suspended) | (Blocked, Blocked) => Ok(false),
            (Active, Suspended | Blocked) | (Suspended, Active | Blocked) | (Blocked, Active) => Ok(true),
            (Blocked, Suspended) => Err(IllegalTransition { from: self, to: wanted }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_by_becoming_active_only() {
        use AgentStatus::{Active, Blocked, Suspended};
        let all = [Active, Suspended, Blocked];
        for from in all {
            for to in all {
                let expected = match (from, to) {
                    (Blocked, Suspended) => Err(IllegalTransition { from, to }),
                    _ => Ok(from != to),
                };
                assert_eq!(from.leads_to(to), expected, "{from:?} to {to:?}");
            }
        }
    }
}
