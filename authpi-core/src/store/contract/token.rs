//! Personal tokens of users.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::issuer::{delete as delete_issuer, inserted as inserted_issuer};
use super::user::{insert as insert_user, user as a_user};
use super::{Ground, START, begin, later, mint, race};
use crate::event::model::ContextDetail;
use crate::id::{AccountId, TokenId};
use crate::issuer::model::Issuer;
use crate::metadata::Metadata;
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{Limit, PageRequest};
use crate::status::{Status, StatusNote};
use crate::timestamp::Timestamp;
use crate::token::model::{
    EffectiveStatus, OwnerState, PersonalToken, PersonalTokenDetails, TokenRestrictions, TokenStatus,
};
use crate::token::repository::{ADDRESSES_KEPT, PersonalTokenFilter};
use crate::user::model::{User, UserStatus};

/// An active token of a user.
fn token(issuer: &Issuer, user: &User) -> PersonalToken {
    PersonalToken {
        id: mint(),
        account_id: issuer.account_id,
        issuer_id: issuer.id,
        user_id: user.id,
        status: Status::initial(TokenStatus::Active),
        details: PersonalTokenDetails { name: "laptop".to_owned(), ..PersonalTokenDetails::default() },
        restrictions: TokenRestrictions::default(),
        expires_at: later(60),
        audience: "https://api.example.com".to_owned(),
        jti: "j".repeat(18),
        metadata: Metadata::default(),
        owner: OwnerState::Active,
        by_another: true,
        created_at: START,
        updated_at: START,
    }
}

/// An issuer with a user.
async fn owner(ground: &Ground) -> (Issuer, User) {
    let issuer = inserted_issuer(ground, mint()).await;
    let user = a_user(issuer.id);
    insert_user(ground, &user).await;
    (issuer, user)
}

async fn insert(ground: &Ground, token: &PersonalToken) {
    let mut unit = begin(ground, START).await;
    unit.personal_tokens().insert(token).await.unwrap();
    unit.commit().await.unwrap();
}

async fn update(ground: &Ground, after: &PersonalToken, before: Timestamp) -> WriteOutcome {
    let mut unit = begin(ground, after.updated_at).await;
    let outcome = unit.personal_tokens().update(after, before).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

async fn find(ground: &Ground, account: AccountId, id: TokenId) -> Option<PersonalToken> {
    ground.store().reads().personal_tokens().find(account, id).await.unwrap()
}

fn with_status(token: &PersonalToken, status: TokenStatus) -> PersonalToken {
    let note = StatusNote { reason: Some("leaked".to_owned()), by: None };
    PersonalToken { status: Status::changed(status, later(1), note), updated_at: later(1), ..token.clone() }
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let (issuer, user) = owner(&ground).await;
    let plain = token(&issuer, &user);
    let full = PersonalToken {
        status: Status::changed(
            TokenStatus::Blocked,
            later(1),
            StatusNote { reason: Some("🦀".repeat(1000)), by: Some("b".repeat(200)) },
        ),
        details: PersonalTokenDetails {
            name: "名".repeat(200),
            description: Some("🦀".repeat(5000)),
            tags: (0..20).map(|number| format!("{number:02}{}", "ü".repeat(48))).collect(),
        },
        restrictions: TokenRestrictions {
            scopes: (0..256).map(|number| format!("{number:x>127}:").parse().unwrap()).collect(),
            ip_allowlist: ["192.0.2.7", "10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().unwrap()).into(),
        },
        expires_at: Timestamp::from_millis(9_007_199_254_740_991),
        audience: "🦀".repeat(2048),
        jti: "A".repeat(32),
        metadata: Metadata::from_create(&json!({ "nested": { "deep": [1, null, "x"] }, "big": "ü".repeat(2048) })),
        ..plain.clone()
    };
    insert(&ground, &full).await;
    assert_eq!(find(&ground, issuer.account_id, full.id).await.as_ref(), Some(&full));
    let found = ground.store().reads().personal_tokens().authentication(full.id).await.unwrap().unwrap();
    assert_eq!((&found.token, found.event_context), (&full, ContextDetail::Full));
    let changed = PersonalToken {
        id: full.id,
        restrictions: full.restrictions.clone(),
        expires_at: full.expires_at,
        audience: full.audience.clone(),
        jti: full.jti.clone(),
        updated_at: later(2),
        ..plain
    };
    assert_eq!(update(&ground, &changed, full.updated_at).await, WriteOutcome::Done);
    assert_eq!(find(&ground, issuer.account_id, full.id).await.as_ref(), Some(&changed));
}

pub async fn the_state_of_the_user_comes_along(ground: Ground) {
    let (issuer, user) = owner(&ground).await;
    let token = token(&issuer, &user);
    insert(&ground, &token).await;
    let states = [
        (UserStatus::Suspended, OwnerState::Suspended),
        (UserStatus::Blocked, OwnerState::Barred),
        (UserStatus::Disabled, OwnerState::Barred),
        (UserStatus::PendingApproval, OwnerState::Barred),
        (UserStatus::Active, OwnerState::Active),
    ];
    let mut before = user;
    for (minute, (status, expected)) in (1..).zip(states) {
        let after = User { status: Status::initial(status), updated_at: later(minute), ..before.clone() };
        let mut unit = begin(&ground, later(minute)).await;
        let _ = unit.users().update(&after, &before).await.unwrap();
        unit.commit().await.unwrap();
        before = after;
        let found = find(&ground, issuer.account_id, token.id).await.unwrap();
        assert_eq!(found.owner, expected, "{status:?}");
    }
    let mut unit = begin(&ground, later(9)).await;
    let _ = unit.users().begin_delete(issuer.id, before.id, before.updated_at).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, issuer.account_id, token.id).await, None, "it is gone with the user");
    let found = ground.store().reads().personal_tokens().authentication(token.id).await.unwrap().unwrap();
    assert_eq!(found.token.owner, OwnerState::Gone);
}

