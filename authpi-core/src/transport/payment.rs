//! Payments. Core calls no provider itself: a deployment that takes money brings one.

use std::fmt;

use async_trait::async_trait;
use serde_json::Value;

use crate::id::{AccountId, PaymentMethodId};
use crate::secret::Secret;

/// Collects money.
#[async_trait]
pub trait PaymentProvider: Send + Sync + fmt::Debug {
    /// Begins to take a card of the account into keeping.
    ///
    /// # Errors
    /// [`PaymentFailure`].
    async fn setup_intent(&self, account: AccountId) -> Result<SetupIntent, PaymentFailure>;

    /// Collects a payment and answers what names it for all time. An order with the same key, or the same signed
    /// payment, is collected once, however often it comes, and answered alike.
    ///
    /// # Errors
    /// [`PaymentFailure`].
    async fn collect(&self, order: &PaymentOrder<'_>) -> Result<String, PaymentFailure>;

    /// What a wallet has to sign to pay `amount` micro US dollars: x402 payment requirements; empty where wallets are
    /// not accepted.
    fn terms(&self, account: AccountId, amount: i64) -> Vec<Value>;
}

/// The beginning of a card's way into keeping.
pub struct SetupIntent {
    /// With which the browser goes on.
    pub client_secret: Secret,
    /// The account as the provider names it.
    pub customer_id: String,
}

/// What is to be collected.
#[derive(Clone, Copy, Debug)]
pub struct PaymentOrder<'a> {
    /// Who pays.
    pub account: AccountId,
    /// Micro US dollars.
    pub amount: i64,
    /// By which method.
    pub method: Option<PaymentMethodId>,
    /// The payment that a wallet signed.
    pub payment: Option<&'a Value>,
    /// Names the order: the same one again has the same key.
    pub key: &'a str,
}

/// Why nothing was collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaymentFailure {
    /// The provider does not answer; whether it has collected is not known.
    #[error("the payment provider is not available")]
    Unavailable,
    /// The provider refuses this payment.
    #[error("the payment was declined")]
    Declined,
    /// What was sent is no payment of this amount.
    #[error("the payment is not valid")]
    Invalid,
}
