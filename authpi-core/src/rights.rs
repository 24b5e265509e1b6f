//! What somebody may do in an account, and what they may give to others (core-api 1.9).

use crate::error::Refusal;
use crate::scope::{Reading, Scope, Scopes};

const FULL: &str = "*:**";
const OWNER: &str = "owner";
const ADMIN: &str = "admin";
const MEMBER: &str = "member";

/// What a plain member of an account's organization may do there.
const OF_MEMBERS: &str = "accounts:read";

/// What only owners may do; a call that needs one of these is refused to an `admin`, and an `admin` gives to nobody what
/// covers one of these.
const OF_OWNERS: [&str; 4] = ["accounts:write", "credits:write", "payment-methods:write", "issuers:delete"];

/// What somebody holds in an account: scopes as they are stated, and those that the role `admin` stands for, which are
/// without what only owners may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    stated: Scopes,
    as_admin: Scopes,
}

impl Rights {
    /// Of a machine, for which names of roles mean nothing.
    pub const fn of_scopes(stated: Scopes) -> Self {
        Self { stated, as_admin: Scopes::NONE }
    }

    /// Of a person who holds these scopes in the organization of the account: there the roles `owner`, `admin` and
    /// `member` stand for scopes.
    pub fn of_member(held: &Scopes) -> Self {
        let is_held = |name: &str| held.iter().any(|scope| scope.as_str() == name);
        let meant = |name: &str, scope: &str| is_held(name).then(|| scope.parse().ok()).flatten();
        let stated = held.iter().cloned().chain(meant(OWNER, FULL)).chain(meant(MEMBER, OF_MEMBERS));
        Self { stated: stated.collect(), as_admin: meant(ADMIN, FULL).into_iter().collect() }
    }

    /// As much of it as a credential with these scopes carries. Names of roles stand there for the same scopes.
    #[must_use]
    pub fn within(&self, scopes: &Scopes) -> Self {
        let limit = Self::of_member(scopes);
        let meet = |one: &Scopes, other: &Scopes| one.meet(other, Reading::Core);
        let as_admin = [
            meet(&self.stated, &limit.as_admin),
            meet(&self.as_admin, &limit.stated),
            meet(&self.as_admin, &limit.as_admin),
        ];
        Self {
            stated: meet(&self.stated, &limit.stated),
            as_admin: as_admin.iter().flat_map(Scopes::iter).cloned().collect(),
        }
    }

    /// Grants a call that requires `required`.
    pub fn grants(&self, required: &Scope) -> bool {
        self.stated.grants(required) || (self.as_admin.grants(required) && !reaches_beyond_admin(required))
    }

    /// Grants a removal whose route requires `required`: by the action `delete`, too.
    pub fn grants_removal(&self, required: &Scope) -> bool {
        let removal = required.split().and_then(|(resource, _)| format!("{resource}:delete").parse().ok());
        let Some(removal): Option<Scope> = removal else { return self.grants(required) };
        self.stated.grants(required) || self.grants(&removal)
    }

    /// Runs the account: holds all of it, or all that an `admin` holds.
    pub fn runs_account(&self) -> bool {
        self.stated.is_full() || self.as_admin.is_full()
    }

    /// Holds all of it, what only owners may do included.
    pub fn is_full(&self) -> bool {
        self.stated.is_full()
    }

    /// May name another owner of the account.
    pub fn may_name_owner(&self) -> bool {
        "accounts:write".parse().is_ok_and(|scope: Scope| self.stated.grants(&scope))
    }

    /// Those of `wanted` that they may not give to anybody; see [`Scopes::not_grantable`]. An `admin` gives every role
    /// but `owner`, and what it has itself.
    pub fn not_grantable(&self, wanted: &Scopes) -> Vec<Scope> {
        self.stated.not_grantable(wanted).into_iter().filter(|scope| !self.gives_as_admin(scope)).collect()
    }

    /// Lets the holder give `wanted` to somebody.
    ///
    /// # Errors
    /// [`Refusal::InsufficientScope`], naming the first scope that the holder may not give.
    pub fn permit(&self, wanted: &Scopes) -> Result<(), Refusal> {
        match self.not_grantable(wanted).into_iter().next() {
            None => Ok(()),
            Some(missing) => Err(Refusal::InsufficientScope(missing)),
        }
    }

    fn gives_as_admin(&self, scope: &Scope) -> bool {
        if scope.split().is_none() {
            return self.as_admin.is_full() && scope.as_str() != OWNER;
        }
        let reserved = |name: &str| name.parse().is_ok_and(|reserved| scope.covers(&reserved, Reading::Core));
        self.as_admin.iter().any(|held| held.covers(scope, Reading::Core))
            && !reaches_beyond_admin(scope)
            && !OF_OWNERS.iter().any(|name| reserved(name))
    }

    /// All of it as a list of scopes.
    pub fn to_scopes(&self) -> Scopes {
        self.stated.iter().chain(&self.as_admin).cloned().collect()
    }
}

/// What bounds the scopes that a change may give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Grantor {
    /// Nothing: the instance itself, its host, or a rule that somebody with the right to it has set.
    #[default]
    Unbounded,
    /// What somebody holds in the account whose organization this is; nothing when it is the organization of no account,
    /// where scopes mean nothing to the Core API (core-api 1.9).
    Holder(Rights),
}

