//! How an account pays.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{AccountId, PaymentMethodId};
use crate::timestamp::Timestamp;

/// Payment methods of an account at most, removed ones left out.
pub const MAX_METHODS: usize = 20;

/// Whether use depends on credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BillingMode {
    /// It does not: what goes below zero is billed out of band.
    Ungated,
    /// Writes need credit that was paid in before.
    Gated,
}

/// What kind of payment method, and what that kind has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = PaymentMethodKind)]
pub enum MethodKind {
    /// A card that the payment provider keeps.
    Stripe {
        /// Brand of the card.
        brand: Option<String>,
        /// Its last digits.
        last4: Option<String>,
        /// Month in which it ends.
        exp_month: Option<u32>,
        /// Year in which it ends.
        exp_year: Option<u32>,
    },
    /// A wallet that signs payments.
    X402 {
        /// The chain, as CAIP-2 names it.
        network: String,
        /// What is paid with.
        asset: String,
        /// The wallet.
        address: String,
    },
}

/// A way to pay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentMethod {
    /// Its id.
    pub id: PaymentMethodId,
    /// Whose.
    pub account_id: AccountId,
    /// What it is.
    pub kind: MethodKind,
    /// It is in use.
    pub enabled: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was put out of use.
    pub disabled_at: Option<Timestamp>,
    /// When it was removed: it is not shown from then on.
    pub removed_at: Option<Timestamp>,
    /// Its version.
    pub updated_at: Timestamp,
}

impl PaymentMethod {
    /// In use, or not.
    #[must_use]
    pub fn switched(self, enabled: bool, now: Timestamp) -> Self {
        if self.enabled == enabled {
            return self;
        }
        let disabled_at = (!enabled).then_some(now);
        Self { enabled, disabled_at, updated_at: self.updated_at.next_version(now), ..self }
    }

    /// Removed.
    #[must_use]
    pub fn removed(self, now: Timestamp) -> Self {
        let gone = self.switched(false, now);
        Self { removed_at: Some(now), updated_at: gone.updated_at.next_version(now), ..gone }
    }
}

impl BillingMode {
    /// Gated exactly when all methods in use are wallets, and there is one.
    pub fn of<'m>(methods: impl IntoIterator<Item = &'m PaymentMethod>) -> Self {
        let mut enabled = methods.into_iter().filter(|method| method.enabled).peekable();
        let has_one = enabled.peek().is_some();
        let all_wallets = enabled.all(|method| matches!(method.kind, MethodKind::X402 { .. }));
        if has_one && all_wallets { Self::Gated } else { Self::Ungated }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::Id as _;

    fn method(kind: MethodKind) -> PaymentMethod {
        PaymentMethod {
            id: PaymentMethodId::from_uuid(Uuid::nil()),
            account_id: AccountId::from_uuid(Uuid::nil()),
            kind,
            enabled: true,
            created_at: Timestamp::EPOCH,
            disabled_at: None,
            removed_at: None,
            updated_at: Timestamp::EPOCH,
        }
    }

    fn wallet() -> PaymentMethod {
        method(MethodKind::X402 { network: String::new(), asset: String::new(), address: String::new() })
    }

    fn card() -> PaymentMethod {
        method(MethodKind::Stripe { brand: None, last4: None, exp_month: None, exp_year: None })
    }

    #[test]
    fn an_account_is_gated_exactly_when_it_pays_by_wallet_alone() {
        let off = |method: PaymentMethod| method.switched(false, Timestamp::from_millis(5));
        assert_eq!(BillingMode::of(&[]), BillingMode::Ungated);
        assert_eq!(BillingMode::of(&[wallet()]), BillingMode::Gated);
        assert_eq!(BillingMode::of(&[wallet(), card()]), BillingMode::Ungated);
        assert_eq!(BillingMode::of(&[wallet(), off(card())]), BillingMode::Gated);
        assert_eq!(BillingMode::of(&[off(wallet())]), BillingMode::Ungated);
    }

    #[test]
    fn switching_to_what_it_is_changes_nothing() {
        assert_eq!(wallet().switched(true, Timestamp::from_millis(9)), wallet());
        let off = wallet().switched(false, Timestamp::from_millis(9));
        assert_eq!(off.disabled_at, Some(Timestamp::from_millis(9)));
        let on = off.switched(true, Timestamp::from_millis(9));
        assert_eq!((on.disabled_at, on.updated_at), (None, Timestamp::from_millis(10)));
    }
}
