//! Notes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::api_key::{insert as insert_key, key};
use super::client::{client, insert as insert_client};
use super::issuer::inserted as inserted_issuer;
use super::organization::{insert as insert_organization, organization};
use super::user::{insert as insert_user, user};
use super::webhook::{insert as insert_webhook, webhook};
use super::{Ground, START, begin, later, mint, race};
use crate::id::{AccountId, NoteId, UserId};
use crate::note::model::{LINK_LIMIT, Mention, Note, NoteSubject, NoteSubjectType, NoteTarget, Reference};
use crate::note::repository::{NoteFilter, NotePosition};
use crate::outcome::WriteOutcome;
use crate::page::{EXAMINED_ROWS, Limit, PageRequest, SearchPage};
use crate::timestamp::Timestamp;

/// A plain note on some user.
pub(super) fn note(account: AccountId) -> Note {
    Note {
        id: mint(),
        account_id: account,
        issuer_id: mint(),
        subject: NoteSubject::User(mint()),
        content: "text".to_owned(),
        pinned: false,
        created_by: "usr_x".to_owned(),
        updated_by: None,
        mentions: Vec::new(),
        references: Vec::new(),
        created_at: START,
        updated_at: START,
    }
}

pub(super) fn mentioning(user: UserId, note: Note) -> Note {
    Note { mentions: vec![Mention { user_id: user, created_at: START }], ..note }
}

fn referring(target: NoteTarget, note: Note) -> Note {
    Note { references: vec![Reference { target, issuer_id: None, created_at: START }], ..note }
}

pub(super) async fn insert(ground: &Ground, note: &Note) {
    let mut unit = begin(ground, START).await;
    unit.notes().insert(note).await.unwrap();
    unit.commit().await.unwrap();
}

pub(super) async fn find(ground: &Ground, account: AccountId, id: NoteId) -> Option<Note> {
    ground.store().reads().notes().find(account, id).await.unwrap()
}

