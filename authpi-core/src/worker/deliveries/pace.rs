//! How quickly webhooks answer, and whether they keep up with their events.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::id::WebhookId;
use crate::timestamp::Timestamp;

/// Attempts in flight at one host for one account, and therefore at one webhook; of those that do not answer quickly, no
/// more is reserved.
pub(super) const MAX_IN_FLIGHT_PER_HOST: usize = 4;

/// An answer within this is quick.
const QUICK_ANSWER: Duration = Duration::from_millis(250);

/// Of a quick webhook as much is reserved as it answers within this: so much that it never waits for the database.
const AHEAD: Duration = Duration::from_secs(5);

/// But no more than this.
const MAX_LEASED_OF_QUICK: usize = 1_024;

/// Webhooks that are remembered as quick.
const REMEMBERED: usize = 10_000;

/// See the module. A webhook is quick from one quick answer to the next failure or slow answer.
#[derive(Default)]
pub(super) struct Pace {
    /// How long quick webhooks have taken lately.
    quick: HashMap<WebhookId, Duration>,
    /// Quick ones of which something is due that nobody has reserved: what comes later does not overtake it.
    behind: HashSet<WebhookId>,
}

impl Pace {
    pub(super) fn is_quick(&self, webhook: &WebhookId) -> bool {
        self.quick.contains_key(webhook)
    }

    /// How many deliveries are reserved at most of this webhook.
    pub(super) fn most(&self, webhook: &WebhookId) -> usize {
        let Some(took) = self.quick.get(webhook) else { return MAX_IN_FLIGHT_PER_HOST };
        let each = usize::try_from(AHEAD.as_micros() / took.as_micros().max(1)).unwrap_or(usize::MAX);
        each.saturating_mul(MAX_IN_FLIGHT_PER_HOST).min(MAX_LEASED_OF_QUICK)
    }

    /// How many more may be reserved of one that has `own`, where as many as `at_host` go to its host, to others like it and
    /// itself. One that takes little never waits for one that takes much.
    pub(super) fn room(&self, webhook: &WebhookId, own: usize, at_host: usize) -> usize {
        if !self.is_quick(webhook) {
            return MAX_IN_FLIGHT_PER_HOST.saturating_sub(at_host);
        }
        let room = MAX_LEASED_OF_QUICK.saturating_sub(at_host).max(MAX_IN_FLIGHT_PER_HOST.saturating_sub(own));
        self.most(webhook).saturating_sub(own).min(room)
    }

    /// How many are enough to go on with.
    pub(super) fn enough(&self, webhook: &WebhookId) -> usize {
        if self.is_quick(webhook) { self.most(webhook) / 2 } else { MAX_IN_FLIGHT_PER_HOST }
    }

    /// It has answered well.
    pub(super) fn answered(&mut self, webhook: WebhookId, took: Duration) {
        if took > QUICK_ANSWER {
            self.slowed(&webhook);
        } else if let Some(lately) = self.quick.get_mut(&webhook) {
            // One that was quicker than others tells little.
            *lately = took.max(*lately * 7 / 8);
        } else {
            if self.quick.len() >= REMEMBERED {
                // Many are gone, perhaps. Each costs a look until it has answered again.
                self.quick.clear();
                self.behind.clear();
            }
            self.quick.insert(webhook, took);
        }
    }

    /// It is quick no longer. Whether it was.
    pub(super) fn slowed(&mut self, webhook: &WebhookId) -> bool {
        self.behind.remove(webhook);
        self.quick.remove(webhook).is_some()
    }

    pub(super) fn is_behind(&self, webhook: &WebhookId) -> bool {
        self.behind.contains(webhook)
    }

    /// Whether something is due of a quick webhook that nobody has reserved.
    pub(super) fn set_behind(&mut self, webhook: WebhookId, is_behind: bool) {
        if !is_behind {
            self.behind.remove(&webhook);
        } else if self.is_quick(&webhook) {
            self.behind.insert(webhook);
        }
    }
}

