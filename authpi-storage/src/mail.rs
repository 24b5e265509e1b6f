//! Mail in SQL.

use async_trait::async_trait;
use authpi_core::id::{AccountId, Id, InvitationId, IssuerId};
use authpi_core::mail::model::{Mail, Tally};
use authpi_core::mail::repository::{MailReads, MailRepository, TallyKey};
use authpi_core::outcome::WriteOutcome;
use authpi_core::seal::Sealed;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::convert::{Place, id, readable, time};
use crate::entity::mail::{ActiveModel, Column, Entity, Model};
use crate::entity::mail_tally::{self, Column as Counted};
use crate::error::failed;
use crate::lease::{LeaseColumns, lease};
use crate::session::{Session, Unit};

/// Where the lease of a mail stands.
const LEASE: LeaseColumns<Column> =
    LeaseColumns { attempts: Column::Attempts, taken: Column::LeasesTaken, due_at: Column::DueAt };

fn mail(row: Model) -> Result<Mail, StoreError> {
    let place = Place { table: "authpi_mail", id: row.id };
    Ok(Mail {
        id: id(row.id),
        account_id: id(row.account_id),
        issuer_id: id(row.issuer_id),
        user_id: row.user_id.map(id),
        org_id: row.org_id.map(id),
        invitation_id: row.invitation_id.map(id),
        template: place.word("template", &row.template)?,
        cause: row.cause.map(id),
        recipient_hash: place.bytes32("recipient_hash", &row.recipient_hash)?,
        sealed: Sealed::from_bytes(row.sealed),
        lease: lease(place, row.attempts, row.leases_taken, row.due_at)?,
        created_at: time(row.created_at),
    })
}

/// The mail as somebody read it.
fn still(mail: &Mail) -> Condition {
    LEASE.still(mail.lease).add(Column::Id.eq(mail.id.uuid())).add(Column::IssuerId.eq(mail.issuer_id.uuid()))
}

