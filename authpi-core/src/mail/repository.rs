//! What is asked and written about it.

/// Questions.
pub trait MailReads: Send + Sync {}

/// Verbs.
pub trait MailRepository: MailReads {}