impl Grantor {
    /// Lets the grantor give `scopes` where scopes are rights on an account: nobody gives more than they hold.
    ///
    /// # Errors
    /// [`Refusal::InsufficientScope`], naming the first scope that the grantor may not give.
    pub fn permit(&self, scopes: &Scopes) -> Result<(), Refusal> {
        match self {
            Self::Unbounded => Ok(()),
            Self::Holder(held) => held.permit(scopes),
        }
    }
}

/// Deleting issuers, and every change to billing.
fn reaches_beyond_admin(scope: &Scope) -> bool {
    let Some((resource, action)) = scope.split() else { return false };
    let is_billing = matches!(resource, "credits" | "payment-methods");
    (is_billing && action != "read") || (resource == "issuers" && action == "delete")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use super::*;

    fn scope(text: &str) -> Scope {
        text.parse().unwrap()
    }

    fn scopes(texts: &[&str]) -> Scopes {
        texts.iter().map(|text| scope(text)).collect()
    }

    fn refused(rights: &Rights, wanted: &[&str]) -> Vec<String> {
        rights.not_grantable(&scopes(wanted)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_owner_may_do_everything_an_admin_nearly_and_a_member_reads_the_account() {
        let [owner, admin, member] = ["owner", "admin", "member"].map(|role| Rights::of_member(&scopes(&[role])));
        for required in ["issuers:write", "issuers.users:read", "accounts:write", "usage:read"] {
            assert!(owner.grants(&scope(required)) && admin.grants(&scope(required)), "{required}");
            assert!(!member.grants(&scope(required)), "{required}");
        }
        for required in ["credits:write", "payment-methods:write"] {
            assert!(owner.grants(&scope(required)) && !admin.grants(&scope(required)), "{required}");
        }
        assert!(member.grants(&scope("accounts:read")));
        assert!(owner.grants_removal(&scope("issuers:write")) && !admin.grants_removal(&scope("issuers:write")));
        assert!(admin.grants_removal(&scope("issuers.users:write")));
        assert!(owner.may_name_owner() && !admin.may_name_owner() && !member.may_name_owner());
    }

    #[test]
    fn roles_mean_nothing_to_a_machine() {
        let key = Rights::of_scopes(scopes(&["owner", "admin", "a:delete"]));
        assert!(!key.grants(&scope("a:read")));
        assert!(key.grants_removal(&scope("a:write")) && !key.grants(&scope("a:write")));
    }

    #[test]
    fn stated_scopes_go_beyond_the_role() {
        let rights = Rights::of_member(&scopes(&["admin", "credits:write", "issuers:delete"]));
        assert!(rights.grants(&scope("credits:write")) && rights.grants_removal(&scope("issuers:write")));
    }

    #[test]
    fn owners_give_everything_and_admins_neither_owner_nor_what_only_owners_may() {
        let [owner, admin, member] = ["owner", "admin", "member"].map(|role| Rights::of_member(&scopes(&[role])));
        let all = ["owner", "admin", "member", "*:**", "issuers:write", "credits:read", "accounts:*", "notes:**"];
        assert_eq!(refused(&owner, &all), [""; 0]);
        assert_eq!(refused(&admin, &all), ["owner", "*:**", "issuers:write", "accounts:*"]);
        assert_eq!(refused(&member, &["accounts:read", "member", "admin"]), ["admin"]);
        assert_eq!(refused(&Rights::default(), &["a:read"]), ["a:read"]);
    }

    #[test]
    fn a_key_gives_what_it_holds_and_the_instance_anything() {
        let held = |texts: &[&str]| Grantor::Holder(Rights::of_scopes(scopes(texts)));
        let missing = |grantor: &Grantor| match grantor.permit(&scopes(&["a:read", "owner"])) {
            Ok(()) => None,
            Err(Refusal::InsufficientScope(scope)) => Some(scope),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(missing(&Grantor::Unbounded), None);
        assert_eq!(missing(&held(&["*:**"])), None);
        assert_eq!(missing(&held(&["a:**"])), Some(scope("owner")));
        assert_eq!(missing(&held(&[])), Some(scope("a:read")));
    }

    #[test]
    fn a_credential_carries_what_both_it_and_its_owner_have() {
        let owner = Rights::of_member(&scopes(&["owner"]));
        assert!(owner.within(&scopes(&["owner"])).may_name_owner());
        let narrow = owner.within(&scopes(&["issuers:read", "made.up:read"]));
        assert_eq!(narrow.to_scopes(), scopes(&["issuers:read", "made.up:read"]));
        assert_eq!(refused(&narrow, &["owner", "issuers:write", "issuers:read"]), ["owner", "issuers:write"]);

        let admin = Rights::of_member(&scopes(&["admin"])).within(&scopes(&["*:**"]));
        assert!(admin.grants(&scope("issuers:write")) && !admin.grants_removal(&scope("issuers:write")));
        assert!(!admin.may_name_owner());
        assert_eq!(refused(&admin, &["owner", "admin", "*:**"]), ["owner", "*:**"]);

        let lesser = owner.within(&scopes(&["admin"]));
        assert!(lesser.grants(&scope("issuers:write")) && !lesser.grants(&scope("credits:write")));

        let plain = Rights::of_member(&scopes(&["a:*", "b:read"])).within(&scopes(&["*:read"]));
        assert_eq!(plain.to_scopes(), scopes(&["a:read", "b:read"]));
        assert_eq!(Rights::default().within(&scopes(&["*:**"])), Rights::default());
    }
}
