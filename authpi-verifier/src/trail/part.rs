//! An answer, whatever its events are checked against.

use super::line::{Entry, Line, Trailer};
use super::{Flaw, Report};

/// An answer under way, and what was found so far, in those before it too.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) report: Report,
    /// Events of this answer.
    events: u64,
    last_event: Option<String>,
}

impl Part {
    /// The next lines come from another answer.
    pub(super) const fn next(&mut self) {
        self.events = 0;
        self.report.is_complete = false;
    }

    /// What stands in a line; `None` when it is empty.
    pub(super) fn line(&self, text: &[u8]) -> Result<Option<Line>, Flaw> {
        if text.trim_ascii().is_empty() {
            return Ok(None);
        }
        if self.report.is_complete {
            return Err(Flaw::AfterTrailer);
        }
        Line::parse(text).map(Some)
    }

    /// Takes an entry that stands where it should.
    pub(super) fn entry(&mut self, entry: &Entry) -> Result<(), Flaw> {
        let report = &mut self.report;
        if let Some(account) = &entry.account {
            if report.account.as_ref().is_some_and(|known| known != account) {
                return Err(Flaw::Account);
            }
            report.account.get_or_insert_with(|| account.clone());
        }
        match entry.checked_context()? {
            Some(true) => report.contexts += 1,
            Some(false) => report.erased += 1,
            None => {}
        }
        if entry.account.is_some() {
            report.events += 1;
            self.events += 1;
            self.last_event = Some(entry.event_id.clone());
        } else {
            report.purged += 1;
        }
        if report.first == 0 {
            report.first = entry.sequence;
        }
        Ok(())
    }

    /// Takes the end of the answer.
    pub(super) fn trailer(&mut self, trailer: &Trailer) -> Result<(), Flaw> {
        if trailer.count != self.events {
            return Err(Flaw::Count { stated: trailer.count, found: self.events });
        }
        // Without an event in this answer it states the cursor, which may be of a purged event.
        if self.events > 0 && trailer.last_id != self.last_event {
            return Err(Flaw::LastId);
        }
        self.report.is_complete = true;
        Ok(())
    }
}
