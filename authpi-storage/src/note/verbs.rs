//! Verbs of notes. What a note names is written and removed with it.

use async_trait::async_trait;
use authpi_core::id::{Id, IssuerId, UserId};
use authpi_core::note::model::{Note, NoteSubject};
use authpi_core::note::repository::NoteRepository;
use authpi_core::outcome::WriteOutcome;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::LockType;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::row::{mentions, references, whole, written};
use crate::batch;
use crate::convert::{to_json, to_word};
use crate::entity::note::{ActiveModel, Column, Entity};
use crate::entity::{note_mention, note_reference};
use crate::error::failed;
use crate::session::Unit;
use crate::version::next_version;

impl Unit {
    async fn insert_links(&self, note: &Note) -> Result<(), StoreError> {
        const OPERATION: &str = "note.insert_links";
        let mentions = mentions(note);
        if !mentions.is_empty() {
            note_mention::Entity::insert_many(mentions)
                .exec_without_returning(&self.connection)
                .await
                .map_err(failed(OPERATION))?;
        }
        let references = references(note)?;
        if !references.is_empty() {
            note_reference::Entity::insert_many(references)
                .exec_without_returning(&self.connection)
                .await
                .map_err(failed(OPERATION))?;
        }
        Ok(())
    }

    async fn delete_links(&self, notes: &[Uuid]) -> Result<(), StoreError> {
        const OPERATION: &str = "note.delete_links";
        note_mention::Entity::delete_many()
            .filter(note_mention::Column::NoteId.is_in(notes.iter().copied()))
            .exec(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        note_reference::Entity::delete_many()
            .filter(note_reference::Column::NoteId.is_in(notes.iter().copied()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed(OPERATION))
    }
}

#[async_trait]
impl NoteRepository for Unit {
    async fn insert(&mut self, note: &Note) -> Result<(), StoreError> {
        Entity::insert(whole(note)?).exec_without_returning(&self.connection).await.map_err(failed("note.insert"))?;
        self.insert_links(note).await
    }

    async fn update(&mut self, note: &Note, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(written(note)?)
            .filter(Column::Id.eq(note.id.uuid()))
            .filter(Column::AccountId.eq(note.account_id.uuid()))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("note.update"))?;
        let outcome = WriteOutcome::of_rows(done.rows_affected);
        if outcome == WriteOutcome::Done {
            self.delete_links(&[note.id.uuid()]).await?;
            self.insert_links(note).await?;
        }
        Ok(outcome)
    }

    async fn remove(&mut self, note: &Note) -> Result<WriteOutcome, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::Id.eq(note.id.uuid()))
            .filter(Column::AccountId.eq(note.account_id.uuid()))
            .filter(Column::UpdatedAt.eq(note.updated_at.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("note.remove"))?;
        let outcome = WriteOutcome::of_rows(done.rows_affected);
        if outcome == WriteOutcome::Done {
            self.delete_links(&[note.id.uuid()]).await?;
        }
        Ok(outcome)
    }

    async fn remove_of(&mut self, issuer: IssuerId, subject: NoteSubject, limit: u32) -> Result<u64, StoreError> {
        const OPERATION: &str = "note.remove_of";
        let which = Entity::find()
            .filter(Column::SubjectId.eq(subject.uuid()))
            .filter(Column::SubjectType.eq(to_word(OPERATION, &subject.kind())?))
            .filter(Column::IssuerId.eq(issuer.uuid()));
        let found = batch::first_keys(&self.connection, which, Column::Id, limit).await.map_err(failed(OPERATION))?;
        if found.is_empty() {
            return Ok(0);
        }
        self.delete_links(&found).await?;
        batch::remove::<Entity>(&self.connection, Column::Id, found).await.map_err(failed(OPERATION))
    }

    async fn forget_mentions(&mut self, user: UserId, limit: u32) -> Result<u64, StoreError> {
        const OPERATION: &str = "note.forget_mentions";
        let which = note_mention::Entity::find().filter(note_mention::Column::UserId.eq(user.uuid()));
        let found = batch::first_keys(&self.connection, which, note_mention::Column::NoteId, limit).await;
        let found = found.map_err(failed(OPERATION))?;
        if found.is_empty() {
            return Ok(0);
        }
        // Locked: what somebody else writes between here and the commit would be undone.
        let notes = Entity::find()
            .filter(Column::Id.is_in(found.iter().copied()))
            .order_by_asc(Column::Id)
            .lock(LockType::Update)
            .all(&self.connection)
            .await;
        for row in notes.map_err(failed(OPERATION))? {
            let mut note = super::row::note(row)?;
            note.mentions.retain(|mention| mention.user_id != user);
            Entity::update_many()
                .set(ActiveModel { mentions: Set(to_json(OPERATION, &note.mentions)?), ..Default::default() })
                .col_expr(Column::UpdatedAt, next_version(Column::UpdatedAt, self.now))
                .filter(Column::Id.eq(note.id.uuid()))
                .exec(&self.connection)
                .await
                .map_err(failed(OPERATION))?;
        }
        let done = note_mention::Entity::delete_many()
            .filter(note_mention::Column::UserId.eq(user.uuid()))
            .filter(note_mention::Column::NoteId.is_in(found))
            .exec(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        Ok(done.rows_affected)
    }
}
