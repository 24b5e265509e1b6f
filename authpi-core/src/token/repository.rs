//! What is asked and written about it.

/// Questions.
pub trait PersonalTokenReads: Send + Sync {}

/// Verbs.
pub trait PersonalTokenRepository: PersonalTokenReads {}
