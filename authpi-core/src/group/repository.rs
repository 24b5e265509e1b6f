//! What is asked and written about it.

/// Questions.
pub trait GroupReads: Send + Sync {}

/// Verbs.
pub trait GroupRepository: GroupReads {}
