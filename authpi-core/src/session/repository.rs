//! What is asked and written about it.

/// Questions.
pub trait SessionReads: Send + Sync {}

/// Verbs.
pub trait SessionRepository: SessionReads {}
