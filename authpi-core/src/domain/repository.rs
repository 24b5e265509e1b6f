//! What is asked and written about it.

/// Questions.
pub trait DomainReads: Send + Sync {}

/// Verbs.
pub trait DomainRepository: DomainReads {}
