//! A second factor that is being set up.

use std::time::Duration;

use crate::id::{EnrollmentId, IssuerId, UserId};
use crate::seal::Sealed;
use crate::timestamp::Timestamp;

/// How long setting it up may take (core-api 21.1).
pub const ENROLLMENT_LASTS: Duration = Duration::from_mins(10);

/// Wrong codes that end it: then it has to be begun anew.
pub const MOST_TRIES: u32 = 5;

/// Codes by time that wait for the first code. A user has one at most.
#[derive(Clone, Debug)]
pub struct Enrollment {
    /// Its id.
    pub id: EnrollmentId,
    /// Where the user lives.
    pub issuer_id: IssuerId,
    /// Who sets it up.
    pub user_id: UserId,
    /// What the user will call it.
    pub name: Option<String>,
    /// The seed, under the root key of the issuer.
    pub seed: Sealed,
    /// Wrong codes so far.
    pub failed: u32,
    /// From then on it is none.
    pub expires_at: Timestamp,
    /// When it was begun.
    pub created_at: Timestamp,
}
