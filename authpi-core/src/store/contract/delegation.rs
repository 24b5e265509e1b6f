//! Delegations.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::agent::{agent, delete as delete_agent, insert as insert_agent};
use super::client::{client, insert as insert_client};
use super::issuer::inserted as inserted_issuer;
use super::user::{insert as insert_user, user};
use super::{Ground, RACERS, START, begin, later, mint, race};
use crate::delegation::model::{Delegation, DelegationParty, DelegationState, DelegationStatus, GrantedBy};
use crate::delegation::repository::{DelegationFilter, DelegationOwner, DepartedParty};
use crate::id::{DelegationId, IssuerId, UserId};
use crate::metadata::Metadata;
use crate::outcome::WriteOutcome;
use crate::page::{EXAMINED_ROWS, Limit, PageRequest, SearchPage};
use crate::scope::Scope;
use crate::status::{Status, StatusNote};
use crate::timestamp::Timestamp;

/// A plain delegation in `issuer`, an hour long.
pub(super) fn delegation(issuer: IssuerId) -> Delegation {
    Delegation {
        id: mint(),
        issuer_id: issuer,
        user_id: mint(),
        agent_id: mint(),
        client_id: None,
        org_id: None,
        scopes: ["a:read".parse::<Scope>().unwrap()].into_iter().collect(),
        status: Status::initial(DelegationStatus::Active),
        granted_by: GrantedBy::Admin,
        reason: None,
        expires_at: later(60),
        usage_count: 0,
        last_used_at: None,
        metadata: Metadata::default(),
        created_at: START,
        updated_at: START,
    }
}

fn revoked(delegation: &Delegation) -> Delegation {
    delegation.clone().revoked(later(1), StatusNote::default())
}

pub(super) async fn insert(ground: &Ground, delegation: &Delegation) {
    let mut unit = begin(ground, START).await;
    unit.delegations().insert(delegation).await.unwrap();
    unit.commit().await.unwrap();
}

async fn find(ground: &Ground, issuer: IssuerId, id: DelegationId) -> Option<Delegation> {
    ground.store().reads().delegations().find(issuer, id).await.unwrap()
}

