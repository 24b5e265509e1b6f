//! Domains of accounts in SQL.

use async_trait::async_trait;
use authpi_core::domain::model::{AccountDomain, DomainState};
use authpi_core::domain::repository::{DomainReads, DomainRepository};
use authpi_core::hostname::Hostname;
use authpi_core::id::{AccountId, Id, IssuerId};
use authpi_core::outcome::{InsertOutcome, WriteOutcome};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, Select};

use crate::convert::{Place, id, time};
use crate::entity::account_domain::{ActiveModel, Column, Entity, Model};
use crate::error::failed;
use crate::insert::insert_unless_taken;
use crate::session::{Session, Unit};

fn domain(row: &Model) -> Result<AccountDomain, StoreError> {
    // A host is no id; the account names the row well enough.
    let place = Place { table: "authpi_account_domain", id: row.account_id };
    let state = match (row.verified_at, row.assigned_issuer_id, row.assigned_at) {
        (None, None, None) => DomainState::Unverified,
        (Some(at), None, None) => DomainState::Verified { at: time(at) },
        (Some(verified_at), Some(issuer), Some(at)) => {
            DomainState::Assigned { verified_at: time(verified_at), issuer_id: id(issuer), at: time(at) }
        }
        _ => return Err(place.corrupt("assigned_at")),
    };
    Ok(AccountDomain {
        host: row.host.parse().map_err(|_| place.corrupt("host"))?,
        account_id: id(row.account_id),
        state,
        primary: row.is_primary,
        added_at: time(row.added_at),
        updated_at: time(row.updated_at),
    })
}

/// The columns that change.
fn written(domain: &AccountDomain) -> ActiveModel {
    let (verified_at, assigned) = match domain.state {
        DomainState::Unverified => (None, None),
        DomainState::Verified { at } => (Some(at), None),
        DomainState::Assigned { verified_at, issuer_id, at } => (Some(verified_at), Some((issuer_id, at))),
    };
    ActiveModel {
        verified_at: Set(verified_at.map(Timestamp::as_millis)),
        is_primary: Set(domain.primary),
        assigned_issuer_id: Set(assigned.map(|(issuer, _)| issuer.uuid())),
        assigned_at: Set(assigned.map(|(_, at)| at.as_millis())),
        updated_at: Set(domain.updated_at.as_millis()),
        ..Default::default()
    }
}

impl<C: ConnectionTrait> Session<C> {
    async fn domains_in(&self, query: Select<Entity>) -> Result<Vec<AccountDomain>, StoreError> {
        let rows = query
            .order_by_desc(Column::AddedAt)
            .order_by_asc(Column::Host)
            .all(&self.connection)
            .await
            .map_err(failed("domain.list"))?;
        rows.iter().map(domain).collect()
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> DomainReads for Session<C> {
    async fn find(&self, account: AccountId, host: &Hostname) -> Result<Option<AccountDomain>, StoreError> {
        let row = Entity::find_by_id(host.as_str())
            .filter(Column::AccountId.eq(account.uuid()))
            .one(&self.connection)
            .await
            .map_err(failed("domain.find"))?;
        row.as_ref().map(domain).transpose()
    }

    async fn of_accounts(&self, accounts: &[AccountId]) -> Result<Vec<AccountDomain>, StoreError> {
        if accounts.is_empty() {
            return Ok(Vec::new());
        }
        self.domains_in(Entity::find().filter(Column::AccountId.is_in(accounts.iter().map(|id| id.uuid())))).await
    }

    async fn of_issuer(&self, account: AccountId, issuer: IssuerId) -> Result<Vec<AccountDomain>, StoreError> {
        let query = Entity::find()
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::AssignedIssuerId.eq(issuer.uuid()));
        self.domains_in(query).await
    }

    async fn issuer_at(&self, host: &Hostname) -> Result<Option<IssuerId>, StoreError> {
        let row = Entity::find_by_id(host.as_str()).one(&self.connection).await.map_err(failed("domain.issuer_at"))?;
        Ok(row.as_ref().map(domain).transpose()?.and_then(|domain| domain.issuer()))
    }
}

#[async_trait]
impl DomainRepository for Unit {
    async fn insert(&mut self, domain: &AccountDomain) -> Result<InsertOutcome, StoreError> {
        let row = ActiveModel {
            host: Set(domain.host.to_string()),
            account_id: Set(domain.account_id.uuid()),
            added_at: Set(domain.added_at.as_millis()),
            ..written(domain)
        };
        let key = [Column::Host];
        insert_unless_taken(Entity::insert(row), key, &self.connection).await.map_err(failed("domain.insert"))
    }

    async fn update(&mut self, domain: &AccountDomain, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(written(domain))
            .filter(Column::Host.eq(domain.host.as_str()))
            .filter(Column::AccountId.eq(domain.account_id.uuid()))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("domain.update"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn remove(
        &mut self,
        account: AccountId,
        host: &Hostname,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::Host.eq(host.as_str()))
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("domain.remove"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn remove_of_account(&mut self, account: AccountId) -> Result<u64, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::AccountId.eq(account.uuid()))
            .exec(&self.connection)
            .await
            .map_err(failed("domain.remove_of_account"))?;
        Ok(done.rows_affected)
    }
}
