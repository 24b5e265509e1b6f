//! Usage, credit and payment methods.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Ground, RACERS, START, begin, later, mint, race};
use crate::billing::model::{
    ActiveUser, CreditState, Dimension, EntryDetails, EntryType, LedgerEntry, LedgerPosition, Metered, MethodKind,
    PaymentMethod, Period, Statement, StatementStatus, UsageLine,
};
use crate::billing::repository::AccountPeriod;
use crate::error::StoreErrorKind;
use crate::id::{AccountId, IssuerId, UserId};
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{Limit, PageRequest};
use crate::timestamp::Timestamp;

const LATEST: i64 = 9_007_199_254_740_991;

fn month() -> Period {
    Period::of(START)
}

fn entry(account: AccountId, sequence: i64) -> LedgerEntry {
    LedgerEntry {
        id: mint(),
        account_id: account,
        sequence,
        entry_type: EntryType::Topup,
        amount: 5,
        balance_after: 5 * sequence,
        details: EntryDetails::default(),
        created_at: START,
    }
}

async fn append(ground: &Ground, entry: &LedgerEntry) -> InsertOutcome {
    let mut unit = begin(ground, START).await;
    let outcome = unit.billing().append_entry(entry).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

fn method(account: AccountId) -> PaymentMethod {
    PaymentMethod {
        id: mint(),
        account_id: account,
        kind: MethodKind::X402 {
            network: format!("{}:{}", "n".repeat(8), "r".repeat(32)),
            asset: "ü".repeat(128),
            address: "🦀".repeat(128),
        },
        enabled: true,
        created_at: START,
        disabled_at: None,
        removed_at: None,
        updated_at: START,
    }
}

async fn insert_method(ground: &Ground, method: &PaymentMethod) {
    let mut unit = begin(ground, START).await;
    unit.billing().insert_method(method).await.unwrap();
    unit.commit().await.unwrap();
}

async fn find_method(ground: &Ground, method: &PaymentMethod) -> Option<PaymentMethod> {
    ground.store().reads().billing().method(method.account_id, method.id).await.unwrap()
}

pub async fn every_field_of_an_entry_comes_back_as_it_was_written(ground: Ground) {
    let account = mint();
    let full = LedgerEntry {
        entry_type: EntryType::Expiry,
        amount: -LATEST,
        balance_after: LATEST,
        details: EntryDetails {
            operation: Some("o".repeat(64)),
            reference: Some("r".repeat(64)),
            related_entry_id: Some(mint()),
            dimension: Some(Dimension::MonthlyActiveUsers),
            config_version: Some("v".repeat(64)),
            external_reference: Some("🦀".repeat(255)),
            expires_at: Some(Timestamp::from_millis(LATEST)),
            settled_total: Some(LATEST),
        },
        ..entry(account, 2)
    };
    let bare = entry(account, 1);
    for one in [&bare, &full] {
        assert_eq!(append(&ground, one).await, InsertOutcome::Inserted);
    }
    let page = PageRequest { limit: Limit::default(), after: None };
    let listed = ground.store().reads().billing().ledger(account, &page).await.unwrap();
    assert_eq!(listed.items, [full.clone(), bare]);
    let found = ground.store().reads().billing().payment(account, &"🦀".repeat(255)).await.unwrap();
    assert_eq!(found, Some(full));
}

pub async fn every_field_of_a_method_comes_back_as_it_was_written(ground: Ground) {
    let account = mint();
    let wallet = method(account);
    let kind = MethodKind::Stripe {
        brand: Some("visa".to_owned()),
        last4: Some("4242".to_owned()),
        exp_month: Some(12),
        exp_year: Some(u32::MAX),
    };
    let card = PaymentMethod { kind, enabled: false, disabled_at: Some(later(1)), ..method(account) };
    for one in [&wallet, &card] {
        insert_method(&ground, one).await;
        assert_eq!(find_method(&ground, one).await.as_ref(), Some(one));
    }
    let listed = ground.store().reads().billing().methods(&[account, mint()]).await.unwrap();
    assert_eq!(listed, [card.clone(), wallet], "newest first");
    let removed = card.clone().removed(later(2));
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.billing().update_method(&removed, card.updated_at).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(find_method(&ground, &card).await, None);
    assert_eq!(ground.store().reads().billing().methods(&[account]).await.unwrap().len(), 1);
}

pub async fn a_stale_version_of_a_method_changes_nothing(ground: Ground) {
    let before = method(mint());
    insert_method(&ground, &before).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        let after = before.clone().switched(false, later(1));
        async move {
            let mut unit = begin(&ground, later(1)).await;
            if unit.billing().update_method(&after, START).await.unwrap() == WriteOutcome::Done {
                unit.commit().await.unwrap();
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
    assert_eq!(find_method(&ground, &before).await, Some(before.switched(false, later(1))));
}

pub async fn another_account_sees_and_changes_nothing(ground: Ground) {
    let (account, stranger) = (mint(), mint());
    let payment = LedgerEntry {
        details: EntryDetails { external_reference: Some("pay_1".to_owned()), ..EntryDetails::default() },
        ..entry(account, 1)
    };
    assert_eq!(append(&ground, &payment).await, InsertOutcome::Inserted);
    let ours = method(account);
    insert_method(&ground, &ours).await;
    let mut unit = begin(&ground, later(1)).await;
    unit.billing().lock(account, month()).await.unwrap();
    unit.billing().add_usage(account, &metered(1, 0)).await.unwrap();
    let foreign = PaymentMethod { account_id: stranger, ..ours.clone().switched(false, later(1)) };
    assert_eq!(unit.billing().update_method(&foreign, START).await.unwrap(), WriteOutcome::Stale);
    let nothing = UsageLine { settled: 7, entries: 1, ..line(1, 0) };
    unit.billing().settle(stranger, &nothing).await.unwrap();
    unit.commit().await.unwrap();
    let store = ground.store();
    let reads = store.reads().billing();
    let page = PageRequest { limit: Limit::default(), after: None };
    assert_eq!(reads.ledger(stranger, &page).await.unwrap().items, []);
    assert_eq!(reads.payment(stranger, "pay_1").await.unwrap(), None);
    assert_eq!(reads.method(stranger, ours.id).await.unwrap(), None);
    assert_eq!(reads.methods(&[stranger]).await.unwrap(), []);
    assert_eq!(reads.credit(&[stranger]).await.unwrap(), []);
    assert_eq!(reads.usage(stranger, None).await.unwrap(), []);
    assert_eq!(reads.statements(stranger, 10).await.unwrap(), []);
    assert_eq!(reads.usage(account, None).await.unwrap(), [line(1, 0)]);
    let theirs = LedgerEntry { account_id: stranger, id: mint(), ..payment.clone() };
    assert_eq!(append(&ground, &theirs).await, InsertOutcome::Taken, "a payment counts once in all accounts");
}

pub async fn the_end_of_a_ledger_is_begun_once_and_written_under_its_lock(ground: Ground) {
    let account: AccountId = mint();
    race(&ground, |_| {
        let ground = Arc::clone(&ground);
        async move {
            let mut unit = begin(&ground, START).await;
            let state = unit.billing().lock(account, month()).await.unwrap();
            let one = entry(account, state.sequence + 1);
            let one = LedgerEntry { balance_after: state.balance + one.amount, ..one };
            assert_eq!(unit.billing().append_entry(&one).await.unwrap(), InsertOutcome::Inserted);
            unit.billing().save(account, &state.after(one.amount)).await.unwrap();
            unit.commit().await.unwrap();
        }
    })
    .await;
    let racers = i64::try_from(RACERS).unwrap();
    let state = ground.store().reads().billing().credit(&[account]).await.unwrap().pop().unwrap().1;
    assert_eq!(state, CreditState { balance: 5 * racers, sequence: racers, ..CreditState::new(month()) });
    let page = PageRequest { limit: Limit::default(), after: None };
    let entries = ground.store().reads().billing().ledger(account, &page).await.unwrap().items;
    let balances: Vec<_> = entries.iter().rev().map(|entry| entry.balance_after).collect();
    assert_eq!(balances, (1..=racers).map(|number| 5 * number).collect::<Vec<_>>());
    let full = CreditState {
        balance: -LATEST,
        sequence: LATEST,
        open: month().next(),
        granted: Some(month()),
        grant_entry: Some(mint()),
        grant_left: LATEST,
    };
    let mut unit = begin(&ground, START).await;
    unit.billing().save(account, &full).await.unwrap();
    unit.commit().await.unwrap();
    let mut unit = begin(&ground, START).await;
    assert_eq!(unit.billing().lock(account, month()).await.unwrap(), full);
}

pub async fn of_parallel_writers_of_one_payment_one_enters_it(ground: Ground) {
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        async move {
            let details = EntryDetails { external_reference: Some("pay_1".to_owned()), ..EntryDetails::default() };
            let one = LedgerEntry { details, ..entry(mint(), 1) };
            loop {
                let mut unit = begin(&ground, START).await;
                match unit.billing().append_entry(&one).await {
                    Ok(InsertOutcome::Inserted) => {
                        unit.commit().await.unwrap();
                        wins.fetch_add(1, Ordering::SeqCst);
                        break;
                    }
                    Ok(InsertOutcome::Taken) => break,
                    Err(error) => assert_eq!(error.kind, StoreErrorKind::Retryable, "{error}"),
                }
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
}

pub async fn pages_of_the_ledger_neither_repeat_nor_skip(ground: Ground) {
    let account = mint();
    for sequence in 1..=5 {
        assert_eq!(append(&ground, &entry(account, sequence)).await, InsertOutcome::Inserted);
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = PageRequest { limit: Limit::new(2).unwrap(), after };
        let found = ground.store().reads().billing().ledger(account, &page).await.unwrap();
        if after.is_none() {
            assert_eq!(append(&ground, &entry(account, 6)).await, InsertOutcome::Inserted);
        }
        seen.extend(found.items.iter().map(|entry| entry.sequence));
        after = seen.last().copied().map(LedgerPosition);
        if !found.has_more {
            break;
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
}

fn metered(count: u64, free: u64) -> Metered {
    Metered { period: month(), dimension: Dimension::ApiKeyVerification, count, free }
}

fn line(count: u64, free: u64) -> UsageLine {
    UsageLine { period: month(), dimension: Dimension::ApiKeyVerification, count, free, settled: 0, entries: 0 }
}

pub async fn usage_adds_up_and_waits_until_it_is_settled(ground: Ground) {
    let account: AccountId = mint();
    race(&ground, |_| {
        let ground = Arc::clone(&ground);
        async move {
            let mut unit = begin(&ground, START).await;
            unit.billing().lock(account, month()).await.unwrap();
            unit.billing().add_usage(account, &metered(3, 1)).await.unwrap();
            unit.commit().await.unwrap();
        }
    })
    .await;
    let store = ground.store();
    let reads = store.reads().billing();
    let racers = RACERS as u64;
    let all = line(3 * racers, racers);
    assert_eq!(reads.usage(account, Some(month())).await.unwrap(), [all]);
    assert_eq!(reads.usage(account, Some(month().next())).await.unwrap(), []);
    let waiting = AccountPeriod { account_id: account, period: month() };
    assert_eq!(reads.unsettled(10).await.unwrap(), [waiting]);
    let settled = UsageLine { settled: LATEST, entries: u32::MAX, ..all };
    let mut unit = begin(&ground, later(1)).await;
    unit.billing().settle(account, &settled).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(reads.usage(account, None).await.unwrap(), [settled]);
    assert_eq!(reads.unsettled(10).await.unwrap(), []);
    let mut unit = begin(&ground, later(2)).await;
    unit.billing().add_usage(account, &Metered { period: month().next(), ..metered(1, 1) }).await.unwrap();
    unit.billing().add_usage(account, &metered(1, 0)).await.unwrap();
    unit.commit().await.unwrap();
    let months: Vec<_> = reads.usage(account, None).await.unwrap().iter().map(|line| line.period).collect();
    assert_eq!(months, [month().next(), month()], "newest first");
    assert_eq!(reads.unsettled(1).await.unwrap(), [waiting], "oldest first");
}

pub async fn who_was_active_is_known_in_their_month_and_account_only(ground: Ground) {
    let (account, stranger): (AccountId, AccountId) = (mint(), mint());
    let people: Vec<(IssuerId, UserId)> = (0..3).map(|_| (mint(), mint())).collect();
    let active =
        |index: usize, free| ActiveUser { period: month(), issuer_id: people[index].0, user_id: people[index].1, free };
    let noted = [active(0, true), active(1, false)];
    let mut unit = begin(&ground, START).await;
    unit.billing().add_active_users(account, &noted).await.unwrap();
    unit.commit().await.unwrap();
    let mut unit = begin(&ground, START).await;
    let known = unit.billing().active_users(account, month(), &people).await.unwrap();
    assert_eq!(known.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(noted));
    let swapped = [(people[0].0, people[1].1)];
    assert_eq!(unit.billing().active_users(account, month(), &swapped).await.unwrap(), []);
    assert_eq!(unit.billing().active_users(stranger, month(), &people).await.unwrap(), []);
    assert_eq!(unit.billing().active_users(account, month().next(), &people).await.unwrap(), []);
    assert_eq!(unit.billing().purge_active_users(month(), 10).await.unwrap(), 0);
    assert_eq!(unit.billing().purge_active_users(month().next(), 10).await.unwrap(), 2);
    assert_eq!(unit.billing().active_users(account, month(), &people).await.unwrap(), []);
}

pub async fn statements_are_made_once_and_listed_newest_first(ground: Ground) {
    let account = mint();
    let statement =
        |period, status, total| Statement { account_id: account, period, status, total, created_at: later(1) };
    let first = statement(month(), StatementStatus::Paid, 0);
    let second = statement(month().next(), StatementStatus::Open, LATEST);
    for one in [&first, &second] {
        let mut unit = begin(&ground, later(1)).await;
        unit.billing().insert_statement(one).await.unwrap();
        unit.commit().await.unwrap();
    }
    let listed = async |limit| ground.store().reads().billing().statements(account, limit).await.unwrap();
    assert_eq!(listed(10).await, [second.clone(), first]);
    assert_eq!(listed(1).await, std::slice::from_ref(&second));
    let mut unit = begin(&ground, later(2)).await;
    let again = unit.billing().insert_statement(&second).await.unwrap_err();
    assert_eq!(again.kind, StoreErrorKind::Conflict);
}

pub async fn months_are_left_open_until_they_are_closed(ground: Ground) {
    let (old, new): (AccountId, AccountId) = (mint(), mint());
    let mut unit = begin(&ground, START).await;
    unit.billing().lock(old, month()).await.unwrap();
    unit.billing().lock(new, month().next()).await.unwrap();
    unit.commit().await.unwrap();
    let store = ground.store();
    let reads = store.reads().billing();
    let due = |account_id, period| AccountPeriod { account_id, period };
    assert_eq!(reads.unclosed(month(), 10).await.unwrap(), []);
    assert_eq!(reads.unclosed(month().next(), 10).await.unwrap(), [due(old, month())]);
    let both = [due(old, month()), due(new, month().next())];
    assert_eq!(reads.unclosed(month().next().next(), 10).await.unwrap(), both);
    assert_eq!(reads.unclosed(month().next().next(), 1).await.unwrap(), both[..1]);
}

pub async fn a_dropped_unit_leaves_nothing(ground: Ground) {
    let account = mint();
    let mut unit = begin(&ground, START).await;
    unit.billing().lock(account, month()).await.unwrap();
    unit.billing().add_usage(account, &metered(1, 0)).await.unwrap();
    assert_eq!(unit.billing().append_entry(&entry(account, 1)).await.unwrap(), InsertOutcome::Inserted);
    unit.billing().insert_method(&method(account)).await.unwrap();
    drop(unit);
    let store = ground.store();
    let reads = store.reads().billing();
    assert_eq!(reads.credit(&[account]).await.unwrap(), []);
    assert_eq!(reads.usage(account, None).await.unwrap(), []);
    assert_eq!(reads.methods(&[account]).await.unwrap(), []);
    let page = PageRequest { limit: Limit::default(), after: None };
    assert_eq!(reads.ledger(account, &page).await.unwrap().items, []);
}
