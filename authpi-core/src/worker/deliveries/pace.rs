//! How quickly webhooks answer, and whether they keep up with their events.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::id::WebhookId;

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

    /// How many deliveries are reserved at most of this webhook, and of others like it at its host.
    pub(super) fn most(&self, webhook: &WebhookId) -> usize {
        let Some(took) = self.quick.get(webhook) else { return MAX_IN_FLIGHT_PER_HOST };
        let each = usize::try_from(AHEAD.as_micros() / took.as_micros().max(1)).unwrap_or(usize::MAX);
        each.saturating_mul(MAX_IN_FLIGHT_PER_HOST).min(MAX_LEASED_OF_QUICK)
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
        } else if self.quick.len() < REMEMBERED {
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
