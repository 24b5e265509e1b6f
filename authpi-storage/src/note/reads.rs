//! Questions about notes. A list walks the pinned notes, then the others: each is one stretch of an index.

use std::collections::HashMap;

use async_trait::async_trait;
use authpi_core::id::{AccountId, Id, IssuerId, NoteId};
use authpi_core::note::model::{Note, NoteSubject, NoteSubjectType, NoteTarget};
use authpi_core::note::repository::{DepartedSubject, NoteFilter, NotePosition, NoteReads};
use authpi_core::page::{EXAMINED_ROWS, Limit, PageRequest, SearchPage};
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
};
use uuid::Uuid;

use super::row::note;
use crate::convert::{id, time, to_word};
use crate::departed;
use crate::entity::note::{Column, Entity};
use crate::entity::note_mention::{self, Column as Named};
use crate::entity::note_reference::{self, Column as Linked};
use crate::error::failed;
use crate::session::Session;

const LIST: &str = "note.list";

/// What a search looks at.
#[derive(FromQueryResult)]
struct FactsRow {
    id: Uuid,
    issuer_id: Uuid,
    subject_type: String,
    subject_id: Uuid,
    created_by: String,
    pinned: bool,
    created_at: i64,
}

/// What a search looks for, as stored.
struct Wanted<'f> {
    subject_type: Option<String>,
    filter: &'f NoteFilter,
}

impl Wanted<'_> {
    fn of(filter: &NoteFilter) -> Result<Wanted<'_>, StoreError> {
        let kind = filter.subject.map(NoteSubject::kind).or(filter.subject_type);
        Ok(Wanted { subject_type: kind.map(|kind| to_word(LIST, &kind)).transpose()?, filter })
    }

    fn matches(&self, row: &FactsRow) -> bool {
        self.subject_type.as_ref().is_none_or(|kind| *kind == row.subject_type)
            && self.filter.subject.is_none_or(|subject| subject.uuid() == row.subject_id)
            && self.filter.issuer_id.is_none_or(|issuer| issuer.uuid() == row.issuer_id)
            && self.filter.created_by.as_ref().is_none_or(|author| *author == row.created_by)
    }

    /// More is asked for than the index tells that the list walks along.
    fn is_search(&self) -> bool {
        let filter = self.filter;
        let by_subject = filter.mentions_user_id.is_none() && filter.subject.is_some();
        filter.issuer_id.is_some() || filter.created_by.is_some() || (self.subject_type.is_some() && !by_subject)
    }
}

/// Behind a place among notes that are all pinned, or all not, in whichever table the list is walked along.
fn behind<C: ColumnTrait>(created_at: C, note: C, last: NotePosition) -> Condition {
    let at = last.at.as_millis();
    match last.id {
        None => Condition::all().add(created_at.lt(at)),
        Some(id) => {
            let same_time = Condition::all().add(created_at.eq(at)).add(note.lt(id.uuid()));
            // The first condition alone is what the index serves.
            Condition::all().add(created_at.lte(at)).add(Condition::any().add(created_at.lt(at)).add(same_time))
        }
    }
}

/// The notes that are pinned, or not, behind `last`.
fn stretch(account: AccountId, wanted: &Wanted<'_>, pinned: bool, last: Option<NotePosition>) -> Select<Entity> {
    if let Some(user) = wanted.filter.mentions_user_id {
        let mentions = Entity::belongs_to(note_mention::Entity).from(Column::Id).to(Named::NoteId);
        let mut query = Entity::find()
            .join(JoinType::InnerJoin, mentions.into())
            .filter(Named::AccountId.eq(account.uuid()))
            .filter(Named::UserId.eq(user.uuid()))
            .filter(Named::Pinned.eq(pinned));
        if let Some(last) = last {
            query = query.filter(behind(Named::CreatedAt, Named::NoteId, last));
        }
        return query.order_by_desc(Named::CreatedAt).order_by_desc(Named::NoteId);
    }
    let mut query = Entity::find().filter(Column::AccountId.eq(account.uuid())).filter(Column::Pinned.eq(pinned));
    if let (Some(subject), Some(kind)) = (wanted.filter.subject, &wanted.subject_type) {
        query = query.filter(Column::SubjectId.eq(subject.uuid())).filter(Column::SubjectType.eq(kind.as_str()));
    }
    if let Some(last) = last {
        query = query.filter(behind(Column::CreatedAt, Column::Id, last));
    }
    query.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id)
}

