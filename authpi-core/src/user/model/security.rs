//! How well a user is protected.

use crate::timestamp::Timestamp;

/// What the credentials and logins of a user amount to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserSecurity {
    /// Each credential, in no order that matters.
    pub protections: Vec<Protection>,
    /// The last login.
    pub last_login_at: Option<Timestamp>,
}

/// As much of a credential as says how well it protects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// What it is, by the names of idp §23.1.
    pub method: String,
    /// What it is compared with was set then.
    pub set_at: Timestamp,
    /// From then on it is none.
    pub expires_at: Option<Timestamp>,
    /// Failed attempts since it was last accepted.
    pub failed: u32,
    /// Nothing is accepted before this.
    pub locked_until: Option<Timestamp>,
}

/// Second factors. Backup codes stand in for one.
const FACTORS: [&str; 2] = ["totp_app", "webauthn"];

impl UserSecurity {
    /// The second factors that the user can pass with, sorted; with one come the backup codes.
    pub fn mfa_methods(&self) -> Vec<String> {
        let has_factor = self.protections.iter().any(|one| FACTORS.contains(&one.method.as_str()));
        let counts = |method: &str| FACTORS.contains(&method) || method == "backup_codes";
        let mut methods: Vec<_> = self
            .protections
            .iter()
            .filter(|one| has_factor && counts(&one.method))
            .map(|one| one.method.clone())
            .collect();
        methods.sort_unstable();
        methods.dedup();
        methods
    }

    /// When the password was set; `None` without one.
    pub fn password_changed_at(&self) -> Option<Timestamp> {
        self.set_at("password")
    }

    /// When the credential of a method was set, by the names of idp §23.1; `None` without one.
    pub fn set_at(&self, method: &str) -> Option<Timestamp> {
        self.protections.iter().find(|one| one.method == method).map(|one| one.set_at)
    }

    /// Failed attempts at the credential that was tried most, as they count at `now`.
    pub fn failed_attempts(&self, now: Timestamp) -> u32 {
        self.standing(now).map(|one| one.failed).max().unwrap_or_default()
    }

    /// When the last of the locks at `now` ends.
    pub fn locked_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.standing(now).filter_map(|one| one.locked_until).max()
    }

    /// The credentials whose count has not ended with a lock.
    fn standing(&self, now: Timestamp) -> impl Iterator<Item = &Protection> {
        self.protections.iter().filter(move |one| one.locked_until.is_none_or(|until| until > now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protection(method: &str, failed: u32, locked_until: Option<i64>) -> Protection {
        Protection {
            method: method.to_owned(),
            set_at: Timestamp::from_millis(7),
            expires_at: None,
            failed,
            locked_until: locked_until.map(Timestamp::from_millis),
        }
    }

    fn security(protections: Vec<Protection>) -> UserSecurity {
        UserSecurity { protections, last_login_at: None }
    }

    #[test]
    fn backup_codes_count_with_a_factor_only() {
        let codes = || protection("backup_codes", 0, None);
        assert!(security(vec![codes(), protection("password", 0, None)]).mfa_methods().is_empty());
        let both = security(vec![protection("totp_app", 0, None), codes(), protection("password", 0, None)]);
        assert_eq!(both.mfa_methods(), ["backup_codes", "totp_app"]);
        assert_eq!(both.password_changed_at(), Some(Timestamp::from_millis(7)));
        assert_eq!(security(vec![protection("temporary-password", 0, None)]).password_changed_at(), None);
    }

    #[test]
    fn failures_are_forgotten_when_their_lock_ends() {
        let tried = security(vec![protection("totp_app", 5, Some(10)), protection("password", 2, None)]);
        let (before, after) = (Timestamp::from_millis(9), Timestamp::from_millis(10));
        assert_eq!((tried.failed_attempts(before), tried.locked_until(before)), (5, Some(after)));
        assert_eq!((tried.failed_attempts(after), tried.locked_until(after)), (2, None));
    }
}
