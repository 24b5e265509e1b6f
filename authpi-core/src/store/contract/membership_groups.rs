//! What members hold through groups.

use std::collections::{BTreeMap, BTreeSet};

use super::group::{delete, group, insert as insert_group};
use super::issuer::inserted;
use super::membership::{insert, listed, membership, suspended, tenant, user};
use super::organization::{insert as insert_organization, organization};
use super::{Ground, START, begin, later, mint};
use crate::group::model::Group;
use crate::id::{GroupId, MemberId};
use crate::membership::model::{Membership, MembershipStatus};
use crate::membership::repository::{
    EFFECTIVE_MEMBERSHIPS, EffectiveMembership, HeldScope, MemberPosition, MembershipFilter,
};
use crate::organization::model::{Organization, OrganizationDetails};
use crate::outcome::WriteOutcome;
use crate::page::{Limit, PageRequest};
use crate::scope::Scopes;

fn scopes(texts: &[&str]) -> Scopes {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn grouped(membership: Membership, groups: &[GroupId]) -> Membership {
    Membership { groups: groups.iter().copied().collect(), ..membership }
}

async fn find(ground: &Ground, sought: &Membership) -> Membership {
    let store = ground.store();
    store.reads().memberships().find(sought.issuer_id, sought.org_id, sought.member_id).await.unwrap().unwrap()
}

async fn groups_of(ground: &Ground, organization: &Organization, names: &[&str]) -> Vec<Group> {
    let mut groups = Vec::new();
    for name in names {
        let group = group(organization, name, &["a:read"]);
        let _ = insert_group(ground, &group).await;
        groups.push(group);
    }
    groups
}

fn through(groups: &[GroupId], status: Option<MembershipStatus>) -> MembershipFilter {
    let held = HeldScope { scope: "a:read".parse().unwrap(), groups: groups.to_vec() };
    MembershipFilter { status, scope: Some(held) }
}

pub async fn groups_of_a_member_come_back_as_they_were_written(ground: Ground) {
    let organization = tenant(&ground).await;
    let names: Vec<_> = (0..100).map(|number| format!("group {number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let ids: Vec<_> = groups_of(&ground, &organization, &names).await.iter().map(|group| group.id).collect();
    let before = grouped(membership(&organization, user(), &[]), &ids);
    let plain = membership(&organization, user(), &["a:read"]);
    for one in [&before, &plain] {
        let _ = insert(&ground, one).await;
        assert_eq!(find(&ground, one).await, *one);
    }
    let after = grouped(Membership { updated_at: later(1), ..before.clone() }, &ids[..1]);
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.memberships().update(&after, START).await.unwrap(), WriteOutcome::Done);
    assert_eq!(unit.memberships().update(&before, START).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, &before).await, after);
    let store = ground.store();
    let page = PageRequest { limit: Limit::default(), after: None };
    let memberships = store.reads().memberships();
    let everybody = MembershipFilter::default();
    let found = memberships.list(organization.issuer_id, organization.id, &everybody, &page).await.unwrap();
    let groups: BTreeMap<_, _> = found.items.into_iter().map(|one| (one.member_id, one.groups)).collect();
    assert_eq!(groups[&after.member_id], after.groups);
    assert_eq!(groups[&plain.member_id], BTreeSet::new());
    assert_eq!(memberships.count_in_group(organization.id, ids[0]).await.unwrap(), 1);
    assert_eq!(memberships.count_in_group(organization.id, ids[1]).await.unwrap(), 0);
    assert_eq!(memberships.count_in_group(mint(), ids[0]).await.unwrap(), 0);
}

pub async fn members_are_found_by_what_their_groups_give(ground: Ground) {
    let organization = tenant(&ground).await;
    let groups = groups_of(&ground, &organization, &["one", "two", "three"]).await;
    let [one, two, three] = [groups[0].id, groups[1].id, groups[2].id];
    let at = |minutes: u64, one: Membership| Membership { joined_at: later(minutes), ..one };
    let direct = at(1, membership(&organization, user(), &["a:read"]));
    let both = at(2, grouped(membership(&organization, user(), &["a:read"]), &[one, two]));
    let grouped_only = at(3, grouped(membership(&organization, user(), &[]), &[two]));
    let frozen = at(4, suspended(grouped(membership(&organization, user(), &[]), &[one])));
    let other = at(5, grouped(membership(&organization, user(), &["b:read"]), &[three]));
    for member in [&direct, &both, &grouped_only, &frozen, &other] {
        let _ = insert(&ground, member).await;
    }
    let ids = |members: &[&Membership]| members.iter().map(|member| member.member_id).collect::<Vec<MemberId>>();
    let list = async |groups: &[GroupId], status| listed(&ground, &organization, &through(groups, status)).await;
    assert_eq!(list(&[], None).await, ids(&[&both, &direct]));
    assert_eq!(list(&[one], None).await, ids(&[&frozen, &both, &direct]));
    assert_eq!(list(&[one, two], None).await, ids(&[&frozen, &grouped_only, &both, &direct]));
    let active = Some(MembershipStatus::Active);
    assert_eq!(list(&[one, two], active).await, ids(&[&grouped_only, &both, &direct]));
    let stranger = Organization { issuer_id: mint(), ..organization.clone() };
    assert_eq!(listed(&ground, &stranger, &through(&[one, two], None)).await, []);
}

pub async fn pages_over_several_ways_to_hold_a_scope_show_each_member_once(ground: Ground) {
    let organization = tenant(&ground).await;
    let groups = groups_of(&ground, &organization, &["one", "two"]).await;
    let (one, two) = (groups[0].id, groups[1].id);
    let mut expected = BTreeSet::new();
    for number in 0..12_u32 {
        let at = START.plus(std::time::Duration::from_millis(u64::from(number / 3)));
        let held: &[&str] = if number % 2 == 0 { &["a:read"] } else { &["b:read"] };
        let ways: &[GroupId] = match number % 3 {
            0 => &[one],
            1 => &[one, two],
            _ => &[two],
        };
        let member = Membership { joined_at: at, ..grouped(membership(&organization, user(), held), ways) };
        let _ = insert(&ground, &member).await;
        expected.insert(MemberPosition::from(&member));
    }
    let mut seen: Vec<MemberPosition> = Vec::new();
    loop {
        let page = PageRequest { limit: Limit::new(2).unwrap(), after: seen.last().copied() };
        let store = ground.store();
        let memberships = store.reads().memberships();
        let filter = through(&[one, two], None);
        let found = memberships.list(organization.issuer_id, organization.id, &filter, &page).await.unwrap();
        seen.extend(found.items.iter().map(MemberPosition::from));
        if !found.has_more {
            break;
        }
        let newcomer = Membership { joined_at: later(1), ..grouped(membership(&organization, user(), &[]), &[two]) };
        let _ = insert(&ground, &newcomer).await;
        let mut unit = begin(&ground, later(1)).await;
        let removed = unit.memberships().remove(found.items.last().unwrap()).await.unwrap();
        assert_eq!(removed, WriteOutcome::Done);
        unit.commit().await.unwrap();
    }
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first, each once");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
}

pub async fn a_deleted_group_is_nobodys_and_is_detached_in_batches(ground: Ground) {
    let organization = tenant(&ground).await;
    let groups = groups_of(&ground, &organization, &["gone", "stays"]).await;
    let (gone, stays) = (&groups[0], &groups[1]);
    let mut members = Vec::new();
    for _ in 0..3 {
        let ahead = membership(&organization, user(), &[]);
        let member = grouped(Membership { updated_at: later(9), ..ahead }, &[gone.id, stays.id]);
        let _ = insert(&ground, &member).await;
        members.push(member);
    }
    delete(&ground, gone).await;
    assert_eq!(find(&ground, &members[0]).await.groups, BTreeSet::from([stays.id]), "at once");
    let mut batches = Vec::new();
    while batches.last() != Some(&0) {
        let mut unit = begin(&ground, later(2)).await;
        batches.push(unit.memberships().detach_group(organization.id, gone.id, 2).await.unwrap());
        unit.commit().await.unwrap();
    }
    assert_eq!(batches, [2, 1, 0]);
    for before in &members {
        let after = find(&ground, before).await;
        assert_eq!(after.groups, BTreeSet::from([stays.id]));
        assert!(after.updated_at > before.updated_at, "versions move on, whatever the clock says");
    }
    let store = ground.store();
    let memberships = store.reads().memberships();
    assert_eq!(memberships.count_in_group(organization.id, stays.id).await.unwrap(), 3);
    let first = find(&ground, &members[0]).await;
    let mut unit = begin(&ground, later(3)).await;
    let removed = unit.memberships().remove(&first).await.unwrap();
    assert_eq!(removed, WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(memberships.count_in_group(organization.id, stays.id).await.unwrap(), 2);
    let mut unit = begin(&ground, later(3)).await;
    let issuer = organization.issuer_id;
    assert_eq!(unit.memberships().remove_of_member(issuer, members[1].member_id, 10).await.unwrap(), 1);
    assert_eq!(unit.memberships().remove_of_organization(organization.id, 10).await.unwrap(), 1);
    unit.commit().await.unwrap();
    assert_eq!(memberships.count_in_group(organization.id, stays.id).await.unwrap(), 0);
}

pub async fn effective_scopes_are_direct_and_through_groups_below_the_ceiling(ground: Ground) {
    let issuer = inserted(&ground, mint()).await;
    let member = user();
    let ceiling = OrganizationDetails { scopes: scopes(&["a:*", "c:read"]), ..OrganizationDetails::default() };
    let first = Organization { details: ceiling, ..organization(issuer.id) };
    let second = organization(issuer.id);
    let closed = organization(issuer.id);
    for one in [&first, &second, &closed] {
        insert_organization(&ground, one).await;
    }
    let own = group(&first, "own", &["a:write", "b:read"]);
    let role = Group { role: Some("admin".to_owned()), ..group(&first, "admin", &[]) };
    let gone = group(&first, "gone", &["c:read"]);
    for group in [&own, &role, &gone] {
        let _ = insert_group(&ground, group).await;
    }
    delete(&ground, &gone).await;
    let held = grouped(membership(&first, member, &["a:read", "z:read"]), &[own.id, role.id, gone.id]);
    let frozen = suspended(membership(&second, member, &["x:read"]));
    let left = membership(&closed, member, &["owner"]);
    let somebody_else = grouped(membership(&first, user(), &["a:delete"]), &[own.id]);
    for one in [&held, &frozen, &left, &somebody_else] {
        let _ = insert(&ground, one).await;
    }
    let mut unit = begin(&ground, later(1)).await;
    let closing = unit.organizations().begin_delete(issuer.id, closed.id, START).await.unwrap();
    assert_eq!(closing, WriteOutcome::Done);
    unit.commit().await.unwrap();
    let store = ground.store();
    let memberships = store.reads().memberships();
    let found = memberships.effective_scopes(issuer.id, member).await.unwrap();
    let effective = |of: &Membership, scopes: Scopes| EffectiveMembership {
        org_id: of.org_id,
        status: of.details.status,
        title: of.details.user_title.clone(),
        joined_at: of.joined_at,
        scopes,
        suspended_organization: false,
        mfa_required: false,
        sso_only: false,
    };
    let expected =
        vec![effective(&held, scopes(&["a:read", "a:write", "admin"])), effective(&frozen, scopes(&["x:read"]))];
    assert_eq!(found, expected);
    assert_eq!(memberships.effective_scopes(mint(), member).await.unwrap(), []);
    assert_eq!(memberships.effective_scopes(issuer.id, user()).await.unwrap(), []);
}

pub async fn the_first_thousand_memberships_give_effective_scopes(ground: Ground) {
    let issuer = inserted(&ground, mint()).await;
    let member = user();
    let mut organizations: Vec<_> = (0..=EFFECTIVE_MEMBERSHIPS).map(|_| organization(issuer.id)).collect();
    organizations.sort_unstable_by_key(|one| one.id);
    let mut unit = begin(&ground, START).await;
    for one in &organizations {
        unit.organizations().insert(one).await.unwrap();
        let _ = unit.memberships().insert(&membership(one, member, &["a:read"])).await.unwrap();
    }
    unit.commit().await.unwrap();
    let found = ground.store().reads().memberships().effective_scopes(issuer.id, member).await.unwrap();
    let expected: Vec<_> = organizations.iter().take(EFFECTIVE_MEMBERSHIPS as usize).map(|one| one.id).collect();
    assert_eq!(found.into_iter().map(|held| held.org_id).collect::<Vec<_>>(), expected);
}