impl<C: ConnectionTrait + Send + Sync> Session<C> {
    /// The notes with these ids, in this order.
    async fn notes_by_id(&self, account: AccountId, ids: &[Uuid]) -> Result<Vec<Note>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = Entity::find()
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::Id.is_in(ids.iter().copied()))
            .all(&self.connection)
            .await
            .map_err(failed(LIST))?;
        let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
        // One that was removed since the search is left out.
        ids.iter().filter_map(|id| rows.remove(id)).map(note).collect()
    }

    /// Up to `limit` rows in the order of the list.
    async fn note_facts(
        &self,
        account: AccountId,
        wanted: &Wanted<'_>,
        after: Option<NotePosition>,
        limit: u64,
    ) -> Result<Vec<FactsRow>, StoreError> {
        let columns = [
            Column::Id,
            Column::IssuerId,
            Column::SubjectType,
            Column::SubjectId,
            Column::CreatedBy,
            Column::Pinned,
            Column::CreatedAt,
        ];
        let mut facts = Vec::new();
        for pinned in [true, false] {
            let is_past = after.is_some_and(|last| pinned && !last.pinned);
            let room = limit.saturating_sub(facts.len() as u64);
            if is_past || room == 0 || wanted.filter.pinned.is_some_and(|only| only != pinned) {
                continue;
            }
            let last = after.filter(|last| last.pinned == pinned);
            let found: Vec<FactsRow> = stretch(account, wanted, pinned, last)
                .select_only()
                .columns(columns)
                .limit(room)
                .into_model()
                .all(&self.connection)
                .await
                .map_err(failed(LIST))?;
            facts.extend(found);
        }
        Ok(facts)
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> NoteReads for Session<C> {
    async fn find(&self, account: AccountId, id: NoteId) -> Result<Option<Note>, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(Column::AccountId.eq(account.uuid()))
            .one(&self.connection)
            .await
            .map_err(failed("note.find"))?;
        row.map(note).transpose()
    }

    async fn list(
        &self,
        account: AccountId,
        filter: &NoteFilter,
        page: &PageRequest<NotePosition>,
    ) -> Result<SearchPage<Note, NotePosition>, StoreError> {
        let wanted = Wanted::of(filter)?;
        let examined = if wanted.is_search() { EXAMINED_ROWS as u64 } else { u64::from(page.limit.get()) };
        let rows = self.note_facts(account, &wanted, page.after, examined + 1).await?;
        let key = |row: &FactsRow| NotePosition { pinned: row.pinned, at: time(row.created_at), id: Some(id(row.id)) };
        let found = SearchPage::pick(rows, page.limit, key, |row| wanted.matches(row));
        let ids: Vec<_> = found.items.iter().map(|row| row.id).collect();
        Ok(SearchPage { items: self.notes_by_id(account, &ids).await?, next: found.next })
    }

    async fn backlinks(&self, account: AccountId, target: NoteTarget, limit: Limit) -> Result<Vec<Note>, StoreError> {
        const OPERATION: &str = "note.backlinks";
        let ids: Vec<Uuid> = note_reference::Entity::find()
            .select_only()
            .column(Linked::NoteId)
            .filter(Linked::AccountId.eq(account.uuid()))
            .filter(Linked::RefType.eq(to_word(OPERATION, &target.kind())?))
            .filter(Linked::RefId.eq(target.uuid()))
            .order_by_desc(Linked::CreatedAt)
            .order_by_desc(Linked::NoteId)
            .limit(u64::from(limit.get()))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        self.notes_by_id(account, &ids).await
    }

    async fn count(&self, account: AccountId, subject: NoteSubject) -> Result<u64, StoreError> {
        const OPERATION: &str = "note.count";
        Entity::find()
            .filter(Column::AccountId.eq(account.uuid()))
            .filter(Column::SubjectId.eq(subject.uuid()))
            .filter(Column::SubjectType.eq(to_word(OPERATION, &subject.kind())?))
            .count(&self.connection)
            .await
            .map_err(failed(OPERATION))
    }

    async fn existing(
        &self,
        account: AccountId,
        targets: &[NoteTarget],
    ) -> Result<Vec<(NoteTarget, Option<IssuerId>)>, StoreError> {
        self.existing_targets(account, targets).await
    }

    async fn departed(&self, since: Timestamp, limit: u32) -> Result<Vec<DepartedSubject>, StoreError> {
        const OPERATION: &str = "note.departed";
        let mut found = Vec::new();
        for kind in [NoteSubjectType::User, NoteSubjectType::Client, NoteSubjectType::Agent] {
            let notes = Entity::find().filter(Column::SubjectType.eq(to_word(OPERATION, &kind)?));
            let (connection, notes) = (&self.connection, (notes, [Column::IssuerId, Column::SubjectId]));
            let gone = match kind {
                NoteSubjectType::Client => departed::clients(connection, since, notes, limit).await,
                NoteSubjectType::Agent => departed::agents(connection, since, notes, limit).await,
                _ => departed::users(connection, since, notes, limit).await,
            };
            found.extend(gone.map_err(failed(OPERATION))?.into_iter().map(|(issuer, subject)| DepartedSubject {
                issuer_id: id(issuer),
                subject: NoteSubject::from_uuid(kind, subject),
            }));
        }
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }
}
