//! What is asked and written about it.

/// Questions.
pub trait NoteReads: Send + Sync {}

/// Verbs.
pub trait NoteRepository: NoteReads {}
