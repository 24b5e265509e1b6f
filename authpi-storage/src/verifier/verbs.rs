//! Verbs of credentials.

use async_trait::async_trait;
use authpi_core::id::{Id, IssuerId, UserId};
use authpi_core::outcome::{SpendOutcome, WriteOutcome};
use authpi_core::secret::SecretHash;
use authpi_core::store::{StoreError, StoreErrorKind};
use authpi_core::timestamp::Timestamp;
use authpi_core::verifier::model::{Attempts, Enrollment, PasswordHash, Proof, StoredCode, Verifier};
use authpi_core::verifier::repository::VerifierRepository;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder};

use super::reads::of;
use crate::batch;
use crate::convert::{millis, to_word};
use crate::entity::user_verifier::{ActiveModel, Column, Entity};
use crate::entity::{user_backup_code as code, user_enrollment as enrollment};
use crate::error::failed;
use crate::session::Unit;

/// The columns that change.
fn written(verifier: &Verifier) -> Result<ActiveModel, StoreError> {
    let row = ActiveModel {
        name: Set(verifier.name.clone()),
        expires_at: Set(millis(verifier.expires_at())),
        secret_at: Set(verifier.proof_set_at.as_millis()),
        by_another: Set(verifier.by_another),
        updated_at: Set(verifier.updated_at.as_millis()),
        ..counted(verifier.attempts)
    };
    Ok(match &verifier.proof {
        Proof::Password { hash } | Proof::TemporaryPassword { hash, .. } => {
            ActiveModel { secret: Set(Some(hash.as_phc().as_bytes().to_vec())), ..row }
        }
        Proof::Totp { seed, last_step } => ActiveModel {
            secret: Set(Some(seed.as_bytes().to_vec())),
            last_step: Set(Some(step_column(*last_step)?)),
            ..row
        },
        Proof::BackupCodes { total, remaining } => {
            ActiveModel { codes: Set(Some((*total).into())), codes_left: Set(Some((*remaining).into())), ..row }
        }
    })
}

fn counted(attempts: Attempts) -> ActiveModel {
    ActiveModel {
        failed: Set(attempts.failed.into()),
        locked_until: Set(millis(attempts.locked_until)),
        ..Default::default()
    }
}

fn step_column(step: u64) -> Result<i64, StoreError> {
    i64::try_from(step).map_err(|error| StoreError::new(StoreErrorKind::Bug, "verifier.step", error))
}

fn one(verifier: &Verifier) -> Condition {
    of(verifier.issuer_id, verifier.user_id).add(Column::Id.eq(verifier.id.uuid()))
}

fn spent(rows: u64) -> SpendOutcome {
    if rows == 1 { SpendOutcome::Spent } else { SpendOutcome::SpentBefore }
}

impl Unit {
    async fn delete_codes(&self, of: Condition) -> Result<u64, StoreError> {
        let done = code::Entity::delete_many().filter(of).exec(&self.connection).await;
        Ok(done.map_err(failed("verifier.delete_codes"))?.rows_affected)
    }

    async fn delete_enrollments(&self, of: Condition) -> Result<u64, StoreError> {
        let done = enrollment::Entity::delete_many().filter(of).exec(&self.connection).await;
        Ok(done.map_err(failed("verifier.delete_enrollments"))?.rows_affected)
    }

