//! Why a delivery is refused, and what its sender is answered.

use super::memory::MemoryError;

/// A signing secret is `whsec_` and the base64 of 24 to 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is whsec_ and the base64 of 24 to 64 bytes")]
pub struct InvalidSecret;

/// Why a delivery is not to be handled. Answer with [`status`](Self::status), with `Retry-After` where
/// [`retry_after`](Self::retry_after) has a value, and with an empty body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookRefused {
    /// A header is missing, there twice, or not what it must be.
    #[error("the header {0} is missing or cannot be read")]
    Header(&'static str),
    /// Sent more than five minutes ago, or as much in the future.
    #[error("the time of sending is not now")]
    Timestamp,
    /// Not signed with a secret that is known here.
    #[error("the signature does not match")]
    Signature,
    /// Without the bearer token that is expected here.
    #[error("the bearer token does not match")]
    Token,
    /// Longer than what is taken here.
    #[error("the body is too large")]
    TooLarge,
    /// Genuine, and not an event.
    #[error("the body is no event")]
    Malformed,
    /// Handled before: there is nothing to do, and the sender learns that it arrived.
    #[error("the event was handled before")]
    Duplicate,
    /// Being handled at this moment by somebody else, who may yet fail. The sender comes back.
    #[error("the event is being handled")]
    Busy,
    /// Whether it was handled before cannot be told. The sender comes back.
    #[error("the memory of handled events does not answer")]
    Unavailable(#[source] MemoryError),
}

impl WebhookRefused {
    /// The HTTP status of the answer.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Duplicate => 200,
            Self::Malformed => 400,
            Self::Header(_) | Self::Timestamp | Self::Signature | Self::Token => 401,
            Self::TooLarge => 413,
            Self::Busy | Self::Unavailable(_) => 503,
        }
    }

    /// The value of `Retry-After` in seconds, where the answer should have one.
    pub const fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Busy | Self::Unavailable(_) => Some(30),
            _ => None,
        }
    }
}
