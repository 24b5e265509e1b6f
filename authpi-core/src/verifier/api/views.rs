//! Credentials as answers show them. Hashes, seeds and codes are never among it, save codes and seeds that are new.

use serde::Serialize;
use utoipa::ToSchema;

use crate::id::{EnrollmentId, IssuerId, UserId, VerifierId};
use crate::timestamp::Timestamp;
use crate::verifier::model::{ALGORITHM, BackupCodes, DIGITS, PERIOD, Proof, Verifier, VerifierKind, VerifierStatus};
use crate::verifier::operations::{Checked, Completed, Enrolling};

/// A credential on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Verifier)]
pub(super) struct VerifierView {
    id: VerifierId,
    user_id: UserId,
    issuer_id: IssuerId,
    #[serde(rename = "type")]
    kind: VerifierKind,
    name: Option<String>,
    status: VerifierStatus,
    /// Of a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    password: Option<PasswordMembers>,
    /// Of a password that an administrator set.
    #[serde(rename = "temporary-password", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    temporary_password: Option<TemporaryPasswordMembers>,
    /// Of an app that shows codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    totp_app: Option<TotpMembers>,
    /// Of codes on paper.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    backup_codes: Option<BackupCodeMembers>,
    created_at: Timestamp,
    updated_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

/// What is told of a password.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = VerifierPassword)]
pub(super) struct PasswordMembers {
    /// When it was set.
    changed_at: Timestamp,
}

/// What is told of a password that an administrator set.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = VerifierTemporaryPassword)]
pub(super) struct TemporaryPasswordMembers {
    /// From then on it is none.
    expires_at: Timestamp,
}

/// What is told of an app that shows codes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = VerifierTotpApp)]
pub(super) struct TotpMembers {
    /// Of a code.
    digits: u8,
    /// Seconds that a code is shown.
    period: u32,
    /// The hash below it.
    algorithm: &'static str,
}

/// What is told of codes on paper.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = VerifierBackupCodes)]
pub(super) struct BackupCodeMembers {
    /// How many were made.
    total: u32,
    /// How many are left.
    remaining: u32,
}

impl VerifierView {
    /// The credential as it is at `now`.
    pub(super) fn at(now: Timestamp, verifier: Verifier) -> Self {
        let mut view = Self {
            id: verifier.id,
            user_id: verifier.user_id,
            issuer_id: verifier.issuer_id,
            kind: verifier.kind(),
            status: verifier.status(now),
            name: verifier.name,
            password: None,
            temporary_password: None,
            totp_app: None,
            backup_codes: None,
            created_at: verifier.created_at,
            updated_at: verifier.updated_at,
            last_used_at: verifier.last_used_at,
        };
        match verifier.proof {
            Proof::Password { .. } => view.password = Some(PasswordMembers { changed_at: verifier.proof_set_at }),
            Proof::TemporaryPassword { expires_at, .. } => {
                view.temporary_password = Some(TemporaryPasswordMembers { expires_at });
            }
            Proof::Totp { .. } => {
                view.totp_app = Some(TotpMembers { digits: DIGITS, period: PERIOD, algorithm: ALGORITHM });
            }
            Proof::BackupCodes { total, remaining } => {
                view.backup_codes = Some(BackupCodeMembers { total, remaining });
            }
        }
        view
    }
}

/// What setting up a credential begins with.
#[derive(Serialize, ToSchema)]
pub(super) struct UserVerifiersCreateResponse {
    /// Of what waits for the first code; of a password, which is in force at once, the id of its credential.
    enrollment_id: String,
    /// What to type into the app; a temporary password that was made; else empty. Shown once.
    secret: String,
    /// What apps scan; empty for passwords. Shown once.
    provisioning_uri: String,
    /// Until when the first code is waited for, or a temporary password is good; 0 for a password.
    expires_at: i64,
}

impl UserVerifiersCreateResponse {
    /// A password that is in force.
    pub(super) fn password(verifier: &Verifier, generated: Option<&str>) -> Self {
        Self {
            enrollment_id: verifier.id.to_string(),
            secret: generated.unwrap_or_default().to_owned(),
            provisioning_uri: String::new(),
            expires_at: verifier.expires_at().map_or(0, Timestamp::as_millis),
        }
    }
}

impl From<Enrolling> for UserVerifiersCreateResponse {
    fn from(enrolling: Enrolling) -> Self {
        let id: EnrollmentId = enrolling.enrollment.id;
        Self {
            enrollment_id: id.to_string(),
            secret: enrolling.secret.expose().to_owned(),
            provisioning_uri: enrolling.provisioning_uri.expose().to_owned(),
            expires_at: enrolling.enrollment.expires_at.as_millis(),
        }
    }
}

/// Why a code was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = VerifierError)]
pub(super) enum CodeProblem {
    /// It is another code, or was used before.
    InvalidCode,
    /// Nothing is accepted for a while.
    Locked,
    /// There is nothing to be finished: unknown, too late, or too many wrong codes.
    EnrollmentExpired,
}

/// What the first code led to.
#[derive(Serialize, ToSchema)]
pub(super) struct UserVerifiersCompleteEnrollmentResponse {
    success: bool,
    /// The new credential.
    verifier_id: Option<VerifierId>,
    /// Made with the first factor of a user. Shown once.
    backup_codes: Option<Vec<String>>,
    /// Why it did not succeed.
    error: Option<CodeProblem>,
}

impl From<&Completed> for UserVerifiersCompleteEnrollmentResponse {
    fn from(completed: &Completed) -> Self {
        let failed = |error| Self { success: false, verifier_id: None, backup_codes: None, error: Some(error) };
        match completed {
            Completed::WrongCode => failed(CodeProblem::InvalidCode),
            Completed::Gone => failed(CodeProblem::EnrollmentExpired),
            Completed::Enrolled { verifier, codes } => Self {
                success: true,
                verifier_id: Some(verifier.id),
                backup_codes: codes.as_ref().map(texts),
                error: None,
            },
        }
    }
}

fn texts(codes: &BackupCodes) -> Vec<String> {
    codes.iter().map(|code| code.expose().to_owned()).collect()
}

/// New backup codes.
#[derive(Serialize, ToSchema)]
pub(super) struct UserVerifiersRegenerateResponse {
    /// Each good for once. Shown once.
    codes: Vec<String>,
}

impl From<BackupCodes> for UserVerifiersRegenerateResponse {
    fn from(codes: BackupCodes) -> Self {
        Self { codes: texts(&codes) }
    }
}

/// What a code was worth.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct UserVerifiersVerifyResponse {
    success: bool,
    /// After a success the backup codes that are left; after a failure the attempts.
    remaining: Option<u32>,
    /// Why it did not succeed.
    error: Option<CodeProblem>,
}

impl From<Checked> for UserVerifiersVerifyResponse {
    fn from(checked: Checked) -> Self {
        match checked {
            Checked::Accepted { remaining } => Self { success: true, remaining, error: None },
            Checked::Refused { remaining, locked_until } => {
                let locked = locked_until.is_some();
                let error = if locked { CodeProblem::Locked } else { CodeProblem::InvalidCode };
                Self { success: false, remaining: Some(remaining), error: Some(error) }
            }
        }
    }
}
