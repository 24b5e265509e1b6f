//! Who may attempt next: the places for attempts in flight are few, and nobody gets all of them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::lane::Place;
use super::pace::MAX_IN_FLIGHT_PER_HOST;
use crate::id::AccountId;
use crate::timestamp::Timestamp;

/// Attempts in flight.
const MAX_IN_FLIGHT: usize = 512;

/// Of those, at webhooks that do not answer quickly: however many hang, others go on.
const MAX_SLOW_IN_FLIGHT: usize = 384;

/// Attempts in flight, counted by all that limits them.
#[derive(Default)]
pub(super) struct InFlight {
    all: usize,
    slow: usize,
    of_accounts: HashMap<AccountId, usize>,
    at_hosts: HashMap<Place, AtHost>,
}

/// What goes to one host for one account.
#[derive(Default)]
struct AtHost {
    senders: usize,
    /// Lanes with something to do.
    lanes: usize,
}

/// A lane in which something waits, or is attempted.
pub(super) struct Turn {
    pub(super) place: Place,
    pub(super) is_quick: bool,
    /// Attempts in flight.
    pub(super) senders: usize,
    /// Deliveries that wait for one.
    pub(super) waits: usize,
    /// Since when they do.
    pub(super) since: Timestamp,
}

impl InFlight {
    /// What is in flight now.
    pub(super) fn of(turns: &[Turn]) -> Self {
        let mut in_flight = Self::default();
        for turn in turns {
            in_flight.add(turn, turn.senders);
            let host = in_flight.at_hosts.entry(turn.place.clone()).or_default();
            host.lanes += usize::from(turn.senders > 0 || turn.waits > 0);
        }
        in_flight
    }

    fn add(&mut self, turn: &Turn, senders: usize) {
        self.all += senders;
        self.slow += if turn.is_quick { 0 } else { senders };
        *self.of_accounts.entry(turn.place.0).or_default() += senders;
        self.at_hosts.entry(turn.place.clone()).or_default().senders += senders;
    }

    /// How many attempts are in flight.
    pub(super) const fn all(&self) -> usize {
        self.all
    }

    /// How many more senders each lane gets. Place by place, an account goes first that has fewest, then who has waited longest.
    pub(super) fn hand_out(&mut self, turns: &[Turn]) -> Vec<usize> {
        let mut more = vec![0; turns.len()];
        let key = |in_flight: &Self, index: usize, turn: &Turn| Reverse((in_flight.account(turn), turn.since, index));
        let waiting = turns.iter().enumerate().filter(|(_, turn)| turn.waits > 0);
        let mut heap: BinaryHeap<_> = waiting.map(|(index, turn)| key(self, index, turn)).collect();
        while let Some(Reverse((of_account, _, index))) = heap.pop() {
            let (Some(turn), Some(got)) = (turns.get(index), more.get_mut(index)) else { continue };
            if of_account < self.account(turn) {
                // Its account has got others since then.
                heap.push(key(self, index, turn));
            } else if *got < turn.waits && self.admits(turn) {
                *got += 1;
                self.add(turn, 1);
                heap.push(key(self, index, turn));
            }
        }
        more
    }

    /// Whether others wait for the places of this lane's senders.
    pub(super) fn is_contended(&self, turn: &Turn) -> bool {
        self.is_full(turn) || self.at_hosts.get(&turn.place).is_some_and(|host| host.lanes > 1)
    }

    fn admits(&self, turn: &Turn) -> bool {
        let at_host = self.at_hosts.get(&turn.place).map_or(0, |host| host.senders);
        !self.is_full(turn) && at_host < MAX_IN_FLIGHT_PER_HOST
    }

    const fn is_full(&self, turn: &Turn) -> bool {
        self.all >= MAX_IN_FLIGHT || (!turn.is_quick && self.slow >= MAX_SLOW_IN_FLIGHT)
    }

    fn account(&self, turn: &Turn) -> usize {
        self.of_accounts.get(&turn.place.0).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id as _;

    /// A lane of an account at a host of its own.
    fn turn(account: u128, host: &str, waits: usize) -> Turn {
        let account = AccountId::from_uuid(uuid::Uuid::from_u128(account));
        Turn { place: (account, host.into()), is_quick: true, senders: 0, waits, since: Timestamp::EPOCH }
    }

    fn slow(number: u128) -> Turn {
        Turn { is_quick: false, ..turn(number, "a", 4) }
    }

    fn handed_out(turns: &[Turn]) -> Vec<usize> {
        InFlight::of(turns).hand_out(turns)
    }

    #[test]
    fn a_host_has_four_attempts_of_an_account_in_flight_whichever_webhooks_they_are_of() {
        let full = Turn { senders: 3, ..turn(1, "a", 9) };
        assert_eq!(handed_out(&[full, turn(1, "a", 9), turn(1, "b", 9), turn(2, "a", 2)]), [1, 0, 4, 2]);
    }

    #[test]
    fn the_last_places_are_shared_by_accounts_however_many_hosts_one_has() {
        let mut turns: Vec<Turn> = (0..200).map(|host| turn(1, &host.to_string(), 4)).collect();
        turns.push(turn(2, "a", 4));
        let more = handed_out(&turns);
        assert_eq!((more.iter().sum::<usize>(), more.last().copied()), (MAX_IN_FLIGHT, Some(4)));
    }

    #[test]
    fn who_has_waited_longer_goes_first_within_an_account() {
        let early = Turn { since: Timestamp::EPOCH, senders: 3, ..turn(1, "a", 1) };
        let late = Turn { since: Timestamp::from_millis(1), ..turn(1, "a", 1) };
        assert_eq!(handed_out(&[late, early]), [0, 1]);
    }

    #[test]
    fn however_many_hang_who_answers_quickly_goes_on() {
        let mut turns: Vec<Turn> = (0..200).map(slow).collect();
        turns.extend((1_000..1_040).map(|number| turn(number, "a", 4)));
        let more = handed_out(&turns);
        let (slows, quicks) = more.split_at(200);
        assert_eq!((slows.iter().sum::<usize>(), quicks.iter().sum::<usize>()), (MAX_SLOW_IN_FLIGHT, 128));
        let stuck: Vec<Turn> = (0..96).map(|number| Turn { senders: 4, waits: 0, ..slow(number) }).collect();
        let mut in_flight = InFlight::of(&stuck);
        let (slow, quick) = (slow(5_000), turn(5_001, "a", 4));
        assert_eq!(in_flight.hand_out(&[slow, quick]), [0, 4]);
    }

    #[test]
    fn those_that_hang_leave_their_places_when_all_of_these_are_taken() {
        let stuck: Vec<Turn> = (0..96).map(|number| Turn { senders: 4, ..slow(number) }).collect();
        let in_flight = InFlight::of(&stuck);
        assert!(in_flight.is_contended(&slow(5_000)) && !in_flight.is_contended(&turn(5_001, "a", 4)));
    }

    #[test]
    fn lanes_of_one_host_leave_their_places_to_each_other() {
        let alone = [turn(1, "a", 1)];
        assert!(!InFlight::of(&alone).is_contended(&alone[0]));
        let two = [turn(1, "a", 1), Turn { senders: 1, ..turn(1, "a", 0) }];
        assert!(InFlight::of(&two).is_contended(&two[0]));
        let apart = [turn(1, "a", 1), turn(2, "a", 1)];
        assert!(!InFlight::of(&apart).is_contended(&apart[0]));
    }
}