pub async fn a_token_of_a_deleted_issuer_is_none(ground: Ground) {
    let (issuer, user) = owner(&ground).await;
    let token = token(&issuer, &user);
    insert(&ground, &token).await;
    delete_issuer(&ground, &issuer).await;
    assert_eq!(find(&ground, issuer.account_id, token.id).await, None);
    assert!(ground.store().reads().personal_tokens().authentication(token.id).await.unwrap().is_none());
}

pub async fn another_tenant_sees_and_changes_nothing(ground: Ground) {
    let (issuer, user) = owner(&ground).await;
    let known = token(&issuer, &user);
    insert(&ground, &known).await;
    let foreign = PersonalToken { account_id: mint(), updated_at: later(1), ..known.clone() };
    assert_eq!(find(&ground, foreign.account_id, known.id).await, None);
    assert_eq!(update(&ground, &foreign, known.updated_at).await, WriteOutcome::Stale);
    let store = ground.store();
    let tokens = store.reads().personal_tokens();
    let (stranger, page) = (mint(), PageRequest { limit: Limit::default(), after: None });
    let listed = tokens.list(stranger, user.id, PersonalTokenFilter::default(), &page, START).await.unwrap();
    assert_eq!((listed.items, listed.next), (Vec::new(), None));
    assert_eq!(tokens.unexpired(stranger, user.id, TokenStatus::Active, START, 10).await.unwrap(), []);
    assert_eq!(tokens.count_of_user(stranger, user.id).await.unwrap(), 0);
    let mut unit = begin(&ground, later(1)).await;
    let removed = unit.personal_tokens().remove(foreign.account_id, known.id, known.updated_at).await.unwrap();
    assert_eq!(removed, WriteOutcome::Stale);
    assert_eq!(unit.personal_tokens().remove_of_user(stranger, user.id, 10).await.unwrap(), 0);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, issuer.account_id, known.id).await, Some(known));
}

pub async fn a_stale_version_changes_and_removes_nothing(ground: Ground) {
    let (issuer, user) = owner(&ground).await;
    let known = token(&issuer, &user);
    insert(&ground, &known).await;
    let after = with_status(&known, TokenStatus::Revoked);
    assert_eq!(update(&ground, &after, later(1)).await, WriteOutcome::Stale);
    let mut unit = begin(&ground, later(1)).await;
    let removed = unit.personal_tokens().remove(issuer.account_id, known.id, later(1)).await.unwrap();
    assert_eq!(removed, WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, issuer.account_id, known.id).await, Some(known));
}

pub async fn of_parallel_updates_of_one_version_one_wins(ground: Ground) {
    let (issuer, user) = owner(&ground).await;
    let known = token(&issuer, &user);
    insert(&ground, &known).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, known, wins) = (Arc::clone(&ground), known.clone(), Arc::clone(&wins));
        async move {
            let after = with_status(&known, TokenStatus::Revoked);
            if update(&ground, &after, known.updated_at).await == WriteOutcome::Done {
                wins.fetch_add(1, Ordering::Relaxed);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::Relaxed), 1);
}

