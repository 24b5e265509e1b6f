//! Roles of an issuer: named bundles of scopes (core-api 12.2).
//!
//! An organization carries a role out as a group, which has no scopes of its own: it gives what the role says now.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::scope::{Scope, Scopes};
use crate::timestamp::Timestamp;

/// The longest name of a role, in bytes.
pub const MAX_NAME_BYTES: usize = 50;

/// The most roles of an issuer.
pub const MAX_ROLES: usize = 100;

/// Roles that every issuer has and none can remove. The scope of this name always stays in them.
pub const BUILT_IN: [&str; 3] = ["owner", "admin", "member"];

/// What an issuer says about one of its roles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RoleDefinition {
    /// Display name.
    #[schema(min_length = 1, max_length = 200)]
    pub label: Option<String>,
    /// Markdown.
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// What it gives.
    pub scopes: Scopes,
}

impl RoleDefinition {
    /// A built-in role as a new issuer has it: the scope of its own name.
    pub fn built_in(name: &str) -> Self {
        Self { scopes: own_scope(name).into_iter().collect(), ..Self::default() }
    }
}

/// The scope that a built-in role always gives.
pub fn own_scope(name: &str) -> Option<Scope> {
    BUILT_IN.contains(&name).then(|| name.parse().ok()).flatten()
}

/// Whether `name` can be the name of an issuer's role: `[a-z][a-z0-9_-]{0,49}`.
pub fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME_BYTES
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'))
}

/// A role as far as groups need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// What it gives; of a removed role, what it gave last.
    pub scopes: Scopes,
    /// When that last changed.
    pub changed_at: Timestamp,
    /// It was removed: nobody can be given it any more, and a worker detaches the groups that carry it out.
    pub removed: bool,
}

/// The roles of an issuer by name, with those whose groups are yet to be detached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roles(BTreeMap<String, Role>);

impl Roles {
    /// The roles that follow these once `defined` is what the issuer says.
    #[must_use]
    pub fn following(&self, defined: &BTreeMap<String, RoleDefinition>, now: Timestamp) -> Self {
        let live = defined.iter().map(|(name, definition)| {
            let known = self.0.get(name).filter(|known| !known.removed && known.scopes == definition.scopes);
            let changed_at = known.map_or(now, |known| known.changed_at);
            (name.clone(), Role { scopes: definition.scopes.clone(), changed_at, removed: false })
        });
        let gone = self.0.iter().filter(|(name, _)| !defined.contains_key(*name));
        let gone = gone.map(|(name, role)| {
            let changed_at = if role.removed { role.changed_at } else { now };
            (name.clone(), Role { changed_at, removed: true, ..role.clone() })
        });
        Self(live.chain(gone).collect())
    }

    /// What a group that carries out `name` gives; also of a removed role.
    pub fn carried(&self, name: &str) -> Option<&Role> {
        self.0.get(name)
    }

    /// The role of this name, whatever the case, that can be given to somebody.
    pub fn assignable(&self, name: &str) -> Option<(&str, &Role)> {
        let (name, role) = self.0.get_key_value(&name.to_ascii_lowercase())?;
        (!role.removed).then_some((name.as_str(), role))
    }

    /// The removed roles whose groups are yet to be detached.
    pub fn removed(&self) -> impl Iterator<Item = (&str, &Role)> {
        self.0.iter().filter(|(_, role)| role.removed).map(|(name, role)| (name.as_str(), role))
    }

    /// These without a removed role: its groups are detached.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let stays = |(known, role): &(&String, &Role)| known.as_str() != name || !role.removed;
        Self(self.0.iter().filter(stays).map(|(name, role)| (name.clone(), role.clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn defined(roles: &[(&str, &[&str])]) -> BTreeMap<String, RoleDefinition> {
        let scopes = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let definition = |texts| RoleDefinition { scopes: scopes(texts), ..RoleDefinition::default() };
        roles.iter().map(|(name, texts)| ((*name).to_owned(), definition(texts))).collect()
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_role_changes_when_its_scopes_do_and_keeps_the_last_ones_when_it_is_removed() {
        let first = Roles::default().following(&defined(&[("a", &["x:read"]), ("b", &["y:read"])]), at(1));
        let second = first.following(&defined(&[("a", &["x:read"]), ("b", &["y:write"])]), at(2));
        assert_eq!(second.carried("a").unwrap().changed_at, at(1));
        assert_eq!(second.carried("b").unwrap().changed_at, at(2));
        let third = second.following(&defined(&[("a", &["x:read"])]), at(3));
        let gone = third.carried("b").unwrap();
        assert_eq!((gone.removed, gone.changed_at, &gone.scopes), (true, at(3), &second.carried("b").unwrap().scopes));
        assert_eq!(third.assignable("b"), None);
        assert_eq!(third.removed().map(|(name, _)| name).collect::<Vec<_>>(), ["b"]);
        assert_eq!(third.following(&defined(&[("a", &["x:read"])]), at(4)), third, "a removal is dated once");
        assert_eq!(third.without("a"), third, "only what was removed is forgotten");
        assert_eq!(third.without("b").carried("b"), None);
    }

    #[test]
    fn names_of_roles_are_found_whatever_the_case() {
        let roles = Roles::default().following(&defined(&[("editor", &["x:read"])]), at(1));
        assert_eq!(roles.assignable("Editor").unwrap().0, "editor");
        assert!(is_name("a") && is_name("a-b_9") && is_name(&"a".repeat(50)));
        assert!(!is_name("") && !is_name("9a") && !is_name("A") && !is_name("a b") && !is_name(&"a".repeat(51)));
    }
}
