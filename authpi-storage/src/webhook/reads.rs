//! Questions about webhooks.

use async_trait::async_trait;
use authpi_core::id::{AccountId, DeliveryId, Id, WebhookId};
use authpi_core::page::{Page, PageRequest, TimeAndId};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use authpi_core::webhook::model::{Delivery, Webhook, WebhookStatus};
use authpi_core::webhook::repository::{DeliveryFilter, StatusFilter, WebhookListing, WebhookReads, WebhooksFound};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::row::{at, delivery, found, read_if, webhook};
use crate::convert::{time, to_word};
use crate::entity::webhook::{Column, Entity};
use crate::entity::webhook_delivery::{Column as DeliveryColumn, Entity as Deliveries};
use crate::error::failed;
use crate::session::Session;

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> WebhookReads for Session<C> {
    async fn find(&self, account: AccountId, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::Deleted.eq(false))
            .one(&self.connection)
            .await
            .map_err(failed("webhook.find"))?;
        row.map(webhook).transpose()
    }

    async fn list(
        &self,
        account: AccountId,
        status: Option<StatusFilter>,
        page: &PageRequest<WebhookId>,
    ) -> Result<Page<WebhookListing>, StoreError> {
        let deleted = status == Some(StatusFilter::Deleted);
        let mut query = Entity::find()
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::Deleted.eq(deleted))
            .order_by_desc(Column::Id)
            .limit(u64::from(page.limit.get()) + 1);
        if let Some(StatusFilter::Is(status)) = status {
            query = query.filter(Column::Status.eq(to_word("webhook.list", &status)?));
        }
        if let Some(after) = page.after {
            query = query.filter(Column::Id.lt(after.uuid()));
        }
        let rows = query.all(&self.connection).await.map_err(failed("webhook.list"))?;
        let listings = rows
            .into_iter()
            .map(|row| Ok(WebhookListing { webhook: webhook(row)?, deleted }))
            .collect::<Result<_, StoreError>>()?;
        Ok(Page::cut(listings, page.limit))
    }

    async fn of_accounts(&self, accounts: &[AccountId]) -> Result<WebhooksFound, StoreError> {
        let rows = Entity::find()
            .filter(Column::AccountId.is_in(accounts.iter().map(|account| account.uuid())))
            .filter(Column::Deleted.eq(false))
            .order_by_asc(Column::Id)
            .all(&self.connection)
            .await
            .map_err(failed("webhook.of_accounts"))?;
        Ok(found(rows))
    }

    async fn count_failing(&self) -> Result<u64, StoreError> {
        const OPERATION: &str = "webhook.count_failing";
        Entity::find()
            .filter(Column::Status.eq(to_word(OPERATION, &WebhookStatus::Failing)?))
            .filter(Column::Deleted.eq(false))
            .count(&self.connection)
            .await
            .map_err(failed(OPERATION))
    }

    async fn due_since(&self) -> Result<Option<Timestamp>, StoreError> {
        let first = Entity::find()
            .select_only()
            .column(Column::WakeAt)
            .filter(Column::WakeAt.is_not_null())
            .order_by_asc(Column::WakeAt)
            .limit(1)
            .into_tuple::<i64>()
            .one(&self.connection)
            .await;
        Ok(first.map_err(failed("webhook.due_since"))?.map(time))
    }

    async fn count(&self, account: AccountId) -> Result<u64, StoreError> {
        Entity::find()
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::Deleted.eq(false))
            .count(&self.connection)
            .await
            .map_err(failed("webhook.count"))
    }

    async fn delivery(
        &self,
        account: AccountId,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, StoreError> {
        let row = Deliveries::find_by_id(id.uuid())
            .filter(DeliveryColumn::AccountId.eq(account.uuid()))
            .filter(DeliveryColumn::WebhookId.eq(webhook.uuid()))
            .one(&self.connection)
            .await
            .map_err(failed("webhook.delivery"))?;
        row.map(delivery).transpose()
    }

    async fn deliveries(
        &self,
        account: AccountId,
        webhook: WebhookId,
        filter: &DeliveryFilter,
        page: &PageRequest<TimeAndId<DeliveryId>>,
    ) -> Result<Page<Delivery>, StoreError> {
        let mut query = read_if(Deliveries::find(), Condition::all().add(Expr::value(false)))
            .filter(DeliveryColumn::WebhookId.eq(webhook.uuid()))
            .filter(DeliveryColumn::AccountId.eq(account.uuid()))
            .order_by_desc(DeliveryColumn::CreatedAt)
            .order_by_desc(DeliveryColumn::Id)
            .limit(u64::from(page.limit.get()) + 1);
        if let Some(status) = filter.status {
            query = query.filter(DeliveryColumn::Status.eq(status.as_str()));
        }
        if let Some(kind) = filter.event_type {
            query = query.filter(DeliveryColumn::EventType.eq(kind.as_str()));
        }
        if let Some(after) = filter.after {
            query = query.filter(DeliveryColumn::CreatedAt.gt(at(after)));
        }
        if let Some(before) = filter.before {
            query = query.filter(DeliveryColumn::CreatedAt.lt(at(before)));
        }
        if let Some(last) = &page.after {
            let same_time = Condition::all()
                .add(DeliveryColumn::CreatedAt.eq(at(last.at)))
                .add(DeliveryColumn::Id.lt(last.id.uuid()));
            query = query
                // The first condition alone is what the index serves.
                .filter(DeliveryColumn::CreatedAt.lte(at(last.at)))
                .filter(Condition::any().add(DeliveryColumn::CreatedAt.lt(at(last.at))).add(same_time));
        }
        let rows = query.all(&self.connection).await.map_err(failed("webhook.deliveries"))?;
        Ok(Page::cut(rows.into_iter().map(delivery).collect::<Result<_, _>>()?, page.limit))
    }
}
