//! A payment provider that takes no money.

use async_trait::async_trait;
use authpi_core::id::AccountId;
use authpi_core::secret::Secret;
use authpi_core::transport::{PaymentFailure, PaymentOrder, PaymentProvider, SetupIntent};
use serde_json::{Value, json};

/// Collects whatever it is told to; a signed payment names itself by its `nonce`, and may ask to be refused.
#[derive(Debug)]
pub struct PlayMoney;

#[async_trait]
impl PaymentProvider for PlayMoney {
    async fn setup_intent(&self, account: AccountId) -> Result<SetupIntent, PaymentFailure> {
        Ok(SetupIntent { client_secret: Secret::new("seti_secret"), customer_id: format!("cus_{account}") })
    }

    async fn collect(&self, order: &PaymentOrder<'_>) -> Result<String, PaymentFailure> {
        let member = |name: &str| order.payment.and_then(|payment| payment.get(name)?.as_str());
        match member("outcome") {
            Some("declined") => Err(PaymentFailure::Declined),
            Some("invalid") => Err(PaymentFailure::Invalid),
            Some("unavailable") => Err(PaymentFailure::Unavailable),
            _ => Ok(member("nonce").map_or_else(|| format!("charge {}", order.key), str::to_owned)),
        }
    }

    fn terms(&self, _account: AccountId, amount: i64) -> Vec<Value> {
        vec![json!({ "scheme": "exact", "network": "eip155:8453", "amount": amount.to_string() })]
    }
}
