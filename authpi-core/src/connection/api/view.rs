//! Single sign-on as a part of organizations on the wire.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::hostname::Hostname;
use crate::sso::{Sso, SsoProtocol, SsoProvider, SsoScope, SsoSettings};
use crate::timestamp::Timestamp;
use crate::web::members::{Joined, present};

/// What the server knows of single sign-on besides its settings.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = OrganizationSso)]
pub struct SsoHead {
    /// What people recognize the client secret by.
    client_secret_hint: Option<String>,
    /// In the order they were added.
    domains: Vec<SsoDomainView>,
}

/// A domain on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = OrganizationSsoDomain)]
pub(super) struct SsoDomainView {
    domain: Hostname,
    verified: bool,
    verified_at: Option<Timestamp>,
    created_at: Timestamp,
    txt_record_name: String,
    txt_record_value: String,
}

/// Single sign-on of an organization on the wire.
pub type SsoView = Joined<SsoHead, SsoSettings>;

impl From<&Sso> for SsoView {
    fn from(sso: &Sso) -> Self {
        let domains = sso.domains.iter().map(|domain| SsoDomainView {
            domain: domain.domain.clone(),
            verified: domain.verified_at.is_some(),
            verified_at: domain.verified_at,
            created_at: domain.created_at,
            txt_record_name: domain.record_name(),
            txt_record_value: domain.record_value(),
        });
        let first = SsoHead { client_secret_hint: sso.client_secret_hint.clone(), domains: domains.collect() };
        Self { first, second: sso.settings.clone() }
    }
}

/// `sso` in the body of an organization.
#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
pub struct SsoMember {
    /// Single sign-on; `null` takes its settings back, its domains stay.
    sso: Option<SsoInput>,
}

/// Members of [`SsoSettings`], the client secret, and what answers carry besides, which is ignored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrganizationSsoInput)]
#[allow(dead_code, reason = "states the schema only")]
struct SsoInput {
    enabled: Option<bool>,
    sso_only: Option<bool>,
    protocol: Option<SsoProtocol>,
    provider: Option<SsoProvider>,
    #[schema(format = "http-url", max_length = 2048)]
    issuer_url: Option<String>,
    #[schema(min_length = 1, max_length = 512)]
    client_id: Option<String>,
    #[schema(max_items = 20)]
    scopes: Option<Vec<SsoScope>>,
    provision_users: Option<bool>,
    auto_join: Option<bool>,
    /// Sealed; never shown again.
    #[schema(write_only, min_length = 1, max_length = 1024)]
    client_secret: Option<String>,
    #[schema(read_only)]
    client_secret_hint: Option<String>,
    #[schema(read_only, value_type = Option<Vec<Object>>)]
    domains: Option<Value>,
}

/// `sso` as it was sent.
#[derive(Default, Deserialize)]
pub struct SsoSent {
    /// Absent, `null`, or an object that the schema has checked.
    #[serde(default, deserialize_with = "present")]
    pub sso: Option<Value>,
}

impl fmt::Debug for SsoSent {
    /// Without its members: the client secret is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SsoSent").finish_non_exhaustive()
    }
}

impl SsoSent {
    /// The members that were sent; `None` when there is no `sso`, an empty one for `null`.
    pub fn members(&self) -> Option<&Map<String, Value>> {
        self.sso.as_ref().and_then(Value::as_object)
    }

    /// The issuer URL that was sent.
    pub fn issuer_url(&self) -> Option<&str> {
        self.members()?.get("issuer_url")?.as_str()
    }
}