pub(super) async fn update(ground: &Ground, after: &Note, before: Timestamp) -> WriteOutcome {
    let mut unit = begin(ground, after.updated_at).await;
    let outcome = unit.notes().update(after, before).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

async fn page(
    ground: &Ground,
    account: AccountId,
    filter: &NoteFilter,
    limit: u32,
    after: Option<NotePosition>,
) -> SearchPage<Note, NotePosition> {
    let page = PageRequest { limit: Limit::new(limit).unwrap(), after };
    ground.store().reads().notes().list(account, filter, &page).await.unwrap()
}

pub(super) async fn listed(ground: &Ground, account: AccountId, filter: NoteFilter) -> Vec<NoteId> {
    page(ground, account, &filter, 100, None).await.items.iter().map(|note| note.id).collect()
}

async fn backlinks(ground: &Ground, account: AccountId, target: NoteTarget, limit: u32) -> Vec<NoteId> {
    let limit = Limit::new(limit).unwrap();
    let found = ground.store().reads().notes().backlinks(account, target, limit).await.unwrap();
    found.iter().map(|note| note.id).collect()
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let mention = |_| Mention { user_id: mint(), created_at: later(1) };
    let targets = [
        NoteTarget::User(mint()),
        NoteTarget::Org(mint()),
        NoteTarget::Issuer(mint()),
        NoteTarget::Client(mint()),
        NoteTarget::Webhook(mint()),
        NoteTarget::ApiKey(mint()),
    ];
    let rest = (targets.len()..LINK_LIMIT).map(|_| NoteTarget::Org(mint()));
    let reference = |target| Reference { target, issuer_id: Some(mint()), created_at: later(2) };
    let full = Note {
        content: "🦀".repeat(10_000),
        pinned: true,
        created_by: format!("key_{}", "f".repeat(32)),
        updated_by: Some("u".repeat(64)),
        mentions: (0..LINK_LIMIT).map(mention).collect(),
        references: targets.into_iter().chain(rest).map(reference).collect(),
        updated_at: later(3),
        ..note(mint())
    };
    insert(&ground, &full).await;
    assert_eq!(find(&ground, full.account_id, full.id).await.as_ref(), Some(&full));
    for subject in [
        NoteSubject::Organization(mint()),
        NoteSubject::Issuer(mint()),
        NoteSubject::Client(mint()),
        NoteSubject::Agent(mint()),
    ] {
        let other = Note { subject, ..note(mint()) };
        insert(&ground, &other).await;
        assert_eq!(find(&ground, other.account_id, other.id).await, Some(other));
    }
    let changed = Note {
        content: "x".to_owned(),
        pinned: false,
        updated_by: Some("usr_y".to_owned()),
        mentions: full.mentions[1..3].to_vec(),
        references: Vec::new(),
        updated_at: later(4),
        ..full.clone()
    };
    assert_eq!(update(&ground, &changed, full.updated_at).await, WriteOutcome::Done);
    assert_eq!(find(&ground, full.account_id, full.id).await, Some(changed));
}

pub async fn another_account_sees_and_changes_nothing(ground: Ground) {
    let (reader, target) = (mint(), NoteTarget::Org(mint()));
    let ours = referring(target, mentioning(reader, note(mint())));
    insert(&ground, &ours).await;
    let stranger: AccountId = mint();
    assert_eq!(find(&ground, stranger, ours.id).await, None);
    let any = NoteFilter::default;
    for filter in [
        any(),
        NoteFilter { subject: Some(ours.subject), ..any() },
        NoteFilter { mentions_user_id: Some(reader), ..any() },
        NoteFilter { issuer_id: Some(ours.issuer_id), ..any() },
    ] {
        assert_eq!(listed(&ground, stranger, filter.clone()).await, [], "{filter:?}");
        assert_eq!(listed(&ground, ours.account_id, filter.clone()).await, [ours.id], "{filter:?}");
    }
    assert_eq!(backlinks(&ground, stranger, target, 10).await, []);
    assert_eq!(ground.store().reads().notes().count(stranger, ours.subject).await.unwrap(), 0);
    let foreign = Note { account_id: stranger, updated_at: later(1), ..ours.clone() };
    assert_eq!(update(&ground, &foreign, START).await, WriteOutcome::Stale);
    let mut unit = begin(&ground, later(1)).await;
    let removed = unit.notes().remove(&Note { account_id: stranger, ..ours.clone() }).await.unwrap();
    assert_eq!(removed, WriteOutcome::Stale);
    assert_eq!(unit.notes().remove_of(mint(), ours.subject, 10).await.unwrap(), 0, "nor does another issuer");
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, ours.account_id, ours.id).await, Some(ours));
}