/// How long patience lasts, or is gone.
const PATIENT: Duration = Duration::from_secs(1);

/// How often it is looked in that time whether somebody has caught up: all wait for those that keep others waiting.
const GLANCES: u32 = 250;

/// Whether whoever makes deliveries still waits for webhooks to catch up.
pub(super) struct Patience {
    since: Timestamp,
    glances: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { since: Timestamp::EPOCH, glances: 0 }
    }
}

impl Patience {
    /// Whether there is some for another glance, which uses it up.
    pub(super) fn lasts(&mut self, now: Timestamp) -> bool {
        if now.since(self.since) >= PATIENT {
            (self.since, self.glances) = (now, 0);
        }
        self.glances = self.glances.saturating_add(1);
        self.glances <= GLANCES
    }

    /// It is gone for a while: somebody was waited for in vain.
    pub(super) fn end(&mut self, now: Timestamp) {
        (self.since, self.glances) = (now, GLANCES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    fn most_after(answers: &[u64]) -> usize {
        let (mut pace, webhook) = (Pace::default(), WebhookId::from_uuid(uuid::Uuid::nil()));
        for millis in answers {
            pace.answered(webhook, Duration::from_millis(*millis));
        }
        pace.most(&webhook)
    }

    #[test]
    fn as_much_is_reserved_as_is_answered_in_five_seconds() {
        assert_eq!([&[][..], &[251]].map(most_after), [4, 4], "unknown, and slow");
        assert_eq!([&[250][..], &[100], &[20], &[0]].map(most_after), [80, 200, 1_000, 1_024]);
        assert_eq!(most_after(&[100, 300]), 4, "it is quick no longer");
        assert_eq!(most_after(&[0, 200]), 100, "slower at once");
        assert_eq!(most_after(&[200, 0]), 112, "quicker little by little");
    }

    #[test]
    fn one_that_takes_little_does_not_wait_for_one_that_takes_much_at_its_host() {
        let (mut pace, webhook) = (Pace::default(), WebhookId::from_uuid(uuid::Uuid::nil()));
        assert_eq!((pace.room(&webhook, 0, 1), pace.room(&webhook, 0, 4)), (3, 0), "what is slow shares four");
        pace.answered(webhook, Duration::from_millis(200));
        assert_eq!(
            [(0, 0), (60, 60), (0, 900), (0, 1_000)].map(|(own, all)| pace.room(&webhook, own, all)),
            [100, 40, 100, 24]
        );
        assert_eq!([(0, 1_024), (3, 1_024), (4, 1_024)].map(|(own, all)| pace.room(&webhook, own, all)), [4, 1, 0]);
    }

    #[test]
    fn half_a_second_of_each_is_waited_at_most_and_none_after_it_was_in_vain() {
        let (mut patience, start) = (Patience::default(), Timestamp::from_millis(1_000_000));
        assert_eq!((0..400).filter(|_| patience.lasts(start)).count(), 250);
        assert!(!patience.lasts(start.plus(Duration::from_millis(999))));
        let later = start.plus(PATIENT);
        assert!(patience.lasts(later));
        patience.end(later);
        assert!(!patience.lasts(later.plus(Duration::from_millis(999))) && patience.lasts(later.plus(PATIENT)));
    }

    #[test]
    fn only_quick_webhooks_are_behind() {
        let (mut pace, webhook) = (Pace::default(), WebhookId::from_uuid(uuid::Uuid::nil()));
        pace.set_behind(webhook, true);
        assert!(!pace.is_behind(&webhook));
        pace.answered(webhook, Duration::ZERO);
        pace.set_behind(webhook, true);
        assert!(pace.is_behind(&webhook));
        assert!(pace.slowed(&webhook));
        assert!(!pace.is_behind(&webhook) && !pace.is_quick(&webhook));
    }
}
