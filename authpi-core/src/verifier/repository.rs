//! What storage answers and does for credentials of users.
//!
//! Rules over the credentials of a user (one of a kind, the last factor, what failed attempts lead to) hold because
//! whoever changes or checks one locks the user first. What is good for once is spent by a guarded write all the same.

use async_trait::async_trait;

use super::model::{Attempts, Enrollment, PasswordHash, StoredCode, Verifier};
use crate::error::StoreError;
use crate::id::{EnrollmentId, IssuerId, UserId, VerifierId};
use crate::outcome::{SpendOutcome, WriteOutcome};
use crate::secret::SecretHash;
use crate::timestamp::Timestamp;

/// Questions about credentials.
#[async_trait]
pub trait VerifierReads: Send + Sync {
    /// One credential of a user of the issuer.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, issuer: IssuerId, user: UserId, id: VerifierId) -> Result<Option<Verifier>, StoreError>;

    /// All credentials of a user of the issuer, newest first; also those that have expired, until they are swept.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn of_user(&self, issuer: IssuerId, user: UserId) -> Result<Vec<Verifier>, StoreError>;

    /// How many credentials a user of the issuer has.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count(&self, issuer: IssuerId, user: UserId) -> Result<u64, StoreError>;

    /// The backup codes of a set that were not used.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn codes(&self, issuer: IssuerId, user: UserId, set: VerifierId) -> Result<Vec<StoredCode>, StoreError>;

    /// A second factor that a user of the issuer is setting up, or has not in time.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn enrollment(
        &self,
        issuer: IssuerId,
        user: UserId,
        id: EnrollmentId,
    ) -> Result<Option<Enrollment>, StoreError>;
}

/// Writes of credentials.
#[async_trait]
pub trait VerifierRepository: VerifierReads {
    /// Adds a credential.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert(&mut self, verifier: &Verifier) -> Result<(), StoreError>;

    /// Writes name and version alone, if the stored version still is `before`: what was spent or failed meanwhile stays.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn rename(&mut self, verifier: &Verifier, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Writes name, proof, failed attempts and version, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, verifier: &Verifier, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Removes a credential with its codes, if the stored version still is that of `verifier`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&mut self, verifier: &Verifier) -> Result<WriteOutcome, StoreError>;

    /// Writes what was presented in vain. The version stays: a failure is no change of the credential.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count_attempts(&mut self, verifier: &Verifier, attempts: Attempts) -> Result<(), StoreError>;

    /// Accepts a password that was compared with what is stored of `verifier`, if that is stored still: forgets failed
    /// attempts, and stores `anew` in its place where that is costlier to guess.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn accept_password(
        &mut self,
        verifier: &Verifier,
        anew: Option<&PasswordHash>,
    ) -> Result<WriteOutcome, StoreError>;

    /// Accepts the code of a time step, unless one of this step or a later one was accepted before; forgets failed
    /// attempts.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn spend_step(&mut self, verifier: &Verifier, step: u64) -> Result<SpendOutcome, StoreError>;

    /// Accepts a backup code, unless it was accepted before; forgets failed attempts and counts what is left.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn spend_code(&mut self, verifier: &Verifier, code: &StoredCode) -> Result<SpendOutcome, StoreError>;

    /// Puts these backup codes in the place of those that there are.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn replace_codes(&mut self, verifier: &Verifier, codes: &[SecretHash]) -> Result<(), StoreError>;

    /// Adds a second factor to be set up, in the place of any that the user has not finished.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn begin_enrollment(&mut self, enrollment: &Enrollment) -> Result<(), StoreError>;

    /// Counts a wrong code.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn fail_enrollment(&mut self, enrollment: &Enrollment) -> Result<(), StoreError>;

    /// Ends setting up a factor, for better or worse.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn end_enrollment(&mut self, enrollment: &Enrollment) -> Result<SpendOutcome, StoreError>;

    /// Removes what a user of the issuer is setting up.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_enrollments(&mut self, issuer: IssuerId, user: UserId) -> Result<(), StoreError>;

    /// Removes all credentials of a user of the issuer, and what was being set up. Returns how many credentials.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_of_user(&mut self, issuer: IssuerId, user: UserId) -> Result<u64, StoreError>;

    /// Removes what expired of all issuers: at most `limit` credentials and as many unfinished factors. Returns how many
    /// in all.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn sweep(&mut self, limit: u32) -> Result<u64, StoreError>;
}
