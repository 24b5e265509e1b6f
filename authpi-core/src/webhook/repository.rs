//! What is asked and written about it.

/// Questions.
pub trait WebhookReads: Send + Sync {}

/// Verbs.
pub trait WebhookRepository: WebhookReads {}
