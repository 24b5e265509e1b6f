//! Handing over mail.

use async_trait::async_trait;

use crate::timestamp::Timestamp;

/// A message as it is handed over, rendered and complete.
#[derive(Clone)]
pub struct OutgoingMail {
    /// Stable over retries: becomes `Message-ID`, in angle brackets.
    pub message_id: String,
    /// When it was made, stable over retries: becomes `Date`.
    pub date: Timestamp,
    /// Display name of the sender; the address is the mailer's.
    pub from_name: String,
    /// Mailbox for answers.
    pub reply_to: Option<String>,
    /// Exactly one mailbox of RFC 5321.
    pub to: String,
    /// Subject line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// BCP 47 tag of both texts.
    pub language: String,
}

/// Why a message was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MailFailure {
    /// Try again later: no connection, or a 4xx answer.
    #[error("temporary")]
    Temporary,
    /// Never try again: a 5xx answer, or an address that is none.
    #[error("refused")]
    Refused,
}

/// Accepts messages; called by a worker, never in a request.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands one message over.
    ///
    /// # Errors
    /// [`MailFailure`].
    async fn send(&self, mail: &OutgoingMail) -> Result<(), MailFailure>;
}
