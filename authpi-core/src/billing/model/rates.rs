//! What is counted and what it costs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::event::catalogue::{self, EventType};
use crate::timestamp::Timestamp;

/// Rates are for this many operations.
const RATED: u128 = 10_000;

/// What usage is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UsageDimension)]
pub enum Dimension {
    /// A person signed in, or passed a second factor.
    HumanAuthentication,
    /// A machine got a token.
    MachineAuthentication,
    /// An API key or personal token was checked for somebody.
    ApiKeyVerification,
    /// An identity was made or removed.
    IdentityLifecycle,
    /// People who signed in at least once in the month.
    MonthlyActiveUsers,
}

impl Dimension {
    /// What an event counts as.
    pub fn of(kind: EventType) -> Option<Self> {
        const LIFECYCLE: [EventType; 4] =
            [catalogue::USER_CREATED, catalogue::USER_DELETED, catalogue::AGENT_CREATED, catalogue::AGENT_DELETED];
        match kind {
            catalogue::API_KEY_VERIFIED | catalogue::USER_PERSONAL_TOKEN_VERIFIED => Some(Self::ApiKeyVerification),
            catalogue::MACHINE_TOKEN_ISSUED => Some(Self::MachineAuthentication),
            catalogue::USER_VERIFICATION_SUCCEEDED | catalogue::USER_MFA_VERIFICATION_SUCCEEDED => {
                Some(Self::HumanAuthentication)
            }
            other if LIFECYCLE.contains(&other) => Some(Self::IdentityLifecycle),
            _ => None,
        }
    }
}

/// Prices in micro US dollars for 10,000 operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of sign-ins and second factors.
    pub human_authentication: u32,
    /// Of tokens for machines.
    pub machine_authentication: u32,
    /// Of checks of API keys and personal tokens.
    pub api_key_verification: u32,
    /// Of identities made and removed.
    pub identity_lifecycle: u32,
}

/// How a deployment bills. The default is the published rate card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingConfig {
    /// Names this configuration in the ledger; at most 64 characters.
    pub version: String,
    /// Names the rate card in estimates.
    pub profile: String,
    /// Prices.
    pub rates: Rates,
    /// Credit that every month brings and takes again, in micro US dollars.
    pub included_credit: u32,
    /// The first so many people of a month sign in for nothing.
    pub free_active_users: u32,
    /// How long an account is charged nothing.
    pub trial_days: u32,
    /// The payment that an account out of credit is asked for, in micro US dollars.
    pub suggested_payment: u32,
}

impl Default for BillingConfig {
    fn default() -> Self {
        Self {
            version: "2026-10".to_owned(),
            profile: "activity".to_owned(),
            rates: Rates {
                human_authentication: 500_000,
                machine_authentication: 500_000,
                api_key_verification: 200_000,
                identity_lifecycle: 0,
            },
            included_credit: 1_000_000,
            free_active_users: 10_000,
            trial_days: 60,
            suggested_payment: 1_000_000,
        }
    }
}

impl BillingConfig {
    /// What so many operations of a month cost: the exact price, rounded down once for all of them.
    pub fn amount(&self, dimension: Dimension, chargeable: u64) -> i64 {
        let rate = match dimension {
            Dimension::HumanAuthentication => self.rates.human_authentication,
            Dimension::MachineAuthentication => self.rates.machine_authentication,
            Dimension::ApiKeyVerification => self.rates.api_key_verification,
            Dimension::IdentityLifecycle => self.rates.identity_lifecycle,
            Dimension::MonthlyActiveUsers => 0,
        };
        i64::try_from(u128::from(chargeable) * u128::from(rate) / RATED).unwrap_or(i64::MAX)
    }

    /// An account that was opened then is charged nothing at `at`.
    pub fn is_trial(&self, opened_at: Timestamp, at: Timestamp) -> bool {
        at < opened_at.plus(Duration::from_hours(24 * u64::from(self.trial_days)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::repository::Consumer;

    #[test]
    fn the_published_rates_are_exact_for_single_operations() {
        let config = BillingConfig::default();
        assert_eq!(config.amount(Dimension::HumanAuthentication, 1), 50);
        assert_eq!(config.amount(Dimension::ApiKeyVerification, 10_000), 200_000);
        assert_eq!(config.amount(Dimension::IdentityLifecycle, 1_000_000), 0);
    }

    #[test]
    fn odd_rates_are_rounded_down_once_for_the_month() {
        let rates = Rates { api_key_verification: 333, ..BillingConfig::default().rates };
        let config = BillingConfig { rates, ..BillingConfig::default() };
        let amounts = [1, 30, 31, 10_000].map(|count| config.amount(Dimension::ApiKeyVerification, count));
        assert_eq!(amounts, [0, 0, 1, 333]);
    }

    #[test]
    fn exactly_the_metered_events_count() {
        for kind in catalogue::ALL.iter().copied() {
            assert_eq!(Dimension::of(kind).is_some(), Consumer::Metering.wants(kind), "{kind}");
        }
    }

    #[test]
    fn a_trial_lasts_its_days() {
        let config = BillingConfig { trial_days: 2, ..BillingConfig::default() };
        let end = Timestamp::EPOCH.plus(Duration::from_hours(48));
        assert!(config.is_trial(Timestamp::EPOCH, end.minus(Duration::from_millis(1))));
        assert!(!config.is_trial(Timestamp::EPOCH, end));
    }
}
