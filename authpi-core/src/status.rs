//! The status of a resource with its audit trail: when it changed, why, and who says so (conventions §5).

use crate::timestamp::Timestamp;

/// A status, and what is known about its last change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status<S> {
    /// The status itself.
    pub value: S,
    /// When it last changed; `None` while it is the first one.
    pub at: Option<Timestamp>,
    /// Free text of whoever changed it, at most 1,000 characters. Never in events.
    pub reason: Option<String>,
    /// Who changed it, at most 200 characters: what the caller states, else the caller's id.
    pub by: Option<String>,
}

impl<S> Status<S> {
    /// The status a resource begins with.
    pub const fn initial(value: S) -> Self {
        Self { value, at: None, reason: None, by: None }
    }

    /// What is shown of the last change where time made another status of it at `expired_at`: that nobody did.
    pub fn shown(&self, expired_at: Option<Timestamp>) -> (Option<Timestamp>, Option<String>, Option<String>) {
        match expired_at {
            Some(at) => (Some(at), None, None),
            None => (self.at, self.reason.clone(), self.by.clone()),
        }
    }

    /// The next status, recorded at `now`.
    pub fn changed(value: S, now: Timestamp, note: StatusNote) -> Self {
        Self { value, at: Some(now), reason: note.reason, by: note.by }
    }
}

impl<S: PartialEq> Status<S> {
    /// This status if it is `value` already, else that, recorded at `now`.
    #[must_use]
    pub fn moved_to(self, value: S, now: Timestamp, note: StatusNote) -> Self {
        if self.value == value { self } else { Self::changed(value, now, note) }
    }
}

/// What a caller may say about a status change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusNote {
    /// Why.
    pub reason: Option<String>,
    /// Who; the caller's id when absent.
    pub by: Option<String>,
}

/// `text` if it is an id or a machine word (`[a-z0-9_.-]`, at most 64), which is all that events may repeat of it
/// (events-webhooks §2).
pub fn machine_word(text: Option<&str>) -> Option<&str> {
    let is_word = |word: &&str| {
        !word.is_empty()
            && word.len() <= 64
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b))
    };
    text.filter(is_word)
}