    /// Temporary passwords whose time is over.
    async fn sweep_verifiers(&self, limit: u32) -> Result<u64, StoreError> {
        let which = Entity::find().filter(Column::ExpiresAt.lte(self.now.as_millis())).order_by_asc(Column::ExpiresAt);
        let due =
            batch::first_keys(&self.connection, which, Column::Id, limit).await.map_err(failed("verifier.sweep"))?;
        if due.is_empty() {
            return Ok(0);
        }
        let done = Entity::delete_many()
            .filter(Column::Id.is_in(due))
            .filter(Column::ExpiresAt.lte(self.now.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("verifier.sweep"))?;
        Ok(done.rows_affected)
    }

    async fn sweep_enrollments(&self, limit: u32) -> Result<u64, StoreError> {
        use enrollment::Column;
        let which = enrollment::Entity::find()
            .filter(Column::ExpiresAt.lte(self.now.as_millis()))
            .order_by_asc(Column::ExpiresAt);
        let removed = batch::remove_first(&self.connection, which, Column::Id, limit).await;
        removed.map_err(failed("verifier.sweep"))
    }
}

fn codes_of(verifier: &Verifier) -> Condition {
    Condition::all()
        .add(code::Column::VerifierId.eq(verifier.id.uuid()))
        .add(code::Column::IssuerId.eq(verifier.issuer_id.uuid()))
        .add(code::Column::UserId.eq(verifier.user_id.uuid()))
}

fn enrollments_of(issuer: IssuerId, user: UserId) -> Condition {
    Condition::all().add(enrollment::Column::IssuerId.eq(issuer.uuid())).add(enrollment::Column::UserId.eq(user.uuid()))
}

#[async_trait]
impl VerifierRepository for Unit {
    async fn insert(&mut self, verifier: &Verifier) -> Result<(), StoreError> {
        let row = ActiveModel {
            id: Set(verifier.id.uuid()),
            issuer_id: Set(verifier.issuer_id.uuid()),
            user_id: Set(verifier.user_id.uuid()),
            method: Set(to_word("verifier.insert", &verifier.kind())?),
            last_used_at: Set(millis(verifier.last_used_at)),
            created_at: Set(verifier.created_at.as_millis()),
            ..written(verifier)?
        };
        Entity::insert(row)
            .exec_without_returning(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("verifier.insert"))
    }