pub async fn a_limit_holds_against_parallel_creations(ground: Ground) {
    const LIMIT: usize = 3;
    let (issuer, user) = owner(&ground).await;
    race(&ground, |_| {
        let (ground, token) = (Arc::clone(&ground), token(&issuer, &user));
        async move {
            let mut unit = begin(&ground, START).await;
            assert_eq!(unit.users().lock(token.issuer_id, token.user_id).await.unwrap(), Some(UserStatus::Active));
            let tokens = unit.reads().personal_tokens();
            let active =
                tokens.unexpired(token.issuer_id, token.user_id, TokenStatus::Active, START, 100).await.unwrap();
            if active.len() < LIMIT {
                unit.personal_tokens().insert(&token).await.unwrap();
                unit.commit().await.unwrap();
            }
        }
    })
    .await;
    assert_eq!(ground.store().reads().personal_tokens().count_of_user(issuer.id, user.id).await.unwrap(), 3);
}

pub async fn pages_neither_repeat_nor_skip_while_rows_come_and_go(ground: Ground) {
    let (issuer, user) = owner(&ground).await;
    let tokens: Vec<_> = (0..7).map(|_| token(&issuer, &user)).collect();
    for token in &tokens {
        insert(&ground, token).await;
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = PageRequest { limit: Limit::new(3).unwrap(), after };
        let store = ground.store();
        let reads = store.reads().personal_tokens();
        let found = reads.list(issuer.id, user.id, PersonalTokenFilter::default(), &page, START).await.unwrap();
        seen.extend(found.items.iter().map(|token| token.id));
        insert(&ground, &token(&issuer, &user)).await;
        let mut unit = begin(&ground, START).await;
        let _ = unit.personal_tokens().remove(issuer.account_id, *seen.last().unwrap(), START).await.unwrap();
        unit.commit().await.unwrap();
        match found.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let expected: Vec<_> = tokens.iter().rev().map(|token| token.id).collect();
    assert_eq!(seen, expected);
}

pub async fn a_status_filter_sees_time_and_user(ground: Ground) {
    let (issuer, user) = owner(&ground).await;
    let active = token(&issuer, &user);
    let blocked = with_status(&token(&issuer, &user), TokenStatus::Blocked);
    let revoked = with_status(&token(&issuer, &user), TokenStatus::Revoked);
    let expired = PersonalToken { expires_at: later(1), ..token(&issuer, &user) };
    for one in [&active, &blocked, &revoked, &expired] {
        insert(&ground, one).await;
    }
    let store = ground.store();
    let shown = async |status| {
        let page = PageRequest { limit: Limit::default(), after: None };
        let filter = PersonalTokenFilter { status: Some(status) };
        let found = store.reads().personal_tokens().list(issuer.id, user.id, filter, &page, later(1)).await.unwrap();
        found.items.iter().map(|token| token.id).collect::<Vec<_>>()
    };
    assert_eq!(shown(EffectiveStatus::Active).await, [active.id]);
    assert_eq!(shown(EffectiveStatus::Blocked).await, [blocked.id]);
    assert_eq!(shown(EffectiveStatus::Revoked).await, [revoked.id]);
    assert_eq!(shown(EffectiveStatus::Expired).await, [expired.id]);
    assert_eq!(shown(EffectiveStatus::Suspended).await, []);
    let reads = store.reads().personal_tokens();
    let unexpired = reads.unexpired(issuer.id, user.id, TokenStatus::Active, later(1), 10).await.unwrap();
    assert_eq!(unexpired, std::slice::from_ref(&active));
    let earlier = reads.unexpired(issuer.id, user.id, TokenStatus::Active, START, 10).await.unwrap();
    assert_eq!(earlier, [active.clone(), expired]);
    let suspended = User { status: Status::initial(UserStatus::Suspended), updated_at: later(1), ..user.clone() };
    let mut unit = begin(&ground, later(1)).await;
    let _ = unit.users().update(&suspended, &user).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(shown(EffectiveStatus::Suspended).await, [active.id]);
}

async fn remember(ground: &Ground, token: &PersonalToken, address: u8, now: Timestamp) -> InsertOutcome {
    let mut unit = begin(ground, now).await;
    let tokens = unit.personal_tokens();
    let outcome = tokens.remember_address(token.issuer_id, token.id, &[address; 32]).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

pub async fn an_address_is_new_once_and_the_longest_unused_is_forgotten(ground: Ground) {
    let (issuer, user) = owner(&ground).await;
    let (one, other) = (token(&issuer, &user), token(&issuer, &user));
    assert_eq!(remember(&ground, &one, 0, START).await, InsertOutcome::Inserted);
    assert_eq!(remember(&ground, &one, 0, START).await, InsertOutcome::Taken, "in the same millisecond");
    assert_eq!(remember(&ground, &other, 0, START).await, InsertOutcome::Inserted, "each token has its own");
    for number in 1..ADDRESSES_KEPT {
        let minutes = number;
        let address = u8::try_from(number).unwrap();
        assert_eq!(remember(&ground, &one, address, later(minutes)).await, InsertOutcome::Inserted);
    }
    assert_eq!(remember(&ground, &one, 0, later(200)).await, InsertOutcome::Taken);
    assert_eq!(remember(&ground, &one, 200, later(201)).await, InsertOutcome::Inserted);
    assert_eq!(remember(&ground, &one, 0, later(202)).await, InsertOutcome::Taken, "used lately");
    assert_eq!(remember(&ground, &one, 1, later(203)).await, InsertOutcome::Inserted, "the longest unused");
}

pub async fn of_parallel_first_uses_from_an_address_one_is_new(ground: Ground) {
    let (issuer, user) = owner(&ground).await;
    let token = token(&issuer, &user);
    insert(&ground, &token).await;
    let new = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, token, new) = (Arc::clone(&ground), token.clone(), Arc::clone(&new));
        async move {
            if remember(&ground, &token, 7, START).await == InsertOutcome::Inserted {
                new.fetch_add(1, Ordering::Relaxed);
            }
        }
    })
    .await;
    assert_eq!(new.load(Ordering::Relaxed), 1);
}

