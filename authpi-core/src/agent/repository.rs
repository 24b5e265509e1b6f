//! What is asked and written about it.

/// Questions.
pub trait AgentReads: Send + Sync {}

/// Verbs.
pub trait AgentRepository: AgentReads {}
