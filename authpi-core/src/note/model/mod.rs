//! What a note is, what it is about, and what it names.

mod links;
mod subject;

pub use links::{LINK_LIMIT, Links};
pub use subject::{NoteRefType, NoteSubject, NoteSubjectType, NoteTarget};

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, IssuerId, NoteId, UserId};
use crate::timestamp::Timestamp;

/// A note of the account team on a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// Never reused.
    pub id: NoteId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Issuer of the subject; the subject itself when it is one.
    pub issuer_id: IssuerId,
    /// What it is about.
    pub subject: NoteSubject,
    /// Markdown: 1 to 10,000 characters.
    pub content: String,
    /// Stands before the others.
    pub pinned: bool,
    /// Who wrote it: the id of a user or a key.
    pub created_by: String,
    /// Who changed it last.
    pub updated_by: Option<String>,
    /// Members of the team whom the content mentions, in its order.
    pub mentions: Vec<Mention>,
    /// Things of the account that the content refers to, in its order.
    pub references: Vec<Reference>,
    /// When it was written.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// A member of the team whom a note mentions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// Who.
    pub user_id: UserId,
    /// Since when.
    pub created_at: Timestamp,
}

/// Something that a note refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// What.
    #[serde(flatten)]
    pub target: NoteTarget,
    /// Its issuer, of what belongs to one.
    pub issuer_id: Option<IssuerId>,
    /// Since when.
    pub created_at: Timestamp,
}

/// What a content names that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownLinks {
    /// Members of the team.
    pub mentions: Vec<UserId>,
    /// Things of the account, with their issuer.
    pub references: Vec<(NoteTarget, Option<IssuerId>)>,
}

impl Note {
    /// The note with what its content names now: what it named before keeps its time.
    #[must_use]
    pub fn linked(self, links: &KnownLinks, now: Timestamp) -> Self {
        let mention = |user_id: &UserId| {
            let known = self.mentions.iter().find(|mention| mention.user_id == *user_id);
            known.copied().unwrap_or(Mention { user_id: *user_id, created_at: now })
        };
        let reference = |(target, issuer_id): &(NoteTarget, Option<IssuerId>)| {
            let known = self.references.iter().find(|reference| reference.target == *target);
            known.copied().unwrap_or(Reference { target: *target, issuer_id: *issuer_id, created_at: now })
        };
        let mentions = links.mentions.iter().map(mention).collect();
        let references = links.references.iter().map(reference).collect();
        Self { mentions, references, ..self }
    }
}
