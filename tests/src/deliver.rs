//! Deliveries where the dispatcher would put them.

use async_trait::async_trait;
use authpi_core::Work;
use authpi_core::error::Refusal;
use authpi_core::event::catalogue;
use authpi_core::id::{AccountId, EventId, IssuerId, WebhookId};
use authpi_core::store::Change;
use authpi_core::webhook::model::{Delivery, DeliveryStatus, RetryPolicy};

use crate::App;

struct Deliver {
    account: AccountId,
    webhook: WebhookId,
    event: EventId,
    status: DeliveryStatus,
}

#[async_trait]
impl Work for Deliver {
    type Output = String;

    fn account(&self) -> AccountId {
        self.account
    }

    fn issuer(&self) -> Option<IssuerId> {
        None
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<String, Refusal> {
        let id = change.mint()?;
        let budget = RetryPolicy::default().max_attempts;
        let event = (self.event, catalogue::ISSUER_CREATED);
        let mut delivery = Delivery::new((self.account, self.webhook), id, event, budget, change.now());
        delivery.status = self.status;
        if self.status.is_final() {
            delivery.next_attempt_at = None;
        }
        change.unit().deliveries().enqueue(&[delivery]).await?;
        Ok(id.to_string())
    }
}

impl App {
    /// Puts an event on its way to a webhook of the account; returns the id of the delivery.
    pub async fn deliver(&self, account: &str, webhook: &str, event: &str, status: DeliveryStatus) -> String {
        let account = account.parse().unwrap();
        let (webhook, event) = (webhook.parse().unwrap(), event.parse().unwrap());
        self.authpi.run(&Deliver { account, webhook, event, status }).await.unwrap()
    }
}
