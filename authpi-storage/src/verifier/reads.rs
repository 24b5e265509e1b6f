//! Questions about credentials.

use async_trait::async_trait;
use authpi_core::id::{EnrollmentId, Id, IssuerId, UserId, VerifierId};
use authpi_core::seal::Sealed;
use authpi_core::store::StoreError;
use authpi_core::verifier::model::{Attempts, Enrollment, PasswordHash, Proof, StoredCode, Verifier, VerifierKind};
use authpi_core::verifier::repository::VerifierReads;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter};

use crate::convert::{Place, id, time};
use crate::entity::user_verifier::{Column, Entity, Model};
use crate::entity::{user_backup_code as code, user_enrollment as enrollment};
use crate::error::failed;
use crate::session::Session;

/// The credentials of a user.
pub(super) fn of(issuer: IssuerId, user: UserId) -> Condition {
    Condition::all().add(Column::IssuerId.eq(issuer.uuid())).add(Column::UserId.eq(user.uuid()))
}

fn verifier(row: &Model) -> Result<Verifier, StoreError> {
    let place = Place { table: "authpi_user_verifier", id: row.id };
    let failed_attempts = place.count("failed", row.failed)?;
    Ok(Verifier {
        id: id(row.id),
        issuer_id: id(row.issuer_id),
        user_id: id(row.user_id),
        attempts: Attempts { failed: failed_attempts, locked_until: row.locked_until.map(time) },
        proof_set_at: time(row.secret_at),
        by_another: row.by_another,
        last_used_at: row.last_used_at.map(time),
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
        name: row.name.clone(),
        proof: proof(place, row)?,
    })
}

fn proof(place: Place, row: &Model) -> Result<Proof, StoreError> {
    let secret = || row.secret.clone().ok_or_else(|| place.corrupt("secret"));
    let hash = || {
        let phc = String::from_utf8(secret()?).map_err(|_| place.corrupt("secret"))?;
        Ok::<_, StoreError>(PasswordHash::from_phc(phc))
    };
    let count = |column, value: Option<i64>| place.count(column, value.ok_or_else(|| place.corrupt(column))?);
    match place.word::<VerifierKind>("method", &row.method)? {
        VerifierKind::Password => Ok(Proof::Password { hash: hash()? }),
        VerifierKind::TemporaryPassword => {
            let expires_at = row.expires_at.ok_or_else(|| place.corrupt("expires_at"))?;
            Ok(Proof::TemporaryPassword { hash: hash()?, expires_at: time(expires_at) })
        }
        VerifierKind::Totp => {
            let step = row.last_step.and_then(|step| u64::try_from(step).ok());
            let last_step = step.ok_or_else(|| place.corrupt("last_step"))?;
            Ok(Proof::Totp { seed: Sealed::from_bytes(secret()?), last_step })
        }
        VerifierKind::BackupCodes => Ok(Proof::BackupCodes {
            total: count("codes", row.codes)?,
            remaining: count("codes_left", row.codes_left)?,
        }),
        _ => Err(place.corrupt("method")),
    }
}

fn enrollment_of(row: enrollment::Model) -> Result<Enrollment, StoreError> {
    let place = Place { table: "authpi_user_enrollment", id: row.id };
    Ok(Enrollment {
        id: id(row.id),
        issuer_id: id(row.issuer_id),
        user_id: id(row.user_id),
        name: row.name,
        seed: Sealed::from_bytes(row.seed),
        failed: place.count("failed", row.failed)?,
        expires_at: time(row.expires_at),
        created_at: time(row.created_at),
    })
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> VerifierReads for Session<C> {
    async fn find(&self, issuer: IssuerId, user: UserId, id: VerifierId) -> Result<Option<Verifier>, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(of(issuer, user))
            .one(&self.connection)
            .await
            .map_err(failed("verifier.find"))?;
        row.as_ref().map(verifier).transpose()
    }

    async fn of_user(&self, issuer: IssuerId, user: UserId) -> Result<Vec<Verifier>, StoreError> {
        let mut rows =
            Entity::find().filter(of(issuer, user)).all(&self.connection).await.map_err(failed("verifier.of_user"))?;
        // They are few: sorted here, they need no index for it.
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
        rows.iter().map(verifier).collect()
    }

    async fn count(&self, issuer: IssuerId, user: UserId) -> Result<u64, StoreError> {
        Entity::find().filter(of(issuer, user)).count(&self.connection).await.map_err(failed("verifier.count"))
    }

    async fn codes(&self, issuer: IssuerId, user: UserId, set: VerifierId) -> Result<Vec<StoredCode>, StoreError> {
        let rows = code::Entity::find()
            .filter(code::Column::VerifierId.eq(set.uuid()))
            .filter(code::Column::IssuerId.eq(issuer.uuid()))
            .filter(code::Column::UserId.eq(user.uuid()))
            .all(&self.connection)
            .await
            .map_err(failed("verifier.codes"))?;
        let stored = |row: code::Model| {
            let place = Place { table: "authpi_user_backup_code", id: row.verifier_id };
            Ok(StoredCode { number: place.count("number", row.number)?, hash: place.hash("hash", &row.hash)? })
        };
        rows.into_iter().map(stored).collect()
    }

    async fn enrollment(
        &self,
        issuer: IssuerId,
        user: UserId,
        id: EnrollmentId,
    ) -> Result<Option<Enrollment>, StoreError> {
        let row = enrollment::Entity::find_by_id(id.uuid())
            .filter(enrollment::Column::IssuerId.eq(issuer.uuid()))
            .filter(enrollment::Column::UserId.eq(user.uuid()))
            .one(&self.connection)
            .await
            .map_err(failed("verifier.enrollment"))?;
        row.map(enrollment_of).transpose()
    }
}
