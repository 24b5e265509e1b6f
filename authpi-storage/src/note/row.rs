//! Rows of notes and of what they name.

use authpi_core::id::Id;
use authpi_core::note::model::{Note, NoteSubject};
use authpi_core::store::StoreError;
use sea_orm::ActiveValue::Set;

use crate::convert::{Place, id, time, to_json, to_word};
use crate::entity::note::{ActiveModel, Model};
use crate::entity::{note_mention, note_reference};

const WRITE: &str = "note.write";

pub(super) fn note(row: Model) -> Result<Note, StoreError> {
    let place = Place { table: "authpi_note", id: row.id };
    Ok(Note {
        id: id(row.id),
        account_id: id(row.account_id),
        issuer_id: id(row.issuer_id),
        subject: NoteSubject::from_uuid(place.word("subject_type", &row.subject_type)?, row.subject_id),
        content: row.content,
        pinned: row.pinned,
        created_by: row.created_by,
        updated_by: row.updated_by,
        mentions: place.json("mentions", row.mentions)?,
        references: place.json("refs", row.refs)?,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

/// The columns that a caller's change writes.
pub(super) fn written(note: &Note) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        content: Set(note.content.clone()),
        pinned: Set(note.pinned),
        updated_by: Set(note.updated_by.clone()),
        mentions: Set(to_json(WRITE, &note.mentions)?),
        refs: Set(to_json(WRITE, &note.references)?),
        updated_at: Set(note.updated_at.as_millis()),
        ..Default::default()
    })
}

/// Everything of a note.
pub(super) fn whole(note: &Note) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        id: Set(note.id.uuid()),
        account_id: Set(note.account_id.uuid()),
        issuer_id: Set(note.issuer_id.uuid()),
        subject_type: Set(to_word(WRITE, &note.subject.kind())?),
        subject_id: Set(note.subject.uuid()),
        created_by: Set(note.created_by.clone()),
        created_at: Set(note.created_at.as_millis()),
        ..written(note)?
    })
}

pub(super) fn mentions(note: &Note) -> Vec<note_mention::ActiveModel> {
    let mention = |user| note_mention::ActiveModel {
        note_id: Set(note.id.uuid()),
        user_id: Set(user),
        account_id: Set(note.account_id.uuid()),
        issuer_id: Set(note.issuer_id.uuid()),
        pinned: Set(note.pinned),
        created_at: Set(note.created_at.as_millis()),
    };
    note.mentions.iter().map(|one| mention(one.user_id.uuid())).collect()
}

pub(super) fn references(note: &Note) -> Result<Vec<note_reference::ActiveModel>, StoreError> {
    note.references
        .iter()
        .map(|reference| {
            Ok(note_reference::ActiveModel {
                note_id: Set(note.id.uuid()),
                ref_type: Set(to_word(WRITE, &reference.target.kind())?),
                ref_id: Set(reference.target.uuid()),
                account_id: Set(note.account_id.uuid()),
                issuer_id: Set(note.issuer_id.uuid()),
                created_at: Set(note.created_at.as_millis()),
            })
        })
        .collect()
}
