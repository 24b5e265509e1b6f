//! The settings of a client (idp §25). What depends on the kind of client is optional as stored: absent means the default
//! of the kind, so that it follows when the kind changes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::jwks::ClientJwks;
use crate::id::OrganizationId;
use crate::scope::{Scope, Scopes};
use crate::words::words;

/// How a client behaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClientSettings {
    /// Protocol.
    pub protocol: ClientProtocol,
    /// Ceiling for requested scopes.
    pub scopes: Scopes,
    /// OAuth 2.0 and OpenID Connect.
    pub openid: OpenIdSettings,
    /// Which organizations its tokens may show.
    pub organizations: OrganizationRestriction,
}

impl Default for ClientSettings {
    fn default() -> Self {
        let openid: Option<Scope> = "openid".parse().ok();
        Self {
            protocol: ClientProtocol::default(),
            scopes: openid.into_iter().collect(),
            openid: OpenIdSettings::default(),
            organizations: OrganizationRestriction::default(),
        }
    }
}

/// What a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientProtocol {
    /// OpenID Connect.
    #[default]
    Oidc,
}

/// OAuth 2.0 and OpenID Connect settings of a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpenIdSettings {
    /// Kind of application.
    pub application_type: ApplicationType,
    /// Grants it may use; by default those of its kind.
    #[schema(max_items = 4)]
    pub grant_types: Option<Vec<GrantType>>,
    /// Where authorization answers may go.
    #[schema(max_items = 50)]
    pub redirect_uris: Vec<String>,
    /// Response types it may ask for.
    #[schema(min_items = 1, max_items = 1)]
    pub response_types: Vec<ResponseType>,
    /// Where a browser may go after logout.
    #[schema(max_items = 50)]
    pub post_logout_redirect_uris: Vec<String>,
    /// Signs its ID tokens, access tokens and logout tokens.
    pub response_signature_alg: ResponseSignatureAlgorithm,
    /// Lifetime of access tokens, in seconds.
    #[schema(minimum = 60, maximum = 1_814_400)]
    pub access_token_ttl: u32,
    /// Lifetime of ID tokens, in seconds.
    #[schema(minimum = 60, maximum = 1_814_400)]
    pub id_token_ttl: u32,
    /// Lifetime of refresh tokens, in seconds.
    #[schema(minimum = 60, maximum = 1_814_400)]
    pub refresh_token_ttl: u32,
    /// How it authenticates; by default `any` when confidential, else `none`.
    pub token_endpoint_auth_method: Option<TokenEndpointAuthMethod>,
    /// Resources its tokens may be for; empty means what the issuer allows.
    #[schema(max_items = 50)]
    pub allowed_resources: Vec<String>,
    /// Audience of its access tokens when no resource is asked for; the client itself when absent.
    #[schema(min_length = 1, max_length = 2048)]
    pub audience: Option<String>,
    /// Requests must name a resource.
    pub require_resource: bool,
    /// Further origins whose pages may call the token endpoint.
    #[schema(max_items = 50)]
    pub allowed_origins: Vec<String>,
    /// Public keys of its assertions.
    pub jwks: Option<ClientJwks>,
    /// Where its public keys are published.
    pub jwks_uri: Option<String>,
    /// What `auth_time` of access tokens states.
    pub access_token_auth_time: AccessTokenAuthTime,
    /// How much its ID tokens say.
    pub id_token_claims: IdTokenClaims,
    /// Shown in a frame when the sign-on ends.
    pub frontchannel_logout_uri: Option<String>,
    /// Called when the sign-on ends.
    pub backchannel_logout_uri: Option<String>,
    /// Authorization requests must carry a PKCE challenge; always so for public clients.
    pub require_pkce: Option<bool>,
}

