//! Why deliveries to a webhook pause or go on.

use super::WebhookStatus;

/// Why deliveries pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseCause {
    /// Somebody disabled the webhook.
    Manual,
    /// Too many failures in a row.
    CircuitOpen,
    /// The receiver said 410.
    Gone,
    /// No success for days.
    Exhausted,
}

impl PauseCause {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::CircuitOpen => "circuit_open",
            Self::Gone => "gone",
            Self::Exhausted => "exhausted",
        }
    }
}

/// Why deliveries go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeCause {
    /// Somebody activated the webhook.
    Manual,
    /// A delivery arrived.
    CircuitClosed,
}

impl ResumeCause {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::CircuitClosed => "circuit_closed",
        }
    }
}

/// What an attempt does to the status of its webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Deliveries pause.
    Paused(PauseCause),
    /// Deliveries go on.
    Resumed(ResumeCause),
}

impl Switch {
    /// The status from then on.
    pub const fn status(self) -> WebhookStatus {
        match self {
            Self::Paused(PauseCause::CircuitOpen) => WebhookStatus::Failing,
            Self::Paused(_) => WebhookStatus::Disabled,
            Self::Resumed(_) => WebhookStatus::Active,
        }
    }

    /// Why, in a word.
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Paused(cause) => cause.as_str(),
            Self::Resumed(cause) => cause.as_str(),
        }
    }
}
