//! What is asked and written about it.

/// Questions.
pub trait VerifierReads: Send + Sync {}

/// Verbs.
pub trait VerifierRepository: VerifierReads {}
