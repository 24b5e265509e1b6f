//! Memberships.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::organization::{insert as insert_organization, organization};
use super::{Ground, RACERS, START, begin, later, mint, race};
use crate::id::{AgentId, Id, MemberId, UserId};
use crate::membership::model::{Membership, MembershipDetails, MembershipStatus};
use crate::membership::repository::{MemberPosition, MembershipFilter};
use crate::metadata::Metadata;
use crate::organization::model::{Organization, OrganizationStats};
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{Limit, PageRequest};
use crate::scope::{Scope, Scopes};
use crate::timestamp::Timestamp;

fn user() -> MemberId {
    MemberId::User(mint())
}

fn scopes(texts: &[&str]) -> Scopes {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// A plain membership in `organization`.
pub fn membership(organization: &Organization, member: MemberId, held: &[&str]) -> Membership {
    Membership {
        org_id: organization.id,
        member_id: member,
        issuer_id: organization.issuer_id,
        details: MembershipDetails { scopes: scopes(held), ..MembershipDetails::default() },
        metadata: Metadata::default(),
        joined_at: START,
        updated_at: START,
    }
}

fn suspended(membership: Membership) -> Membership {
    let details = MembershipDetails { status: MembershipStatus::Suspended, ..membership.details };
    Membership { details, ..membership }
}

/// Adds an organization and commits.
async fn tenant(ground: &Ground) -> Organization {
    let organization = organization(mint());
    insert_organization(ground, &organization).await;
    organization
}

/// Adds a member as operations do, and commits.
pub async fn insert(ground: &Ground, membership: &Membership) -> InsertOutcome {
    let mut unit = begin(ground, membership.joined_at).await;
    unit.organizations().lock(membership.issuer_id, membership.org_id).await.unwrap();
    let outcome = unit.memberships().insert(membership).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

async fn find(ground: &Ground, sought: &Membership) -> Option<Membership> {
    let reads = ground.store();
    reads.reads().memberships().find(sought.issuer_id, sought.org_id, sought.member_id).await.unwrap()
}

async fn stats(ground: &Ground, organization: &Organization) -> OrganizationStats {
    let store = ground.store();
    let found = store.reads().organizations().find(organization.issuer_id, organization.id).await.unwrap().unwrap();
    assert_eq!(found.updated_at, organization.updated_at, "counting touched the version");
    found.stats
}

async fn listed(ground: &Ground, organization: &Organization, filter: &MembershipFilter) -> Vec<MemberId> {
    let page = PageRequest { limit: Limit::default(), after: None };
    let store = ground.store();
    let memberships = store.reads().memberships();
    let found = memberships.list(organization.issuer_id, organization.id, filter, &page).await.unwrap();
    found.items.iter().map(|membership| membership.member_id).collect()
}

fn holding(scope: &str) -> MembershipFilter {
    MembershipFilter { scope: Some(scope.parse().unwrap()), status: None }
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let organization = tenant(&ground).await;
    let longest = |number: usize| format!("{number:0>121}:action").parse::<Scope>().unwrap();
    let full = Membership {
        details: MembershipDetails {
            status: MembershipStatus::Suspended,
            scopes: (0..256).map(longest).collect(),
            user_title: Some("🦀".repeat(200)),
        },
        metadata: Metadata::from_create(&json!({ "nested": { "deep": [1, null, "x"] }, "big": "ü".repeat(2048) })),
        joined_at: later(1),
        updated_at: later(1),
        ..membership(&organization, MemberId::Agent(mint()), &[])
    };
    assert_eq!(insert(&ground, &full).await, InsertOutcome::Inserted);
    assert_eq!(find(&ground, &full).await.as_ref(), Some(&full));
    let last_scope = holding(longest(255).as_str());
    assert_eq!(listed(&ground, &organization, &last_scope).await, [full.member_id]);

    let plain = membership(&organization, full.member_id, &["owner"]);
    let changed = Membership { joined_at: full.joined_at, updated_at: later(2), ..plain };
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.memberships().update(&changed, full.updated_at).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, &full).await, Some(changed));
    assert_eq!(listed(&ground, &organization, &last_scope).await, []);
    assert_eq!(listed(&ground, &organization, &holding("owner")).await, [full.member_id]);
}

