//! What is asked and written about it.

/// Questions.
pub trait DelegationReads: Send + Sync {}

/// Verbs.
pub trait DelegationRepository: DelegationReads {}