async fn update(ground: &Ground, after: &Delegation, before: Timestamp) -> WriteOutcome {
    let mut unit = begin(ground, after.updated_at).await;
    let outcome = unit.delegations().update(after, before).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

async fn page(
    ground: &Ground,
    issuer: IssuerId,
    owner: DelegationOwner,
    filter: &DelegationFilter,
    after: Option<DelegationId>,
) -> SearchPage<Delegation, DelegationId> {
    let page = PageRequest { limit: Limit::new(3).unwrap(), after };
    ground.store().reads().delegations().list(issuer, owner, filter, &page).await.unwrap()
}

async fn listed(
    ground: &Ground,
    issuer: IssuerId,
    owner: DelegationOwner,
    filter: DelegationFilter,
) -> Vec<DelegationId> {
    page(ground, issuer, owner, &filter, None).await.items.iter().map(|one| one.id).collect()
}

async fn active(ground: &Ground, issuer: IssuerId, of: DelegationParty, now: Timestamp) -> BTreeSet<DelegationId> {
    let store = ground.store();
    let found = store.reads().delegations().active(issuer, of, now, 100).await.unwrap();
    assert_eq!(store.reads().delegations().count_active(issuer, of, now).await.unwrap(), found.len() as u64);
    found.iter().map(|one| one.id).collect()
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let longest = |number: usize| format!("{number:0>121}:action").parse::<Scope>().unwrap();
    let note = StatusNote { reason: Some("r".repeat(1000)), by: Some("b".repeat(200)) };
    let full = Delegation {
        client_id: Some(mint()),
        org_id: Some(mint()),
        scopes: (0..256).map(longest).collect(),
        status: Status::changed(DelegationStatus::Revoked, later(1), note),
        granted_by: GrantedBy::User,
        reason: Some("名".repeat(1000)),
        expires_at: later(366 * 24 * 60),
        usage_count: 9_007_199_254_740_991,
        last_used_at: Some(later(3)),
        metadata: Metadata::from_create(&json!({ "nested": { "deep": [1, null, "x"] } })),
        updated_at: later(2),
        ..delegation(mint())
    };
    insert(&ground, &full).await;
    assert_eq!(find(&ground, full.issuer_id, full.id).await, Some(full));
    let plain = delegation(mint());
    insert(&ground, &plain).await;
    assert_eq!(find(&ground, plain.issuer_id, plain.id).await.as_ref(), Some(&plain));
    let after = revoked(&plain);
    assert_eq!(update(&ground, &after, plain.updated_at).await, WriteOutcome::Done);
    assert_eq!(find(&ground, plain.issuer_id, plain.id).await, Some(after));
}

pub async fn another_issuer_sees_and_changes_nothing(ground: Ground) {
    let ours = Delegation { client_id: Some(mint()), org_id: Some(mint()), ..delegation(mint()) };
    insert(&ground, &ours).await;
    let stranger: IssuerId = mint();
    assert_eq!(find(&ground, stranger, ours.id).await, None);
    for owner in [DelegationOwner::User(ours.user_id), DelegationOwner::Agent(ours.agent_id)] {
        assert_eq!(listed(&ground, stranger, owner, DelegationFilter::default()).await, []);
    }
    let parties = [
        DelegationParty::User(ours.user_id),
        DelegationParty::Agent(ours.agent_id),
        DelegationParty::Client(ours.client_id.unwrap()),
        DelegationParty::Organization(ours.org_id.unwrap()),
        DelegationParty::Everybody,
    ];
    for party in parties {
        assert_eq!(active(&ground, stranger, party, START).await, BTreeSet::new());
        assert_eq!(active(&ground, ours.issuer_id, party, START).await, BTreeSet::from([ours.id]));
    }
    let mut unit = begin(&ground, later(1)).await;
    let taken_over = Delegation { issuer_id: stranger, ..revoked(&ours) };
    assert_eq!(unit.delegations().update(&taken_over, START).await.unwrap(), WriteOutcome::Stale);
    unit.delegations().count_use(stranger, ours.id, later(1)).await.unwrap();
    for party in parties {
        assert_eq!(unit.delegations().remove_of(stranger, party, 10).await.unwrap(), 0);
    }
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, ours.issuer_id, ours.id).await, Some(ours));
}

pub async fn a_stale_version_changes_nothing_and_a_use_is_none(ground: Ground) {
    let before = delegation(mint());
    insert(&ground, &before).await;
    assert_eq!(update(&ground, &revoked(&before), later(9)).await, WriteOutcome::Stale);
    let mut unit = begin(&ground, later(1)).await;
    for minute in [1, 2] {
        unit.delegations().count_use(before.issuer_id, before.id, later(minute)).await.unwrap();
    }
    unit.commit().await.unwrap();
    let used = Delegation { usage_count: 2, last_used_at: Some(later(2)), ..before };
    assert_eq!(find(&ground, used.issuer_id, used.id).await, Some(used));
}

pub async fn of_parallel_revocations_one_wins(ground: Ground) {
    let before = delegation(mint());
    insert(&ground, &before).await;
    let outcomes = Arc::new(std::sync::Mutex::new(Vec::new()));
    race(&ground, |_| {
        let (ground, outcomes, after) = (Arc::clone(&ground), Arc::clone(&outcomes), revoked(&before));
        async move {
            let outcome = update(&ground, &after, START).await;
            outcomes.lock().unwrap().push(outcome);
        }
    })
    .await;
    let done = outcomes.lock().unwrap().iter().filter(|outcome| **outcome == WriteOutcome::Done).count();
    assert_eq!(done, 1);
}

