//! What steps take.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::id::OrganizationId;
use crate::secret::Secret;
use crate::user::model::Profile;
use crate::web::body::{Body, BodySchema};

/// A secret text: a number would have lost its leading zeros.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

fn optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

macro_rules! bodies {
    ($($name:ident),+ $(,)?) => {$(
        impl Body for $name {
            fn schema() -> Option<BodySchema> {
                Some(BodySchema::of::<Self>(stringify!($name)))
            }
        }
    )+};
}

bodies!(
    FlowIdentify,
    FlowPassword,
    FlowCode,
    FlowMfa,
    FlowConsent,
    FlowOrganization,
    FlowInvitation,
    FlowResetCompletion,
    FlowSignUp,
);

/// Body of `identifyFlow`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowIdentify {
    /// Who somebody says they are.
    #[schema(min_length = 1, max_length = 320)]
    pub(super) identifier: String,
}

/// Body of `presentPassword` and `changeFlowPassword`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowPassword {
    /// The password.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, min_length = 1, max_length = 4096, write_only)]
    pub(super) password: Secret,
}

/// Body of `verifyFlowCode`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowCode {
    /// The code that was mailed, or shown where its link was opened.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, min_length = 1, max_length = 40, write_only)]
    pub(super) code: Secret,
}

/// A second factor.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FlowFactor {
    TotpApp,
    BackupCodes,
}

/// Body of `presentSecondFactor`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowMfa {
    /// What is presented.
    #[serde(rename = "type")]
    pub(super) kind: FlowFactor,
    /// The code.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, min_length = 1, max_length = 40, write_only)]
    pub(super) code: Secret,
    /// This browser is to stand in for the second factor from now on.
    #[serde(default)]
    #[schema(required = false)]
    pub(super) trust_device: bool,
}

/// Body of `answerConsent`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowConsent {
    /// Yes or no.
    pub(super) approve: bool,
}

/// Body of `selectFlowOrganization`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowOrganization {
    /// One of the choices.
    pub(super) org_id: OrganizationId,
}

/// Body of `answerInvitation`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowInvitation {
    /// The token of the link; without one, the invitation that the login asks about is meant.
    #[serde(default, deserialize_with = "optional_secret")]
    #[schema(value_type = String, max_length = 200, required = false, write_only)]
    pub(super) token: Option<Secret>,
    /// Accept it, or decline.
    pub(super) accept: bool,
}

/// Body of `completePasswordReset`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowResetCompletion {
    /// The token of the link.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, min_length = 1, max_length = 200, write_only)]
    pub(super) token: Secret,
    /// The new password.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, min_length = 1, max_length = 4096, write_only)]
    pub(super) password: Secret,
}

/// Body of `signUp`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowSignUp {
    /// The address, which becomes the name.
    #[schema(min_length = 1, max_length = 254)]
    pub(super) email: String,
    /// A password; without one, people come in by mail.
    #[serde(default, deserialize_with = "optional_secret")]
    #[schema(value_type = String, min_length = 1, max_length = 4096, required = false, write_only)]
    pub(super) password: Option<Secret>,
    /// Who it is; addresses are not proven by saying so.
    #[serde(default)]
    #[schema(value_type = Profile, required = false)]
    pub(super) profile: Map<String, Value>,
    /// Values that users may set themselves.
    #[serde(default)]
    #[schema(value_type = Object, required = false)]
    pub(super) custom_fields: Map<String, Value>,
    /// The token of the invitation that they came by.
    #[serde(default, deserialize_with = "optional_secret")]
    #[schema(value_type = String, max_length = 200, required = false, write_only)]
    pub(super) invitation: Option<Secret>,
    /// They accept the terms that the issuer links to; not said by a page that does not ask.
    #[serde(default)]
    #[schema(value_type = bool, required = false)]
    pub(super) terms: Option<bool>,
}