    async fn update(&mut self, verifier: &Verifier, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(written(verifier)?)
            .filter(one(verifier).add(Column::UpdatedAt.eq(before.as_millis())))
            .exec(&self.connection)
            .await
            .map_err(failed("verifier.update"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn rename(&mut self, verifier: &Verifier, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let row = ActiveModel {
            name: Set(verifier.name.clone()),
            updated_at: Set(verifier.updated_at.as_millis()),
            ..Default::default()
        };
        let done = Entity::update_many()
            .set(row)
            .filter(one(verifier).add(Column::UpdatedAt.eq(before.as_millis())))
            .exec(&self.connection)
            .await
            .map_err(failed("verifier.rename"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn remove(&mut self, verifier: &Verifier) -> Result<WriteOutcome, StoreError> {
        let done = Entity::delete_many()
            .filter(one(verifier).add(Column::UpdatedAt.eq(verifier.updated_at.as_millis())))
            .exec(&self.connection)
            .await
            .map_err(failed("verifier.remove"))?;
        let outcome = WriteOutcome::of_rows(done.rows_affected);
        if outcome == WriteOutcome::Done {
            self.delete_codes(codes_of(verifier)).await?;
        }
        Ok(outcome)
    }

    async fn count_attempts(&mut self, verifier: &Verifier, attempts: Attempts) -> Result<(), StoreError> {
        Entity::update_many()
            .set(counted(attempts))
            .filter(one(verifier))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("verifier.count_attempts"))
    }

    async fn accept_password(
        &mut self,
        verifier: &Verifier,
        anew: Option<&PasswordHash>,
    ) -> Result<WriteOutcome, StoreError> {
        let Proof::Password { hash } = &verifier.proof else { return Ok(WriteOutcome::Stale) };
        let row = ActiveModel {
            last_used_at: Set(Some(self.now.as_millis())),
            secret: anew.map_or(sea_orm::ActiveValue::NotSet, |anew| Set(Some(anew.as_phc().as_bytes().to_vec()))),
            ..counted(Attempts::default())
        };
        let done = Entity::update_many()
            .set(row)
            .filter(one(verifier).add(Column::Secret.eq(hash.as_phc().as_bytes().to_vec())))
            .exec(&self.connection)
            .await
            .map_err(failed("verifier.accept_password"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn spend_step(&mut self, verifier: &Verifier, step: u64) -> Result<SpendOutcome, StoreError> {
        let step = step_column(step)?;
        let done = Entity::update_many()
            .set(ActiveModel {
                last_step: Set(Some(step)),
                last_used_at: Set(Some(self.now.as_millis())),
                ..counted(Attempts::default())
            })
            .filter(one(verifier).add(Column::LastStep.lt(step)))
            .exec(&self.connection)
            .await
            .map_err(failed("verifier.spend_step"))?;
        Ok(spent(done.rows_affected))
    }

    async fn spend_code(&mut self, verifier: &Verifier, code: &StoredCode) -> Result<SpendOutcome, StoreError> {
        let this_one = codes_of(verifier)
            .add(code::Column::Number.eq(i64::from(code.number)))
            .add(code::Column::Hash.eq(code.hash.to_bytes().to_vec()));
        let outcome = spent(self.delete_codes(this_one).await?);
        if outcome == SpendOutcome::Spent {
            Entity::update_many()
                .set(ActiveModel { last_used_at: Set(Some(self.now.as_millis())), ..counted(Attempts::default()) })
                .col_expr(Column::CodesLeft, Expr::col(Column::CodesLeft).sub(1))
                .filter(one(verifier))
                .exec(&self.connection)
                .await
                .map_err(failed("verifier.spend_code"))?;
        }
        Ok(outcome)
    }

    async fn replace_codes(&mut self, verifier: &Verifier, codes: &[SecretHash]) -> Result<(), StoreError> {
        self.delete_codes(codes_of(verifier)).await?;
        let rows: Vec<_> = (0_i64..)
            .zip(codes)
            .map(|(number, hash)| code::ActiveModel {
                verifier_id: Set(verifier.id.uuid()),
                number: Set(number),
                issuer_id: Set(verifier.issuer_id.uuid()),
                user_id: Set(verifier.user_id.uuid()),
                hash: Set(hash.to_bytes().to_vec()),
            })
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        code::Entity::insert_many(rows)
            .exec_without_returning(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("verifier.replace_codes"))
    }

    async fn begin_enrollment(&mut self, begun: &Enrollment) -> Result<(), StoreError> {
        self.delete_enrollments(enrollments_of(begun.issuer_id, begun.user_id)).await?;
        let row = enrollment::ActiveModel {
            id: Set(begun.id.uuid()),
            issuer_id: Set(begun.issuer_id.uuid()),
            user_id: Set(begun.user_id.uuid()),
            name: Set(begun.name.clone()),
            seed: Set(begun.seed.as_bytes().to_vec()),
            failed: Set(begun.failed.into()),
            expires_at: Set(begun.expires_at.as_millis()),
            created_at: Set(begun.created_at.as_millis()),
        };
        enrollment::Entity::insert(row)
            .exec_without_returning(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("verifier.begin_enrollment"))
    }

    async fn fail_enrollment(&mut self, begun: &Enrollment) -> Result<(), StoreError> {
        enrollment::Entity::update_many()
            .col_expr(enrollment::Column::Failed, Expr::col(enrollment::Column::Failed).add(1))
            .filter(enrollments_of(begun.issuer_id, begun.user_id).add(enrollment::Column::Id.eq(begun.id.uuid())))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("verifier.fail_enrollment"))
    }

    async fn end_enrollment(&mut self, begun: &Enrollment) -> Result<SpendOutcome, StoreError> {
        let this_one = enrollments_of(begun.issuer_id, begun.user_id).add(enrollment::Column::Id.eq(begun.id.uuid()));
        self.delete_enrollments(this_one).await.map(spent)
    }

    async fn remove_enrollments(&mut self, issuer: IssuerId, user: UserId) -> Result<(), StoreError> {
        self.delete_enrollments(enrollments_of(issuer, user)).await.map(|_| ())
    }

    async fn remove_of_user(&mut self, issuer: IssuerId, user: UserId) -> Result<u64, StoreError> {
        self.delete_enrollments(enrollments_of(issuer, user)).await?;
        let codes =
            Condition::all().add(code::Column::IssuerId.eq(issuer.uuid())).add(code::Column::UserId.eq(user.uuid()));
        self.delete_codes(codes).await?;
        let done = Entity::delete_many().filter(of(issuer, user)).exec(&self.connection).await;
        Ok(done.map_err(failed("verifier.remove_of_user"))?.rows_affected)
    }

    async fn sweep(&mut self, limit: u32) -> Result<u64, StoreError> {
        Ok(self.sweep_verifiers(limit).await? + self.sweep_enrollments(limit).await?)
    }
}