pub async fn of_parallel_grants_for_one_purpose_one_is_made(ground: Ground) {
    let issuer = mint();
    let giver = user(issuer);
    insert_user(&ground, &giver).await;
    let agent = mint();
    race(&ground, |_| {
        let ground = Arc::clone(&ground);
        let wanted = Delegation { user_id: giver.id, agent_id: agent, ..delegation(issuer) };
        async move {
            let mut unit = begin(&ground, START).await;
            unit.users().lock(issuer, wanted.user_id).await.unwrap().unwrap();
            let party = DelegationParty::User(wanted.user_id);
            let known = unit.reads().delegations().active(issuer, party, START, 100).await.unwrap();
            if !known.iter().any(|known| known.is_for(agent, None, None)) {
                unit.delegations().insert(&wanted).await.unwrap();
            }
            unit.commit().await.unwrap();
        }
    })
    .await;
    assert_eq!(active(&ground, issuer, DelegationParty::User(giver.id), START).await.len(), 1, "of {RACERS}");
}

pub async fn what_is_in_force_is_neither_revoked_nor_expired(ground: Ground) {
    let issuer = mint();
    let giver: UserId = mint();
    let of = |expires_at| Delegation { user_id: giver, expires_at, ..delegation(issuer) };
    let (short, long, back) = (of(later(10)), of(later(20)), of(later(20)));
    for one in [&short, &long, &back] {
        insert(&ground, one).await;
    }
    let _ = update(&ground, &revoked(&back), START).await;
    let party = DelegationParty::User(giver);
    assert_eq!(active(&ground, issuer, party, later(9)).await, BTreeSet::from([short.id, long.id]));
    assert_eq!(active(&ground, issuer, party, later(10)).await, BTreeSet::from([long.id]));
    assert_eq!(active(&ground, issuer, party, later(20)).await, BTreeSet::new());
    let one = ground.store().reads().delegations().active(issuer, party, START, 1).await.unwrap();
    assert_eq!(one.iter().map(|one| one.id).collect::<Vec<_>>(), [long.id], "newest first, and no more than asked for");
}

pub async fn lists_go_by_owner_and_filters_hold_together(ground: Ground) {
    let issuer = mint();
    let (giver, agent, organization) = (mint(), mint(), mint());
    let of = |org_id| Delegation { user_id: giver, agent_id: agent, org_id, ..delegation(issuer) };
    let (plain, inside) = (of(None), of(Some(organization)));
    let expired = Delegation { expires_at: later(1), ..of(None) };
    let back = Delegation { agent_id: mint(), ..of(None) };
    let others = Delegation { agent_id: agent, ..delegation(issuer) };
    for one in [&plain, &inside, &expired, &back, &others] {
        insert(&ground, one).await;
    }
    let _ = update(&ground, &revoked(&back), START).await;
    let any = DelegationFilter::default;
    let in_state = |state| DelegationFilter { state: Some((state, later(5))), ..any() };
    let by_user = DelegationOwner::User(giver);
    let by_agent = DelegationOwner::Agent(agent);
    for (owner, filter, expected) in [
        (by_user, any(), vec![back.id, expired.id, inside.id]),
        (by_user, in_state(DelegationState::Active), vec![inside.id, plain.id]),
        (by_user, in_state(DelegationState::Expired), vec![expired.id]),
        (by_user, in_state(DelegationState::Revoked), vec![back.id]),
        (by_user, DelegationFilter { agent_id: Some(back.agent_id), ..any() }, vec![back.id]),
        (by_user, DelegationFilter { org_id: Some(organization), ..any() }, vec![inside.id]),
        (by_agent, any(), vec![others.id, expired.id, inside.id]),
        (by_agent, DelegationFilter { user_id: Some(others.user_id), ..any() }, vec![others.id]),
        (by_agent, DelegationFilter { org_id: Some(organization), ..in_state(DelegationState::Revoked) }, vec![]),
    ] {
        assert_eq!(listed(&ground, issuer, owner, filter).await, expected, "{owner:?} {filter:?}");
    }
}

pub async fn pages_neither_repeat_nor_skip_while_rows_come(ground: Ground) {
    let issuer = mint();
    let giver: UserId = mint();
    let one = || Delegation { user_id: giver, ..delegation(issuer) };
    let mut expected = Vec::new();
    for _ in 0..7 {
        let made = one();
        insert(&ground, &made).await;
        expected.insert(0, made.id);
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = page(&ground, issuer, DelegationOwner::User(giver), &DelegationFilter::default(), after).await;
        seen.extend(page.items.iter().map(|one| one.id));
        insert(&ground, &one()).await;
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, expected);
}

