//! What storage answers and does for notes.

use async_trait::async_trait;

use super::model::{Note, NoteSubject, NoteSubjectType, NoteTarget};
use crate::error::StoreError;
use crate::id::{AccountId, IssuerId, NoteId, UserId};
use crate::outcome::WriteOutcome;
use crate::page::{CursorKey, Limit, PageRequest, SearchPage};
use crate::timestamp::Timestamp;

/// Which notes a list shows; all conditions hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoteFilter {
    /// About things of this kind.
    pub subject_type: Option<NoteSubjectType>,
    /// About this very thing.
    pub subject: Option<NoteSubject>,
    /// About things of this issuer.
    pub issuer_id: Option<IssuerId>,
    /// Written by this user or key.
    pub created_by: Option<String>,
    /// Pinned, or not.
    pub pinned: Option<bool>,
    /// Mentioning this user.
    pub mentions_user_id: Option<UserId>,
}

/// The place of a note in lists: pinned ones first, then by time, then by id.
///
/// The documented cursor is `pinned:timestamp`. Of several notes of one millisecond that would skip some, so ours ends
/// with the id, and without one it means the place behind all of that millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotePosition {
    /// Among the pinned ones.
    pub pinned: bool,
    /// When it was written.
    pub at: Timestamp,
    /// Which, among those of the same millisecond.
    pub id: Option<NoteId>,
}

impl From<&Note> for NotePosition {
    fn from(note: &Note) -> Self {
        Self { pinned: note.pinned, at: note.created_at, id: Some(note.id) }
    }
}

impl CursorKey for NotePosition {
    fn encode(&self) -> String {
        let (pinned, at) = (self.pinned, self.at.as_millis());
        match self.id {
            Some(id) => format!("{pinned}:{at}:{id}"),
            None => format!("{pinned}:{at}"),
        }
    }

    fn decode(cursor: &str) -> Option<Self> {
        let mut parts = cursor.splitn(3, ':');
        let pinned = parts.next()?.parse().ok()?;
        let at = Timestamp::from_millis(parts.next()?.parse().ok()?);
        let id = parts.next().map(str::parse).transpose().ok()?;
        let position = Self { pinned, at, id };
        // One spelling only: no plus sign, no leading zeros.
        (position.encode() == cursor).then_some(position)
    }
}

/// Something that was deleted and still has notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepartedSubject {
    /// Where it lived.
    pub issuer_id: IssuerId,
    /// What.
    pub subject: NoteSubject,
}

/// Questions about notes.
#[async_trait]
pub trait NoteReads: Send + Sync {
    /// One note of the account.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, account: AccountId, id: NoteId) -> Result<Option<Note>, StoreError>;

    /// Notes of the account: pinned ones first, then the newest.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(
        &self,
        account: AccountId,
        filter: &NoteFilter,
        page: &PageRequest<NotePosition>,
    ) -> Result<SearchPage<Note, NotePosition>, StoreError>;

    /// Notes of the account that refer to something, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn backlinks(&self, account: AccountId, target: NoteTarget, limit: Limit) -> Result<Vec<Note>, StoreError>;

    /// How many notes of the account are about something.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count(&self, account: AccountId, subject: NoteSubject) -> Result<u64, StoreError>;

    /// Those of `targets` that are there in the account, in their order, with the issuer of what belongs to one.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn existing(
        &self,
        account: AccountId,
        targets: &[NoteTarget],
    ) -> Result<Vec<(NoteTarget, Option<IssuerId>)>, StoreError>;

    /// At most `limit` users, clients and agents of all issuers whose own deletion was accepted at `since` or later, and
    /// that still have notes: work for the removal worker. Costs a look at everybody who was deleted since then.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn departed(&self, since: Timestamp, limit: u32) -> Result<Vec<DepartedSubject>, StoreError>;
}

/// Writes of notes. What a note names is written with it.
#[async_trait]
pub trait NoteRepository: NoteReads {
    /// Adds a note.
    ///
    /// # Errors
    /// [`StoreError`], `Conflict` when the id exists.
    async fn insert(&mut self, note: &Note) -> Result<(), StoreError>;

    /// Writes content, place, editor, what it names, and version, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, note: &Note, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Removes a note, if the stored version still is that of `note`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&mut self, note: &Note) -> Result<WriteOutcome, StoreError>;

    /// Removes at most `limit` notes about something of an issuer. Returns how many; repeat until there are none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_of(&mut self, issuer: IssuerId, subject: NoteSubject, limit: u32) -> Result<u64, StoreError>;

    /// Takes somebody out of those whom notes mention, in at most `limit` notes. Each gets another version: whoever
    /// read it before cannot write the mention back. Returns how many; repeat until there are none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn forget_mentions(&mut self, user: UserId, limit: u32) -> Result<u64, StoreError>;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::id::Id;

    #[test]
    fn a_cursor_is_pinned_and_timestamp_with_or_without_an_id() {
        let at = Timestamp::from_millis(1_781_222_400_000);
        let documented = NotePosition { pinned: true, at, id: None };
        assert_eq!(NotePosition::decode("true:1781222400000"), Some(documented));
        for text in ["", "true", "1:1781222400000", "true:", "true:+1", "true:01", "true:1:", "true:1:x", "yes:1"] {
            assert_eq!(NotePosition::decode(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn cursors_survive_the_round_trip(pinned: bool, millis: i64, value: Option<u128>) {
            let id = value.map(|value| NoteId::from_uuid(Uuid::from_u128(value)));
            let position = NotePosition { pinned, at: Timestamp::from_millis(millis), id };
            prop_assert_eq!(NotePosition::decode(&position.encode()), Some(position));
        }

        #[test]
        fn any_text_decodes_or_is_refused(text: String) {
            if let Some(position) = NotePosition::decode(&text) {
                prop_assert_eq!(position.encode(), text);
            }
        }
    }
}
