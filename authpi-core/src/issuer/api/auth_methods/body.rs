//! Bodies of changes to login methods.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use super::view::AuthMethodView;
use crate::error::{FieldCode, Refusal};
use crate::issuer::model::auth_method::{AuthMethodDetails, AuthMethodKind, MethodSettings};
use crate::secret::Secret;
use crate::web::body::{Body, BodySchema};

/// Longest client secret, in characters.
const SECRET_CHARS: usize = 2_000;

/// Members of [`AuthMethodDetails`], with the client secret among the settings.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct DetailsBody(Map<String, Value>);

impl DetailsBody {
    /// The details, and the client secret: `None` when nothing is said about it, `Some(None)` when it is to go. What
    /// only answers show is dropped.
    #[allow(clippy::option_option, reason = "a PATCH leaves, replaces or removes the secret")]
    pub(super) fn parts(&self) -> (Map<String, Value>, Option<Option<Secret>>) {
        let mut details = self.0.clone();
        let settings = details.get_mut("settings").and_then(Value::as_object_mut);
        let secret = settings.and_then(|settings| {
            settings.remove("client_secret_hint");
            settings.remove("client_secret")
        });
        let secret = secret.map(|secret| match secret {
            Value::String(text) => Some(Secret::new(text)),
            _ => None,
        });
        (details, secret)
    }
}

/// The settings as a body may state them.
struct WritableSettings;

impl PartialSchema for WritableSettings {
    fn schema() -> RefOr<Schema> {
        let secret = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
            .description(Some("`oauth2`: what the provider gave as client secret. Never shown again."))
            .min_length(Some(1))
            .max_length(Some(SECRET_CHARS))
            .write_only(true)
            .build();
        match MethodSettings::schema() {
            RefOr::T(Schema::Object(mut settings)) => {
                settings.properties.insert("client_secret".to_owned(), secret.into());
                RefOr::T(Schema::Object(settings))
            }
            other => other,
        }
    }
}

impl ToSchema for WritableSettings {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("AuthMethodSettingsInput")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        MethodSettings::schemas(schemas);
    }
}

/// Members of a body whose form is another than in answers.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct WrittenMembers {
    /// What it is. Aliases: `magic_link` = `email-link`, `email_otp` = `email-otp`, `passkey` = `webauthn`,
    /// `totp` = `totp_app`, `oidc` = `oauth2`.
    #[schema(required = false, value_type = MethodWord)]
    method: MethodWord,
    /// As the method has them.
    settings: Option<WritableSettings>,
}

/// Every word for a kind of login method.
struct MethodWord;

impl PartialSchema for MethodWord {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(AuthMethodKind::WORDS.iter().copied())).into()
    }
}

impl ToSchema for MethodWord {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("AuthMethodWord")
    }
}

fn kind(word: &str) -> Result<AuthMethodKind, Refusal> {
    word.parse().map_err(|_| Refusal::field("method", FieldCode::InvalidEnumValue, "is not a login method"))
}

/// Body of `createAuthMethod`.
#[derive(Deserialize)]
pub(super) struct CreateAuthMethod {
    method: String,
    #[serde(flatten)]
    pub details: DetailsBody,
}

impl CreateAuthMethod {
    pub(super) fn kind(&self) -> Result<AuthMethodKind, Refusal> {
        kind(&self.method)
    }
}

impl Body for CreateAuthMethod {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::of::<AuthMethodDetails>("CreateAuthMethod")
            .and::<WrittenMembers>()
            .requiring(&["method", "name"])
            .ignoring::<AuthMethodView>()
            .alias("type", "method");
        Some(schema)
    }
}

/// Body of `updateAuthMethod`.
#[derive(Deserialize)]
pub(super) struct UpdateAuthMethod {
    #[serde(default)]
    method: Option<String>,
    #[serde(flatten)]
    pub details: DetailsBody,
}

impl UpdateAuthMethod {
    pub(super) fn kind(&self) -> Result<Option<AuthMethodKind>, Refusal> {
        self.method.as_deref().map(kind).transpose()
    }
}

impl Body for UpdateAuthMethod {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::patch_of::<AuthMethodDetails>("UpdateAuthMethod")
            .and::<WrittenMembers>()
            .ignoring::<AuthMethodView>()
            .alias("type", "method");
        Some(schema)
    }
}
