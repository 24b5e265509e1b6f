//! What an organization is, and which changes it allows.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::address::Address;
use crate::id::{AccountId, IssuerId, OrganizationId};
use crate::metadata::Metadata;
use crate::organization_type::{DEFAULT_TYPE, InvitationPolicy, OrganizationSecurity, OrganizationType};
use crate::scope::Scopes;
use crate::sso::Sso;
use crate::status::{Status, StatusNote};
use crate::timestamp::Timestamp;

/// A tenant of an issuer.
#[derive(Clone, Debug, PartialEq)]
pub struct Organization {
    /// Never reused.
    pub id: OrganizationId,
    /// Where it lives.
    pub issuer_id: IssuerId,
    /// Where it stands in its life cycle.
    pub status: Status<OrganizationStatus>,
    /// What a caller writes.
    pub details: OrganizationDetails,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// What it holds, counted with every change.
    pub stats: OrganizationStats,
    /// Single sign-on, which changes by rules of its own.
    pub sso: Sso,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// Where an organization stands. `deleting` is not here: from the accepted delete on there is none for anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationStatus {
    /// Normal.
    Active,
    /// Left out of new tokens; keys refused; invitations frozen. Can be undone.
    Suspended,
}

/// An order to take away all that gives access through an organization, until it is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRevocation {
    /// The organization.
    pub org_id: OrganizationId,
    /// Where it lives.
    pub issuer_id: IssuerId,
    /// Account of the issuer.
    pub account_id: AccountId,
    /// What existed then is covered.
    pub ordered_at: Timestamp,
    /// Why, and who says so.
    pub note: StatusNote,
}

/// What an organization holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrganizationStats {
    /// Memberships of users and agents.
    pub n_members: u32,
    /// Those of agents.
    pub n_agents: u32,
    /// Groups.
    pub n_groups: u32,
}

/// The attributes that a caller writes; see core-api section 16.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OrganizationDetails {
    /// Display name.
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// Markdown.
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// Logo.
    #[schema(format = "http-url", max_length = 2048)]
    pub logo_url: Option<String>,
    /// Type of organization, defined on the issuer.
    #[schema(pattern = "^[a-z0-9_-]{1,50}$")]
    pub org_type: String,
    /// Most members, users and agents together; `null` for no limit.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    pub max_members: Option<u32>,
    /// Scopes of members that are added without any.
    pub default_member_scopes: Scopes,
    /// Members can be invited.
    pub invitation_enabled: bool,
    /// Default text of invitation mails.
    #[schema(max_length = 5000)]
    pub invitation_message: Option<String>,
    /// Rules for invitations; `null` for what the type, then the issuer says.
    pub invitations: Option<InvitationPolicy>,
    /// Postal address.
    pub address: Option<Address>,
    /// Legal facts.
    pub business_details: Option<BusinessDetails>,
    /// How to reach it.
    pub contact: Option<Contact>,
    /// Profiles elsewhere.
    #[schema(max_items = 20)]
    pub social_links: Vec<SocialLink>,
    /// Scopes that exist inside the organization: a ceiling when it is not empty.
    pub scopes: Scopes,
    /// Security policy.
    pub security: OrganizationSecurity,
    /// Values that users see: as the issuer and the type define them, else free scalars.
    #[schema(value_type = Object)]
    pub custom_fields: Map<String, Value>,
}

impl Default for OrganizationDetails {
    fn default() -> Self {
        Self {
            name: None,
            description: None,
            logo_url: None,
            org_type: DEFAULT_TYPE.to_owned(),
            max_members: None,
            default_member_scopes: Scopes::default(),
            invitation_enabled: true,
            invitation_message: None,
            invitations: None,
            address: None,
            business_details: None,
            contact: None,
            social_links: Vec::new(),
            scopes: Scopes::default(),
            security: OrganizationSecurity::default(),
            custom_fields: Map::new(),
        }
    }
}

/// Legal facts about an organization.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BusinessDetails {
    /// Registered name.
    #[schema(max_length = 200)]
    pub legal_name: Option<String>,
    /// Legal form.
    #[schema(max_length = 200)]
    pub legal_form: Option<String>,
    /// Number in the company register.
    #[schema(max_length = 200)]
    pub company_number: Option<String>,
    /// Charity number.
    #[schema(max_length = 200)]
    pub charity_number: Option<String>,
    /// Tax number.
    #[schema(max_length = 200)]
    pub tax_id: Option<String>,
    /// VAT number.
    #[schema(max_length = 200)]
    pub vat_number: Option<String>,
    /// Industry.
    #[schema(max_length = 200)]
    pub sector: Option<String>,
    /// ISO 8601 date.
    #[schema(pattern = r"^\d{4}-\d{2}-\d{2}$")]
    pub registration_date: Option<String>,
    /// ISO 3166-1 alpha-3.
    #[schema(pattern = "^[A-Z]{3}$")]
    pub registration_country: Option<String>,
    /// State or region of registration.
    #[schema(max_length = 200)]
    pub registration_state: Option<String>,
    /// Registered address.
    pub registered_address: Option<Address>,
}

/// How to reach an organization.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Contact {
    /// E-mail address.
    #[schema(max_length = 254)]
    pub email: Option<String>,
    /// Telephone number.
    #[schema(max_length = 50)]
    pub phone: Option<String>,
    /// Website.
    #[schema(format = "http-url", max_length = 2048)]
    pub website_url: Option<String>,
}

/// A profile elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SocialLink {
    /// Name of the network.
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 50)]
    pub kind: String,
    /// The profile.
    #[schema(format = "http-url", max_length = 2048)]
    pub url: String,
}

impl Organization {
    /// Neither suspended nor gone.
    pub fn is_active(&self) -> bool {
        self.status.value == OrganizationStatus::Active
    }

    /// Suspends it, if it is active.
    #[must_use]
    pub fn suspended(self, now: Timestamp, note: StatusNote) -> Self {
        self.with_status(OrganizationStatus::Suspended, now, note)
    }

    /// Takes a suspension back.
    #[must_use]
    pub fn reactivated(self, now: Timestamp, note: StatusNote) -> Self {
        self.with_status(OrganizationStatus::Active, now, note)
    }

    fn with_status(self, status: OrganizationStatus, now: Timestamp, note: StatusNote) -> Self {
        Self { status: self.status.moved_to(status, now, note), ..self }
    }
}

impl OrganizationDetails {
    /// What a new organization has where its creation says nothing else: the defaults of its type.
    #[must_use]
    pub fn of_type(name: &str, org_type: &OrganizationType) -> Self {
        Self {
            org_type: name.to_owned(),
            max_members: org_type.max_members,
            default_member_scopes: org_type.default_member_scopes.clone(),
            invitation_enabled: org_type.invitation_enabled,
            invitation_message: org_type.invitation_message.clone(),
            scopes: org_type.scopes.clone(),
            security: org_type.security,
            ..Self::default()
        }
    }
}
