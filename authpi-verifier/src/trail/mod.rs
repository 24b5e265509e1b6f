//! Checks an export of events offline: that nothing in it was changed, left out or put in since it was numbered.
//!
//! An export is lines of JSON in the order of the hash chain of the account. [`Trail`] takes them one by one, in constant
//! memory, and says at which one the chain breaks.
//!
//! ```
//! use authpi_verifier::trail::{Flaw, Report, Trail};
//!
//! fn checked(export: &str, known: &str) -> Result<Report, Flaw> {
//!     // A link that was kept elsewhere shows whether the end was cut off, or everything made anew.
//!     let mut trail = Trail::new().expecting(known.parse()?);
//!     for line in export.lines() {
//!         trail.line(line)?;
//!     }
//!     trail.finish()
//! }
//! # let known = format!("1:{}", "0".repeat(64));
//! # assert!(matches!(checked("", &known), Err(Flaw::CutOff { .. })));
//! ```
//!
//! What a chain cannot show: that all of it was made anew by whoever holds the database. Keep heads outside of it.

mod filtered;
mod flaw;
mod line;

use std::collections::BTreeMap;
use std::str::FromStr;

pub use filtered::{Filtered, Reference};
pub use flaw::Flaw;

use line::{Entry, Line, Trailer, genesis};

/// A hash.
pub type Hash = [u8; 32];

/// A link of the chain, as `GET …/events/chain` tells it; as text, `sequence:hex`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub sequence: u64,
    /// The link.
    pub link: Hash,
}

impl FromStr for Head {
    type Err = Flaw;

    fn from_str(text: &str) -> Result<Self, Flaw> {
        let (sequence, link) = text.split_once(':').ok_or(Flaw::Head)?;
        let sequence = sequence.parse().map_err(|_| Flaw::Head)?;
        Ok(Self { sequence, link: line::unhex(link).ok_or(Flaw::Head)? })
    }
}

/// What was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Whose trail it is; `None` when it has no event.
    pub account: Option<String>,
    /// Number of the first link. What is before it was not looked at.
    pub first: u64,
    /// The last link: worth keeping. `None` when there was nothing to check.
    pub head: Option<Head>,
    /// Events that are there.
    pub events: u64,
    /// Events of which only the hash is kept.
    pub purged: u64,
    /// Contexts (address, user agent, country) that were checked against their hash.
    pub contexts: u64,
    /// Contexts that were erased: their hash stands for itself.
    pub erased: u64,
    /// The export says that this is all; otherwise it broke off, and can be resumed.
    pub is_complete: bool,
}

/// An export without filters, under way. Several that follow each other by `cursor` are one trail.
#[derive(Debug, Default)]
pub struct Trail {
    known: BTreeMap<u64, Hash>,
    links: Option<Vec<Hash>>,
    account: Option<String>,
    /// The `previous` of number 1, until an event says whose trail it is.
    root: Option<Hash>,
    first: Option<u64>,
    at: Option<Head>,
    last_event: Option<String>,
    events: u64,
    purged: u64,
    contexts: u64,
    erased: u64,
    in_part: u64,
    is_ended: bool,
}

impl Trail {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A link that is known from elsewhere: the trail must hold it.
    #[must_use]
    pub fn expecting(mut self, head: Head) -> Self {
        self.known.insert(head.sequence, head.link);
        self
    }

    /// Keeps every link, 32 bytes each, so that filtered exports can be checked against the trail.
    #[must_use]
    pub fn keeping_links(mut self) -> Self {
        self.links = Some(Vec::new());
        self
    }

    /// The next lines come from another answer, which goes on behind the last line.
    pub fn next_part(&mut self) {
        self.in_part = 0;
        self.is_ended = false;
    }

