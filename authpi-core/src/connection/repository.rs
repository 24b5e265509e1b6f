//! What is asked and written about it.

/// Questions.
pub trait ConnectionReads: Send + Sync {}

/// Verbs.
pub trait ConnectionRepository: ConnectionReads {}