pub async fn a_removed_token_is_gone_with_its_addresses(ground: Ground) {
    let (issuer, user) = owner(&ground).await;
    let (gone, stays) = (token(&issuer, &user), token(&issuer, &user));
    for one in [&gone, &stays] {
        insert(&ground, one).await;
        let _ = remember(&ground, one, 1, START).await;
    }
    let mut unit = begin(&ground, later(1)).await;
    let removed = unit.personal_tokens().remove(issuer.account_id, gone.id, gone.updated_at).await.unwrap();
    assert_eq!(removed, WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, issuer.account_id, gone.id).await, None);
    assert_eq!(remember(&ground, &gone, 1, later(2)).await, InsertOutcome::Inserted);
    assert_eq!(remember(&ground, &stays, 1, later(2)).await, InsertOutcome::Taken);
}

pub async fn tokens_of_deleted_users_are_found_until_they_are_removed(ground: Ground) {
    let issuer = inserted_issuer(&ground, mint()).await;
    let [gone, gone_earlier, stays] = [(); 3].map(|()| a_user(issuer.id));
    for user in [&gone, &gone_earlier, &stays] {
        insert_user(&ground, user).await;
        for _ in 0..3 {
            insert(&ground, &token(&issuer, user)).await;
        }
    }
    for (user, at) in [(&gone_earlier, later(1)), (&gone, later(2))] {
        let mut unit = begin(&ground, at).await;
        let _ = unit.users().begin_delete(issuer.id, user.id, user.updated_at).await.unwrap();
        unit.commit().await.unwrap();
    }
    let store = ground.store();
    let departed = async |since| {
        let found = store.reads().personal_tokens().departed_owners(since, 10).await.unwrap();
        found.iter().map(|owner| owner.user_id).collect::<BTreeSet<_>>()
    };
    assert_eq!(departed(START).await, BTreeSet::from([gone.id, gone_earlier.id]));
    assert_eq!(departed(later(2)).await, BTreeSet::from([gone.id]));
    let mut batches = Vec::new();
    for _ in 0..3 {
        let mut unit = begin(&ground, later(3)).await;
        batches.push(unit.personal_tokens().remove_of_user(issuer.id, gone.id, 2).await.unwrap());
        unit.commit().await.unwrap();
    }
    assert_eq!(batches, [2, 1, 0]);
    assert_eq!(departed(START).await, BTreeSet::from([gone_earlier.id]));
    assert_eq!(store.reads().personal_tokens().count_of_user(issuer.id, stays.id).await.unwrap(), 3);
}
