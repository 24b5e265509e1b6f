//! What the check of a trail finds, and what it leaves open.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use authpi_verifier::trail::{Filtered, Flaw, Hash, Head, Reference, Report, Trail};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

const ACCOUNT: &str = "acc_0kfz3m8q1w5e9r2t6y4u7i3a1";

fn sha256(bytes: &[u8]) -> Hash {
    digest(&SHA256, bytes).as_ref().try_into().unwrap()
}

fn hex(hash: &[u8]) -> String {
    hash.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A chain as the specification makes it.
struct Chain {
    account: &'static str,
    lines: Vec<String>,
    /// By number; the first is what number 1 goes on from.
    links: Vec<Hash>,
}

impl Chain {
    fn of(account: &'static str, kinds: &[&str]) -> Self {
        let mut chain = Self { account, lines: Vec::new(), links: vec![sha256(account.as_bytes())] };
        for kind in kinds {
            chain.push(kind);
        }
        chain
    }

    /// One of so many events.
    fn new(count: usize) -> Self {
        Self::of(ACCOUNT, &vec!["user.created"; count])
    }

    fn push(&mut self, kind: &str) {
        let (sequence, previous) = (self.links.len(), self.links[self.links.len() - 1]);
        let id = format!("evt_{sequence}");
        let mut event = json!({
            "id": id, "type": kind, "auth": { "type": "system" }, "subject": { "account_id": self.account },
            "data": { "of": [{ "number": sequence }] },
        });
        let content = sha256(&serde_json_canonicalizer::to_vec(&event).unwrap());
        let number = (sequence as u64).to_be_bytes();
        let link = [&previous[..], &number, id.as_bytes(), &content, &[0; 32]].concat();
        event["chain"] =
            json!({ "sequence": sequence, "previous": hex(&previous), "context": hex(&[0; 32]), "salt": null });
        self.lines.push(event.to_string());
        self.links.push(sha256(&link));
    }

    fn head(&self, sequence: usize) -> Head {
        Head { sequence: sequence as u64, link: self.links[sequence] }
    }

    /// The answer with the events of these numbers out of those behind `cursor`.
    fn filtered(&self, cursor: usize, numbers: &[usize]) -> Vec<String> {
        let mut lines: Vec<_> = numbers.iter().map(|number| self.lines[number - 1].clone()).collect();
        let last_id = numbers.last().copied().or((cursor > 0).then_some(cursor)).map(|number| format!("evt_{number}"));
        let head = hex(&self.links[self.links.len() - 1]);
        let trailer = json!({ "count": lines.len(), "last_id": last_id, "chain_head": head });
        lines.push(json!({ "trailer": trailer }).to_string());
        lines
    }

    /// The answer to `cursor`.
    fn behind(&self, cursor: usize) -> Vec<String> {
        self.filtered(cursor, &(cursor + 1..self.links.len()).collect::<Vec<_>>())
    }

    fn reference(&self, cursor: usize) -> Reference {
        let mut trail = Trail::new().keeping_links();
        self.behind(cursor).iter().for_each(|line| trail.line(line).unwrap());
        trail.into_reference().unwrap()
    }
}

/// What is found in these answers, which go on behind each other.
fn checked(known: &[Head], answers: &[Vec<String>]) -> Result<Report, Flaw> {
    let mut trail = known.iter().try_fold(Trail::new(), |trail, head| trail.expecting(*head))?;
    for answer in answers {
        trail.next_part();
        answer.iter().try_for_each(|line| trail.line(line))?;
    }
    trail.finish()
}

fn compared(reference: &Reference, answers: &[Vec<String>]) -> Result<Report, Flaw> {
    let mut filtered = Filtered::against(reference);
    for answer in answers {
        filtered.next_part();
        answer.iter().try_for_each(|line| filtered.line(line))?;
    }
    filtered.finish()
}

fn wrong(sequence: u64) -> Head {
    Head { sequence, link: [7; 32] }
}

#[test]
fn a_known_link_holds_before_at_and_behind_every_event() {
    let chain = Chain::new(3);
    let known: Vec<_> = (0..=3).map(|sequence| chain.head(sequence)).collect();
    let report = checked(&known, &[chain.behind(0)]).unwrap();
    assert_eq!((report.first, report.events, report.head), (1, 3, Some(chain.head(3))));
    assert_eq!(report.account.as_deref(), Some(ACCOUNT));
    for sequence in 0..=3 {
        assert_eq!(checked(&[wrong(sequence)], &[chain.behind(0)]), Err(Flaw::Known { sequence }));
    }
    assert_eq!(checked(&[wrong(4)], &[chain.behind(0)]), Err(Flaw::CutOff { sequence: 4, last: 3 }));
}

#[test]
fn an_answer_that_begins_behind_a_known_link_leaves_it_open() {
    let chain = Chain::new(3);
    assert!(checked(&[chain.head(1)], &[chain.behind(1)]).is_ok(), "its first event goes on from it");
    for known in [chain.head(0), wrong(0), chain.head(1), wrong(1)] {
        let open = Flaw::NotHeld { sequence: known.sequence };
        assert_eq!(checked(&[known], &[chain.behind(2)]), Err(open.clone()));
        assert_eq!(checked(&[known], &[chain.behind(3)]), Err(open.clone()), "without an event");
        assert_eq!(checked(&[known, chain.head(3)], &[chain.behind(3)]), Err(open.clone()), "with a known end");
        assert!(!open.is_tampering());
    }
    let both = checked(&[chain.head(0), wrong(3)], &[chain.behind(1)]);
    assert_eq!(both, Err(Flaw::Known { sequence: 3 }), "tampering comes first");
    let both = checked(&[chain.head(0), wrong(4)], &[chain.behind(1)]);
    assert_eq!(both, Err(Flaw::CutOff { sequence: 4, last: 3 }), "tampering comes first");
}

#[test]
fn an_answer_without_events_ends_where_its_trailer_says() {
    let chain = Chain::new(3);
    let nothing_new = chain.behind(3);
    let report = checked(&[chain.head(3)], std::slice::from_ref(&nothing_new)).unwrap();
    assert_eq!((report.first, report.events, report.head), (0, 0, Some(chain.head(3))));
    assert!(report.is_complete);
    let report = checked(&[], std::slice::from_ref(&nothing_new)).unwrap();
    assert_eq!((report.head, report.account, report.is_complete), (None, None, true));
    assert_eq!(
        checked(&[chain.head(3), wrong(5)], std::slice::from_ref(&nothing_new)),
        Err(Flaw::CutOff { sequence: 5, last: 3 }),
    );
    // It may be newer than what is known, or not: its trailer states no number.
    assert_eq!(checked(&[wrong(3)], &[nothing_new]), Err(Flaw::NotHeld { sequence: 3 }));
}

#[test]
fn a_chain_without_events_holds_its_beginning() {
    let chain = Chain::new(0);
    let report = checked(&[chain.head(0)], &[chain.behind(0)]).unwrap();
    assert_eq!((report.head, report.events, report.is_complete), (Some(chain.head(0)), 0, true));
    assert_eq!(checked(&[wrong(0)], &[chain.behind(0)]), Err(Flaw::NotHeld { sequence: 0 }));
    let both = checked(&[chain.head(0), wrong(2)], &[chain.behind(0)]);
    assert_eq!(both, Err(Flaw::CutOff { sequence: 2, last: 0 }));
    assert_eq!(checked(&[chain.head(0)], &[]), Err(Flaw::NotHeld { sequence: 0 }), "no answer at all");
}

#[test]
fn what_follows_an_answer_without_events_goes_on_from_it() {
    let (mut chain, other) = (Chain::new(2), Chain::of(ACCOUNT, &["user.deleted"; 3]));
    let nothing_new = chain.behind(2);
    chain.push("user.created");
    let report = checked(&[chain.head(2)], &[nothing_new.clone(), chain.behind(2)]).unwrap();
    assert_eq!((report.first, report.head, report.is_complete), (3, Some(chain.head(3)), true));
    assert!(checked(&[], &[nothing_new.clone(), nothing_new.clone()]).is_ok());
    assert_eq!(checked(&[], &[nothing_new.clone(), other.behind(2)]), Err(Flaw::Link { sequence: 2 }));
    assert_eq!(checked(&[], &[nothing_new, other.behind(3)]), Err(Flaw::LastLink));
}

#[test]
fn the_trailer_names_the_link_that_the_last_event_makes() {
    let (chain, other) = (Chain::new(2), Chain::of(ACCOUNT, &["user.deleted"; 2]));
    let foreign_end = [&chain.behind(0)[..2], &other.behind(0)[2..]].concat();
    assert_eq!(checked(&[], &[foreign_end]), Err(Flaw::Link { sequence: 2 }));
    assert_eq!(checked(&[], &[chain.behind(0), other.behind(2)]), Err(Flaw::Link { sequence: 2 }));
}

#[test]
fn two_known_links_of_one_number_contradict_each_other() {
    let chain = Chain::new(2);
    let twice = Err(Flaw::KnownTwice { sequence: 1 });
    for known in [[chain.head(1), wrong(1)], [wrong(1), chain.head(1)]] {
        assert_eq!(checked(&known, &[chain.behind(0)]), twice);
    }
    assert!(Flaw::KnownTwice { sequence: 1 }.is_tampering());
    assert!(checked(&[chain.head(1), chain.head(1)], &[chain.behind(0)]).is_ok());
}

#[test]
fn a_filtered_export_is_checked_line_by_line() {
    let chain = Chain::new(5);
    let reference = chain.reference(0);
    let report = compared(&reference, &[chain.filtered(0, &[2, 4])]).unwrap();
    assert_eq!((report.first, report.events, report.head, report.is_complete), (2, 2, None, true));
    assert!(compared(&reference, &[chain.filtered(0, &[])]).unwrap().is_complete);
    let parts = [chain.lines[1..2].to_vec(), chain.filtered(2, &[4])];
    assert_eq!(compared(&reference, &parts).unwrap().events, 2);
    assert_eq!(compared(&reference, &[chain.filtered(0, &[2, 5])]).unwrap().events, 2, "up to the end");
    for (numbers, expected) in [([4, 2], 5), ([2, 2], 3)] {
        let order = Flaw::Order { expected, found: 2 };
        assert_eq!(compared(&reference, &[chain.filtered(0, &numbers)]), Err(order));
    }
    let before_all = vec![chain.lines[0].replace("\"sequence\":1", "\"sequence\":0")];
    assert_eq!(compared(&reference, &[before_all]), Err(Flaw::Order { expected: 1, found: 0 }));
    for (from, to) in [("created", "deleted"), ("\"number\":4", "\"number\":5")] {
        let mut edited = chain.filtered(0, &[2, 4]);
        edited[1] = edited[1].replace(from, to);
        assert_eq!(compared(&reference, &[edited]), Err(Flaw::Link { sequence: 4 }), "{from}");
    }
    let other = Chain::of(ACCOUNT, &["user.deleted"; 5]);
    assert_eq!(compared(&reference, &[other.filtered(0, &[2])]), Err(Flaw::Link { sequence: 2 }), "put in");
    let mut early_end = chain.filtered(0, &[2, 4]);
    early_end[2] = early_end[2].replace(&hex(&chain.links[5]), &hex(&chain.links[3]));
    assert_eq!(compared(&reference, &[early_end]), Err(Flaw::LastLink), "it has looked at number 4");
}

#[test]
fn what_is_newer_than_the_full_export_is_left_open() {
    let (mut chain, older) = (Chain::new(5), Chain::new(3).reference(0));
    assert_eq!(compared(&older, &[chain.filtered(0, &[2])]), Err(Flaw::EndNotCovered));
    assert_eq!(compared(&older, &[chain.filtered(0, &[])]), Err(Flaw::EndNotCovered));
    for newer in [&[2, 4][..], &[2, 4, 5], &[2, 5], &[4]] {
        let open = compared(&older, &[chain.filtered(0, newer)]).unwrap_err();
        assert!(matches!(open, Flaw::NotCovered { sequence: 4 | 5 }) && !open.is_tampering(), "{open:?}");
    }
    assert!(!Flaw::EndNotCovered.is_tampering());
    let end = chain.filtered(0, &[2, 4])[2].clone();
    let edited = vec![chain.lines[1].replace("created", "deleted"), chain.lines[3].clone(), end];
    assert_eq!(compared(&older, &[edited]), Err(Flaw::Link { sequence: 2 }), "what it reaches to");

    // A newer event goes on from the one before it, and is of the same account.
    let other = Chain::of(ACCOUNT, &["user.deleted"; 5]);
    assert_eq!(compared(&older, &[other.filtered(0, &[4])]), Err(Flaw::Link { sequence: 3 }));
    let spliced = vec![chain.lines[3].clone(), other.lines[4].clone()];
    assert_eq!(compared(&older, &[spliced]), Err(Flaw::Link { sequence: 4 }));
    let stranger = Chain::of("acc_1", &["user.created"; 5]);
    assert_eq!(compared(&older, &[stranger.lines[4..].to_vec()]), Err(Flaw::Account));

    let whole = chain.reference(0);
    assert!(compared(&whole, &[chain.filtered(0, &[2, 4])]).is_ok(), "against a newer one it is settled");
    chain.push("user.created");
    assert_eq!(compared(&whole, &[chain.filtered(0, &[2, 4])]), Err(Flaw::EndNotCovered));
}

#[test]
fn what_comes_before_the_full_export_is_left_open() {
    let chain = Chain::new(5);
    let part = chain.reference(2);
    assert!(compared(&part, &[chain.filtered(0, &[2, 4])]).is_ok(), "number 3 goes on from number 2");
    assert_eq!(compared(&part, &[chain.filtered(0, &[1, 4])]), Err(Flaw::NotCovered { sequence: 1 }));
    let edited = vec![chain.lines[0].clone(), chain.lines[1].replace("created", "deleted")];
    assert_eq!(compared(&part, &[edited]), Err(Flaw::Link { sequence: 2 }));
    assert!(compared(&chain.reference(5), &[chain.filtered(5, &[])]).is_ok(), "both without an event");
    assert_eq!(compared(&chain.reference(5), &[chain.filtered(0, &[4])]), Err(Flaw::NotCovered { sequence: 4 }));
    let nothing = Trail::new().into_reference().unwrap();
    assert_eq!(compared(&nothing, &[chain.filtered(0, &[])]), Err(Flaw::EndNotCovered));
}

#[test]
fn a_head_that_the_full_export_leaves_open_hides_no_tampering() {
    let chain = Chain::new(5);
    let mut trail = Trail::new().expecting(chain.head(0)).unwrap().keeping_links();
    chain.behind(2).iter().for_each(|line| trail.line(line).unwrap());
    let part = trail.into_reference().unwrap();
    assert_eq!(compared(&part, &[chain.filtered(0, &[4])]), Err(Flaw::NotHeld { sequence: 0 }));
    let edited = vec![chain.lines[3].replace("created", "deleted")];
    assert_eq!(compared(&part, &[edited]), Err(Flaw::Link { sequence: 4 }));
    let mut trail = Trail::new().expecting(wrong(6)).unwrap().keeping_links();
    chain.behind(2).iter().for_each(|line| trail.line(line).unwrap());
    assert!(matches!(trail.into_reference(), Err(Flaw::CutOff { sequence: 6, last: 5 })));
}

#[test]
fn no_member_stands_twice() {
    let chain = Chain::new(1);
    let event = &chain.lines[0];
    let trailer = &chain.behind(0)[1];
    for (line, member) in [
        (event, "\"type\":\"user.created\""),
        (event, "\"account_id\":\"acc_0kfz3m8q1w5e9r2t6y4u7i3a1\""),
        (event, "\"number\":1"),
        (event, "\"sequence\":1"),
        (event, "\"salt\":null"),
        (trailer, "\"count\":1"),
    ] {
        assert!(line.contains(member), "{member} {line}");
        let (name, value) = member.split_once(':').unwrap();
        let escaped = format!("\"\\u{:04x}{}", name.as_bytes()[1], &name[2..]);
        // The last one counts in most readers, and the first in some.
        for twice in [
            format!("{member},{member}"),
            format!("{name}:0,{member}"),
            format!("{member},{name}:0"),
            format!("{escaped}:{value},{member}"),
        ] {
            let line = line.replacen(member, &twice, 1);
            assert!(serde_json::from_str::<Value>(&line).is_ok(), "{line}");
            let mut trail = Trail::new();
            if member.contains("count") {
                trail.line(event).unwrap();
            }
            assert_eq!(trail.line(&line), Err(Flaw::Malformed), "{line}");
        }
    }
    let twice = trailer.replacen('{', &format!("{{{},", &trailer[1..trailer.len() - 1]), 1);
    assert_eq!(Trail::new().line(&twice), Err(Flaw::Malformed), "{twice}");
}

#[test]
fn lines_are_bytes_of_which_every_one_counts() {
    let chain = Chain::new(1);
    let mut trail = Trail::new();
    assert_eq!(trail.line(b"\xff\n"), Err(Flaw::Malformed));
    assert_eq!(trail.line("\u{a0}\n"), Err(Flaw::Malformed), "empty for nobody but us");
    let mut broken = chain.lines[0].clone().into_bytes();
    let at = chain.lines[0].find("created").unwrap();
    broken[at] = b'\xff';
    assert_eq!(trail.line(&broken), Err(Flaw::Malformed));
    for line in chain.behind(0) {
        trail.line(b" \r\n").unwrap();
        trail.line(line.as_bytes()).unwrap();
    }
    trail.line("\n").unwrap();
    assert_eq!(trail.line(b"\xff\n"), Err(Flaw::AfterTrailer));
    assert!(trail.finish().unwrap().is_complete);
}
