//! What an issuer is, and which changes it allows.

pub mod access;
pub mod auth_method;
pub mod branding;
pub mod invitations;
pub mod portals;
pub mod roles;
pub mod security;
mod settings;
mod stylesheet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use settings::IssuerSettings;

use crate::error::Refusal;
use crate::event::model::ContextDetail;
use crate::id::{AccountId, IssuerId};
use crate::metadata::Metadata;
use crate::role::Roles;
use crate::scope::Scopes;
use crate::status::{Status, StatusNote};
use crate::timestamp::Timestamp;
use crate::words::words;

/// Scopes that an issuer offers unless it is told otherwise.
const DEFAULT_SCOPES: [&str; 6] = ["openid", "profile", "email", "phone", "address", "offline_access"];

/// An identity provider of an account: users, organizations, clients, keys and policies of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuer {
    /// Part of its URL.
    pub id: IssuerId,
    /// Whose it is.
    pub account_id: AccountId,
    /// It is the issuer whose organizations are the accounts.
    pub platform: bool,
    /// Where it stands.
    pub status: Status<IssuerStatus>,
    /// What a caller writes.
    pub details: IssuerDetails,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// Its login methods, counted with every change.
    pub methods: MethodCounts,
    /// Its roles as groups see them, with those whose removal is under way.
    pub roles: Roles,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// Where an issuer stands. A deleted one is none for anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IssuerStatus {
    /// Normal.
    Active,
    /// Refuses new logins and refreshes; management stays possible.
    Suspended,
}

/// As much of an issuer as every request below it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerHead {
    /// Its id.
    pub id: IssuerId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Where it stands.
    pub status: IssuerStatus,
    /// It is the issuer whose organizations are the accounts.
    pub platform: bool,
    /// How much request context its events keep.
    pub event_context: ContextDetail,
}

/// What an issuer tells everyone about itself: the part of it that its discovery document shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicIssuer {
    /// Its id.
    pub id: IssuerId,
    /// Scopes beyond those of OpenID Connect.
    pub available_scopes: Scopes,
    /// Where to read more.
    pub links: IssuerLinks,
    /// Languages of its pages, the first one the default.
    pub locales: Vec<String>,
    /// Its version.
    pub updated_at: Timestamp,
}

/// An issuer as its endpoints see it.
#[derive(Clone, Debug)]
pub struct RuntimeIssuer {
    /// The issuer.
    pub issuer: Issuer,
    /// Its login methods.
    pub methods: Vec<auth_method::AuthMethod>,
    /// How often the key was replaced that signs cookies.
    pub cookie_keys: u32,
}

/// The login methods of an issuer, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MethodCounts {
    /// All of them.
    pub all: u32,
    /// Enabled, and good for logging in.
    pub login: u32,
    /// Enabled, and good for signing up.
    pub signup: u32,
}

/// Whether people can log in at an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// Active, with a login method.
    Ready,
    /// Active, without a login method.
    Incomplete,
    /// Not active.
    Inactive,
}

words!(Readiness: "ready" => Self::Ready, "incomplete" => Self::Incomplete, "inactive" => Self::Inactive);

/// The attributes that a caller writes; see core-api section 12.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IssuerDetails {
    /// Display name.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Markdown.
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// Pages about the provider.
    pub links: IssuerLinks,
    /// Scopes that clients and members can be given.
    pub available_scopes: Scopes,
    /// Policies and looks.
    pub settings: IssuerSettings,
}

impl Default for IssuerDetails {
    fn default() -> Self {
        Self {
            name: String::new(),
            description: None,
            links: IssuerLinks::default(),
            available_scopes: DEFAULT_SCOPES.iter().filter_map(|scope| scope.parse().ok()).collect(),
            settings: IssuerSettings::default(),
        }
    }
}

/// Pages about the provider.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IssuerLinks {
    /// Privacy policy.
    #[schema(format = "http-url", max_length = 2048)]
    pub privacy_policy: Option<String>,
    /// Terms of service.
    #[schema(format = "http-url", max_length = 2048)]
    pub terms_of_service: Option<String>,
    /// Website.
    #[schema(format = "http-url", max_length = 2048)]
    pub website: Option<String>,
    /// Where users find help.
    #[schema(format = "http-url", max_length = 2048)]
    pub support: Option<String>,
    /// Documentation.
    #[schema(format = "http-url", max_length = 2048)]
    pub documentation: Option<String>,
}

impl Issuer {
    /// As much of it as every request below it needs.
    pub const fn head(&self) -> IssuerHead {
        IssuerHead {
            id: self.id,
            account_id: self.account_id,
            status: self.status.value,
            platform: self.platform,
            event_context: self.details.settings.event_context(),
        }
    }

    /// Whether codes of apps can be set up here and asked for; `methods` are its login methods.
    pub fn offers_second_factor(&self, methods: &[auth_method::AuthMethod]) -> bool {
        let is_off = self.details.settings.security.mfa == security::MfaPolicy::Off;
        let method = methods.iter().find(|method| method.kind == auth_method::AuthMethodKind::TotpApp);
        !is_off && method.is_none_or(|method| method.details.enabled && !method.details.first_factor_only)
    }

    /// Whether people can log in.
    pub const fn readiness(&self) -> Readiness {
        match (self.status.value, self.methods.login) {
            (IssuerStatus::Suspended, _) => Readiness::Inactive,
            (IssuerStatus::Active, 0) => Readiness::Incomplete,
            (IssuerStatus::Active, _) => Readiness::Ready,
        }
    }

    /// The issuer in another status; the same issuer if it is in it already.
    #[must_use]
    pub fn in_status(self, status: IssuerStatus, now: Timestamp, note: StatusNote) -> Self {
        Self { status: self.status.moved_to(status, now, note), ..self }
    }
}

impl IssuerDetails {
    /// What must hold between the attributes, with texts in the one form that is compared.
    ///
    /// # Errors
    /// [`Refusal::Fields`].
    pub fn checked(self) -> Result<Self, Refusal> {
        Ok(Self { settings: self.settings.checked()?, ..self })
    }
}
