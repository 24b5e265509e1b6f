//! Settings of an issuer (idp §24).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::AccessSettings;
use super::branding::BrandingSettings;
use super::invitations::InvitationSettings;
use super::portals::PortalSettings;
use super::roles::{self, RoleSettings};
use super::security::SecuritySettings;
use crate::custom_fields::{FieldDefinitions, check_types_kept};
use crate::error::{FieldErrors, Refusal};
use crate::event::model::ContextDetail;
use crate::organization_type::OrganizationSettings;

/// Where the definitions for users stand.
const USER_FIELDS: &str = "settings.users.custom_fields";

/// `settings.users` of an issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserSettings {
    /// Definitions of custom fields of users; `null` removes one.
    #[schema(inline)]
    pub custom_fields: FieldDefinitions,
}

/// Policies and looks of an issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IssuerSettings {
    /// Who gets in, and for how long.
    pub access: AccessSettings,
    /// How well people prove who they are, and what is kept about it.
    pub security: SecuritySettings,
    /// Looks of hosted pages and mails.
    pub branding: BrandingSettings,
    /// Hosted pages.
    pub portals: PortalSettings,
    /// Invitations to organizations.
    pub invitations: InvitationSettings,
    /// Users: their custom fields.
    pub users: UserSettings,
    /// Organizations: their types and custom fields.
    pub organizations: OrganizationSettings,
    /// Named bundles of scopes; `null` removes one.
    #[schema(inline)]
    pub roles: RoleSettings,
}

impl Default for IssuerSettings {
    fn default() -> Self {
        Self {
            access: AccessSettings::default(),
            security: SecuritySettings::default(),
            branding: BrandingSettings::default(),
            portals: PortalSettings::default(),
            invitations: InvitationSettings::default(),
            users: UserSettings::default(),
            organizations: OrganizationSettings::default(),
            roles: roles::built_in(),
        }
    }
}

impl IssuerSettings {
    /// How much request context events keep: what is set, else less where the place of data matters to the issuer.
    pub const fn event_context(&self) -> ContextDetail {
        match self.security.event_context {
            Some(detail) => detail,
            None if self.access.residency.is_pinned() => ContextDetail::Truncated,
            None => ContextDetail::Full,
        }
    }

    /// The settings that follow `before` after a patch, which stated `event_context` or not. Pinning the residency
    /// tightens what events keep, as it does at creation; lifting it loosens nothing.
    #[must_use]
    pub fn following(mut self, before: &Self, states_event_context: bool) -> Self {
        let newly_pinned = self.access.residency.is_pinned() && !before.access.residency.is_pinned();
        if newly_pinned && !states_event_context && self.event_context() == ContextDetail::Full {
            self.security.event_context = Some(ContextDetail::Truncated);
        }
        self
    }

    /// What must not change on the way from `before`: the types of custom fields.
    ///
    /// # Errors
    /// [`Refusal::Fields`].
    pub fn check_kept(&self, before: &Self) -> Result<(), Refusal> {
        let mut errors = FieldErrors::new();
        check_types_kept(&before.users.custom_fields, &self.users.custom_fields, USER_FIELDS, &mut errors);
        self.organizations.check_kept(&before.organizations, &mut errors);
        errors.into_result()
    }

    /// Settings in the form that is stored and shown: defaults written out, names in the form that is compared.
    ///
    /// # Errors
    /// [`Refusal::Fields`] for what no schema can state.
    pub fn checked(mut self) -> Result<Self, Refusal> {
        let mut errors = FieldErrors::new();
        self.access.normalize(&mut errors);
        self.branding.check(&mut errors);
        self.portals.check(&mut errors);
        roles::normalize(&mut self.roles, &mut errors);
        self.users.custom_fields.check(USER_FIELDS, &mut errors);
        self.organizations.check(|role| self.roles.contains_key(role), &mut errors);
        errors.into_result()?;
        self.security.event_context = Some(self.event_context());
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;
    use crate::merge::merged;

    fn patched(before: &IssuerSettings, patch: &serde_json::Value) -> IssuerSettings {
        let states = patch.pointer("/security/event_context").is_some();
        let after: IssuerSettings = merged(before, patch.as_object().unwrap()).unwrap();
        after.following(before, states).checked().unwrap()
    }

    #[test]
    fn events_keep_less_where_residency_is_pinned() {
        let plain = IssuerSettings::default().checked().unwrap();
        assert_eq!(plain.event_context(), ContextDetail::Full);
        let pinned = patched(&IssuerSettings::default(), &json!({ "access": { "residency": "eu" } }));
        assert_eq!(pinned.event_context(), ContextDetail::Truncated);
        let stated =
            patched(&plain, &json!({ "access": { "residency": "eu" }, "security": { "event_context": "full" } }));
        assert_eq!(stated.event_context(), ContextDetail::Full);
        let later = patched(&plain, &json!({ "access": { "residency": "weur" } }));
        assert_eq!(later.event_context(), ContextDetail::Truncated);
        let lifted = patched(&later, &json!({ "access": { "residency": "auto" } }));
        assert_eq!(lifted.event_context(), ContextDetail::Truncated);
    }

    #[test]
    fn a_patch_that_states_what_is_changes_nothing() {
        let before = patched(
            &IssuerSettings::default(),
            &json!({ "access": { "residency": "eu", "allowed_domains": ["Bücher.Example"] } }),
        );
        assert_eq!(before.access.allowed_domains, ["xn--bcher-kva.example"]);
        assert_eq!(patched(&before, &serde_json::to_value(&before).unwrap()), before);
    }
}
