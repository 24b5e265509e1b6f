//! What a domain of an account is, and how it comes into use.

use crate::hostname::Hostname;
use crate::id::{AccountId, IssuerId};
use crate::timestamp::Timestamp;

/// A custom host of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDomain {
    /// The host; one account has it, of all.
    pub host: Hostname,
    /// Whose it is.
    pub account_id: AccountId,
    /// How far it has come.
    pub state: DomainState,
    /// The one of the account's verified hosts that it is known by.
    pub primary: bool,
    /// When it was added.
    pub added_at: Timestamp,
    /// Its version, for guarded writes; callers see that of the account.
    pub updated_at: Timestamp,
}

/// How far a domain has come: unverified, verified, assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainState {
    /// Claimed only.
    Unverified,
    /// Proven by a DNS record.
    Verified {
        /// When the record was found.
        at: Timestamp,
    },
    /// Serves an issuer.
    Assigned {
        /// When the record was found.
        verified_at: Timestamp,
        /// The issuer.
        issuer_id: IssuerId,
        /// Since when.
        at: Timestamp,
    },
}

/// Why a domain was not assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssignRefusal {
    /// Nobody has proven to own it.
    #[error("The domain is not verified.")]
    Unverified,
    /// It serves one issuer at a time.
    #[error("The domain is assigned to another issuer; unassign it first.")]
    Elsewhere,
}

impl AccountDomain {
    /// The record that proves the host to be the account's.
    pub fn challenge(&self) -> Challenge {
        Challenge { name: format!("_challenge.{}", self.host), value: format!("account-domain={}", self.account_id) }
    }

    /// A DNS record was found.
    pub const fn is_verified(&self) -> bool {
        !matches!(self.state, DomainState::Unverified)
    }

    /// What lies at a host belongs to whoever has the domain: it is that host or above it, and a DNS record was found.
    pub fn vouches_for(&self, host: &Hostname) -> bool {
        self.is_verified() && host.is_within(self.host.as_str())
    }

    /// The issuer it serves.
    pub const fn issuer(&self) -> Option<IssuerId> {
        match self.state {
            DomainState::Assigned { issuer_id, .. } => Some(issuer_id),
            _ => None,
        }
    }

    /// The proof was found; what is verified stays as it is.
    #[must_use]
    pub fn verified(self, now: Timestamp) -> Self {
        match self.state {
            DomainState::Unverified => Self { state: DomainState::Verified { at: now }, ..self },
            _ => self,
        }
    }

    /// Serves `issuer` from now on; the same domain when it does already.
    ///
    /// # Errors
    /// [`AssignRefusal`].
    pub fn assigned(self, issuer: IssuerId, now: Timestamp) -> Result<Self, AssignRefusal> {
        match self.state {
            DomainState::Unverified => Err(AssignRefusal::Unverified),
            DomainState::Verified { at } => {
                let state = DomainState::Assigned { verified_at: at, issuer_id: issuer, at: now };
                Ok(Self { state, ..self })
            }
            DomainState::Assigned { issuer_id, .. } if issuer_id == issuer => Ok(self),
            DomainState::Assigned { .. } => Err(AssignRefusal::Elsewhere),
        }
    }

    /// Serves no issuer; stays verified.
    #[must_use]
    pub fn unassigned(self) -> Self {
        match self.state {
            DomainState::Assigned { verified_at, .. } => {
                Self { state: DomainState::Verified { at: verified_at }, ..self }
            }
            _ => self,
        }
    }
}

/// A TXT record that proves ownership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Name of the record.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The host that must be primary: the one that is, else the verified one that was added first. An account with a
/// verified host always has a primary one.
pub fn heir(domains: &[AccountDomain]) -> Option<&Hostname> {
    let verified = || domains.iter().filter(|domain| domain.is_verified());
    let heir = verified().find(|domain| domain.primary);
    heir.or_else(|| verified().min_by_key(|domain| (domain.added_at, domain.host.clone()))).map(|domain| &domain.host)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::id::Id;

    const START: Timestamp = Timestamp::from_millis(1_000);
    const LATER: Timestamp = Timestamp::from_millis(2_000);

    fn domain(host: &str, added_at: Timestamp) -> AccountDomain {
        AccountDomain {
            host: host.parse().unwrap(),
            account_id: AccountId::from_uuid(uuid::Uuid::from_u128(1)),
            state: DomainState::Unverified,
            primary: false,
            added_at,
            updated_at: added_at,
        }
    }

    #[test]
    fn a_domain_is_verified_before_it_is_assigned_and_serves_one_issuer() {
        let [one, two] = [1, 2].map(|number| IssuerId::from_uuid(uuid::Uuid::from_u128(number)));
        let claimed = domain("a.example", START);
        assert_eq!(claimed.clone().assigned(one, LATER), Err(AssignRefusal::Unverified));
        assert_eq!(claimed.clone().unassigned(), claimed);
        let verified = claimed.verified(LATER);
        assert_eq!(verified.state, DomainState::Verified { at: LATER });
        assert_eq!(verified.clone().verified(START), verified, "the first proof counts");
        let assigned = verified.clone().assigned(one, LATER).unwrap();
        assert_eq!(assigned.issuer(), Some(one));
        assert_eq!(assigned.clone().assigned(one, START), Ok(assigned.clone()));
        assert_eq!(assigned.clone().assigned(two, LATER), Err(AssignRefusal::Elsewhere));
        assert_eq!(assigned.clone().verified(START), assigned);
        assert_eq!(assigned.unassigned(), verified);
    }

    #[test]
    fn the_first_verified_host_is_primary_until_another_is_chosen() {
        let older = domain("b.example", START);
        let newer = domain("a.example", LATER);
        assert_eq!(heir(&[older.clone(), newer.clone()]), None);
        let newer = newer.verified(LATER);
        assert_eq!(heir(&[older.clone(), newer.clone()]), Some(&newer.host));
        let older = older.verified(LATER);
        assert_eq!(heir(&[newer.clone(), older.clone()]), Some(&older.host));
        let chosen = AccountDomain { primary: true, ..newer };
        assert_eq!(heir(&[older, chosen.clone()]), Some(&chosen.host));
    }
}
