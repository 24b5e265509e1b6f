//! What is asked and written about it.

/// Questions.
pub trait InvitationReads: Send + Sync {}

/// Verbs.
pub trait InvitationRepository: InvitationReads {}
