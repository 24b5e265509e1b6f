//! Domains of accounts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Ground, START, begin, later, mint, race};
use crate::domain::model::{AccountDomain, DomainState};
use crate::hostname::Hostname;
use crate::id::{AccountId, Id, IssuerId};
use crate::outcome::{InsertOutcome, WriteOutcome};

/// A host that no other case uses: cases may share a database.
fn host() -> Hostname {
    format!("h{}.example", mint::<IssuerId>().uuid().simple()).parse().unwrap()
}

fn domain(account: AccountId) -> AccountDomain {
    AccountDomain {
        host: host(),
        account_id: account,
        state: DomainState::Unverified,
        primary: false,
        added_at: START,
        updated_at: START,
    }
}

async fn insert(ground: &Ground, domain: &AccountDomain) {
    let mut unit = begin(ground, START).await;
    assert_eq!(unit.domains().insert(domain).await.unwrap(), InsertOutcome::Inserted);
    unit.commit().await.unwrap();
}

async fn find(ground: &Ground, domain: &AccountDomain) -> Option<AccountDomain> {
    ground.store().reads().domains().find(domain.account_id, &domain.host).await.unwrap()
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let labels = [mint::<IssuerId>().uuid().simple().to_string(), "b".repeat(63), "c".repeat(63), "d".repeat(63)];
    let longest = labels.join(".");
    let padded = format!("{}{longest}", "a".repeat(253 - longest.len()));
    let made = AccountDomain { host: padded.parse().unwrap(), ..domain(mint()) };
    insert(&ground, &made).await;
    assert_eq!(find(&ground, &made).await.as_ref(), Some(&made));
    let states = [
        DomainState::Verified { at: later(1) },
        DomainState::Assigned { verified_at: later(1), issuer_id: mint(), at: later(2) },
        DomainState::Unverified,
    ];
    let mut before = made.updated_at;
    for (step, state) in states.into_iter().enumerate() {
        let changed = AccountDomain { state, primary: step == 1, updated_at: later(3 + step as u64), ..made.clone() };
        let mut unit = begin(&ground, later(9)).await;
        assert_eq!(unit.domains().update(&changed, before).await.unwrap(), WriteOutcome::Done);
        unit.commit().await.unwrap();
        assert_eq!(find(&ground, &made).await.as_ref(), Some(&changed));
        before = changed.updated_at;
    }
}

pub async fn another_account_sees_and_changes_nothing(ground: Ground) {
    let ours = domain(mint());
    insert(&ground, &ours).await;
    let theirs = AccountDomain { account_id: mint(), updated_at: later(1), ..ours.clone() };
    assert_eq!(find(&ground, &theirs).await, None);
    let reads = ground.store();
    assert_eq!(reads.reads().domains().of_accounts(&[theirs.account_id]).await.unwrap(), []);
    let mut unit = begin(&ground, later(1)).await;
    let domains = unit.domains();
    assert_eq!(domains.insert(&theirs).await.unwrap(), InsertOutcome::Taken);
    assert_eq!(domains.update(&theirs, START).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(domains.remove(theirs.account_id, &theirs.host, START).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(domains.remove_of_account(theirs.account_id).await.unwrap(), 0);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, &ours).await, Some(ours));
}

pub async fn a_stale_version_changes_and_removes_nothing(ground: Ground) {
    let made = domain(mint());
    insert(&ground, &made).await;
    let changed = AccountDomain { primary: true, updated_at: later(2), ..made.clone() };
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.domains().update(&changed, later(1)).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(unit.domains().remove(made.account_id, &made.host, later(1)).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, &made).await.as_ref(), Some(&made));
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.domains().remove(made.account_id, &made.host, START).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, &made).await, None);
    insert(&ground, &AccountDomain { account_id: mint(), ..made }).await;
}

pub async fn of_parallel_claims_of_one_host_one_wins(ground: Ground) {
    let host = host();
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        let claim = AccountDomain { host: host.clone(), ..domain(mint()) };
        async move {
            let mut unit = begin(&ground, START).await;
            if unit.domains().insert(&claim).await.unwrap() == InsertOutcome::Inserted {
                unit.commit().await.unwrap();
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
}

pub async fn lists_show_the_domains_asked_for_newest_first(ground: Ground) {
    let (one, two, issuer): (AccountId, AccountId, IssuerId) = (mint(), mint(), mint());
    let assigned = DomainState::Assigned { verified_at: START, issuer_id: issuer, at: START };
    let mut made = Vec::new();
    for (minute, account, state) in
        [(0, one, assigned), (1, two, assigned), (2, one, DomainState::Unverified), (3, one, assigned)]
    {
        let domain = AccountDomain { state, added_at: later(minute), ..domain(account) };
        insert(&ground, &domain).await;
        made.push(domain);
    }
    insert(&ground, &domain(mint())).await;
    let [first, second, third, fourth] = made.try_into().unwrap();
    let store = ground.store();
    let domains = store.reads().domains();
    let both = domains.of_accounts(&[one, two]).await.unwrap();
    assert_eq!(both, [fourth.clone(), third.clone(), second.clone(), first.clone()]);
    assert_eq!(domains.of_accounts(&[one]).await.unwrap(), [fourth.clone(), third, first.clone()]);
    assert_eq!(domains.of_accounts(&[]).await.unwrap(), []);
    assert_eq!(domains.of_issuer(one, issuer).await.unwrap(), [fourth, first]);
    assert_eq!(domains.of_issuer(one, mint()).await.unwrap(), []);
    let mut unit = begin(&ground, later(4)).await;
    assert_eq!(unit.domains().remove_of_account(one).await.unwrap(), 3);
    unit.commit().await.unwrap();
    assert_eq!(domains.of_accounts(&[one, two]).await.unwrap(), [second]);
}

pub async fn a_host_leads_to_the_issuer_that_it_serves_and_to_no_other(ground: Ground) {
    let issuer = mint();
    let serving = DomainState::Assigned { verified_at: later(1), issuer_id: issuer, at: later(2) };
    let states = [DomainState::Unverified, DomainState::Verified { at: later(1) }, serving];
    for (state, expected) in states.into_iter().zip([None, None, Some(issuer)]) {
        let one = AccountDomain { state, ..domain(mint()) };
        insert(&ground, &one).await;
        assert_eq!(ground.store().reads().domains().issuer_at(&one.host).await.unwrap(), expected, "{state:?}");
    }
    assert_eq!(ground.store().reads().domains().issuer_at(&host()).await.unwrap(), None);
}