pub async fn another_tenant_sees_and_changes_nothing(ground: Ground) {
    let (ours, theirs) = (tenant(&ground).await, tenant(&ground).await);
    let known = membership(&ours, user(), &["owner"]);
    let _ = insert(&ground, &known).await;
    let elsewhere = [
        Membership { issuer_id: theirs.issuer_id, ..known.clone() },
        Membership { org_id: theirs.id, ..known.clone() },
        Membership { issuer_id: theirs.issuer_id, org_id: theirs.id, ..known.clone() },
        Membership { member_id: MemberId::Agent(AgentId::from_uuid(known.member_id.uuid())), ..known.clone() },
    ];
    for foreign in &elsewhere {
        assert_eq!(find(&ground, foreign).await, None);
        let mut unit = begin(&ground, later(1)).await;
        let memberships = unit.memberships();
        let changed = Membership { updated_at: later(1), ..foreign.clone() };
        assert_eq!(memberships.update(&changed, START).await.unwrap(), WriteOutcome::Stale);
        assert_eq!(memberships.remove(foreign).await.unwrap(), WriteOutcome::Stale);
        unit.commit().await.unwrap();
    }
    let mut unit = begin(&ground, later(1)).await;
    let memberships = unit.memberships();
    assert_eq!(memberships.remove_of_member(theirs.issuer_id, known.member_id, 100).await.unwrap(), 0);
    assert_eq!(memberships.remove_of_organization(theirs.id, 100).await.unwrap(), 0);
    unit.commit().await.unwrap();
    let stranger = Organization { id: ours.id, ..theirs.clone() };
    assert_eq!(listed(&ground, &stranger, &MembershipFilter::default()).await, []);
    assert_eq!(listed(&ground, &stranger, &holding("owner")).await, []);
    assert_eq!(find(&ground, &known).await, Some(known));
    assert_eq!(stats(&ground, &ours).await.n_members, 1);
}

pub async fn a_stale_version_changes_and_removes_nothing(ground: Ground) {
    let organization = tenant(&ground).await;
    let before = membership(&organization, user(), &["owner"]);
    let _ = insert(&ground, &before).await;
    let mut unit = begin(&ground, later(1)).await;
    let after = Membership { updated_at: later(1), ..membership(&organization, before.member_id, &["a:read"]) };
    assert_eq!(unit.memberships().update(&after, later(9)).await.unwrap(), WriteOutcome::Stale);
    let stale = Membership { updated_at: later(9), ..before.clone() };
    assert_eq!(unit.memberships().remove(&stale).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, &before).await.as_ref(), Some(&before));
    assert_eq!(listed(&ground, &organization, &holding("owner")).await, [before.member_id]);
    assert_eq!(stats(&ground, &organization).await.n_members, 1);
}

