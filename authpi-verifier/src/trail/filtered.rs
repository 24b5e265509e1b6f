//! A filtered export: its lines do not follow each other, so that each is checked against the full one.

use super::line::{Entry, Line, Trailer};
use super::part::Part;
use super::{Flaw, Hash, Head, Report};

/// The links of a full export that was found whole.
#[derive(Clone, Debug)]
pub struct Reference {
    pub(super) account: Option<String>,
    /// Number of the first of `links`, which is the one before the first event; unknown without any event.
    pub(super) from: Option<u64>,
    pub(super) links: Vec<Hash>,
    /// A known link that the full export says nothing about.
    pub(super) not_held: Option<u64>,
}

impl Reference {
    fn link(&self, sequence: u64) -> Option<Hash> {
        self.links.get(usize::try_from(sequence.checked_sub(self.from?)?).ok()?).copied()
    }

    /// Whether `link` stands at number `sequence` or behind it; `None` when it stands nowhere.
    fn holds_behind(&self, sequence: u64, link: Hash) -> Option<bool> {
        let (_, place) = self.links.iter().zip(0_u64..).find(|(held, _)| **held == link)?;
        Some(self.from.is_none_or(|from| from + place >= sequence))
    }
}

/// A filtered export under way. What its filter left out by mistake, it cannot show.
#[derive(Debug)]
pub struct Filtered<'r> {
    reference: &'r Reference,
    part: Part,
    /// The last event.
    at: Option<Head>,
    /// The first event that the reference does not reach to.
    not_covered: Option<u64>,
    is_end_covered: bool,
}

impl<'r> Filtered<'r> {
    /// Nothing yet, of what `reference` holds.
    pub fn against(reference: &'r Reference) -> Self {
        let mut part = Part::default();
        part.report.account.clone_from(&reference.account);
        Self { reference, part, at: None, not_covered: None, is_end_covered: true }
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
        // Filters leave out what was purged.
        if entry.account.is_none() {
            return Err(Flaw::Malformed);
        }
        let last = self.last();
        if sequence <= last {
            return Err(Flaw::Order { expected: last + 1, found: sequence });
        }
        match self.reference.link(sequence) {
            Some(held) if held != link => return Err(Flaw::Link { sequence }),
            Some(_) => {}
            // The reference is older, or begins later: only what stands right before the event can be compared.
            None if self.link_before(sequence).is_some_and(|before| before != entry.previous) => {
                return Err(Flaw::Link { sequence: sequence - 1 });
            }
            None => {
                self.not_covered.get_or_insert(sequence);
            }
        }
        self.part.entry(entry)?;
        self.at = Some(Head { sequence, link });
        Ok(())
    }

    fn last(&self) -> u64 {
        self.at.map_or(0, |at| at.sequence)
    }

    fn link_before(&self, sequence: u64) -> Option<Hash> {
        let before = sequence - 1;
        let own = self.at.filter(|at| at.sequence == before).map(|at| at.link);
        own.or_else(|| self.reference.link(before))
    }

    fn trailer(&mut self, trailer: &Trailer) -> Result<(), Flaw> {
        self.part.trailer(trailer)?;
        // It has looked at least as far as its last event. Without any it may have begun anywhere.
        match self.reference.holds_behind(self.last(), trailer.chain_head) {
            Some(false) => return Err(Flaw::LastLink),
            Some(true) => {}
            None => self.is_end_covered = false,
        }
        Ok(())
    }

    /// What was checked. It has no head: where the chain ends, the full export says.
    ///
    /// # Errors
    /// [`Flaw::NotHeld`], [`Flaw::NotCovered`] and [`Flaw::EndNotCovered`]: nothing was found to be tampered with, but the
    /// full export does not reach to all that is here.
    pub fn finish(self) -> Result<Report, Flaw> {
        if let Some(sequence) = self.reference.not_held {
            return Err(Flaw::NotHeld { sequence });
        }
        if let Some(sequence) = self.not_covered {
            return Err(Flaw::NotCovered { sequence });
        }
        if self.is_end_covered { Ok(self.part.report) } else { Err(Flaw::EndNotCovered) }
    }
}