    /// Takes a line; an empty one is passed by.
    ///
    /// # Errors
    /// [`Flaw`]. Nothing behind it means anything.
    pub fn line(&mut self, text: &str) -> Result<(), Flaw> {
        if text.trim().is_empty() {
            return Ok(());
        }
        if self.is_ended {
            return Err(Flaw::AfterTrailer);
        }
        match Line::parse(text)? {
            Line::Entry(entry) => self.entry(&entry),
            Line::Trailer(trailer) => self.trailer(&trailer),
        }
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), Flaw> {
        let sequence = entry.sequence;
        match self.at {
            Some(Head { sequence: before, .. }) if sequence != before + 1 => {
                return Err(Flaw::Order { expected: before + 1, found: sequence });
            }
            Some(Head { link, .. }) if link != entry.previous => return Err(Flaw::Link { sequence: sequence - 1 }),
            Some(_) => {}
            None => self.begin(entry)?,
        }
        if let Some(account) = &entry.account {
            self.belongs_to(account)?;
        }
        match entry.checked_context()? {
            Some(true) => self.contexts += 1,
            Some(false) => self.erased += 1,
            None => {}
        }
        if entry.account.is_some() {
            self.events += 1;
            self.in_part += 1;
            self.last_event = Some(entry.event_id.clone());
        } else {
            self.purged += 1;
        }
        let link = entry.link();
        self.expected_at(sequence, link)?;
        self.at = Some(Head { sequence, link });
        if let Some(links) = &mut self.links {
            links.push(link);
        }
        Ok(())
    }

    fn begin(&mut self, entry: &Entry) -> Result<(), Flaw> {
        self.first = Some(entry.sequence);
        match entry.sequence {
            0 => return Err(Flaw::Order { expected: 1, found: 0 }),
            1 => self.root = Some(entry.previous),
            _ => {}
        }
        self.expected_at(entry.sequence - 1, entry.previous)
    }

    fn belongs_to(&mut self, account: &str) -> Result<(), Flaw> {
        if self.account.as_deref().is_some_and(|known| known != account) {
            return Err(Flaw::Account);
        }
        if self.root.take().is_some_and(|root| root != genesis(account)) {
            return Err(Flaw::Root);
        }
        self.account.get_or_insert_with(|| account.to_owned());
        Ok(())
    }

    fn expected_at(&mut self, sequence: u64, link: Hash) -> Result<(), Flaw> {
        match self.known.remove(&sequence) {
            Some(known) if known != link => Err(Flaw::Known { sequence }),
            _ => Ok(()),
        }
    }

    fn trailer(&mut self, trailer: &Trailer) -> Result<(), Flaw> {
        if trailer.count != self.in_part {
            return Err(Flaw::Count { stated: trailer.count, found: self.in_part });
        }
        // Without an event in this answer it states the cursor, which may be of a purged event.
        if self.in_part > 0 && trailer.last_id != self.last_event {
            return Err(Flaw::LastId);
        }
        match self.at {
            Some(at) if at.link != trailer.chain_head => return Err(Flaw::Link { sequence: at.sequence }),
            _ => {}
        }
        self.is_ended = true;
        Ok(())
    }

    /// What was checked.
    ///
    /// # Errors
    /// [`Flaw::CutOff`] and [`Flaw::NotHeld`] when the trail does not reach a link that is known.
    pub fn finish(self) -> Result<Report, Flaw> {
        self.finish_with_reference().map(|(report, _)| report)
    }

    /// What was checked, and what filtered exports are checked against, which is empty without
    /// [`Trail::keeping_links`].
    ///
    /// # Errors
    /// As [`Trail::finish`].
    pub fn finish_with_reference(self) -> Result<(Report, Reference), Flaw> {
        let last = self.at.map_or(0, |at| at.sequence);
        if let Some((&sequence, _)) = self.known.last_key_value().filter(|(sequence, _)| **sequence > last) {
            return Err(Flaw::CutOff { sequence, last });
        }
        if let Some((&sequence, _)) = self.known.first_key_value() {
            return Err(Flaw::NotHeld { sequence });
        }
        let first = self.first.unwrap_or(1);
        let reference = Reference::new(first, self.links.unwrap_or_default());
        let report = Report {
            account: self.account,
            first,
            head: self.at,
            events: self.events,
            purged: self.purged,
            contexts: self.contexts,
            erased: self.erased,
            is_complete: self.is_ended,
        };
        Ok((report, reference))
    }
}
