//! What a credential of a user is, and what makes a good one.

mod backup_codes;
mod common;
mod enrollment;
mod lockout;
mod password;
mod strength;
mod totp;
mod verifier;

pub use backup_codes::{BackupCode, BackupCodes, DEFAULT_CODES, LOW, StoredCode};
pub use common::is_common;
pub use enrollment::{ENROLLMENT_LASTS, Enrollment, MOST_TRIES};
pub use lockout::{Attempts, Lockout};
pub use password::{HashingFailed, InvalidPassword, Password, PasswordHash, PasswordPolicy};
pub use strength::{check_strength, range_of};
pub use totp::{ALGORITHM, DIGITS, PERIOD, TotpSeed};
pub use verifier::{Proof, TEMPORARY_LASTS, Verifier, VerifierKind, VerifierStatus};
