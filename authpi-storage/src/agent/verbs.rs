//! Verbs of agents. The counters of an agent change with its verifiers.

use async_trait::async_trait;
use authpi_core::agent::model::{Agent, AgentVerifier, AgentVerifierKind};
use authpi_core::agent::repository::AgentRepository;
use authpi_core::id::{AgentId, Id, IssuerId, VerifierId};
use authpi_core::outcome::{InsertOutcome, WriteOutcome};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, LockType};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::row::{agent, one, verifier_row, written};
use crate::entity::agent::{ActiveModel, Column, Entity};
use crate::entity::agent_verifier::{self, Column as Held};
use crate::error::failed;
use crate::insert::insert_unless_taken;
use crate::session::Unit;

impl Unit {
    /// Counts a verifier in, or out. The version of the agent stays: counters are derived data.
    async fn count_verifier(&self, verifier: &AgentVerifier, by: i64) -> Result<(), StoreError> {
        let column = match verifier.credential.kind() {
            AgentVerifierKind::Secret => Column::NSecrets,
            AgentVerifierKind::Wallet => Column::NWallets,
        };
        Entity::update_many()
            .col_expr(column, Expr::col(column).add(by))
            .filter(Column::Id.eq(verifier.agent_id.uuid()))
            .filter(Column::IssuerId.eq(verifier.issuer_id.uuid()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("agent.count_verifier"))
    }
}

#[async_trait]
impl AgentRepository for Unit {
    async fn insert(&mut self, agent: &Agent) -> Result<(), StoreError> {
        let row = ActiveModel {
            id: Set(agent.id.uuid()),
            issuer_id: Set(agent.issuer_id.uuid()),
            deleted: Set(false),
            deleted_at: Set(None),
            n_secrets: Set(agent.stats.secrets.into()),
            n_wallets: Set(agent.stats.wallets.into()),
            created_at: Set(agent.created_at.as_millis()),
            ..written(agent)?
        };
        Entity::insert(row).exec_without_returning(&self.connection).await.map(|_| ()).map_err(failed("agent.insert"))
    }

    async fn update(&mut self, agent: &Agent, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(written(agent)?)
            .filter(one(agent.issuer_id, agent.id))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("agent.update"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn begin_delete(
        &mut self,
        issuer: IssuerId,
        id: AgentId,
        before: Timestamp,
    ) -> Result<WriteOutcome, StoreError> {
        const OPERATION: &str = "agent.begin_delete";
        let done = Entity::update_many()
            .set(ActiveModel {
                deleted: Set(true),
                deleted_at: Set(Some(self.now.as_millis())),
                n_secrets: Set(0),
                n_wallets: Set(0),
                updated_at: Set(before.next_version(self.now).as_millis()),
                ..Default::default()
            })
            .filter(one(issuer, id))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        let outcome = WriteOutcome::of_rows(done.rows_affected);
        if outcome == WriteOutcome::Done {
            // As many as the limit at most, and free for other agents at once.
            agent_verifier::Entity::delete_many()
                .filter(Held::IssuerId.eq(issuer.uuid()))
                .filter(Held::AgentId.eq(id.uuid()))
                .exec(&self.connection)
                .await
                .map_err(failed(OPERATION))?;
        }
        Ok(outcome)
    }

    async fn lock(&mut self, issuer: IssuerId, id: AgentId) -> Result<Option<Agent>, StoreError> {
        let row = Entity::find()
            .filter(one(issuer, id))
            .lock(LockType::Update)
            .one(&self.connection)
            .await
            .map_err(failed("agent.lock"))?;
        row.map(agent).transpose()
    }

    async fn insert_verifier(&mut self, verifier: &AgentVerifier) -> Result<InsertOutcome, StoreError> {
        let wallet = [Held::IssuerId, Held::Chain, Held::Address];
        let row = agent_verifier::Entity::insert(verifier_row(verifier)?);
        let outcome =
            insert_unless_taken(row, wallet, &self.connection).await.map_err(failed("agent.insert_verifier"))?;
        if outcome == InsertOutcome::Taken {
            return Ok(outcome);
        }
        self.count_verifier(verifier, 1).await?;
        Ok(InsertOutcome::Inserted)
    }

    async fn remove_verifier(&mut self, verifier: &AgentVerifier) -> Result<WriteOutcome, StoreError> {
        let done = agent_verifier::Entity::delete_many()
            .filter(Held::Id.eq(verifier.id.uuid()))
            .filter(Held::AgentId.eq(verifier.agent_id.uuid()))
            .filter(Held::IssuerId.eq(verifier.issuer_id.uuid()))
            .filter(Held::UpdatedAt.eq(verifier.updated_at.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("agent.remove_verifier"))?;
        let outcome = WriteOutcome::of_rows(done.rows_affected);
        if outcome == WriteOutcome::Done {
            self.count_verifier(verifier, -1).await?;
        }
        Ok(outcome)
    }

    async fn count_use(
        &mut self,
        issuer: IssuerId,
        agent: AgentId,
        verifier: VerifierId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        agent_verifier::Entity::update_many()
            .col_expr(Held::UsageCount, Expr::col(Held::UsageCount).add(1_i64))
            .col_expr(Held::LastUsedAt, Expr::value(at.as_millis()))
            .filter(Held::Id.eq(verifier.uuid()))
            .filter(Held::AgentId.eq(agent.uuid()))
            .filter(Held::IssuerId.eq(issuer.uuid()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("agent.count_use"))
    }

    async fn remove(&mut self, issuer: IssuerId, id: AgentId) -> Result<(), StoreError> {
        Entity::delete_many()
            .filter(Column::Id.eq(id.uuid()))
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Deleted.eq(true))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("agent.remove"))
    }
}
