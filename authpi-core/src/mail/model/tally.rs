//! How many notices about one thing are enough.

use std::time::Duration;

use crate::timestamp::Timestamp;

/// How often one notice about one and the same thing was sent lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// When the day began, with the first of them.
    pub started_at: Timestamp,
    /// Sent since then.
    pub sent: u32,
    /// Not sent since the last one that was.
    pub folded: u32,
}

impl Tally {
    /// How long a tally counts.
    pub const WINDOW: Duration = Duration::from_hours(24);

    /// The tally after one more, and how many the mail about it speaks of besides; `None` when there is to be none.
    #[must_use]
    pub fn counted(self, now: Timestamp, most: u32) -> (Self, Option<u32>) {
        let current = if self.sent == 0 || now.since(self.started_at) >= Self::WINDOW {
            Self { started_at: now, sent: 0, ..self }
        } else {
            self
        };
        if current.sent < most {
            (Self { sent: current.sent + 1, folded: 0, ..current }, Some(current.folded))
        } else {
            (Self { folded: current.folded.saturating_add(1), ..current }, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_of_a_day_notices_are_folded_into_the_next() {
        let at = |hours| Timestamp::EPOCH.plus(Duration::from_hours(hours));
        let mut tally = Tally::default();
        let mut told = Vec::new();
        for hour in [1, 2, 3, 4, 25, 26, 27] {
            let (next, speaks_of) = tally.counted(at(hour), 2);
            tally = next;
            told.push(speaks_of);
        }
        assert_eq!(told, [Some(0), Some(0), None, None, Some(2), Some(0), None]);
    }
}
