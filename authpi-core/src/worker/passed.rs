//! Events that could not be handled are passed over: those behind do not wait for them.

use std::time::Duration;

use crate::id::EventId;
use crate::timestamp::Timestamp;

/// How long they are left alone.
const PASSED_FOR: Duration = Duration::from_mins(1);

/// How far events were passed over because one of them could not be handled.
pub(super) struct Passed {
    after: Option<EventId>,
    until: Timestamp,
    is_through: bool,
}

impl Passed {
    /// Nothing was.
    pub(super) const NOTHING: Self = Self { after: None, until: Timestamp::EPOCH, is_through: true };

    /// Where to go on; from the beginning once all have been looked at and those that were passed over have been left alone
    /// long enough.
    pub(super) fn after(&mut self, now: Timestamp) -> Option<EventId> {
        if self.is_through && now >= self.until {
            self.after = None;
        }
        self.after
    }

    /// Nothing is left behind what was passed over.
    pub(super) const fn through(&mut self) {
        self.is_through = true;
    }

    /// Everything up to `event` was handled or is passed over.
    pub(super) fn over(&mut self, event: EventId, now: Timestamp) {
        if self.after.is_none() {
            self.until = now.plus(PASSED_FOR);
        }
        self.after = Some(event);
        self.is_through = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    #[test]
    fn what_was_passed_over_comes_again_after_a_minute() {
        let event = |number| EventId::from_uuid(uuid::Uuid::from_u128(number));
        let start = Timestamp::from_millis(5);
        let mut passed = Passed::NOTHING;
        passed.over(event(1), start);
        passed.over(event(2), start.plus(Duration::from_secs(50)));
        assert_eq!(passed.after(start.plus(Duration::from_secs(59))), Some(event(2)));
        assert_eq!(passed.after(start.plus(PASSED_FOR)), Some(event(2)), "some have not been looked at");
        passed.through();
        assert_eq!(passed.after(start.plus(PASSED_FOR)), None, "counted from the first one");
    }
}
