//! What is asked and written about it.

/// Questions.
pub trait BillingReads: Send + Sync {}

/// Verbs.
pub trait BillingRepository: BillingReads {}
