//! What can be done with notes. They have no events.

use super::model::{KnownLinks, Links, Note, NoteSubject};
use crate::error::{FieldCode, Refusal};
use crate::id::{AccountId, IssuerId, MemberId};
use crate::outcome::WriteOutcome;
use crate::store::{Change, Reads};

/// A note to be written.
#[derive(Clone, Debug)]
pub struct NewNote {
    /// What it is about.
    pub subject: NoteSubject,
    /// Issuer of the subject; not needed when it is one.
    pub issuer_id: Option<IssuerId>,
    /// Markdown.
    pub content: String,
    /// Stands before the others.
    pub pinned: bool,
}

/// What a PATCH asks for.
#[derive(Clone, Debug, Default)]
pub struct NotePatch {
    /// Markdown instead of that before.
    pub content: Option<String>,
    /// Stands before the others.
    pub pinned: Option<bool>,
}

/// Writes a note.
///
/// # Errors
/// [`Refusal::Fields`] when the account has no such subject.
pub async fn create(change: &mut Change<'_>, new: NewNote) -> Result<Note, Refusal> {
    let account = change.account();
    let issuer_id = issuer_of(change, account, &new).await?;
    let links = known_links(change.reads(), account, &new.content).await?;
    let note = Note {
        id: change.mint()?,
        account_id: account,
        issuer_id,
        subject: new.subject,
        content: new.content,
        pinned: new.pinned,
        created_by: change.actor().name(),
        updated_by: None,
        mentions: Vec::new(),
        references: Vec::new(),
        created_at: change.now(),
        updated_at: change.now(),
    };
    let note = note.linked(&links, change.now());
    change.unit().notes().insert(&note).await?;
    Ok(note)
}

/// The issuer of the subject, which is there.
async fn issuer_of(change: &mut Change<'_>, account: AccountId, new: &NewNote) -> Result<IssuerId, Refusal> {
    let unknown =
        |field: &'static str| Refusal::field(field, FieldCode::UnknownReference, "the account has no such resource");
    let issuer = match (new.subject, new.issuer_id) {
        (NoteSubject::Issuer(subject), Some(issuer)) if subject != issuer => return Err(unknown("issuer_id")),
        (NoteSubject::Issuer(subject), _) => subject,
        (_, Some(issuer)) => issuer,
        (_, None) => {
            let message = "tells which issuer the subject belongs to";
            return Err(Refusal::field("issuer_id", FieldCode::Required, message));
        }
    };
    if change.reads().issuers().head(account, issuer).await?.is_none() {
        let is_subject = new.subject == NoteSubject::Issuer(issuer);
        return Err(unknown(if is_subject { "subject_id" } else { "issuer_id" }));
    }
    let is_there = match new.subject {
        NoteSubject::Issuer(_) => true,
        NoteSubject::User(user) => change.reads().users().exists(issuer, user).await?,
        NoteSubject::Client(client) => change.reads().clients().find(issuer, client).await?.is_some(),
        NoteSubject::Agent(agent) => change.reads().agents().exists(issuer, agent).await?,
        // Locked, as it is removed as soon as its notes are.
        NoteSubject::Organization(id) => change.unit().organizations().lock(issuer, id).await?.is_some(),
    };
    if is_there { Ok(issuer) } else { Err(unknown("subject_id")) }
}

/// What a content names that is there: members of the team, and things of the account.
async fn known_links(reads: &dyn Reads, account: AccountId, content: &str) -> Result<KnownLinks, Refusal> {
    let links = Links::of(content);
    let mut mentions = Vec::new();
    for user in links.mentions {
        if reads.memberships().is_active_member(account.organization(), MemberId::User(user)).await? {
            mentions.push(user);
        }
    }
    Ok(KnownLinks { mentions, references: reads.notes().existing(account, &links.references).await? })
}

/// Changes a note; anybody of the team may. A patch that changes nothing leaves the version alone.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn update(change: &mut Change<'_>, before: Note, patch: NotePatch) -> Result<Note, Refusal> {
    let mut after = before.clone();
    after.pinned = patch.pinned.unwrap_or(before.pinned);
    if let Some(content) = patch.content {
        let links = known_links(change.reads(), change.account(), &content).await?;
        after = Note { content, ..after }.linked(&links, change.now());
    }
    if after == before {
        return Ok(before);
    }
    after.updated_by = Some(change.actor().name());
    after.updated_at = before.updated_at.next_version(change.now());
    change.unit().notes().update(&after, before.updated_at).await?.required()?;
    Ok(after)
}

/// Removes a note: its author may, and who runs the account.
///
/// # Errors
/// [`Refusal::AccessDenied`] for anybody else; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn delete(change: &mut Change<'_>, note: &Note, runs_account: bool) -> Result<(), Refusal> {
    if !runs_account && change.actor().name() != note.created_by {
        return Err(Refusal::AccessDenied("Only its author, an owner or an admin deletes a note."));
    }
    let outcome: WriteOutcome = change.unit().notes().remove(note).await?;
    outcome.required()
}
