//! A filtered export: its lines do not follow each other, so that each is checked against the full one.

use super::line::Line;
use super::{Flaw, Hash, Report};

/// The links of a full export that was found whole.
#[derive(Clone, Debug)]
pub struct Reference {
    first: u64,
    links: Vec<Hash>,
}

impl Reference {
    pub(super) const fn new(first: u64, links: Vec<Hash>) -> Self {
        Self { first, links }
    }

    fn link(&self, sequence: u64) -> Option<&Hash> {
        self.links.get(usize::try_from(sequence.checked_sub(self.first)?).ok()?)
    }
}

/// A filtered export under way. What its filter left out by mistake, it cannot show.
#[derive(Debug)]
pub struct Filtered<'r> {
    reference: &'r Reference,
    report: Report,
    in_part: u64,
    last_event: Option<String>,
    last: u64,
}

impl<'r> Filtered<'r> {
    /// Nothing yet, of what `reference` holds.
    pub const fn against(reference: &'r Reference) -> Self {
        let report = Report {
            account: None,
            first: 0,
            head: None,
            events: 0,
            purged: 0,
            contexts: 0,
            erased: 0,
            is_complete: false,
        };
        Self { reference, report, in_part: 0, last_event: None, last: 0 }
    }

    /// The next lines come from another answer, which goes on behind the last line.
    pub const fn next_part(&mut self) {
        self.in_part = 0;
        self.report.is_complete = false;
    }

    /// Takes a line; an empty one is passed by.
    ///
    /// # Errors
    /// [`Flaw`].
    pub fn line(&mut self, text: &str) -> Result<(), Flaw> {
        if text.trim().is_empty() {
            return Ok(());
        }
        if self.report.is_complete {
            return Err(Flaw::AfterTrailer);
        }
        let entry = match Line::parse(text)? {
            Line::Entry(entry) => entry,
            Line::Trailer(end) if end.count != self.in_part => {
                return Err(Flaw::Count { stated: end.count, found: self.in_part });
            }
            Line::Trailer(end) if self.in_part > 0 && end.last_id != self.last_event => return Err(Flaw::LastId),
            Line::Trailer(end) => {
                self.report.is_complete = true;
                // It has looked at least as far as its last event. Without any it may have begun anywhere.
                let from = self.last.max(self.reference.first);
                let known = (from..).map_while(|sequence| self.reference.link(sequence));
                let is_held = self.reference.links.is_empty() || known.into_iter().any(|link| *link == end.chain_head);
                return if is_held { Ok(()) } else { Err(Flaw::ForeignHead) };
            }
        };
        let sequence = entry.sequence;
        if entry.account.is_none() {
            return Err(Flaw::Malformed);
        }
        if sequence <= self.last {
            return Err(Flaw::Order { expected: self.last + 1, found: sequence });
        }
        let link = self.reference.link(sequence).ok_or(Flaw::NotCovered { sequence })?;
        if *link != entry.link() {
            return Err(Flaw::Link { sequence });
        }
        match entry.checked_context()? {
            Some(true) => self.report.contexts += 1,
            Some(false) => self.report.erased += 1,
            None => {}
        }
        if self.report.first == 0 {
            self.report.first = sequence;
        }
        self.report.account = entry.account;
        self.report.events += 1;
        self.in_part += 1;
        self.last = sequence;
        self.last_event = Some(entry.event_id);
        Ok(())
    }

    /// What was checked. It has no head: where the chain ends, the full export says.
    pub fn finish(self) -> Report {
        self.report
    }
}