pub async fn a_filtered_page_examines_two_thousand_rows(ground: Ground) {
    let issuer = mint();
    let giver: UserId = mint();
    let organization = mint();
    let sought = Delegation { user_id: giver, org_id: Some(organization), ..delegation(issuer) };
    insert(&ground, &sought).await;
    let mut unit = begin(&ground, START).await;
    for _ in 0..EXAMINED_ROWS {
        unit.delegations().insert(&Delegation { user_id: giver, ..delegation(issuer) }).await.unwrap();
    }
    unit.commit().await.unwrap();
    let filter = DelegationFilter { org_id: Some(organization), ..DelegationFilter::default() };
    let owner = DelegationOwner::User(giver);
    let first = page(&ground, issuer, owner, &filter, None).await;
    assert!(first.items.is_empty() && first.next.is_some());
    let second = page(&ground, issuer, owner, &filter, first.next).await;
    assert_eq!((second.items, second.next), (vec![sought], None));
}

pub async fn those_of_a_party_are_removed_in_batches(ground: Ground) {
    let issuer = mint();
    let giver: UserId = mint();
    for _ in 0..3 {
        insert(&ground, &Delegation { user_id: giver, ..delegation(issuer) }).await;
    }
    let stays = delegation(issuer);
    insert(&ground, &stays).await;
    let mut batches = Vec::new();
    for _ in 0..3 {
        let mut unit = begin(&ground, later(1)).await;
        batches.push(unit.delegations().remove_of(issuer, DelegationParty::User(giver), 2).await.unwrap());
        unit.commit().await.unwrap();
    }
    assert_eq!(batches, [2, 1, 0]);
    assert!(find(&ground, issuer, stays.id).await.is_some());
}

pub async fn who_was_deleted_is_found_while_delegations_name_them(ground: Ground) {
    let account = mint();
    let issuer = inserted_issuer(&ground, account).await.id;
    let (giver, helper, app) = (user(issuer), agent(issuer), client(issuer));
    insert_user(&ground, &giver).await;
    insert_agent(&ground, &helper).await;
    insert_client(&ground, &app).await;
    let by_user = Delegation { user_id: giver.id, ..delegation(issuer) };
    let by_agent = Delegation { agent_id: helper.id, ..delegation(issuer) };
    let by_client = Delegation { client_id: Some(app.id), ..delegation(issuer) };
    let over = Delegation { client_id: Some(app.id), expires_at: later(2), ..delegation(issuer) };
    for one in [&by_user, &by_agent, &by_client, &over] {
        insert(&ground, one).await;
    }
    let departed = async |since, now| {
        let found = ground.store().reads().delegations().departed(since, now, 100).await.unwrap();
        assert!(found.iter().all(|one| one.account_id == account && one.issuer_id == issuer));
        found.into_iter().map(|one: DepartedParty| one.party).collect::<Vec<_>>()
    };
    assert_eq!(departed(START, later(3)).await, []);
    let mut unit = begin(&ground, later(3)).await;
    let _ = unit.users().begin_delete(issuer, giver.id, START).await.unwrap();
    let _ = unit.clients().delete(issuer, app.id, START).await.unwrap();
    unit.commit().await.unwrap();
    delete_agent(&ground, &helper, 4).await;
    let parties = [DelegationParty::User(giver.id), DelegationParty::Agent(helper.id), DelegationParty::Client(app.id)];
    assert_eq!(departed(START, later(4)).await, parties);
    assert_eq!(departed(later(4), later(4)).await, [parties[1]], "the others were deleted before");
    assert_eq!(departed(START, later(60)).await, [parties[0]], "expired ones matter to the user only");
    assert_eq!(ground.store().reads().delegations().departed(START, later(4), 1).await.unwrap().len(), 1);
    for one in [&by_user, &by_agent, &by_client] {
        let _ = update(&ground, &revoked(one), START).await;
    }
    assert_eq!(departed(START, later(4)).await, [parties[0]], "those of a user go with the user");
}
