//! Single sign-on of an organization: how its people sign in at its own identity provider (core-api section 20).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::hostname::Hostname;
use crate::timestamp::Timestamp;

/// Most domains of an organization.
pub const MAX_SSO_DOMAINS: usize = 50;

/// The connection of an organization to its identity provider, and the domains that lead there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sso {
    /// What a caller writes.
    pub settings: SsoSettings,
    /// What people recognize the client secret by; none while there is no secret.
    pub client_secret_hint: Option<String>,
    /// Domains, in the order they were added.
    pub domains: Vec<SsoDomain>,
}

/// The attributes that a caller writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SsoSettings {
    /// People are sent there; needs issuer URL, client id and secret.
    pub enabled: bool,
    /// Members with an address in a verified domain have no other way in.
    pub sso_only: bool,
    /// The protocol that is spoken.
    pub protocol: SsoProtocol,
    /// Whose product it is.
    pub provider: SsoProvider,
    /// Exactly what its discovery document calls the issuer.
    #[schema(format = "http-url", max_length = 2048)]
    pub issuer_url: Option<String>,
    /// What we are called there.
    #[schema(min_length = 1, max_length = 512)]
    pub client_id: Option<String>,
    /// Scopes to ask for.
    #[schema(max_items = 20)]
    pub scopes: Vec<SsoScope>,
    /// The first sign-in makes the user, or links the one with the same address.
    pub provision_users: bool,
    /// Who has an address in a verified domain becomes a member, however they signed in.
    pub auto_join: bool,
}

impl Default for SsoSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            sso_only: false,
            protocol: SsoProtocol::Oidc,
            provider: SsoProvider::Generic,
            issuer_url: None,
            client_id: None,
            scopes: Vec::new(),
            provision_users: true,
            auto_join: false,
        }
    }
}

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SsoProtocol {
    /// OpenID Connect.
    Oidc,
}

/// Whose product an identity provider is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SsoProvider {
    /// Okta.
    Okta,
    /// Microsoft Entra ID.
    Entra,
    /// Google Workspace.
    Google,
    /// Any other.
    Generic,
}

/// A scope of the upstream provider (RFC 6749 §3.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 1, max_length = 128, pattern = r"^[\x21\x23-\x5B\x5D-\x7E]+$")]
pub struct SsoScope(pub String);

/// A domain whose addresses belong to the organization, once that is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SsoDomain {
    /// The domain; a domain below it is another one.
    pub domain: Hostname,
    /// 32 random characters of the record that proves it.
    pub token: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When the record was found.
    pub verified_at: Option<Timestamp>,
}

impl SsoDomain {
    /// Name of the TXT record that proves the domain.
    pub fn record_name(&self) -> String {
        format!("_sso-challenge.{}", self.domain)
    }

    /// What every such record begins with.
    pub const RECORD_PREFIX: &'static str = "domain-verification=";

    /// Value of the record.
    pub fn record_value(&self) -> String {
        format!("{}{}", Self::RECORD_PREFIX, self.token)
    }
}

impl Sso {
    /// There is somewhere to send people to.
    pub const fn is_configured(&self) -> bool {
        self.settings.issuer_url.is_some() && self.settings.client_id.is_some()
    }

    /// One of the domains.
    pub fn domain(&self, name: &Hostname) -> Option<&SsoDomain> {
        self.domains.iter().find(|known| known.domain == *name)
    }
}
