//! Credentials as requests state them.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::views::VerifierView;
use crate::error::{FieldCode, FieldErrors};
use crate::secret::Secret;
use crate::verifier::model::{InvalidPassword, Password, PasswordPolicy};
use crate::web::body::{Body, BodySchema};
use crate::web::members::present;

/// What an administrator can set up for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = CreateUserVerifierType)]
pub(super) enum Settable {
    /// A password.
    Password,
    /// A password that the next login must replace.
    TemporaryPassword,
    /// An app that shows codes.
    #[serde(rename = "totp_app")]
    TotpApp,
    /// The same.
    Totp,
}

/// Kinds of credentials that only their user can set up.
const OF_THE_USER: [&str; 8] =
    ["webauthn", "passkey", "backup_codes", "oauth2", "oidc", "sso", "email-link", "email-otp"];

/// Body of `createUserVerifier`.
#[derive(Deserialize)]
pub(super) struct CreateUserVerifier {
    #[serde(rename = "type")]
    pub kind: Settable,
    #[serde(default, deserialize_with = "secret")]
    pub password: Option<Secret>,
    #[serde(default)]
    pub name: Option<String>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

/// Members of [`CreateUserVerifier`].
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct CreateMembers {
    /// What to set up; other kinds are set up by the user.
    #[schema(rename = "type")]
    r#type: Settable,
    /// For passwords only: at least 10 and at most 256 characters, hard to guess, not known from breaches. A temporary
    /// password is made when none is sent. Never answered.
    #[schema(value_type = String, write_only, required = false)]
    password: Option<String>,
    /// What the user will call an app that shows codes.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
}

impl Body for CreateUserVerifier {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<CreateMembers>("CreateUserVerifier"))
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        let kind = sent.get("type").and_then(Value::as_str).unwrap_or_default();
        if OF_THE_USER.contains(&kind) {
            errors.add("type", FieldCode::NotAllowed, "is set up by the user alone");
        }
        let takes_password = matches!(kind, "password" | "temporary-password");
        match sent.get("password") {
            None if kind == "password" => errors.add("password", FieldCode::Required, "is required"),
            Some(_) if matches!(kind, "totp_app" | "totp") => {
                errors.add("password", FieldCode::NotAllowed, "goes with a password only");
            }
            Some(Value::String(password)) => {
                // The issuer's own rules are asked for where the issuer is known.
                if let Err(invalid) = within_bounds(password) {
                    errors.add("password", invalid.code(), invalid.to_string());
                }
            }
            _ => {}
        }
        if takes_password && sent.contains_key("name") {
            errors.add("name", FieldCode::NotAllowed, "goes with an app that shows codes only");
        }
    }
}

fn within_bounds(password: &str) -> Result<(), InvalidPassword> {
    if password.len() > PasswordPolicy::MAX_BYTES {
        return Err(InvalidPassword::TooLong);
    }
    PasswordPolicy::LOWEST.check(&Password::new(password), None)
}

/// Body of `updateUserVerifier`.
#[derive(Deserialize)]
pub(super) struct UpdateUserVerifier {
    /// `null` takes the name away; absent, it stays.
    #[serde(default, deserialize_with = "present")]
    pub name: Option<Value>,
}

/// Members of [`UpdateUserVerifier`].
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct UpdateMembers {
    /// What the user calls it.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
}

impl Body for UpdateUserVerifier {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::patch_of::<UpdateMembers>("UpdateUserVerifier").ignoring::<VerifierView>())
    }
}

/// Body of `completeUserVerifierEnrollment`.
#[derive(Deserialize, ToSchema)]
pub(super) struct CompleteEnrollment {
    /// From the beginning of it.
    #[schema(min_length = 1, max_length = 64)]
    pub enrollment_id: String,
    /// What the app shows.
    #[schema(min_length = 1, max_length = 64)]
    pub code: String,
    /// What the user calls it; the name stated at the beginning when absent.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
}

impl Body for CompleteEnrollment {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Self>("CompleteEnrollment"))
    }
}

/// Body of `verifyUserVerifier`.
#[derive(Deserialize, ToSchema)]
pub(super) struct VerifyCode {
    /// What the app shows, or a backup code.
    #[schema(min_length = 1, max_length = 64)]
    pub code: String,
}

impl Body for VerifyCode {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Self>("VerifyCode"))
    }
}
