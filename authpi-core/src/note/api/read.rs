//! Lists, counts and shows notes.

use async_trait::async_trait;

use super::view::{BacklinksView, CountView, NoteView};
use super::{ALL, BACKLINKS, COUNT, ONE, READ};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::id::NoteId;
use crate::note::model::{NoteRefType, NoteSubject, NoteSubjectType, NoteTarget};
use crate::note::repository::{NoteFilter, NotePosition};
use crate::store::Reads;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Read;
use crate::web::query::{Parameter, Query};
use crate::web::route::Route;

const SUBJECT_TYPE: Parameter =
    Parameter::one_of("subject_type", NoteSubjectType::WORDS, "Only about resources of this kind.");
const SUBJECT_ID: Parameter = Parameter::text("subject_id", "Only about this resource; needs `subject_type`.");

/// Notes every one of `names` that the query lacks.
fn required(query: &Query, names: &[&str]) -> Result<(), Refusal> {
    let mut errors = FieldErrors::new();
    for name in names.iter().filter(|name| query.text(name).is_none()) {
        errors.add(*name, FieldCode::Required, "is required");
    }
    errors.into_result()
}

fn not_an_id(field: &'static str) -> Refusal {
    Refusal::field(field, FieldCode::InvalidFormat, "is no id of this kind")
}

/// The subject that a query names.
fn subject(query: &Query) -> Result<Option<NoteSubject>, Refusal> {
    let Some(id) = query.text("subject_id") else { return Ok(None) };
    required(query, &["subject_type"])?;
    let Some(kind) = query.parsed("subject_type")? else { return Ok(None) };
    NoteSubject::parse(kind, id).map(Some).ok_or_else(|| not_an_id("subject_id"))
}

/// `listNotes`
pub(super) struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listNotes", "List notes, pinned ones first, then the newest")
            .about("notes", "note")
            .scope(READ)
            .query([
                SUBJECT_TYPE,
                SUBJECT_ID,
                Parameter::text("issuer_id", "Only about this issuer and what belongs to it."),
                Parameter::text("created_by", "Only written by this user or key."),
                Parameter::flag("pinned", "Only pinned, or not pinned, ones."),
                Parameter::text("mentions_user_id", "Only those that mention this member of the team."),
            ])
            .answers_page::<NoteView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let query = call.query()?;
        let filter = NoteFilter {
            subject_type: query.parsed("subject_type")?,
            subject: subject(&query)?,
            issuer_id: query.parsed("issuer_id")?,
            created_by: query.text("created_by").map(str::to_owned),
            pinned: query.flag("pinned"),
            mentions_user_id: query.parsed("mentions_user_id")?,
        };
        let found = reads.notes().list(call.account()?, &filter, &query.page::<NotePosition>()?).await?;
        Ok(Answer::search_page(&found.map(NoteView::from)))
    }
}

/// `listNoteBacklinks`
pub(super) struct Backlinks;

#[async_trait]
impl Read for Backlinks {
    fn route(&self) -> Route {
        Route::get(BACKLINKS)
            .named("listNoteBacklinks", "List the notes that refer to a resource, newest first")
            .about("notes", "note")
            .scope(READ)
            .query([
                Parameter::one_of("ref_type", NoteRefType::WORDS, "Kind of the resource.").required(),
                Parameter::text("ref_id", "The resource.").required(),
                Parameter::limit(),
            ])
            .answers::<BacklinksView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let query = call.query()?;
        let (Some(kind), Some(id)) = (query.parsed("ref_type")?, query.text("ref_id")) else {
            return Err(Refusal::internal("required parameters are missing"));
        };
        let target = NoteTarget::parse(kind, id).ok_or_else(|| not_an_id("ref_id"))?;
        let limit = query.page::<NoteId>()?.limit;
        let found = reads.notes().backlinks(call.account()?, target, limit).await?;
        Ok(Answer::of(BacklinksView(found.into_iter().map(NoteView::from).collect())))
    }
}

/// `countNotes`
pub(super) struct Count;

#[async_trait]
impl Read for Count {
    fn route(&self) -> Route {
        Route::get(COUNT)
            .named("countNotes", "Count the notes on a resource")
            .about("notes", "note")
            .scope(READ)
            .query([SUBJECT_TYPE.required(), SUBJECT_ID.required()])
            .answers::<CountView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let subject = subject(&call.query()?)?;
        let subject = subject.ok_or_else(|| Refusal::internal("required parameters are missing"))?;
        let count = reads.notes().count(call.account()?, subject).await?;
        Ok(Answer::of(CountView { count }))
    }
}

/// `getNote`
pub(super) struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getNote", "Get a note")
            .about("notes", "note")
            .scope(READ)
            .conditional()
            .answers::<NoteView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (id,) = call.path()?;
        let note = reads.notes().find(call.account()?, id).await?.ok_or(Refusal::NotFound)?;
        let version = note.updated_at;
        Ok(Answer::of(NoteView::from(note)).etag(version))
    }
}
