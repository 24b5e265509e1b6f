//! Verbs of logins.

use async_trait::async_trait;
use authpi_core::id::{FlowId, Id, IssuerId, MailProofId, UserId};
use authpi_core::login::model::{MailProof, OVER_KEPT, SealedFlow, Tries, TriesKey};
use authpi_core::login::repository::LoginRepository;
use authpi_core::outcome::WriteOutcome;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::reads::{counted, tries_of};
use crate::batch;
use crate::convert::{millis, to_word};
use crate::entity::{login_flow as flow, login_tries as tries, mail_proof as proof};
use crate::error::failed;
use crate::session::Unit;

fn version(issuer: IssuerId, id: FlowId, before: Timestamp) -> Condition {
    Condition::all()
        .add(flow::Column::Id.eq(id.uuid()))
        .add(flow::Column::IssuerId.eq(issuer.uuid()))
        .add(flow::Column::UpdatedAt.eq(before.as_millis()))
}

/// A proof that was not used.
fn one(issuer: IssuerId, id: MailProofId) -> Condition {
    Condition::all()
        .add(proof::Column::Id.eq(id.uuid()))
        .add(proof::Column::IssuerId.eq(issuer.uuid()))
        .add(proof::Column::Spent.eq(false))
}

impl Unit {
    async fn sweep_flows(&self, limit: u32) -> Result<u64, StoreError> {
        const OPERATION: &str = "login.sweep";
        let over = flow::Column::ExpiresAt.lte(self.now.minus(OVER_KEPT).as_millis());
        let old = flow::Entity::find().filter(over).order_by_asc(flow::Column::ExpiresAt);
        let due = batch::first_keys(&self.connection, old, flow::Column::Id, limit).await.map_err(failed(OPERATION))?;
        batch::remove::<flow::Entity>(&self.connection, flow::Column::Id, due).await.map_err(failed(OPERATION))
    }

    async fn sweep_proofs(&self, limit: u32) -> Result<u64, StoreError> {
        const OPERATION: &str = "login.sweep";
        let old = proof::Entity::find()
            .filter(proof::Column::ExpiresAt.lte(self.now.as_millis()))
            .order_by_asc(proof::Column::ExpiresAt);
        let due =
            batch::first_keys(&self.connection, old, proof::Column::Id, limit).await.map_err(failed(OPERATION))?;
        batch::remove::<proof::Entity>(&self.connection, proof::Column::Id, due).await.map_err(failed(OPERATION))
    }

    async fn sweep_tries(&self, limit: u32) -> Result<u64, StoreError> {
        const OPERATION: &str = "login.sweep";
        let old = tries::Entity::find()
            .filter(tries::Column::KeptUntil.lte(self.now.as_millis()))
            .order_by_asc(tries::Column::KeptUntil)
            .limit(u64::from(limit))
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        let mut removed = 0;
        for row in old {
            // Another failure may have come in between.
            let done = tries::Entity::delete_many()
                .filter(tries::Column::IssuerId.eq(row.issuer_id))
                .filter(tries::Column::Counted.eq(row.counted))
                .filter(tries::Column::KeptUntil.lte(self.now.as_millis()))
                .exec(&self.connection)
                .await
                .map_err(failed(OPERATION))?;
            removed += done.rows_affected;
        }
        Ok(removed)
    }
}

#[async_trait]
impl LoginRepository for Unit {
    async fn insert_flow(&mut self, flow: &SealedFlow) -> Result<(), StoreError> {
        let row = flow::ActiveModel {
            id: Set(flow.id.uuid()),
            account_id: Set(flow.account_id.uuid()),
            issuer_id: Set(flow.issuer_id.uuid()),
            client_id: Set(flow.client_id.map(Id::uuid)),
            browser: Set(flow.browser.as_bytes().to_vec()),
            sealed: Set(flow.sealed.as_bytes().to_vec()),
            expires_at: Set(flow.expires_at.as_millis()),
            created_at: Set(flow.created_at.as_millis()),
            updated_at: Set(flow.updated_at.as_millis()),
        };
        let inserted = flow::Entity::insert(row).exec_without_returning(&self.connection).await;
        inserted.map(|_| ()).map_err(failed("login.insert_flow"))
    }

