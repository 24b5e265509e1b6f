//! What a client is: an application registered for OAuth and OpenID Connect, and which changes it allows.

mod jwks;
mod rules;
mod settings;
mod uri;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use jwks::ClientJwks;
pub use rules::check_sent;
pub use settings::{
    AccessTokenAuthTime, ApplicationType, ClientProtocol, ClientSettings, GrantType, IdTokenClaims, OpenIdSettings,
    OrganizationMode, OrganizationRestriction, ResponseSignatureAlgorithm, ResponseType, TokenEndpointAuthMethod,
};
use uri::origin;
pub use uri::{ClientUri, InvalidUri, WebUri, redirect_is_local, redirect_matches};

use crate::id::{ClientId, IssuerId};
use crate::metadata::Metadata;
use crate::rotating_secret::RotatingSecret;
use crate::status::{Status, StatusNote};
use crate::timestamp::Timestamp;
use crate::words::words;

/// Purpose of the keyed hash of a client's secret.
pub const CLIENT_SECRET_HASH: &str = "client-secret";

/// An application of an issuer.
#[derive(Clone, Debug)]
pub struct Client {
    /// Never reused.
    pub id: ClientId,
    /// Where it lives.
    pub issuer_id: IssuerId,
    /// Where it stands in its life cycle.
    pub status: Status<ClientStatus>,
    /// What a caller writes.
    pub details: ClientDetails,
    /// Its secret; public clients and those that sign assertions have none.
    pub secret: Option<RotatingSecret>,
    /// When the secret was last replaced.
    pub secret_rotated_at: Option<Timestamp>,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// Where a client stands. A deleted one is none for anybody but the list of deleted ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientStatus {
    /// Normal.
    Active,
    /// Neither authorizes nor refreshes; its sessions are kept. Can be undone.
    Disabled,
}

/// Whether a client can do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// Active, with a redirect URI and a secret where it needs them.
    Ready,
    /// Active, and something is missing.
    Incomplete,
    /// Disabled or deleted.
    Inactive,
}

words!(Readiness: "ready" => Self::Ready, "incomplete" => Self::Incomplete, "inactive" => Self::Inactive);

/// The attributes that a caller writes; see core-api section 14.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClientDetails {
    /// Whose application it is.
    #[serde(rename = "type")]
    pub kind: ClientType,
    /// It can keep a secret.
    pub confidential: bool,
    /// Display name.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Markdown.
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// Logo.
    #[schema(format = "http-url", max_length = 2048)]
    pub logo_url: Option<String>,
    /// How it behaves.
    pub settings: ClientSettings,
}

/// Whose application a client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientType {
    /// Somebody else's: users are asked for consent.
    #[default]
    External,
    /// The issuer's own: no consent.
    Internal,
}

impl ClientDetails {
    /// Grants it may use.
    pub fn grant_types(&self) -> Vec<GrantType> {
        let openid = &self.settings.openid;
        openid.grant_types.clone().unwrap_or_else(|| openid.application_type.default_grants())
    }

    /// How it authenticates.
    pub fn auth_method(&self) -> TokenEndpointAuthMethod {
        let default = if self.confidential { TokenEndpointAuthMethod::Any } else { TokenEndpointAuthMethod::None };
        self.settings.openid.token_endpoint_auth_method.unwrap_or(default)
    }

    /// Authorization requests must carry a PKCE challenge.
    pub fn requires_pkce(&self) -> bool {
        !self.confidential || self.settings.openid.require_pkce.unwrap_or(false)
    }

    /// It authenticates with a secret of ours.
    pub fn needs_secret(&self) -> bool {
        self.confidential && self.auth_method() != TokenEndpointAuthMethod::PrivateKeyJwt
    }

    /// Whether an authorization answer may go to this URI.
    pub fn accepts_redirect(&self, presented: &str) -> bool {
        let openid = &self.settings.openid;
        let native = openid.application_type == ApplicationType::Native;
        openid.redirect_uris.iter().any(|registered| redirect_matches(registered, presented, native))
    }

    /// The web origins of its own pages.
    pub fn origins(&self) -> impl Iterator<Item = String> {
        self.redirect_origins().chain(self.settings.openid.allowed_origins.iter().filter_map(|uri| origin(uri)))
    }

    /// The web origins that authorization answers go to.
    pub fn redirect_origins(&self) -> impl Iterator<Item = String> {
        self.settings.openid.redirect_uris.iter().filter_map(|uri| origin(uri))
    }

    /// Whether authorization answers may go to pages of this origin: as its redirect URIs say, also where a native
    /// application may listen on any port.
    pub fn has_redirect_origin(&self, asking: &str) -> bool {
        let native = self.settings.openid.application_type == ApplicationType::Native;
        self.redirect_origins().any(|origin| redirect_matches(&origin, asking, native))
    }

    /// Whether a browser may go to this URI after logout: without exception for ports.
    pub fn accepts_post_logout_redirect(&self, presented: &str) -> bool {
        self.settings.openid.post_logout_redirect_uris.iter().any(|registered| registered == presented)
    }

    /// The same with every default of its kind written out, as answers show it.
    #[must_use]
    pub fn completed(&self) -> Self {
        let mut details = self.clone();
        let openid = &mut details.settings.openid;
        openid.grant_types = Some(self.grant_types());
        openid.token_endpoint_auth_method = Some(self.auth_method());
        openid.require_pkce = Some(self.requires_pkce());
        details
    }
}

impl Client {
    /// Whether it can do its work.
    pub fn readiness(&self) -> Readiness {
        let details = &self.details;
        let lacks_redirect = details.settings.openid.redirect_uris.is_empty()
            && details.grant_types().contains(&GrantType::AuthorizationCode);
        let lacks_secret = details.needs_secret() && self.secret.is_none();
        match self.status.value {
            ClientStatus::Disabled => Readiness::Inactive,
            ClientStatus::Active if lacks_redirect || lacks_secret => Readiness::Incomplete,
            ClientStatus::Active => Readiness::Ready,
        }
    }

    /// The same client in this status.
    #[must_use]
    pub fn with_status(self, status: ClientStatus, now: Timestamp, note: StatusNote) -> Self {
        Self { status: self.status.moved_to(status, now, note), ..self }
    }

    /// The same client with other attributes. A secret that they have no use for is gone.
    #[must_use]
    pub fn with_details(self, details: ClientDetails) -> Self {
        let secret = self.secret.filter(|_| details.needs_secret());
        Self { details, secret, ..self }
    }
}
