//! Notes on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::id::{AccountId, IssuerId, NoteId, UserId};
use crate::note::model::{Mention, Note, NoteRefType, NoteSubject, NoteSubjectType, Reference};
use crate::timestamp::Timestamp;

/// A note on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Note)]
pub(super) struct NoteView {
    id: NoteId,
    account_id: AccountId,
    /// Issuer of the subject; `null` when it is one.
    issuer_id: Option<IssuerId>,
    subject_type: NoteSubjectType,
    subject_id: String,
    /// Markdown. No place for personal data.
    content: String,
    pinned: bool,
    /// A user or a key.
    created_by: String,
    updated_by: Option<String>,
    created_at: Timestamp,
    updated_at: Option<Timestamp>,
    mentions: Vec<MentionView>,
    references: Vec<ReferenceView>,
}

/// A member of the team whom a note mentions.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = NoteMention)]
struct MentionView {
    mentioned_user_id: UserId,
    created_at: Timestamp,
}

/// Something that a note refers to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = NoteReference)]
struct ReferenceView {
    ref_type: NoteRefType,
    ref_id: String,
    /// Its issuer, of users, organizations and clients.
    ref_issuer_id: Option<IssuerId>,
    created_at: Timestamp,
}

impl From<Note> for NoteView {
    fn from(note: Note) -> Self {
        let is_issuer = matches!(note.subject, NoteSubject::Issuer(_));
        Self {
            id: note.id,
            account_id: note.account_id,
            issuer_id: (!is_issuer).then_some(note.issuer_id),
            subject_type: note.subject.kind(),
            subject_id: note.subject.id(),
            content: note.content,
            pinned: note.pinned,
            created_by: note.created_by,
            updated_by: note.updated_by,
            created_at: note.created_at,
            updated_at: Some(note.updated_at),
            mentions: note.mentions.iter().map(MentionView::from).collect(),
            references: note.references.iter().map(ReferenceView::from).collect(),
        }
    }
}

impl From<&Mention> for MentionView {
    fn from(mention: &Mention) -> Self {
        Self { mentioned_user_id: mention.user_id, created_at: mention.created_at }
    }
}

impl From<&Reference> for ReferenceView {
    fn from(reference: &Reference) -> Self {
        Self {
            ref_type: reference.target.kind(),
            ref_id: reference.target.id(),
            ref_issuer_id: reference.issuer_id,
            created_at: reference.created_at,
        }
    }
}

/// Notes that refer to something.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = NoteBacklinks)]
pub(super) struct BacklinksView(pub(super) Vec<NoteView>);

/// How many notes there are.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = NotesCountResponse)]
pub(super) struct CountView {
    pub(super) count: u64,
}
