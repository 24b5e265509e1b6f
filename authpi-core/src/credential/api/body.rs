//! Request bodies about API keys.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::view::{ApiKeyListItem, CreatedApiKeyView};
use crate::credential::model::{ApiKeyDetails, ApiKeyStatus, KeyLevel, weakness};
use crate::credential::operations::{ApiKeyPatch, NewApiKey};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::id::{AccountId, IssuerId, OrganizationId};
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::secret::Secret;
use crate::status::StatusNote;
use crate::store::Change;
use crate::web::body::{Body, BodySchema};
use crate::web::members::{MetadataMember, StatusNoteMembers, present};

/// A body that makes a key.
#[derive(Deserialize)]
pub(super) struct CreateApiKey {
    #[serde(default, deserialize_with = "secret")]
    secret: Option<Secret>,
    #[serde(default)]
    secret_hint: Option<String>,
    #[serde(default)]
    metadata: Value,
    #[serde(default, rename = "type")]
    _kind: Option<String>,
    #[serde(flatten)]
    details: Map<String, Value>,
}

/// Members of [`CreateApiKey`] besides details and metadata.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct CreateMembers {
    #[schema(rename = "type")]
    kind: Option<Kind>,
    /// A secret brought along from elsewhere: 32 to 256 printable ASCII characters without a colon, random, and without
    /// the name of the key. Made by the server when absent.
    #[schema(write_only)]
    secret: Option<String>,
    /// What to recognize that secret by; its last 8 characters when absent.
    #[schema(max_length = 8)]
    secret_hint: Option<String>,
}

/// The one type of key.
#[derive(ToSchema)]
#[schema(as = ApiKeyType, rename_all = "snake_case")]
#[allow(dead_code, reason = "states the schema only")]
enum Kind {
    ApiKey,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

/// Where a new key is going to live.
#[derive(Clone, Copy, Debug)]
pub(super) struct Home {
    pub(super) account_id: AccountId,
    pub(super) org_id: OrganizationId,
    pub(super) issuer_id: IssuerId,
    pub(super) level: KeyLevel,
}

impl CreateApiKey {
    /// The key that is asked for.
    pub(super) fn new_key(&self, home: Home) -> Result<NewApiKey, Refusal> {
        let details = merged(&ApiKeyDetails::default(), &self.details)?;
        Ok(NewApiKey {
            account_id: home.account_id,
            org_id: home.org_id,
            issuer_id: home.issuer_id,
            level: home.level,
            name: details.name,
            description: details.description,
            tags: details.tags,
            scopes: details.restrictions.scopes,
            ip_allowlist: details.restrictions.ip_allowlist,
            rate_limit: details.restrictions.rate_limit,
            expires_at: details.expires_at,
            metadata: Metadata::from_create(&self.metadata),
            secret: self.secret.as_ref().map(|secret| Secret::new(secret.expose())),
            secret_hint: self.secret_hint.clone(),
        })
    }
}

fn create_schema(name: &'static str) -> BodySchema {
    let schema = BodySchema::of::<ApiKeyDetails>(name)
        .and::<CreateMembers>()
        .and::<MetadataMember>()
        .requiring(&["name"])
        .ignoring::<CreatedApiKeyView>()
        .ignoring::<ApiKeyListItem>();
    with_aliases(schema)
}

fn with_aliases(schema: BodySchema) -> BodySchema {
    schema
        .alias("scopes", "restrictions.scopes")
        .alias("ip_allowlist", "restrictions.ip_allowlist")
        .alias("restrictions.ip_addresses", "restrictions.ip_allowlist")
}

fn check_create(sent: &Map<String, Value>, errors: &mut FieldErrors) {
    let secret = sent.get("secret").and_then(Value::as_str);
    if let Some(reason) = secret.and_then(|secret| weakness(secret, sent.get("name").and_then(Value::as_str))) {
        errors.add("secret", FieldCode::NotAllowed, reason);
    }
    if secret.is_none() && sent.get("secret_hint").is_some_and(|hint| !hint.is_null()) {
        errors.add("secret_hint", FieldCode::NotAllowed, "only with a secret of your own");
    }
}

/// Body of [`CreateInAccount`](super::keys::CreateInAccount).
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct CreateAccountApiKey(pub(super) CreateApiKey);

impl Body for CreateAccountApiKey {
    fn schema() -> Option<BodySchema> {
        Some(create_schema("CreateAccountApiKey").requiring(&["restrictions"]))
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        check_create(sent, errors);
    }
}

/// Body of [`CreateInOrganization`](super::keys::CreateInOrganization).
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct CreateOrganizationApiKey(pub(super) CreateApiKey);

impl Body for CreateOrganizationApiKey {
    fn schema() -> Option<BodySchema> {
        Some(create_schema("CreateOrganizationApiKey"))
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        check_create(sent, errors);
    }
}

/// Body of [`Update`](super::keys::Update).
#[derive(Debug, Deserialize)]
pub(super) struct UpdateApiKey {
    #[serde(default)]
    status: Option<ApiKeyStatus>,
    #[serde(flatten)]
    note: StatusNoteMembers,
    #[serde(default, deserialize_with = "present")]
    metadata: Option<Value>,
    #[serde(flatten)]
    details: Map<String, Value>,
}

/// Members of [`UpdateApiKey`] besides details, status note and metadata.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct UpdateMembers {
    status: Option<SettableStatus>,
}

