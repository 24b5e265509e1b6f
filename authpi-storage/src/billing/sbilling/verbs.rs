//! Verbs.

use async_trait::async_trait;
use authpi_core::billing::model::{
    ActiveUser, CreditState, LedgerEntry, Metered, PaymentMethod, Period, Statement, UsageLine,
};
use authpi_core::billing::repository::BillingRepository;
use authpi_core::id::{AccountId, Id, IssuerId, UserId};
use authpi_core::outcome::{InsertOutcome, WriteOutcome};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, LockType, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};

use super::rows;
use crate::convert::{id, to_word};
use crate::entity::{active_user, credit, ledger_entry, payment_method, statement, usage};
use crate::error::failed;
use crate::session::Unit;

/// Rows of one insert statement: keeps the number of bound values below every backend's limit.
const INSERT_BATCH: usize = 500;

impl Unit {
    async fn locked_credit(&self, account: AccountId) -> Result<Option<CreditState>, StoreError> {
        let row = credit::Entity::find_by_id(account.uuid())
            .lock(LockType::Update)
            .one(&self.connection)
            .await
            .map_err(failed("billing.lock"))?;
        Ok(row.as_ref().map(rows::credit))
    }

    /// Adds to a line that is there, and tells whether it was.
    async fn add_to_line(&self, account: AccountId, more: &Metered, dimension: &str) -> Result<bool, StoreError> {
        use usage::Column;
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let done = usage::Entity::update_many()
            .col_expr(Column::Uses, Expr::col(Column::Uses).add(number(more.count)))
            .col_expr(Column::FreeUses, Expr::col(Column::FreeUses).add(number(more.free)))
            .col_expr(Column::Pending, Expr::value(true))
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::Period.eq(more.period.number()))
            .filter(Column::Dimension.eq(dimension))
            .exec(&self.connection)
            .await
            .map_err(failed("billing.add_usage"))?;
        Ok(done.rows_affected == 1)
    }
}

#[async_trait]
impl BillingRepository for Unit {
    async fn lock(&mut self, account: AccountId, first: Period) -> Result<CreditState, StoreError> {
        const OPERATION: &str = "billing.lock";
        if let Some(state) = self.locked_credit(account).await? {
            return Ok(state);
        }
        let begun = credit::ActiveModel { account_id: Set(account.uuid()), ..rows::credit_row(&CreditState::new(first)) };
        // Of several that begin it at once the others find it there.
        let skip = OnConflict::column(credit::Column::AccountId).do_nothing_on([credit::Column::AccountId]).to_owned();
        credit::Entity::insert(begun)
            .on_conflict(skip)
            .exec_without_returning(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        let missing = || StoreError::corrupt(OPERATION, format!("the ledger of {account} has no end"));
        self.locked_credit(account).await?.ok_or_else(missing)
    }

    async fn save(&mut self, account: AccountId, state: &CreditState) -> Result<(), StoreError> {
        credit::Entity::update_many()
            .set(rows::credit_row(state))
            .filter(credit::Column::AccountId.eq(account.uuid()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("billing.save"))
    }

    async fn append_entry(&mut self, entry: &LedgerEntry) -> Result<InsertOutcome, StoreError> {
        const OPERATION: &str = "billing.append_entry";
        // Asked first, for a refused insert ends the transaction on PostgreSQL. Of two who ask at once in different
        // accounts one is refused by the index, is run again, and finds the other's entry here.
        if let Some(payment) = &entry.details.external_reference {
            let known = ledger_entry::Entity::find()
                .filter(ledger_entry::Column::ExternalReference.eq(payment.as_str()))
                .count(&self.connection)
                .await
                .map_err(failed(OPERATION))?;
            if known > 0 {
                return Ok(InsertOutcome::Taken);
            }
        }
        ledger_entry::Entity::insert(rows::entry_row(entry)?)
            .exec_without_returning(&self.connection)
            .await
            .map(|_| InsertOutcome::Inserted)
            .map_err(failed(OPERATION))
    }

    async fn add_usage(&mut self, account: AccountId, more: &Metered) -> Result<(), StoreError> {
        const OPERATION: &str = "billing.add_usage";
        let dimension = to_word(OPERATION, &more.dimension)?;
        if self.add_to_line(account, more, &dimension).await? {
            return Ok(());
        }
        let line = usage::ActiveModel {
            account_id: Set(account.uuid()),
            period: Set(more.period.number()),
            dimension: Set(dimension),
            uses: Set(i64::try_from(more.count).unwrap_or(i64::MAX)),
            free_uses: Set(i64::try_from(more.free).unwrap_or(i64::MAX)),
            settled: Set(0),
            entries: Set(0),
            pending: Set(true),
        };
        usage::Entity::insert(line)
            .exec_without_returning(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed(OPERATION))
    }

    async fn settle(&mut self, account: AccountId, line: &UsageLine) -> Result<(), StoreError> {
        const OPERATION: &str = "billing.settle";
        usage::Entity::update_many()
            .set(usage::ActiveModel {
                settled: Set(line.settled),
                entries: Set(line.entries.into()),
                pending: Set(false),
                ..Default::default()
            })
            .filter(usage::Column::AccountId.eq(account.uuid()))
            .filter(usage::Column::Period.eq(line.period.number()))
            .filter(usage::Column::Dimension.eq(to_word(OPERATION, &line.dimension)?))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed(OPERATION))
    }

    async fn active_users(
        &mut self,
        account: AccountId,
        period: Period,
        users: &[(IssuerId, UserId)],
    ) -> Result<Vec<ActiveUser>, StoreError> {
        use active_user::Column;
        let rows = active_user::Entity::find()
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::Period.eq(period.number()))
            .filter(Column::UserId.is_in(users.iter().map(|(_, user)| user.uuid())))
            .all(&self.connection)
            .await
            .map_err(failed("billing.active_users"))?;
        let known = |row: &active_user::Model| ActiveUser {
            period,
            issuer_id: id(row.issuer_id),
            user_id: id(row.user_id),
            free: row.free,
        };
        Ok(rows.iter().map(known).filter(|known| users.contains(&(known.issuer_id, known.user_id))).collect())
    }

