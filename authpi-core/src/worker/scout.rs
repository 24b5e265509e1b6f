//! Events behind those of an account that has very many: others do not wait for all of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Refusal;
use crate::event::model::Event;
use crate::event::repository::Consumer;
use crate::id::{AccountId, EventId};
use crate::web::services::Services;

/// An account is a crowd when it has this part of a look, as a divisor.
const CROWD: usize = 4;

/// Events that are looked at behind those of crowds, at a time.
const SCOUTED: u32 = 2_000;

/// How far it was looked behind crowds.
#[derive(Default)]
pub(super) struct Scout {
    seen_to: Option<EventId>,
    /// Who was a crowd since it was looked at everything: what they have behind waits for its turn, so that it stays in order.
    crowds: BTreeSet<AccountId>,
}

impl Scout {
    /// The events of `head`, which is all that `consumer` looked at and full, and at most `most` of others behind. Those of
    /// crowds come last; those of each account stay in order.
    pub(super) async fn with_others(
        &mut self,
        services: &Services,
        consumer: Consumer,
        head: Vec<Event>,
        most: u32,
    ) -> Result<Vec<Event>, Refusal> {
        self.crowds.extend(crowds(&head));
        let Some(last) = head.last().map(|event| event.id).filter(|_| !self.crowds.is_empty()) else {
            return Ok(head);
        };
        let after = self.seen_to.map_or(last, |seen| seen.max(last));
        let reads = services.store.reads();
        let found = reads.events().waiting_of_others(consumer, after, &self.crowds, (SCOUTED, most)).await?;
        let (crowd, mut events): (Vec<Event>, Vec<Event>) =
            head.into_iter().partition(|event| self.crowds.contains(&event.subject.account_id));
        events.extend(found.events);
        events.extend(crowd);
        self.seen_to = found.seen_to;
        if self.seen_to.is_none() {
            // From the front again: events may come to stand before what was seen.
            self.crowds.clear();
        }
        Ok(events)
    }

    /// Nothing waits behind any more.
    pub(super) fn rest(&mut self) {
        *self = Self::default();
    }
}

fn crowds(head: &[Event]) -> impl Iterator<Item = AccountId> {
    let mut counts: BTreeMap<AccountId, usize> = BTreeMap::new();
    for event in head {
        *counts.entry(event.subject.account_id).or_default() += 1;
    }
    let crowd = head.len().div_ceil(CROWD);
    counts.into_iter().filter(move |(_, count)| *count >= crowd).map(|(account, _)| account)
}
