//! What a group is, and how it carries out a role.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

use crate::id::{GroupId, IssuerId, OrganizationId};
use crate::metadata::Metadata;
use crate::role::Roles;
use crate::scope::Scopes;
use crate::timestamp::Timestamp;

/// The most groups of an organization.
pub const MAX_GROUPS: u32 = 100;

/// A named bundle of scopes inside an organization, which members hold through it.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Where.
    pub org_id: OrganizationId,
    /// Issuer of the organization.
    pub issuer_id: IssuerId,
    /// What a caller writes.
    pub details: GroupDetails,
    /// The issuer's role that it carries out; then it has no scopes of its own.
    pub role: Option<String>,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// The attributes that a caller writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GroupDetails {
    /// Display name, unique in the organization whatever the case. It is also a role of the organization.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Markdown.
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// What its members hold.
    pub scopes: Scopes,
}

impl Group {
    /// The scopes that are stored with it: none where a role has them.
    pub fn own_scopes(&self) -> Scopes {
        if self.role.is_some() { Scopes::default() } else { self.details.scopes.clone() }
    }

    /// The group as answers show it: one that carries out a role has the scopes of the role, and is as new as these.
    #[must_use]
    pub fn shown(mut self, roles: &Roles) -> Self {
        let role = self.role.as_deref().and_then(|name| roles.carried(name));
        if let Some(role) = role {
            self.details.scopes = role.scopes.clone();
            self.updated_at = self.updated_at.max(role.changed_at);
        }
        self
    }
}

/// What stands for a name where it must be unique whatever the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameKey([u8; 32]);

impl NameKey {
    /// Of a name.
    pub fn of(name: &str) -> Self {
        // Capital letters that fold to several, and those whose small letters differ by position (final sigma).
        let fold = |char: char| char.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
        let folded: String = name.trim().nfkc().flat_map(fold).nfkc().collect();
        Self(Sha256::digest(folded).into())
    }

    /// The bytes that are compared.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_case_alone_are_one() {
        for (one, other) in [("Editors", "eDITORS"), ("Straße", "STRASSE"), ("ΟΔΟΣ", "οδος"), (" a ", "a")] {
            assert_eq!(NameKey::of(one), NameKey::of(other), "{one} {other}");
        }
        assert_ne!(NameKey::of("editor"), NameKey::of("editors"));
    }
}