impl Default for OpenIdSettings {
    fn default() -> Self {
        Self {
            application_type: ApplicationType::default(),
            grant_types: None,
            redirect_uris: Vec::new(),
            response_types: vec![ResponseType::Code],
            post_logout_redirect_uris: Vec::new(),
            response_signature_alg: ResponseSignatureAlgorithm::default(),
            access_token_ttl: 1800,
            id_token_ttl: 1800,
            refresh_token_ttl: 604_800,
            token_endpoint_auth_method: None,
            allowed_resources: Vec::new(),
            audience: None,
            require_resource: false,
            allowed_origins: Vec::new(),
            jwks: None,
            jwks_uri: None,
            access_token_auth_time: AccessTokenAuthTime::default(),
            id_token_claims: IdTokenClaims::default(),
            frontchannel_logout_uri: None,
            backchannel_logout_uri: None,
            require_pkce: None,
        }
    }
}

/// Kind of application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    /// Runs on a server.
    #[default]
    Web,
    /// Runs on a device of the user; public.
    Native,
    /// Runs in a browser; public.
    Spa,
    /// A machine without users; confidential.
    M2m,
}

words!(ApplicationType: "web" => Self::Web, "native" => Self::Native, "spa" => Self::Spa, "m2m" => Self::M2m);

impl ApplicationType {
    /// The grants of this kind when none are stated.
    pub fn default_grants(self) -> Vec<GrantType> {
        match self {
            Self::M2m => vec![GrantType::ClientCredentials],
            Self::Web | Self::Native | Self::Spa => vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        }
    }
}

/// A grant of the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749 §4.1.
    AuthorizationCode,
    /// RFC 6749 §6.
    RefreshToken,
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 8693 §2.1, with an actor token.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
}

impl GrantType {
    /// Rests on the client's authentication alone, so that a public client cannot have it.
    pub const fn needs_confidential(self) -> bool {
        matches!(self, Self::ClientCredentials | Self::TokenExchange)
    }
}

/// A response type of the authorization endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseType {
    /// RFC 6749 §4.1.1.
    Code,
}

/// A JWS algorithm that an issuer signs with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum ResponseSignatureAlgorithm {
    /// RFC 7518 §3.4.
    #[serde(rename = "ES256")]
    Es256,
    /// RFC 7518 §3.3.
    #[default]
    #[serde(rename = "RS256")]
    Rs256,
    /// RFC 8037 §3.1.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// How a client authenticates at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenEndpointAuthMethod {
    /// Either way of sending a secret.
    Any,
    /// RFC 6749 §2.3.1, in the header.
    ClientSecretBasic,
    /// RFC 6749 §2.3.1, in the body.
    ClientSecretPost,
    /// RFC 7523 §2.2.
    PrivateKeyJwt,
    /// A public client.
    None,
}

/// What `auth_time` of access tokens states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenAuthTime {
    /// When the token was issued.
    #[default]
    IssuedAt,
    /// When the user signed in (RFC 9068 §2.2.1).
    Login,
}

/// How much an ID token says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdTokenClaims {
    /// The claims of the granted scopes.
    #[default]
    Default,
    /// Only what the protocol demands.
    Minimal,
}

/// Which organizations the tokens of a client may show (idp §10.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OrganizationRestriction {
    /// How they are chosen.
    pub mode: OrganizationMode,
    /// The list of `allowlist`.
    #[schema(max_items = 100)]
    pub ids: Vec<OrganizationId>,
    /// Its tokens are for one organization at a time: whoever is in several says which, unless the request does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub select: Option<bool>,
}

impl OrganizationRestriction {
    /// Tokens are for one organization, or for none.
    pub fn selects(&self) -> bool {
        self.select == Some(true)
    }

    /// A login for the selected organization, or for none, shows this one: where one is selected that alone, and where one
    /// has to be none without.
    pub fn shows(&self, selected: Option<OrganizationId>, organization: OrganizationId) -> bool {
        selected.map_or(!self.selects(), |selected| selected == organization) && self.admits(organization)
    }

    /// The client may see what its users are in this organization.
    pub fn admits(&self, organization: OrganizationId) -> bool {
        match self.mode {
            OrganizationMode::All => true,
            OrganizationMode::None => false,
            OrganizationMode::Allowlist => self.ids.contains(&organization),
        }
    }
}

/// How organizations are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationMode {
    /// Every one the user is in.
    #[default]
    All,
    /// Not one.
    None,
    /// Those listed.
    Allowlist,
}