    async fn add_active_users(&mut self, account: AccountId, users: &[ActiveUser]) -> Result<(), StoreError> {
        for batch in users.chunks(INSERT_BATCH) {
            let rows = batch.iter().map(|user| active_user::ActiveModel {
                account_id: Set(account.uuid()),
                period: Set(user.period.number()),
                issuer_id: Set(user.issuer_id.uuid()),
                user_id: Set(user.user_id.uuid()),
                free: Set(user.free),
            });
            active_user::Entity::insert_many(rows)
                .exec_without_returning(&self.connection)
                .await
                .map_err(failed("billing.add_active_users"))?;
        }
        Ok(())
    }

    async fn insert_statement(&mut self, statement: &Statement) -> Result<(), StoreError> {
        const OPERATION: &str = "billing.insert_statement";
        let row = statement::ActiveModel {
            account_id: Set(statement.account_id.uuid()),
            period: Set(statement.period.number()),
            status: Set(to_word(OPERATION, &statement.status)?),
            total: Set(statement.total),
            created_at: Set(statement.created_at.as_millis()),
        };
        statement::Entity::insert(row)
            .exec_without_returning(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed(OPERATION))
    }

    async fn insert_method(&mut self, method: &PaymentMethod) -> Result<(), StoreError> {
        payment_method::Entity::insert(rows::new_method_row(method)?)
            .exec_without_returning(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("billing.insert_method"))
    }

    async fn update_method(&mut self, method: &PaymentMethod, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        use payment_method::Column;
        let done = payment_method::Entity::update_many()
            .set(rows::method_row(method))
            .filter(Column::Id.eq(method.id.uuid()))
            .filter(Column::AccountId.eq(method.account_id.uuid()))
            .filter(Column::Removed.eq(false))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("billing.update_method"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn purge_active_users(&mut self, before: Period, limit: u32) -> Result<u64, StoreError> {
        use active_user::Column;
        const OPERATION: &str = "billing.purge_active_users";
        let old: Vec<(uuid::Uuid, i64, uuid::Uuid)> = active_user::Entity::find()
            .select_only()
            .columns([Column::AccountId, Column::Period, Column::UserId])
            .filter(Column::Period.lt(before.number()))
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        if old.is_empty() {
            return Ok(0);
        }
        let done = active_user::Entity::delete_many()
            .filter(Column::AccountId.is_in(old.iter().map(|(account, _, _)| *account)))
            .filter(Column::Period.lt(before.number()))
            .filter(Column::UserId.is_in(old.iter().map(|(_, _, user)| *user)))
            .exec(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        Ok(done.rows_affected)
    }
}
