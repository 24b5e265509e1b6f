//! Writes, changes and deletes notes.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::view::NoteView;
use super::{ALL, ONE, WRITE};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::id::{IssuerId, is_opaque_id};
use crate::note::model::{Note, NoteSubject, NoteSubjectType};
use crate::note::operations::{self, NewNote, NotePatch};
use crate::rights::Rights;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema, NoBody};
use crate::web::call::Call;
use crate::web::endpoint::Write;
use crate::web::route::Route;

/// Body of `Create`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CreateNote {
    /// What the note is about.
    subject_type: NoteSubjectType,
    /// What the note is about.
    #[schema(pattern = "^[A-Za-z0-9_]{1,64}$")]
    subject_id: String,
    /// Issuer of the subject; required unless it is one.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_]{1,64}$")]
    issuer_id: Option<IssuerId>,
    /// Markdown with mentions `@[Name](user_id)` and references `[[type:id]]`. No place for personal data.
    #[schema(min_length = 1, max_length = 10_000)]
    content: String,
    /// Stands before the others.
    #[serde(default)]
    pinned: Option<bool>,
}

impl Body for CreateNote {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Self>("CreateNoteInput").ignoring::<NoteView>())
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        let text = |name: &str| sent.get(name).and_then(Value::as_str).filter(|text| is_opaque_id(text));
        let kind = text("subject_type").and_then(|word| word.parse().ok());
        // An opaque text that is no id names nothing (conventions §3).
        if let (Some(kind), Some(id)) = (kind, text("subject_id"))
            && NoteSubject::parse(kind, id).is_none()
        {
            errors.add("subject_id", FieldCode::UnknownReference, "the account has no such resource");
        }
        if text("issuer_id").is_some_and(|id| id.parse::<IssuerId>().is_err()) {
            errors.add("issuer_id", FieldCode::UnknownReference, "the account has no such resource");
        }
        let has_issuer = sent.get("issuer_id").is_some_and(|value| !value.is_null());
        if !has_issuer && kind.is_some_and(|kind| kind != NoteSubjectType::Issuer) {
            errors.add("issuer_id", FieldCode::Required, "tells which issuer the subject belongs to");
        }
    }
}

/// `createNote`
pub(super) struct Create;

#[async_trait]
impl Write for Create {
    type Body = CreateNote;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("createNote", "Write a note on a resource")
            .about("notes", "note")
            .scope(WRITE)
            .answers::<NoteView>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<CreateNote>) -> Result<Answer, Refusal> {
        let body = call.body()?;
        let subject = NoteSubject::parse(body.subject_type, &body.subject_id);
        let new = NewNote {
            subject: subject.ok_or_else(|| Refusal::internal("the subject was not checked"))?,
            issuer_id: body.issuer_id,
            content: body.content.clone(),
            pinned: body.pinned.unwrap_or_default(),
        };
        let note = operations::create(change, new).await?;
        let version = note.updated_at;
        Ok(Answer::created(NoteView::from(note)).etag(version))
    }
}

/// Body of `Update`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct UpdateNote {
    /// Markdown.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 10_000, nullable = false)]
    content: Option<String>,
    /// Stands before the others.
    #[serde(default)]
    #[schema(nullable = false)]
    pinned: Option<bool>,
}

impl Body for UpdateNote {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Self>("UpdateNoteInput").ignoring::<NoteView>())
    }
}

/// The note in the path.
async fn existing<B: Body>(change: &Change<'_>, call: &Call<B>) -> Result<Note, Refusal> {
    let (id,) = call.path()?;
    let note = change.reads().notes().find(call.account()?, id).await?.ok_or(Refusal::NotFound)?;
    call.precondition(note.updated_at)?;
    Ok(note)
}

/// `updateNote`
pub(super) struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateNote;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::patch(ONE)
            .named("updateNote", "Change or pin a note")
            .about("notes", "note")
            .scope(WRITE)
            .conditional()
            .answers::<NoteView>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateNote>) -> Result<Answer, Refusal> {
        let before = existing(change, call).await?;
        let body = call.body()?;
        let patch = NotePatch { content: body.content.clone(), pinned: body.pinned };
        let after = operations::update(change, before, patch).await?;
        let version = after.updated_at;
        Ok(Answer::of(NoteView::from(after)).etag(version))
    }
}

/// `deleteNote`
pub(super) struct Delete;

#[async_trait]
impl Write for Delete {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("deleteNote", "Delete a note; its author, an owner or an admin may")
            .about("notes", "note")
            .scope(WRITE)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let note = existing(change, call).await?;
        let runs_account = call.caller()?.in_account(note.account_id).is_some_and(Rights::runs_account);
        operations::delete(change, &note, runs_account).await?;
        Ok(Answer::no_content())
    }
}
