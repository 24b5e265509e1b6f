//! Accounts in SQL.

mod children;

use async_trait::async_trait;
use authpi_core::account::model::Account;
use authpi_core::account::repository::{AccountChildren, AccountReads, AccountRepository, ClosedAccount};
use authpi_core::id::{AccountId, Id, OrganizationId, UserId};
use authpi_core::outcome::WriteOutcome;
use authpi_core::page::{Page, PageRequest};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, LockType};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::convert::{Place, id, time, to_json};
use crate::entity::account::{ActiveModel, Column, Entity, Model};
use crate::entity::issuer;
use crate::error::failed;
use crate::session::{Session, Unit};

fn account(row: Model) -> Result<Account, StoreError> {
    let place = Place { table: "authpi_account", id: row.id };
    Ok(Account {
        id: id(row.id),
        owner_user_id: row.owner_user_id.map(id),
        metadata: place.json("metadata", row.metadata)?,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

/// The columns that a caller's change writes.
fn written(account: &Account) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        owner_user_id: Set(account.owner_user_id.map(Id::uuid)),
        metadata: Set(to_json("account.write", &account.metadata)?),
        updated_at: Set(account.updated_at.as_millis()),
        ..Default::default()
    })
}

/// The account, unless its end was accepted.
fn live(id: AccountId) -> Select<Entity> {
    Entity::find_by_id(id.uuid()).filter(Column::Deleting.eq(false))
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> AccountReads for Session<C> {
    async fn exists(&self, id: AccountId) -> Result<bool, StoreError> {
        let found = live(id).count(&self.connection).await.map_err(failed("account.exists"))?;
        Ok(found > 0)
    }

    async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let row = live(id).one(&self.connection).await.map_err(failed("account.find"))?;
        row.map(account).transpose()
    }

    async fn list(&self, among: &[AccountId], page: &PageRequest<AccountId>) -> Result<Page<Account>, StoreError> {
        // Newest first is largest id first, so what no page can show need not be asked for.
        let mut wanted: Vec<_> =
            among.iter().filter(|id| page.after.is_none_or(|after| **id < after)).map(|id| id.uuid()).collect();
        if wanted.is_empty() {
            return Ok(Page::default());
        }
        wanted.sort_unstable();
        wanted.dedup();
        let rows = Entity::find()
            .filter(Column::Id.is_in(wanted))
            .filter(Column::Deleting.eq(false))
            .order_by_desc(Column::Id)
            .limit(u64::from(page.limit.get()) + 1)
            .all(&self.connection)
            .await
            .map_err(failed("account.list"))?;
        Ok(Page::cut(rows.into_iter().map(account).collect::<Result<_, _>>()?, page.limit))
    }

    async fn count_owned(&self, owner: UserId) -> Result<u64, StoreError> {
        Entity::find()
            .filter(Column::OwnerUserId.eq(owner.uuid()))
            .filter(Column::Deleting.eq(false))
            .count(&self.connection)
            .await
            .map_err(failed("account.count_owned"))
    }

    async fn has_issuer(&self, id: AccountId) -> Result<bool, StoreError> {
        let found = issuer::Entity::find()
            .filter(issuer::Column::AccountId.eq(id.uuid()))
            .filter(issuer::Column::Deleting.eq(false))
            .limit(1)
            .count(&self.connection)
            .await
            .map_err(failed("account.has_issuer"))?;
        Ok(found > 0)
    }

    async fn children(&self, id: AccountId) -> Result<AccountChildren, StoreError> {
        children::count(&self.connection, id).await
    }

    async fn deleting(&self, limit: u32) -> Result<Vec<ClosedAccount>, StoreError> {
        let rows = Entity::find()
            .filter(Column::Deleting.eq(true))
            .order_by_asc(Column::DeletingSince)
            .limit(u64::from(limit))
            .all(&self.connection)
            .await
            .map_err(failed("account.deleting"))?;
        let closed =
            |row: Model| ClosedAccount { id: id(row.id), accepted_at: time(row.deleting_since.unwrap_or_default()) };
        Ok(rows.into_iter().map(closed).collect())
    }
}

#[async_trait]
impl AccountRepository for Unit {
    async fn insert(&mut self, account: &Account) -> Result<(), StoreError> {
        let row = ActiveModel {
            id: Set(account.id.uuid()),
            deleting: Set(false),
            created_at: Set(account.created_at.as_millis()),
            ..written(account)?
        };
        Entity::insert(row).exec_without_returning(&self.connection).await.map(|_| ()).map_err(failed("account.insert"))
    }

    async fn update(&mut self, account: &Account, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(written(account)?)
            .filter(Column::Id.eq(account.id.uuid()))
            .filter(Column::Deleting.eq(false))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("account.update"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn follow(&mut self, organization: OrganizationId, version: Timestamp) -> Result<(), StoreError> {
        let version = version.as_millis();
        let next = CaseStatement::new()
            .case(Column::UpdatedAt.gte(version), Expr::col(Column::UpdatedAt).add(1))
            .finally(version);
        Entity::update_many()
            .col_expr(Column::UpdatedAt, next.into())
            .filter(Column::Id.eq(organization.account().uuid()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("account.follow"))
    }

    async fn lock(&mut self, id: AccountId) -> Result<bool, StoreError> {
        let row = live(id).lock(LockType::Update).one(&self.connection).await.map_err(failed("account.lock"))?;
        Ok(row.is_some())
    }

    async fn begin_delete(&mut self, id: AccountId, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(ActiveModel {
                deleting: Set(true),
                deleting_since: Set(Some(self.now.as_millis())),
                updated_at: Set(before.next_version(self.now).as_millis()),
                ..Default::default()
            })
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::Deleting.eq(false))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("account.begin_delete"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn remove_children(&mut self, id: AccountId, limit: u32) -> Result<u64, StoreError> {
        const OPERATION: &str = "account.remove_children";
        let accepted = Entity::find_by_id(id.uuid())
            .filter(Column::Deleting.eq(true))
            .count(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        if accepted == 0 {
            return Ok(0);
        }
        children::remove(&self.connection, id, limit).await
    }

    async fn remove(&mut self, id: AccountId) -> Result<(), StoreError> {
        Entity::delete_many()
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::Deleting.eq(true))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("account.remove"))
    }
}