pub async fn of_parallel_updates_of_one_version_one_wins(ground: Ground) {
    let organization = tenant(&ground).await;
    let before = membership(&organization, user(), &["a:read"]);
    let _ = insert(&ground, &before).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |number| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        let mut after = Membership { updated_at: later(1), ..before.clone() };
        after.details.user_title = Some(format!("racer {number}"));
        async move {
            let mut unit = begin(&ground, later(1)).await;
            if unit.memberships().update(&after, START).await.unwrap() == WriteOutcome::Done {
                unit.commit().await.unwrap();
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
}

pub async fn of_parallel_additions_of_one_member_one_wins(ground: Ground) {
    let organization = tenant(&ground).await;
    let same = membership(&organization, user(), &["a:read"]);
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins, same) = (Arc::clone(&ground), Arc::clone(&wins), same.clone());
        async move {
            // Without the lock: the key of the row decides.
            let mut unit = begin(&ground, START).await;
            if unit.memberships().insert(&same).await.unwrap() == InsertOutcome::Inserted {
                unit.commit().await.unwrap();
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
    assert_eq!(stats(&ground, &organization).await, OrganizationStats { n_members: 1, n_agents: 0 });
}

pub async fn a_limit_holds_against_parallel_additions(ground: Ground) {
    const MOST: u32 = 5;
    let organization = tenant(&ground).await;
    race(&ground, |_| {
        let (ground, organization) = (Arc::clone(&ground), organization.clone());
        async move {
            let mut unit = begin(&ground, START).await;
            let locked = unit.organizations().lock(organization.issuer_id, organization.id).await.unwrap().unwrap();
            if locked.stats.n_members < MOST {
                let one = membership(&organization, user(), &["a:read"]);
                assert_eq!(unit.memberships().insert(&one).await.unwrap(), InsertOutcome::Inserted);
                unit.commit().await.unwrap();
            }
        }
    })
    .await;
    assert_eq!(stats(&ground, &organization).await.n_members, MOST);
    assert_eq!(listed(&ground, &organization, &MembershipFilter::default()).await.len(), 5);
}

pub async fn of_owners_that_are_removed_in_parallel_one_stays(ground: Ground) {
    let organization = tenant(&ground).await;
    let owners: Vec<_> = (0..RACERS).map(|_| membership(&organization, user(), &["owner"])).collect();
    for owner in &owners {
        let _ = insert(&ground, owner).await;
    }
    let _ = insert(&ground, &suspended(membership(&organization, user(), &["owner"]))).await;
    let removed = Arc::new(AtomicUsize::new(0));
    race(&ground, |number| {
        let (ground, removed, owner) = (Arc::clone(&ground), Arc::clone(&removed), owners[number].clone());
        async move {
            let mut unit = begin(&ground, later(1)).await;
            unit.organizations().lock(owner.issuer_id, owner.org_id).await.unwrap().unwrap();
            if unit.reads().memberships().has_other_owner(owner.org_id, owner.member_id).await.unwrap() {
                assert_eq!(unit.memberships().remove(&owner).await.unwrap(), WriteOutcome::Done);
                unit.commit().await.unwrap();
                removed.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(removed.load(Ordering::SeqCst), RACERS - 1);
    let active = MembershipFilter { status: Some(MembershipStatus::Active), ..holding("owner") };
    assert_eq!(listed(&ground, &organization, &active).await.len(), 1);
    assert_eq!(stats(&ground, &organization).await.n_members, 2);
}

pub async fn pages_neither_repeat_nor_skip_while_rows_come_and_go(ground: Ground) {
    for filter in [MembershipFilter::default(), holding("a:read")] {
        let organization = tenant(&ground).await;
        let mut expected = BTreeSet::new();
        for number in 0..9 {
            // Three of them in each millisecond.
            let at = START.plus(std::time::Duration::from_millis(number / 3));
            let one = Membership { joined_at: at, ..membership(&organization, user(), &["a:read", "b:read"]) };
            let _ = insert(&ground, &one).await;
            expected.insert(MemberPosition::from(&one));
        }
        let mut seen: Vec<MemberPosition> = Vec::new();
        loop {
            let page = PageRequest { limit: Limit::new(2).unwrap(), after: seen.last().copied() };
            let store = ground.store();
            let memberships = store.reads().memberships();
            let found = memberships.list(organization.issuer_id, organization.id, &filter, &page).await.unwrap();
            seen.extend(found.items.iter().map(MemberPosition::from));
            if !found.has_more {
                break;
            }
            // Somebody joins, and the last one shown is removed: neither disturbs the walk.
            let newcomer = Membership { joined_at: later(1), ..membership(&organization, user(), &["a:read"]) };
            let _ = insert(&ground, &newcomer).await;
            let mut unit = begin(&ground, later(1)).await;
            let removed = unit.memberships().remove(found.items.last().unwrap()).await.unwrap();
            assert_eq!(removed, WriteOutcome::Done);
            unit.commit().await.unwrap();
        }
        assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

pub async fn filters_hold_together(ground: Ground) {
    let organization = tenant(&ground).await;
    let at = |minutes: u64, one: Membership| Membership { joined_at: later(minutes), ..one };
    let owner = at(1, membership(&organization, user(), &["owner", "a:read"]));
    let frozen = at(2, suspended(membership(&organization, user(), &["owner"])));
    let plain = at(3, membership(&organization, user(), &["a:*", "Owner"]));
    for one in [&owner, &frozen, &plain] {
        let _ = insert(&ground, one).await;
    }
    let filter = |status: MembershipStatus, scope: Option<&str>| MembershipFilter {
        status: Some(status),
        scope: scope.map(|scope| scope.parse().unwrap()),
    };
    let all = [plain.member_id, frozen.member_id, owner.member_id];
    assert_eq!(listed(&ground, &organization, &MembershipFilter::default()).await, all);
    assert_eq!(listed(&ground, &organization, &holding("owner")).await, all[1..]);
    assert_eq!(listed(&ground, &organization, &holding("a:read")).await, [owner.member_id], "wildcards aside");
    let active = filter(MembershipStatus::Active, None);
    assert_eq!(listed(&ground, &organization, &active).await, [plain.member_id, owner.member_id]);
    let active_owner = filter(MembershipStatus::Active, Some("owner"));
    assert_eq!(listed(&ground, &organization, &active_owner).await, [owner.member_id]);
    let frozen_reader = filter(MembershipStatus::Suspended, Some("a:read"));
    assert_eq!(listed(&ground, &organization, &frozen_reader).await, []);
}

pub async fn a_suspended_membership_does_not_count_as_an_active_one(ground: Ground) {
    let organization = tenant(&ground).await;
    let before = membership(&organization, user(), &["owner"]);
    let other = membership(&organization, user(), &["a:read"]);
    for one in [&before, &other] {
        let _ = insert(&ground, one).await;
    }
    let answers = async || {
        let store = ground.store();
        let memberships = store.reads().memberships();
        let agent = MemberId::Agent(AgentId::from_uuid(before.member_id.uuid()));
        assert!(!memberships.is_active_member(organization.id, agent).await.unwrap());
        assert!(!memberships.is_active_member(mint(), before.member_id).await.unwrap());
        assert!(!memberships.has_other_owner(organization.id, before.member_id).await.unwrap());
        (
            memberships.is_active_member(organization.id, before.member_id).await.unwrap(),
            memberships.has_other_owner(organization.id, other.member_id).await.unwrap(),
        )
    };
    assert_eq!(answers().await, (true, true));
    let mut unit = begin(&ground, later(1)).await;
    let after = Membership { updated_at: later(1), ..suspended(before.clone()) };
    assert_eq!(unit.memberships().update(&after, START).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(answers().await, (false, false));
}

pub async fn members_of_a_deleted_organization_are_removed_in_batches(ground: Ground) {
    let (gone, stays) = (tenant(&ground).await, tenant(&ground).await);
    for organization in [&gone, &gone, &gone, &stays] {
        let _ = insert(&ground, &membership(organization, user(), &["owner"])).await;
    }
    let mut batches = Vec::new();
    for _ in 0..3 {
        let mut unit = begin(&ground, later(1)).await;
        batches.push(unit.memberships().remove_of_organization(gone.id, 2).await.unwrap());
        unit.commit().await.unwrap();
    }
    assert_eq!(batches, [2, 1, 0]);
    assert_eq!(listed(&ground, &gone, &holding("owner")).await, []);
    assert_eq!(listed(&ground, &stays, &holding("owner")).await.len(), 1);
}

pub async fn a_member_is_removed_everywhere_and_counted_out(ground: Ground) {
    let first = tenant(&ground).await;
    let others = [(); 2].map(|()| organization(first.issuer_id));
    for organization in &others {
        insert_organization(&ground, organization).await;
    }
    let organizations = [&first, &others[0], &others[1]];
    let (gone, stays) = (MemberId::Agent(mint()), user());
    for organization in organizations {
        for member in [gone, stays] {
            let _ = insert(&ground, &membership(organization, member, &["owner"])).await;
        }
    }
    assert_eq!(stats(&ground, &first).await, OrganizationStats { n_members: 2, n_agents: 1 });
    let count = async || ground.store().reads().memberships().count_of_member(first.issuer_id, gone).await.unwrap();
    assert_eq!(count().await, 3);
    assert_eq!(ground.store().reads().memberships().count_of_member(mint(), gone).await.unwrap(), 0);
    let mut batches = Vec::new();
    for _ in 0..3 {
        let mut unit = begin(&ground, later(1)).await;
        batches.push(unit.memberships().remove_of_member(first.issuer_id, gone, 2).await.unwrap());
        unit.commit().await.unwrap();
    }
    assert_eq!((batches, count().await), (vec![2, 1, 0], 0));
    for organization in organizations {
        assert_eq!(stats(&ground, organization).await, OrganizationStats { n_members: 1, n_agents: 0 });
        assert_eq!(listed(&ground, organization, &holding("owner")).await, [stays]);
    }
}

/// The worker and callers meet in the same organizations; whoever comes first, each membership is counted out once.
pub async fn parallel_removals_count_each_member_out_once(ground: Ground) {
    let first = tenant(&ground).await;
    let second = organization(first.issuer_id);
    insert_organization(&ground, &second).await;
    let members: Vec<MemberId> = (0..RACERS / 2).map(|_| MemberId::User(mint::<UserId>())).collect();
    for member in &members {
        for organization in [&first, &second] {
            let _ = insert(&ground, &membership(organization, *member, &["owner"])).await;
        }
    }
    race(&ground, |number| {
        let (ground, member) = (Arc::clone(&ground), members[number / 2]);
        let own = membership(&second, member, &["owner"]);
        async move {
            let mut unit = begin(&ground, later(1)).await;
            if number % 2 == 0 {
                let _ = unit.memberships().remove_of_member(own.issuer_id, member, 100).await.unwrap();
            } else {
                unit.organizations().lock(own.issuer_id, own.org_id).await.unwrap().unwrap();
                let _ = unit.memberships().remove(&own).await.unwrap();
            }
            unit.commit().await.unwrap();
        }
    })
    .await;
    for organization in [&first, &second] {
        assert_eq!(stats(&ground, organization).await, OrganizationStats::default());
        assert_eq!(listed(&ground, organization, &MembershipFilter::default()).await, []);
    }
}

pub async fn a_dropped_unit_leaves_nothing(ground: Ground) {
    let organization = tenant(&ground).await;
    let dropped = membership(&organization, user(), &["owner"]);
    let mut unit = begin(&ground, Timestamp::EPOCH).await;
    let _ = unit.memberships().insert(&dropped).await.unwrap();
    drop(unit);
    assert_eq!(find(&ground, &dropped).await, None);
    assert_eq!(listed(&ground, &organization, &holding("owner")).await, []);
    assert_eq!(stats(&ground, &organization).await, OrganizationStats::default());
}
