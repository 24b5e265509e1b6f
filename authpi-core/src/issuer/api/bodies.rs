//! What callers send about issuers.

use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::views::{IssuerListItem, IssuerView};
use crate::error::{FieldCode, FieldErrors};
use crate::issuer::model::access::{normal_domain, normal_host};
use crate::issuer::model::branding::{is_https, is_locale};
use crate::issuer::model::portals::{FOREIGN, is_method, is_page, refuse_url};
use crate::issuer::model::{IssuerDetails, IssuerLinks, IssuerSettings, IssuerStatus};
use crate::scope::Scopes;
use crate::web::body::{Body, BodySchema};
use crate::web::members::{MetadataMember, StatusNoteMembers, present};

/// Body of `createIssuer`.
#[derive(Debug, Deserialize)]
pub struct CreateIssuer {
    #[serde(default)]
    pub(super) status: Option<IssuerStatus>,
    #[serde(default)]
    pub(super) metadata: Value,
    #[serde(flatten)]
    pub(super) details: Map<String, Value>,
}

/// Members of [`CreateIssuer`] that may be `null`, which leaves them at their defaults.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct CreateMembers {
    status: Option<IssuerStatus>,
    /// Pages about the provider.
    links: Option<IssuerLinks>,
    /// Scopes that clients and members can be given.
    available_scopes: Option<Scopes>,
    /// Policies and looks; needs `access`.
    settings: Option<IssuerSettings>,
}

impl Body for CreateIssuer {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::of::<IssuerDetails>("CreateIssuer")
            .and::<CreateMembers>()
            .and::<MetadataMember>()
            .requiring(&["name"])
            .ignoring::<IssuerView>()
            .ignoring::<IssuerListItem>()
            .alias("access_mode", "settings.access.mode");
        Some(schema)
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        check_settings(sent, errors);
        let settings = sent.get("settings").and_then(Value::as_object);
        if settings.is_some_and(|settings| !settings.contains_key("access")) {
            errors.add("settings.access", FieldCode::Required, "is required where settings are given");
        }
    }
}

/// Body of `updateIssuer`.
#[derive(Debug, Deserialize)]
pub struct UpdateIssuer {
    #[serde(default)]
    pub(super) status: Option<IssuerStatus>,
    #[serde(flatten)]
    pub(super) note: StatusNoteMembers,
    #[serde(default, deserialize_with = "present")]
    pub(super) metadata: Option<Value>,
    #[serde(flatten)]
    pub(super) details: Map<String, Value>,
}

/// Members of [`UpdateIssuer`] besides details, status note and metadata.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
struct UpdateMembers {
    status: Option<IssuerStatus>,
}

impl Body for UpdateIssuer {
    fn schema() -> Option<BodySchema> {
        let schema = BodySchema::patch_of::<IssuerDetails>("UpdateIssuer")
            .and::<UpdateMembers>()
            .and::<StatusNoteMembers>()
            .and::<MetadataMember>()
            .ignoring::<IssuerView>()
            .ignoring::<IssuerListItem>()
            .alias("access_mode", "settings.access.mode");
        Some(schema)
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        check_settings(sent, errors);
    }
}

/// A list of texts in the settings, with the rule for its items.
type TextRule = (&'static str, fn(&str) -> bool, &'static str);

/// What no schema can state.
fn check_settings(sent: &Map<String, Value>, errors: &mut FieldErrors) {
    let Some(settings) = sent.get("settings") else { return };
    let lists: [TextRule; 4] = [
        ("access/allowed_domains", |text| normal_domain(text).is_some(), "must be a domain name"),
        ("access/allowed_hosts", |text| normal_host(text).is_some(), "must be a host, with a port or without"),
        ("branding/locales", is_locale, "must be a language tag such as en or pt-BR"),
        ("portals/featured_methods", is_method, "must be the name or the id of a login method"),
    ];
    for (path, is_valid, rule) in lists {
        let items = settings.pointer(&format!("/{path}")).and_then(Value::as_array);
        for (index, item) in items.into_iter().flatten().enumerate() {
            let code = match item.as_str() {
                None => FieldCode::InvalidType,
                Some(text) if !is_valid(text) => FieldCode::InvalidFormat,
                Some(_) => continue,
            };
            errors.add(format!("settings.{}.{index}", path.replace('/', ".")), code, rule);
        }
    }
    for name in ["logo_url", "favicon_url"] {
        let url = settings.pointer(&format!("/branding/{name}")).and_then(Value::as_str);
        if url.is_some_and(|url| !is_https(url)) {
            errors.add(format!("settings.branding.{name}"), FieldCode::InvalidFormat, "must be an https URL");
        }
    }
    for page in ["login", "signup", "password_reset", "profile"] {
        let url = settings.pointer(&format!("/portals/{page}/url")).and_then(Value::as_str);
        if url.is_some_and(|url| !is_page(url)) {
            refuse_url(page, FOREIGN, errors);
        }
    }
}
