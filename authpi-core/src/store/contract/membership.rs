//! Memberships.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::organization::{insert as insert_organization, organization};
use super::{Ground, START, begin, later, mint, race};
use crate::id::{AgentId, Id, MemberId};
use crate::membership::model::{Membership, MembershipDetails, MembershipStatus};
use crate::membership::repository::{HeldScope, MemberPosition, MembershipFilter};
use crate::metadata::Metadata;
use crate::organization::model::{Organization, OrganizationStats};
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{Limit, PageRequest};
use crate::scope::{Scope, Scopes};
use crate::timestamp::Timestamp;

pub(super) fn user() -> MemberId {
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
        groups: BTreeSet::new(),
        metadata: Metadata::default(),
        joined_at: START,
        updated_at: START,
    }
}

pub(super) fn suspended(membership: Membership) -> Membership {
    let details = MembershipDetails { status: MembershipStatus::Suspended, ..membership.details };
    Membership { details, ..membership }
}

/// Adds an organization and commits.
pub(super) async fn tenant(ground: &Ground) -> Organization {
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

pub(super) async fn stats(ground: &Ground, organization: &Organization) -> OrganizationStats {
    let store = ground.store();
    let found = store.reads().organizations().find(organization.issuer_id, organization.id).await.unwrap().unwrap();
    assert_eq!(found.updated_at, organization.updated_at, "counting touched the version");
    found.stats
}

pub(super) async fn listed(ground: &Ground, organization: &Organization, filter: &MembershipFilter) -> Vec<MemberId> {
    let page = PageRequest { limit: Limit::default(), after: None };
    let store = ground.store();
    let memberships = store.reads().memberships();
    let found = memberships.list(organization.issuer_id, organization.id, filter, &page).await.unwrap();
    found.items.iter().map(|membership| membership.member_id).collect()
}

pub(super) fn holding(scope: &str) -> MembershipFilter {
    MembershipFilter { scope: Some(directly(scope)), status: None }
}

fn directly(scope: &str) -> HeldScope {
    HeldScope { scope: scope.parse().unwrap(), groups: Vec::new() }
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
        scope: scope.map(directly),
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
