//! Request bodies about personal tokens.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::view::{CreatedPersonalTokenView, UserTokensListItem};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::metadata::Metadata;
use crate::scope::Scopes;
use crate::status::StatusNote;
use crate::store::Change;
use crate::timestamp::Timestamp;
use crate::token::model::{PersonalToken, PersonalTokenDetails, TokenRestrictions, TokenStatus};
use crate::token::operations::PersonalTokenPatch;
use crate::web::body::{Body, BodySchema};
use crate::web::members::{MetadataMember, StatusNoteMembers, present};

/// What is signed into a token when it is made.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct SignedMembers {
    /// What it may be used for, and from where.
    pub restrictions: Option<TokenRestrictions>,
    /// `aud` of the JWT; the URL of the issuer when absent.
    #[schema(min_length = 1, max_length = 2048)]
    pub audience: Option<String>,
    /// After this it is refused; 90 days from now when absent, 366 at most.
    pub expires_at: Option<Timestamp>,
}

/// A body that makes a token.
#[derive(Debug, Deserialize)]
pub(super) struct CreatePersonalToken {
    #[serde(flatten)]
    pub signed: SignedMembers,
    #[serde(default)]
    metadata: Value,
    #[serde(default, rename = "type")]
    _kind: Option<String>,
    #[serde(flatten)]
    pub details: Map<String, Value>,
}

impl CreatePersonalToken {
    /// Metadata of the token.
    pub(super) fn metadata(&self) -> Metadata {
        Metadata::from_create(&self.metadata)
    }
}

fn with_aliases(schema: BodySchema) -> BodySchema {
    schema
        .ignoring::<CreatedPersonalTokenView>()
        .ignoring::<UserTokensListItem>()
        .alias("scopes", "restrictions.scopes")
        .alias("ip_allowlist", "restrictions.ip_allowlist")
        .alias("restrictions.ip_addresses", "restrictions.ip_allowlist")
}

impl Body for CreatePersonalToken {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::of::<PersonalTokenDetails>("CreatePersonalToken")
            .and::<SignedMembers>()
            .and::<MetadataMember>()
            .requiring(&["name", "restrictions"]);
        Some(with_aliases(schema))
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        check_restrictions(sent, errors);
    }
}

/// A token never comes to be without restrictions by a slip of the pen.
fn check_restrictions(sent: &Map<String, Value>, errors: &mut FieldErrors) {
    if sent.get("restrictions").is_some_and(Value::is_null) {
        errors.add("restrictions", FieldCode::InvalidType, "must be an object");
    }
}

/// Body of [`Update`](super::one::Update).
#[derive(Debug, Deserialize)]
pub(super) struct UpdatePersonalToken {
    #[serde(default)]
    status: Option<TokenStatus>,
    #[serde(flatten)]
    note: StatusNoteMembers,
    #[serde(default, deserialize_with = "present")]
    metadata: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    restrictions: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    audience: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    expires_at: Option<Value>,
    #[serde(flatten)]
    details: Map<String, Value>,
}

/// Members of [`UpdatePersonalToken`] besides details, status note and metadata.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct UpdateMembers {
    status: Option<SettableStatus>,
}

/// A status that an update can set; revoking is an action of its own.
#[derive(ToSchema)]
#[schema(as = SettablePersonalTokenStatus, rename_all = "snake_case")]
#[allow(dead_code, reason = "states the schema only")]
enum SettableStatus {
    Active,
    Blocked,
}

impl Body for UpdatePersonalToken {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::patch_of::<PersonalTokenDetails>("UpdatePersonalToken")
            .and::<SignedMembers>()
            .and::<UpdateMembers>()
            .and::<StatusNoteMembers>()
            .and::<MetadataMember>();
        Some(with_aliases(schema))
    }
}

impl UpdatePersonalToken {
    /// The patch that is asked for.
    pub(super) fn patch(&self, change: &Change<'_>) -> PersonalTokenPatch {
        let note = self.note.note(change);
        PersonalTokenPatch {
            details: self.details.clone(),
            metadata: self.metadata.clone(),
            status: self.status.map(|status| (status, note)),
        }
    }

    /// What is signed into a token can be sent back, and not changed.
    ///
    /// # Errors
    /// [`Refusal::Fields`] for each member that differs.
    pub(super) fn check_unchanged(&self, token: &PersonalToken) -> Result<(), Refusal> {
        let mut errors = FieldErrors::new();
        let mut compare = |field: &str, same: bool| {
            if !same {
                errors.add(field, FieldCode::Immutable, "is signed into the token");
            }
        };
        let known = &token.restrictions;
        let sent = |name: &str| self.restrictions.as_ref().and_then(|sent| sent.get(name)).cloned();
        if self.restrictions.as_ref().is_some_and(Value::is_null) {
            compare("restrictions", false);
        }
        if let Some(scopes) = sent("scopes") {
            compare(
                "restrictions.scopes",
                serde_json::from_value::<Scopes>(scopes).ok().as_ref() == Some(&known.scopes),
            );
        }
        if let Some(networks) = sent("ip_allowlist") {
            let networks = serde_json::from_value(networks).ok();
            compare("restrictions.ip_allowlist", networks.as_ref() == Some(&known.ip_allowlist));
        }
        if let Some(audience) = &self.audience {
            compare("audience", audience.as_str() == Some(&token.audience));
        }
        if let Some(expires_at) = &self.expires_at {
            compare("expires_at", serde_json::from_value(expires_at.clone()).ok() == Some(token.expires_at));
        }
        errors.into_result()
    }
}

/// Body of [`Revoke`](super::one::Revoke).
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct PersonalTokenStatusNote(StatusNoteMembers);

impl PersonalTokenStatusNote {
    /// What the caller says, completed.
    pub(super) fn note(&self, change: &Change<'_>) -> StatusNote {
        self.0.note(change)
    }
}

impl Body for PersonalTokenStatusNote {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<StatusNoteMembers>("PersonalTokenStatusNote"))
    }
}

/// Body of `Introspect`.
#[derive(Deserialize, ToSchema)]
pub(super) struct IntrospectToken {
    /// `key_<id>:<secret>`, or `ptk_<jwt>`.
    #[schema(min_length = 1, max_length = 16384, write_only)]
    pub token: String,
    /// Address of the one who presented it, to be checked against its allowlist.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub ip: Option<String>,
}

impl Body for IntrospectToken {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Self>("IntrospectToken"))
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        let text = |name: &str| sent.get(name).and_then(Value::as_str);
        if text("token").is_some_and(|token| !token.starts_with("key_") && !token.starts_with("ptk_")) {
            errors.add("token", FieldCode::InvalidFormat, "must begin with key_ or ptk_");
        }
        if text("ip").is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_err()) {
            errors.add("ip", FieldCode::InvalidFormat, "must be an IP address");
        }
    }
}