/// A status that an update can set; revoking is an action of its own.
#[derive(ToSchema)]
#[schema(as = SettableApiKeyStatus, rename_all = "snake_case")]
#[allow(dead_code, reason = "states the schema only")]
enum SettableStatus {
    Active,
    Blocked,
}

impl UpdateApiKey {
    /// The patch that is asked for.
    pub(super) fn patch(&self, change: &Change<'_>) -> ApiKeyPatch {
        let note = self.note.note(change);
        ApiKeyPatch {
            details: self.details.clone(),
            metadata: self.metadata.clone(),
            status: self.status.map(|status| (status, note)),
        }
    }
}

impl Body for UpdateApiKey {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::patch_of::<ApiKeyDetails>("UpdateApiKey")
            .and::<UpdateMembers>()
            .and::<StatusNoteMembers>()
            .and::<MetadataMember>()
            .ignoring::<CreatedApiKeyView>()
            .ignoring::<ApiKeyListItem>();
        Some(with_aliases(schema))
    }
}

/// Body of [`Block`](super::actions::Block) and [`Revoke`](super::actions::Revoke).
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct ApiKeyStatusNote(StatusNoteMembers);

impl ApiKeyStatusNote {
    /// What the caller says, completed.
    pub(super) fn note(&self, change: &Change<'_>) -> StatusNote {
        self.0.note(change)
    }
}

