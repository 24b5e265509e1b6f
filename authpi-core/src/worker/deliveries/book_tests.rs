//! What is given back.

use super::*;
use crate::event::catalogue;
use crate::id::{EventId, Id};
use crate::webhook::model::AttemptOutcome;

const START: Timestamp = Timestamp::from_millis(1_000_000);

fn delivery(number: u128) -> Delivery {
    let event = (EventId::from_uuid(uuid::Uuid::from_u128(number)), catalogue::USER_CREATED);
    let (account, webhook) = (AccountId::from_uuid(uuid::Uuid::nil()), lane::tests::target().webhook_id());
    Delivery::new((account, webhook), Id::from_uuid(uuid::Uuid::from_u128(number)), event, 3, START)
}

fn arrived(book: &mut Book, number: u128, now: Timestamp) {
    let outcome = AttemptOutcome::answered(204, None, now);
    let end = End::Attempted { delivery: delivery(number), outcome, is_probe: false };
    book.ended(end, Duration::from_millis(1), now);
}

#[test]
fn a_quick_receiver_that_hangs_is_noticed_however_much_comes() {
    let mut book = Book::default();
    book.hold(lane::tests::target(), (0..200).map(delivery).collect(), START);
    arrived(&mut book, 0, START);
    let mut now = START;
    for number in 200..209 {
        now = now.plus(FRESH / 10);
        book.hold(lane::tests::target(), vec![delivery(number)], now);
        book.relieve(now);
        assert_eq!(book.unrecorded(), 1, "only what has arrived");
    }
    book.relieve(START.plus(FRESH));
    assert_eq!(book.unrecorded(), 1 + 209, "nothing has ended for a second");
    let webhook = lane::tests::target().webhook_id();
    assert!(!book.pace.is_quick(&webhook));
}

#[test]
fn a_quick_receiver_that_goes_on_keeps_what_waits_for_it() {
    let mut book = Book::default();
    book.hold(lane::tests::target(), (0..200).map(delivery).collect(), START);
    for number in 0..10 {
        let now = START.plus(FRESH * u32::try_from(number).unwrap_or_default() / 2);
        arrived(&mut book, number, now);
        book.relieve(now);
    }
    assert_eq!(book.unrecorded(), 10);
}

/// How many of two deliveries are given back a second later, when the webhook is `seen` like that.
fn given_back(reserved: Target, seen: Option<Target>) -> usize {
    let mut book = Book::default();
    let webhook = reserved.webhook_id();
    let leased = |number| Delivery { leased_until: Some(START.plus(FRESH * 60)), ..delivery(number) };
    book.hold(reserved, (0..2).map(leased).collect(), START);
    book.refresh(seen.map(|target| (webhook, Some(target))).into_iter().collect(), START.plus(FRESH));
    book.unrecorded()
}

#[test]
fn a_probe_waits_for_a_sender_and_what_is_none_is_given_back_when_the_circuit_opens() {
    assert_eq!(given_back(lane::tests::probed(), Some(lane::tests::probed())), 0);
    assert_eq!(given_back(lane::tests::probed(), Some(lane::tests::target())), 0, "it has closed meanwhile");
    assert_eq!(given_back(lane::tests::target(), Some(lane::tests::probed())), 2);
    assert_eq!(given_back(lane::tests::target(), Some(lane::tests::target())), 0);
    assert_eq!(given_back(lane::tests::probed(), None), 2, "it is disabled, or gone");
}

#[test]
fn a_lane_holds_probes_or_what_is_none() {
    for (first, then) in
        [(lane::tests::probed(), lane::tests::target()), (lane::tests::target(), lane::tests::probed())]
    {
        let mut book = Book::default();
        book.hold(first, (0..2).map(delivery).collect(), START);
        book.hold(then, vec![delivery(2)], START);
        let given_back: Vec<_> = book.take_unrecorded().iter().map(|end| end.delivery().id).collect();
        assert_eq!(given_back, [delivery(0).id, delivery(1).id]);
    }
}

#[test]
fn a_probe_of_a_receiver_that_was_quick_waits_for_a_sender() {
    let mut book = Book::default();
    arrived(&mut book, 0, START);
    book.hold(lane::tests::probed(), vec![delivery(1)], START);
    book.relieve(START.plus(FRESH));
    assert_eq!(book.unrecorded(), 1, "only what has arrived");
}

/// Ends everything that is held of the webhook.
fn ends(book: &mut Book, deliveries: impl Iterator<Item = u128>, now: Timestamp) {
    for number in deliveries {
        arrived(book, number, now);
    }
    drop(book.take_unrecorded());
    book.recorded();
}

#[test]
fn nobody_looks_again_at_a_webhook_without_room_before_there_is_some() {
    let mut book = Book::default();
    let (target, other) = (lane::tests::target(), WebhookId::from_uuid(uuid::Uuid::from_u128(2)));
    let (webhook, place) = (target.webhook_id(), target.place());
    book.hold(target, (0..4).map(delivery).collect(), START);
    assert_eq!(book.room_for(&book.load(), other, &place, 9), 0, "the host has four deliveries of the account");
    book.pass_by(other, place.clone());
    assert!(book.recall(), "there still is none");
    assert_eq!(BTreeSet::from_iter(book.busy()), BTreeSet::from([webhook, other]));
    ends(&mut book, 0..4, START);
    assert!(!book.recall());
    assert_eq!((book.busy(), book.room_for(&book.load(), other, &place, 9)), (vec![], 4));
}

#[test]
fn of_a_quick_webhook_no_more_is_reserved_before_half_of_it_has_ended() {
    let mut book = Book::default();
    let (target, webhook) = (lane::tests::target(), lane::tests::target().webhook_id());
    arrived(&mut book, 0, START);
    let place = target.place();
    assert_eq!(book.room_for(&book.load(), webhook, &place, 9_999), 1_024);
    book.hold(target, (1..=1_024).map(delivery).collect(), START);
    assert_eq!((book.busy(), book.room_for(&book.load(), webhook, &place, 9_999)), (vec![webhook], 0));
    ends(&mut book, 1..513, START);
    assert_eq!(book.busy(), [webhook]);
    ends(&mut book, 513..514, START);
    assert_eq!((book.busy(), book.room_for(&book.load(), webhook, &place, 9_999)), (vec![], 513));
}

#[test]
fn whoever_makes_deliveries_waits_for_quick_webhooks_without_room_and_for_no_others() {
    let mut book = Book::default();
    let target = lane::tests::target();
    let (key, webhook) = ((target.place().0, target.webhook_id()), target.webhook_id());
    let wanted = |count: usize| BTreeMap::from([(key, count)]);
    assert!(!book.is_tight(&wanted(9_999), START), "nobody waits for what is not quick");
    arrived(&mut book, 0, START);
    assert!(!book.is_tight(&wanted(1_024), START), "there is room");
    book.hold(target, (1..=1_000).map(delivery).collect(), START);
    assert!(!book.is_tight(&wanted(24), START) && book.is_tight(&wanted(25), START));
    book.set_behind(webhook, true);
    assert!(book.is_tight(&wanted(1), START), "what is due comes before");
    book.waited_in_vain(START);
    assert!(!book.is_tight(&wanted(1), START), "not for ever");
}