fn counted(key: &TallyKey) -> Condition {
    Condition::all()
        .add(Counted::IssuerId.eq(key.issuer_id.uuid()))
        .add(Counted::Template.eq(key.template.as_str()))
        .add(Counted::About.eq(key.about))
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> MailReads for Session<C> {
    async fn due(&self, now: Timestamp, limit: u32, busy: &[AccountId]) -> Result<Vec<Mail>, StoreError> {
        let mut query = Entity::find().filter(Column::DueAt.lte(now.as_millis()));
        if !busy.is_empty() {
            query = query.filter(Column::AccountId.is_not_in(busy.iter().map(|account| account.uuid())));
        }
        let rows = query
            .order_by_asc(Column::DueAt)
            .limit(u64::from(limit))
            .all(&self.connection)
            .await
            .map_err(failed("mail.due"))?;
        Ok(readable(rows.into_iter().map(mail)))
    }

    async fn made_before(&self, at: Timestamp, limit: u32) -> Result<Vec<Mail>, StoreError> {
        let rows = Entity::find()
            .filter(Column::CreatedAt.lt(at.as_millis()))
            .order_by_asc(Column::CreatedAt)
            .limit(u64::from(limit))
            .all(&self.connection)
            .await
            .map_err(failed("mail.made_before"))?;
        Ok(readable(rows.into_iter().map(mail)))
    }
}

#[async_trait]
impl MailRepository for Unit {
    async fn enqueue(&mut self, mail: &Mail) -> Result<(), StoreError> {
        let row = ActiveModel {
            id: Set(mail.id.uuid()),
            account_id: Set(mail.account_id.uuid()),
            issuer_id: Set(mail.issuer_id.uuid()),
            user_id: Set(mail.user_id.map(Id::uuid)),
            org_id: Set(mail.org_id.map(Id::uuid)),
            invitation_id: Set(mail.invitation_id.map(Id::uuid)),
            template: Set(mail.template.as_str().to_owned()),
            cause: Set(mail.cause.map(Id::uuid)),
            recipient_hash: Set(mail.recipient_hash.to_vec()),
            sealed: Set(mail.sealed.as_bytes().to_vec()),
            created_at: Set(mail.created_at.as_millis()),
            ..Default::default()
        };
        let row = LEASE.written(mail.lease, row).map_err(failed("mail.enqueue"))?;
        Entity::insert(row).exec_without_returning(&self.connection).await.map(|_| ()).map_err(failed("mail.enqueue"))
    }

    async fn update(&mut self, mail: &Mail, before: &Mail) -> Result<WriteOutcome, StoreError> {
        let row = LEASE.written(mail.lease, ActiveModel::default()).map_err(failed("mail.update"))?;
        let done = Entity::update_many().set(row).filter(still(before)).exec(&self.connection).await;
        Ok(WriteOutcome::of_rows(done.map_err(failed("mail.update"))?.rows_affected))
    }

    async fn remove(&mut self, mail: &Mail) -> Result<WriteOutcome, StoreError> {
        let done = Entity::delete_many().filter(still(mail)).exec(&self.connection).await;
        Ok(WriteOutcome::of_rows(done.map_err(failed("mail.remove"))?.rows_affected))
    }

    async fn remove_of_invitation(&mut self, issuer: IssuerId, invitation: InvitationId) -> Result<(), StoreError> {
        Entity::delete_many()
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::InvitationId.eq(invitation.uuid()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("mail.remove_of_invitation"))
    }

    async fn lock_tally(&mut self, key: &TallyKey) -> Result<Tally, StoreError> {
        let empty = mail_tally::ActiveModel {
            issuer_id: Set(key.issuer_id.uuid()),
            template: Set(key.template.as_str().to_owned()),
            about: Set(key.about),
            started_at: Set(self.now.as_millis()),
            sent: Set(0),
            folded: Set(0),
        };
        let columns = [Counted::IssuerId, Counted::Template, Counted::About];
        mail_tally::Entity::insert(empty)
            .on_conflict(OnConflict::columns(columns).do_nothing_on(columns).to_owned())
            .exec_without_returning(&self.connection)
            .await
            .map_err(failed("mail.lock_tally"))?;
        let row = mail_tally::Entity::find()
            .filter(counted(key))
            .lock(LockType::Update)
            .one(&self.connection)
            .await
            .map_err(failed("mail.lock_tally"))?;
        let Some(row) = row else { return Ok(Tally::default()) };
        let place = Place { table: "authpi_mail_tally", id: key.about };
        Ok(Tally {
            started_at: time(row.started_at),
            sent: place.count("sent", row.sent)?,
            folded: place.count("folded", row.folded)?,
        })
    }

    async fn write_tally(&mut self, key: &TallyKey, tally: Tally) -> Result<(), StoreError> {
        mail_tally::Entity::update_many()
            .set(mail_tally::ActiveModel {
                started_at: Set(tally.started_at.as_millis()),
                sent: Set(tally.sent.into()),
                folded: Set(tally.folded.into()),
                ..Default::default()
            })
            .filter(counted(key))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("mail.write_tally"))
    }

    async fn purge_tallies(&mut self, at: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let old = mail_tally::Entity::find()
            .filter(Counted::StartedAt.lt(at.as_millis()))
            .order_by_asc(Counted::StartedAt)
            .limit(u64::from(limit))
            .all(&self.connection)
            .await
            .map_err(failed("mail.purge_tallies"))?;
        let mut removed = 0;
        for row in old {
            let done = mail_tally::Entity::delete_many()
                .filter(Counted::IssuerId.eq(row.issuer_id))
                .filter(Counted::Template.eq(row.template))
                .filter(Counted::About.eq(row.about))
                .filter(Counted::StartedAt.lt(at.as_millis()))
                .exec(&self.connection)
                .await
                .map_err(failed("mail.purge_tallies"))?;
            removed += done.rows_affected;
        }
        Ok(removed)
    }
}