impl Body for ApiKeyStatusNote {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<StatusNoteMembers>("ApiKeyStatusNote"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing test panics")]

    use serde_json::json;

    use super::*;
    use crate::web::body::BodyChecker;

    fn problems<B: Body>(sent: &Value) -> Vec<String> {
        let checker = BodyChecker::compile(&B::schema().unwrap()).unwrap();
        match checker.parse::<B>(sent.to_string().as_bytes()) {
            Ok(_) => Vec::new(),
            Err(errors) => {
                let mut found: Vec<_> =
                    errors.iter().map(|error| format!("{} {}", error.field, error.code.as_str())).collect();
                found.sort();
                found
            }
        }
    }

    fn restrictions(sent: &Value) -> Value {
        let checker = BodyChecker::compile(&CreateAccountApiKey::schema().unwrap()).unwrap();
        let CreateAccountApiKey(body) = checker.parse(sent.to_string().as_bytes()).ok().unwrap();
        body.details.get("restrictions").cloned().unwrap()
    }

    #[test]
    fn a_key_of_an_account_states_its_restrictions() {
        assert_eq!(problems::<CreateAccountApiKey>(&json!({})), ["name required", "restrictions required"]);
        assert_eq!(problems::<CreateOrganizationApiKey>(&json!({})), ["name required"]);
        assert!(problems::<CreateOrganizationApiKey>(&json!({ "name": "n", "type": "api_key" })).is_empty());
    }

    #[test]
    fn older_and_flat_names_are_aliases() {
        let expected = json!({ "scopes": ["a:read"], "ip_allowlist": ["::1"] });
        let flat = json!({ "name": "n", "scopes": ["a:read"], "ip_allowlist": ["::1"] });
        assert_eq!(restrictions(&flat), expected);
        let older = json!({ "name": "n", "restrictions": { "scopes": ["a:read"], "ip_addresses": ["::1"] } });
        assert_eq!(restrictions(&older), expected);
        let both = json!({ "name": "n", "restrictions": { "ip_addresses": ["::1"], "ip_allowlist": ["::2"] } });
        assert_eq!(problems::<CreateAccountApiKey>(&both), ["restrictions.ip_addresses not_allowed"]);
    }

    #[test]
    fn all_problems_are_reported_together() {
        let sent = json!({
            "name": "", "type": "password", "tags": ["x".repeat(51)], "secret_hint": "123456789", "expires_at": "soon",
            "restrictions": {
                "scope": [], "scopes": ["a b"], "ip_allowlist": ["here"],
                "rate_limit": { "limit": 0, "window": 60, "alert_at": 0.05 },
            },
            "metadata": { "_a": 1 },
        });
        let expected = [
            "expires_at invalid_type",
            "metadata._a invalid_format",
            "name too_short",
            "restrictions.ip_allowlist.0 invalid_format",
            "restrictions.rate_limit.alert_at too_small",
            "restrictions.rate_limit.limit too_small",
            "restrictions.rate_limit.window unknown_field",
            "restrictions.rate_limit.window_seconds required",
            "restrictions.scope unknown_field",
            "restrictions.scopes.0 invalid_format",
            "secret_hint not_allowed",
            "secret_hint too_long",
            "tags.0 too_long",
            "type invalid_enum_value",
        ];
        assert_eq!(problems::<CreateAccountApiKey>(&sent), expected);
    }

    #[test]
    fn a_secret_that_could_be_guessed_is_refused() {
        let create = |secret: &str| json!({ "name": "n", "restrictions": {}, "secret": secret });
        assert_eq!(problems::<CreateAccountApiKey>(&create(&"a".repeat(40))), ["secret not_allowed"]);
        assert_eq!(problems::<CreateAccountApiKey>(&create("short")), ["secret not_allowed"]);
        assert!(problems::<CreateAccountApiKey>(&create("kJ8s-2LqPz0vXw5RtYbW7aCdEfGhMuQo")).is_empty());
    }

    #[test]
    fn a_status_note_is_no_detail() {
        let sent = json!({ "name": "n", "status": "blocked", "status_reason": "leaked", "status_by": "ops" });
        let checker = BodyChecker::compile(&UpdateApiKey::schema().unwrap()).unwrap();
        let body: UpdateApiKey = checker.parse(sent.to_string().as_bytes()).unwrap();
        assert_eq!(body.details.keys().collect::<Vec<_>>(), ["name"]);
        assert_eq!((body.note.status_reason.as_deref(), body.note.status_by.as_deref()), (Some("leaked"), Some("ops")));
    }

    #[test]
    fn an_update_sets_active_and_blocked_only() {
        for (status, expected) in
            [("active", vec![]), ("blocked", vec![]), ("revoked", vec!["status invalid_enum_value"])]
        {
            assert_eq!(problems::<UpdateApiKey>(&json!({ "status": status })), expected);
        }
        let nulls = json!({ "name": null, "description": null, "tags": null, "expires_at": null, "metadata": null });
        assert_eq!(problems::<UpdateApiKey>(&nulls), ["name invalid_type"]);
        let limit = |limit: Value| problems::<UpdateApiKey>(&json!({ "restrictions": { "rate_limit": limit } }));
        assert!(limit(Value::Null).is_empty() && limit(json!({ "limit": 10_000_000 })).is_empty());
        let beyond = json!({ "limit": 10_000_001, "window_seconds": 86_401, "alert_at": 1.1 });
        let fields =
            ["alert_at", "limit", "window_seconds"].map(|name| format!("restrictions.rate_limit.{name} too_big"));
        assert_eq!(limit(beyond), fields);
        assert_eq!(limit(json!(7)), ["restrictions.rate_limit invalid_type"]);
    }
}
