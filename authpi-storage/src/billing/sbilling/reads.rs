//! Questions.

use async_trait::async_trait;
use authpi_core::billing::model::{
    CreditState, LedgerEntry, LedgerPosition, PaymentMethod, Period, Statement, UsageLine,
};
use authpi_core::billing::repository::{AccountPeriod, BillingReads};
use authpi_core::id::{AccountId, Id, PaymentMethodId};
use authpi_core::page::{Page, PageRequest};
use authpi_core::store::StoreError;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::rows;
use crate::convert::id;
use crate::entity::{credit, ledger_entry, payment_method, statement, usage};
use crate::error::failed;
use crate::session::Session;

fn work((account, period): (Uuid, i64)) -> AccountPeriod {
    AccountPeriod { account_id: id(account), period: Period::from_number(period) }
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> BillingReads for Session<C> {
    async fn credit(&self, accounts: &[AccountId]) -> Result<Vec<(AccountId, CreditState)>, StoreError> {
        let rows = credit::Entity::find()
            .filter(credit::Column::AccountId.is_in(accounts.iter().map(|account| account.uuid())))
            .all(&self.connection)
            .await
            .map_err(failed("billing.credit"))?;
        Ok(rows.iter().map(|row| (id(row.account_id), rows::credit(row))).collect())
    }

    async fn usage(&self, account: AccountId, period: Option<Period>) -> Result<Vec<UsageLine>, StoreError> {
        let mut query = usage::Entity::find()
            .filter(usage::Column::AccountId.eq(account.uuid()))
            .order_by_desc(usage::Column::Period)
            .order_by_asc(usage::Column::Dimension);
        if let Some(period) = period {
            query = query.filter(usage::Column::Period.eq(period.number()));
        }
        let rows = query.all(&self.connection).await.map_err(failed("billing.usage"))?;
        rows.iter().map(rows::line).collect()
    }

    async fn ledger(
        &self,
        account: AccountId,
        page: &PageRequest<LedgerPosition>,
    ) -> Result<Page<LedgerEntry>, StoreError> {
        let mut query = ledger_entry::Entity::find()
            .filter(ledger_entry::Column::AccountId.eq(account.uuid()))
            .order_by_desc(ledger_entry::Column::Sequence)
            .limit(u64::from(page.limit.get()) + 1);
        if let Some(LedgerPosition(after)) = page.after {
            query = query.filter(ledger_entry::Column::Sequence.lt(after));
        }
        let rows = query.all(&self.connection).await.map_err(failed("billing.ledger"))?;
        Ok(Page::cut(rows.into_iter().map(rows::entry).collect::<Result<_, _>>()?, page.limit))
    }

    async fn payment(&self, account: AccountId, reference: &str) -> Result<Option<LedgerEntry>, StoreError> {
        let row = ledger_entry::Entity::find()
            .filter(ledger_entry::Column::ExternalReference.eq(reference))
            .filter(ledger_entry::Column::AccountId.eq(account.uuid()))
            .one(&self.connection)
            .await
            .map_err(failed("billing.payment"))?;
        row.map(rows::entry).transpose()
    }

    async fn statements(&self, account: AccountId, limit: u32) -> Result<Vec<Statement>, StoreError> {
        let rows = statement::Entity::find()
            .filter(statement::Column::AccountId.eq(account.uuid()))
            .order_by_desc(statement::Column::Period)
            .limit(u64::from(limit))
            .all(&self.connection)
            .await
            .map_err(failed("billing.statements"))?;
        rows.iter().map(rows::statement).collect()
    }

    async fn methods(&self, accounts: &[AccountId]) -> Result<Vec<PaymentMethod>, StoreError> {
        let rows = payment_method::Entity::find()
            .filter(payment_method::Column::AccountId.is_in(accounts.iter().map(|account| account.uuid())))
            .filter(payment_method::Column::Removed.eq(false))
            .order_by_desc(payment_method::Column::Id)
            .all(&self.connection)
            .await
            .map_err(failed("billing.methods"))?;
        rows.into_iter().map(rows::method).collect()
    }

    async fn method(&self, account: AccountId, id: PaymentMethodId) -> Result<Option<PaymentMethod>, StoreError> {
        let row = payment_method::Entity::find_by_id(id.uuid())
            .filter(payment_method::Column::AccountId.eq(account.uuid()))
            .filter(payment_method::Column::Removed.eq(false))
            .one(&self.connection)
            .await
            .map_err(failed("billing.method"))?;
        row.map(rows::method).transpose()
    }

    async fn unsettled(&self, limit: u32) -> Result<Vec<AccountPeriod>, StoreError> {
        let rows: Vec<(Uuid, i64)> = usage::Entity::find()
            .select_only()
            .columns([usage::Column::AccountId, usage::Column::Period])
            .filter(usage::Column::Pending.eq(true))
            .order_by_asc(usage::Column::Period)
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("billing.unsettled"))?;
        Ok(rows.into_iter().map(work).collect())
    }

    async fn unclosed(&self, current: Period, limit: u32) -> Result<Vec<AccountPeriod>, StoreError> {
        let rows: Vec<(Uuid, i64)> = credit::Entity::find()
            .select_only()
            .columns([credit::Column::AccountId, credit::Column::OpenPeriod])
            .filter(credit::Column::OpenPeriod.lt(current.number()))
            .order_by_asc(credit::Column::OpenPeriod)
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("billing.unclosed"))?;
        Ok(rows.into_iter().map(work).collect())
    }
}
