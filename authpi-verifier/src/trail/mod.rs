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
//!     let mut trail = Trail::new().expecting(known.parse()?)?;
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
//!
//! Not every [`Flaw`] is tampering: an export may begin behind a head that is known, or a filtered one may be newer than the
//! full one that it is checked against. [`Flaw::is_tampering`] tells them apart.

mod filtered;
mod flaw;
mod json;
mod line;
mod part;

use std::collections::BTreeMap;
use std::str::FromStr;

pub use filtered::{Filtered, Reference};
pub use flaw::Flaw;

use line::{Entry, Line, Trailer, genesis};
use part::Part;

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Whose trail it is; `None` when it has no event.
    pub account: Option<String>,
    /// Number of the first link, 0 without any. What is before it was not looked at.
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
    part: Part,
    known: BTreeMap<u64, Hash>,
    /// From the one before the first event on.
    links: Option<Vec<Hash>>,
    /// The `previous` of number 1, until an event says whose trail it is.
    root: Option<Hash>,
    /// Where an answer ended before any event came. No trailer states its number.
    unnumbered: Option<Hash>,
}

impl Trail {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A link that is known from elsewhere: the trail must hold it.
    ///
    /// # Errors
    /// [`Flaw::KnownTwice`] when another link is known of its number.
    pub fn expecting(mut self, head: Head) -> Result<Self, Flaw> {
        let Head { sequence, link } = head;
        match self.known.insert(sequence, link) {
            Some(before) if before != link => Err(Flaw::KnownTwice { sequence }),
            _ => Ok(self),
        }
    }

    /// Keeps every link, 32 bytes each, so that filtered exports can be checked against the trail.
    #[must_use]
    pub fn keeping_links(mut self) -> Self {
        self.links = Some(Vec::new());
        self
    }

    /// The next lines come from another answer, which goes on behind the last line.
    pub const fn next_part(&mut self) {
        self.part.next();
    }

    /// Takes a line, as text or as its bytes; an empty one is passed by.
    ///
    /// # Errors
    /// [`Flaw`]. Nothing behind it means anything.
    pub fn line(&mut self, text: impl AsRef<[u8]>) -> Result<(), Flaw> {
        match self.part.line(text.as_ref())? {
            None => Ok(()),
            Some(Line::Entry(entry)) => self.entry(&entry),
            Some(Line::Trailer(trailer)) => self.trailer(&trailer),
        }
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), Flaw> {
        let (sequence, link) = (entry.sequence, entry.link());
        match self.part.report.head {
            Some(at) if sequence != at.sequence + 1 => {
                return Err(Flaw::Order { expected: at.sequence + 1, found: sequence });
            }
            Some(at) if entry.previous != at.link => return Err(Flaw::Link { sequence: at.sequence }),
            Some(_) => {}
            None => self.begin(entry)?,
        }
        if let Some(account) = &entry.account
            && self.root.take().is_some_and(|root| root != genesis(account))
        {
            return Err(Flaw::Root);
        }
        self.part.entry(entry)?;
        self.pass(sequence, link)?;
        self.part.report.head = Some(Head { sequence, link });
        Ok(())
    }

    fn begin(&mut self, entry: &Entry) -> Result<(), Flaw> {
        let Some(before) = entry.sequence.checked_sub(1) else {
            return Err(Flaw::Order { expected: 1, found: 0 });
        };
        if self.unnumbered.is_some_and(|link| link != entry.previous) {
            return Err(Flaw::Link { sequence: before });
        }
        if before == 0 {
            self.root = Some(entry.previous);
        }
        self.pass(before, entry.previous)
    }

    /// Goes over a link.
    fn pass(&mut self, sequence: u64, link: Hash) -> Result<(), Flaw> {
        if self.known.remove(&sequence).is_some_and(|known| known != link) {
            return Err(Flaw::Known { sequence });
        }
        if let Some(links) = &mut self.links {
            links.push(link);
        }
        Ok(())
    }

    fn trailer(&mut self, trailer: &Trailer) -> Result<(), Flaw> {
        self.part.trailer(trailer)?;
        let link = trailer.chain_head;
        match self.part.report.head {
            Some(at) if at.link != link => Err(Flaw::Link { sequence: at.sequence }),
            None if *self.unnumbered.get_or_insert(link) != link => Err(Flaw::LastLink),
            _ => Ok(()),
        }
    }

    /// What was checked.
    ///
    /// # Errors
    /// [`Flaw::CutOff`] when the trail ends before a link that is known, and [`Flaw::NotHeld`], which is no tampering, when
    /// it begins behind one.
    pub fn finish(mut self) -> Result<Report, Flaw> {
        match self.check_known()? {
            Some(sequence) => Err(Flaw::NotHeld { sequence }),
            None => Ok(self.part.report),
        }
    }

    /// What filtered exports are checked against; it covers nothing without [`Trail::keeping_links`].
    ///
    /// # Errors
    /// [`Flaw::CutOff`] as [`Trail::finish`]. [`Flaw::NotHeld`] comes from [`Filtered::finish`], after all else.
    pub fn into_reference(mut self) -> Result<Reference, Flaw> {
        let not_held = self.check_known()?;
        let Report { account, first, head, .. } = self.part.report;
        let from = first.checked_sub(1).or(head.map(|head| head.sequence));
        let links =
            self.links.map(|links| if links.is_empty() { self.unnumbered.into_iter().collect() } else { links });
        Ok(Reference { account, from, links: links.unwrap_or_default(), not_held })
    }

    /// The first known link that nothing here says anything about.
    fn check_known(&mut self) -> Result<Option<u64>, Flaw> {
        let mut last = self.part.report.head.map_or(0, |at| at.sequence);
        if let (None, Some(link)) = (self.part.report.head, self.unnumbered) {
            let number = self.known.iter().find(|(_, known)| **known == link).map(|(sequence, _)| *sequence);
            if let Some(sequence) = number {
                self.known.remove(&sequence);
                self.part.report.head = Some(Head { sequence, link });
            }
            // If it is none that is known, it may be any: nothing shows that the trail ends too early.
            last = number.unwrap_or(u64::MAX);
        }
        match self.known.last_key_value() {
            Some((&sequence, _)) if sequence > last => Err(Flaw::CutOff { sequence, last }),
            _ => Ok(self.known.first_key_value().map(|(sequence, _)| *sequence)),
        }
    }
}