pub async fn a_stale_version_changes_and_removes_nothing(ground: Ground) {
    let before = mentioning(mint(), note(mint()));
    insert(&ground, &before).await;
    let after = Note { mentions: Vec::new(), updated_at: later(1), ..before.clone() };
    assert_eq!(update(&ground, &after, later(9)).await, WriteOutcome::Stale);
    let mut unit = begin(&ground, later(1)).await;
    let stale = Note { updated_at: later(9), ..before.clone() };
    assert_eq!(unit.notes().remove(&stale).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    let mentioned = NoteFilter { mentions_user_id: Some(before.mentions[0].user_id), ..NoteFilter::default() };
    assert_eq!(listed(&ground, before.account_id, mentioned).await, [before.id]);
}

pub async fn of_parallel_updates_of_one_version_one_wins(ground: Ground) {
    let before = note(mint());
    insert(&ground, &before).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |number| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        let after = mentioning(mint(), Note { content: number.to_string(), updated_at: later(1), ..before.clone() });
        async move {
            if update(&ground, &after, START).await == WriteOutcome::Done {
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
    let after = find(&ground, before.account_id, before.id).await.unwrap();
    let mentioned = NoteFilter { mentions_user_id: Some(after.mentions[0].user_id), ..NoteFilter::default() };
    assert_eq!(
        listed(&ground, before.account_id, mentioned).await,
        [before.id],
        "its mention is the one that is found"
    );
}

/// Many notes of one millisecond, pinned and not.
pub async fn pages_go_pinned_first_and_neither_repeat_nor_skip_within_a_millisecond(ground: Ground) {
    let account = mint();
    let reader = mint();
    let subject = NoteSubject::Organization(mint());
    let one =
        |pinned, minutes| mentioning(reader, Note { pinned, subject, created_at: later(minutes), ..note(account) });
    let notes: Vec<_> = (0..14_u64).map(|number| one(number % 2 == 0, number / 6)).collect();
    for note in &notes {
        insert(&ground, note).await;
    }
    let mut order: Vec<_> = notes.iter().collect();
    order.sort_unstable_by_key(|note| std::cmp::Reverse((note.pinned, note.created_at, note.id)));
    let expected: Vec<_> = order.iter().map(|note| note.id).collect();
    let any = NoteFilter::default;
    let of_subject = NoteFilter { subject: Some(subject), ..any() };
    let mentioned = NoteFilter { mentions_user_id: Some(reader), ..any() };
    let written = NoteFilter { created_by: Some("usr_x".to_owned()), ..any() };
    for filter in [any(), of_subject, mentioned, written] {
        for limit in [1, 3, 5, 14, 100] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = page(&ground, account, &filter, limit, after).await;
                seen.extend(page.items.iter().map(|note| note.id));
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            assert_eq!(seen, expected, "{filter:?} by {limit}");
        }
    }
    let documented = NotePosition { pinned: false, at: later(1), id: None };
    let rest = page(&ground, account, &any(), 100, Some(documented)).await;
    let older = order.iter().filter(|note| !note.pinned && note.created_at < later(1)).map(|note| note.id);
    assert_eq!(rest.items.iter().map(|note| note.id).collect::<Vec<_>>(), older.collect::<Vec<_>>());
}

pub async fn filters_hold_together(ground: Ground) {
    let account = mint();
    let (issuer, reader) = (mint(), mint());
    let subject = NoteSubject::Client(mint());
    let plain = Note { issuer_id: issuer, subject, ..note(account) };
    let pinned = Note { pinned: true, ..mentioning(reader, Note { issuer_id: issuer, ..note(account) }) };
    let other = Note { created_by: "usr_other".to_owned(), subject, ..mentioning(reader, note(account)) };
    for one in [&plain, &pinned, &other] {
        insert(&ground, one).await;
    }
    let any = NoteFilter::default;
    let set = |notes: &[&Note]| notes.iter().map(|note| note.id).collect::<BTreeSet<_>>();
    for (filter, expected) in [
        (any(), set(&[&plain, &pinned, &other])),
        (NoteFilter { subject_type: Some(NoteSubjectType::Client), ..any() }, set(&[&plain, &other])),
        (NoteFilter { subject: Some(subject), ..any() }, set(&[&plain, &other])),
        (NoteFilter { subject: Some(pinned.subject), ..any() }, set(&[&pinned])),
        (NoteFilter { issuer_id: Some(issuer), ..any() }, set(&[&plain, &pinned])),
        (NoteFilter { created_by: Some("usr_other".to_owned()), ..any() }, set(&[&other])),
        (NoteFilter { pinned: Some(true), ..any() }, set(&[&pinned])),
        (NoteFilter { pinned: Some(false), ..any() }, set(&[&plain, &other])),
        (NoteFilter { mentions_user_id: Some(reader), ..any() }, set(&[&pinned, &other])),
        (NoteFilter { mentions_user_id: Some(reader), subject: Some(subject), ..any() }, set(&[&other])),
        (NoteFilter { mentions_user_id: Some(reader), pinned: Some(false), ..any() }, set(&[&other])),
        (NoteFilter { issuer_id: Some(issuer), subject: Some(subject), ..any() }, set(&[&plain])),
        (NoteFilter { mentions_user_id: Some(mint()), ..any() }, set(&[])),
    ] {
        let found: BTreeSet<_> = listed(&ground, account, filter.clone()).await.into_iter().collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    let store = ground.store();
    assert_eq!(store.reads().notes().count(account, subject).await.unwrap(), 2);
    assert_eq!(store.reads().notes().count(account, NoteSubject::Client(mint())).await.unwrap(), 0);
}

pub async fn a_filtered_page_examines_two_thousand_rows(ground: Ground) {
    let account = mint();
    let sought = Note { created_by: "usr_rare".to_owned(), ..note(account) };
    insert(&ground, &sought).await;
    let mut unit = begin(&ground, START).await;
    for number in 0..EXAMINED_ROWS {
        let pinned = number % 2 == 0;
        unit.notes().insert(&Note { pinned, created_at: later(1), ..note(account) }).await.unwrap();
    }
    unit.commit().await.unwrap();
    let filter = NoteFilter { created_by: Some("usr_rare".to_owned()), ..NoteFilter::default() };
    let first = page(&ground, account, &filter, 10, None).await;
    assert!(first.items.is_empty() && first.next.is_some());
    let second = page(&ground, account, &filter, 10, first.next).await;
    assert_eq!((second.items, second.next), (vec![sought], None));
}

pub async fn backlinks_are_the_newest_that_still_refer(ground: Ground) {
    let account = mint();
    let target = NoteTarget::User(mint());
    let one = |minutes| referring(target, Note { created_at: later(minutes), ..note(account) });
    let notes: Vec<_> = (0..4).map(one).collect();
    for note in &notes {
        insert(&ground, note).await;
    }
    let of_another_kind = referring(NoteTarget::ApiKey(mint()), note(account));
    insert(&ground, &of_another_kind).await;
    assert_eq!(backlinks(&ground, account, target, 3).await, [notes[3].id, notes[2].id, notes[1].id]);
    let without = Note { references: Vec::new(), updated_at: later(9), ..notes[3].clone() };
    let _ = update(&ground, &without, START).await;
    let mut unit = begin(&ground, later(9)).await;
    assert_eq!(unit.notes().remove(&notes[2]).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(backlinks(&ground, account, target, 3).await, [notes[1].id, notes[0].id]);
}

pub async fn only_what_is_there_in_the_account_exists(ground: Ground) {
    let account = mint();
    let (here, elsewhere) = (inserted_issuer(&ground, account).await.id, inserted_issuer(&ground, mint()).await.id);
    let mut targets = Vec::new();
    let mut expected = Vec::new();
    for issuer in [here, elsewhere] {
        let (person, gone) = (user(issuer), user(issuer));
        let (tenant, app) = (organization(issuer), client(issuer));
        for one in [&person, &gone] {
            insert_user(&ground, one).await;
        }
        insert_organization(&ground, &tenant).await;
        insert_client(&ground, &app).await;
        let mut unit = begin(&ground, later(1)).await;
        let _ = unit.users().begin_delete(issuer, gone.id, START).await.unwrap();
        unit.commit().await.unwrap();
        let there = [NoteTarget::Client(app.id), NoteTarget::User(person.id), NoteTarget::Org(tenant.id)];
        targets.extend(there);
        targets.extend([NoteTarget::User(gone.id), NoteTarget::Issuer(issuer)]);
        if issuer == here {
            expected.extend(there.map(|target| (target, Some(issuer))));
            expected.push((NoteTarget::Issuer(issuer), None));
        }
    }
    let ours = key(account);
    insert_key(&ground, &ours).await;
    let theirs = key(mint());
    insert_key(&ground, &theirs).await;
    let (our_hook, their_hook) = (webhook(account), webhook(mint()));
    for one in [&our_hook, &their_hook] {
        insert_webhook(&ground, one).await;
    }
    targets.extend([NoteTarget::ApiKey(theirs.id), NoteTarget::ApiKey(ours.id), NoteTarget::Org(mint())]);
    targets.extend([NoteTarget::Webhook(their_hook.id), NoteTarget::Webhook(our_hook.id)]);
    expected.push((NoteTarget::ApiKey(ours.id), None));
    expected.push((NoteTarget::Webhook(our_hook.id), None));
    let store = ground.store();
    assert_eq!(store.reads().notes().existing(account, &targets).await.unwrap(), expected);
    assert_eq!(store.reads().notes().existing(account, &[]).await.unwrap(), []);
}
