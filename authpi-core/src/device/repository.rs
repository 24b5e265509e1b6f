//! What is asked and written about it.

/// Questions.
pub trait DeviceReads: Send + Sync {}

/// Verbs.
pub trait DeviceRepository: DeviceReads {}