    async fn update_flow(&mut self, flow: &SealedFlow, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let row = flow::ActiveModel {
            sealed: Set(flow.sealed.as_bytes().to_vec()),
            expires_at: Set(flow.expires_at.as_millis()),
            updated_at: Set(flow.updated_at.as_millis()),
            ..Default::default()
        };
        let done = flow::Entity::update_many()
            .set(row)
            .filter(version(flow.issuer_id, flow.id, before))
            .exec(&self.connection)
            .await
            .map_err(failed("login.update_flow"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn remove_flow(
        &mut self,
        issuer: IssuerId,
        id: FlowId,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError> {
        let done = flow::Entity::delete_many().filter(version(issuer, id, before)).exec(&self.connection).await;
        Ok(WriteOutcome::of_rows(done.map_err(failed("login.remove_flow"))?.rows_affected))
    }

    async fn insert_proof(&mut self, proof: &MailProof) -> Result<(), StoreError> {
        let row = proof::ActiveModel {
            id: Set(proof.id.uuid()),
            issuer_id: Set(proof.issuer_id.uuid()),
            flow_id: Set(proof.flow_id.map(Id::uuid)),
            user_id: Set(proof.user_id.map(Id::uuid)),
            purpose: Set(to_word("login.insert_proof", &proof.purpose)?),
            browser: Set(proof.browser.as_bytes().to_vec()),
            token: Set(proof.token.to_bytes().to_vec()),
            code: Set(proof.code.to_bytes().to_vec()),
            failed: Set(proof.failed.into()),
            sealed: Set(proof.sealed.as_bytes().to_vec()),
            spent: Set(false),
            expires_at: Set(proof.expires_at.as_millis()),
            created_at: Set(proof.created_at.as_millis()),
        };
        let inserted = proof::Entity::insert(row).exec_without_returning(&self.connection).await;
        inserted.map(|_| ()).map_err(failed("login.insert_proof"))
    }

    async fn spend_proof(&mut self, issuer: IssuerId, id: MailProofId) -> Result<WriteOutcome, StoreError> {
        let done = proof::Entity::update_many()
            .set(proof::ActiveModel { spent: Set(true), sealed: Set(Vec::new()), ..Default::default() })
            .filter(one(issuer, id))
            .exec(&self.connection)
            .await
            .map_err(failed("login.spend_proof"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn replace_proof(&mut self, issuer: IssuerId, id: MailProofId) -> Result<WriteOutcome, StoreError> {
        let done = proof::Entity::delete_many().filter(one(issuer, id)).exec(&self.connection).await;
        Ok(WriteOutcome::of_rows(done.map_err(failed("login.replace_proof"))?.rows_affected))
    }

    async fn fail_proof(&mut self, proof: &MailProof) -> Result<WriteOutcome, StoreError> {
        let failures = i64::from(proof.failed);
        let done = proof::Entity::update_many()
            .set(proof::ActiveModel { failed: Set(failures.saturating_add(1)), ..Default::default() })
            .filter(one(proof.issuer_id, proof.id))
            .filter(proof::Column::Failed.eq(failures))
            .exec(&self.connection)
            .await
            .map_err(failed("login.fail_proof"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn remove_proofs_of_user(&mut self, issuer: IssuerId, user: UserId) -> Result<u64, StoreError> {
        let done = proof::Entity::delete_many()
            .filter(proof::Column::IssuerId.eq(issuer.uuid()))
            .filter(proof::Column::UserId.eq(user.uuid()))
            .filter(proof::Column::Spent.eq(false))
            .exec(&self.connection)
            .await
            .map_err(failed("login.remove_proofs_of_user"))?;
        Ok(done.rows_affected)
    }

    async fn lock_tries(&mut self, issuer: IssuerId, key: TriesKey) -> Result<Tries, StoreError> {
        const OPERATION: &str = "login.lock_tries";
        let empty = tries::ActiveModel {
            issuer_id: Set(issuer.uuid()),
            counted: Set(key.as_bytes().to_vec()),
            failed: Set(0),
            in_a_row: Set(0),
            locked_until: Set(None),
            kept_until: Set(self.now.as_millis()),
        };
        let columns = [tries::Column::IssuerId, tries::Column::Counted];
        let begun = tries::Entity::insert(empty)
            .on_conflict(OnConflict::columns(columns).do_nothing_on(columns).to_owned())
            .exec_without_returning(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        // MariaDB counts a row that was left alone like one that was written. Not `insert_unless_taken`: a failed insert holds
        // a shared lock there, and two of them wait for each other.
        if begun == 1 && self.connection.get_database_backend() != DbBackend::MySql {
            return Ok(Tries::default());
        }
        let row = tries::Entity::find()
            .filter(counted(issuer, key))
            .lock(LockType::Update)
            .one(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        tries_of(row)
    }

    async fn write_tries(
        &mut self,
        issuer: IssuerId,
        key: TriesKey,
        counts: Tries,
        keep: Timestamp,
    ) -> Result<(), StoreError> {
        let row = tries::ActiveModel {
            failed: Set(counts.failed.into()),
            in_a_row: Set(counts.in_a_row.into()),
            locked_until: Set(millis(counts.locked_until)),
            kept_until: Set(keep.as_millis()),
            ..Default::default()
        };
        let done = tries::Entity::update_many().set(row).filter(counted(issuer, key)).exec(&self.connection).await;
        done.map(|_| ()).map_err(failed("login.write_tries"))
    }

    async fn sweep(&mut self, limit: u32) -> Result<u64, StoreError> {
        Ok(self.sweep_flows(limit).await? + self.sweep_proofs(limit).await? + self.sweep_tries(limit).await?)
    }
}
