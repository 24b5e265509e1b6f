//! Types of organizations of an issuer, each with its own defaults, and the custom fields of organizations
//! (core-api 12.1, 12.3).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::custom_fields::{FieldDefinitions, check_types_kept};
use crate::error::{FieldCode, FieldErrors};
use crate::named::Named;
use crate::scope::Scopes;

/// The type that every issuer has and none can remove.
pub const DEFAULT_TYPE: &str = "default";

/// What a new issuer has besides [`DEFAULT_TYPE`].
const STARTER_TYPES: [&str; 6] = ["business", "nonprofit", "government", "agency", "charity", "public_sector"];

/// The most types of an issuer.
const MAX_TYPES: usize = 50;

/// The longest name of a type, in bytes.
const MAX_NAME_BYTES: usize = 50;

/// What an organization of the type has, where its creation says nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OrganizationType {
    /// Display name.
    #[schema(max_length = 200)]
    pub label: Option<String>,
    /// Markdown.
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// Role of members that are added without scopes and roles.
    #[schema(max_length = 50)]
    pub default_role: Option<String>,
    /// Scopes of members that are added without any.
    pub default_member_scopes: Scopes,
    /// Most members, users and agents together; `null` for no limit.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    pub max_members: Option<u32>,
    /// Scopes that exist inside the organization: a ceiling when it is not empty.
    pub scopes: Scopes,
    /// Security policy.
    pub security: OrganizationSecurity,
    /// Members can be invited.
    pub invitation_enabled: bool,
    /// Default text of invitation mails.
    #[schema(max_length = 5000)]
    pub invitation_message: Option<String>,
    /// How invitations go, where the organization itself says nothing.
    pub invitations: InvitationPolicy,
    /// Definitions of custom fields, which count with those of the issuer.
    #[schema(inline)]
    pub custom_fields: FieldDefinitions,
}

impl Default for OrganizationType {
    fn default() -> Self {
        Self {
            label: None,
            description: None,
            default_role: None,
            default_member_scopes: Scopes::default(),
            max_members: None,
            scopes: Scopes::default(),
            security: OrganizationSecurity::default(),
            invitation_enabled: true,
            invitation_message: None,
            invitations: InvitationPolicy::default(),
            custom_fields: FieldDefinitions::default(),
        }
    }
}

/// Security policy of an organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OrganizationSecurity {
    /// Members must sign in with a second factor.
    pub mfa_required: bool,
}

/// How invitations into an organization go; what is `null` is said by the next in line: organization, type, issuer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InvitationPolicy {
    /// An invitation is sent once it is approved.
    pub require_approval: Option<bool>,
    /// Seconds that it can be accepted.
    #[schema(minimum = 3600, maximum = 7_776_000)]
    pub ttl_seconds: Option<u32>,
}

/// Types by name.
pub type OrganizationTypes = Named<OrganizationType>;

/// `settings.organizations` of an issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OrganizationSettings {
    /// Types by name; `null` removes one.
    #[schema(inline)]
    pub types: OrganizationTypes,
    /// Definitions of custom fields of all organizations; `null` removes one.
    #[schema(inline)]
    pub custom_fields: FieldDefinitions,
}

impl Default for OrganizationSettings {
    fn default() -> Self {
        let names = [DEFAULT_TYPE].into_iter().chain(STARTER_TYPES);
        Self {
            types: names.map(|name| (name.to_owned(), OrganizationType::default())).collect(),
            custom_fields: FieldDefinitions::default(),
        }
    }
}

impl OrganizationSettings {
    /// The definitions for organizations of a type: those of the type win over those of the issuer.
    #[must_use]
    pub fn fields_of(&self, org_type: &str) -> FieldDefinitions {
        let own = self.types.get(org_type).map(|org_type| &org_type.custom_fields);
        own.map_or_else(|| self.custom_fields.clone(), |own| self.custom_fields.overridden_by(own))
    }

    /// Some field of some organization is a claim.
    pub fn has_claims(&self) -> bool {
        let of_types = self.types.values().map(|org_type| &org_type.custom_fields);
        std::iter::once(&self.custom_fields)
            .chain(of_types)
            .any(|definitions| definitions.values().any(|definition| definition.claim))
    }

    /// Notes what no schema can state; `is_role` knows the roles of the issuer.
    pub fn check(&self, is_role: impl Fn(&str) -> bool, errors: &mut FieldErrors) {
        const PATH: &str = "settings.organizations.types";
        self.custom_fields.check("settings.organizations.custom_fields", errors);
        if self.types.len() > MAX_TYPES {
            errors.add(PATH, FieldCode::TooMany, format!("at most {MAX_TYPES} types"));
        }
        if !self.types.contains_key(DEFAULT_TYPE) {
            errors.add(format!("{PATH}.{DEFAULT_TYPE}"), FieldCode::NotAllowed, "is built in and stays");
        }
        for (name, org_type) in self.types.iter() {
            let path = format!("{PATH}.{name}");
            if !is_name(name) {
                let rule = "names are lower-case letters, digits, _ and -: at most 50";
                errors.add(&path, FieldCode::InvalidFormat, rule);
            }
            if org_type.default_role.as_deref().is_some_and(|role| !is_role(role)) {
                let message = "the issuer has no such role";
                errors.add(format!("{path}.default_role"), FieldCode::UnknownReference, message);
            }
            org_type.custom_fields.check(&format!("{path}.custom_fields"), errors);
        }
    }

    /// Notes what must not change on the way from `before`.
    pub fn check_kept(&self, before: &Self, errors: &mut FieldErrors) {
        let path = "settings.organizations.custom_fields";
        check_types_kept(&before.custom_fields, &self.custom_fields, path, errors);
        for (name, org_type) in self.types.iter() {
            if let Some(known) = before.types.get(name) {
                let path = format!("settings.organizations.types.{name}.custom_fields");
                check_types_kept(&known.custom_fields, &org_type.custom_fields, &path, errors);
            }
        }
    }

    /// The types that `after` has no more.
    pub fn removed_in<'s>(&'s self, after: &'s Self) -> impl Iterator<Item = &'s str> {
        self.types.keys().filter(|name| !after.types.contains_key(*name)).map(String::as_str)
    }
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'))
}
