//! Rules over the members of an organization, and the removals of workers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::membership::{holding, insert, listed, membership, stats, suspended, tenant, user};
use super::organization::{insert as insert_organization, organization};
use super::user::{insert as insert_user, user as a_user};
use super::{Ground, RACERS, START, begin, later, mint, race};
use crate::id::{MemberId, UserId};
use crate::membership::model::{Membership, MembershipStatus};
use crate::membership::repository::MembershipFilter;
use crate::organization::model::OrganizationStats;
use crate::outcome::{InsertOutcome, WriteOutcome};

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
    assert_eq!(stats(&ground, &organization).await, OrganizationStats { n_members: 1, n_agents: 0, n_groups: 0 });
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
    assert_eq!(stats(&ground, &first).await, OrganizationStats { n_members: 2, n_agents: 1, n_groups: 0 });
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
        assert_eq!(stats(&ground, organization).await, OrganizationStats { n_members: 1, n_agents: 0, n_groups: 0 });
        assert_eq!(listed(&ground, organization, &holding("owner")).await, [stays]);
    }
}

pub async fn who_was_deleted_is_found_until_their_memberships_are_gone(ground: Ground) {
    let first = tenant(&ground).await;
    let second = organization(first.issuer_id);
    insert_organization(&ground, &second).await;
    let [gone, gone_earlier, member_of_nothing, stays] = [(); 4].map(|()| a_user(first.issuer_id));
    for one in [&gone, &gone_earlier, &member_of_nothing, &stays] {
        insert_user(&ground, one).await;
    }
    for one in [&gone, &gone_earlier, &stays] {
        for organization in [&first, &second] {
            let _ = insert(&ground, &membership(organization, MemberId::User(one.id), &[])).await;
        }
    }
    for (one, at) in [(&gone_earlier, later(1)), (&gone, later(2)), (&member_of_nothing, later(2))] {
        let mut unit = begin(&ground, at).await;
        let _ = unit.users().begin_delete(first.issuer_id, one.id, one.updated_at).await.unwrap();
        unit.commit().await.unwrap();
    }
    let departed = async |since| {
        let found = ground.store().reads().memberships().departed(since, 10).await.unwrap();
        found.iter().map(|one| (one.issuer_id, one.member)).collect::<BTreeSet<_>>()
    };
    let issuer = first.issuer_id;
    let (later_one, earlier_one) = ((issuer, MemberId::User(gone.id)), (issuer, MemberId::User(gone_earlier.id)));
    assert_eq!(departed(START).await, BTreeSet::from([later_one, earlier_one]));
    assert_eq!(departed(later(2)).await, BTreeSet::from([later_one]));
    assert_eq!(departed(later(3)).await, BTreeSet::new());
    assert_eq!(ground.store().reads().memberships().departed(START, 1).await.unwrap().len(), 1);
    let mut unit = begin(&ground, later(4)).await;
    assert_eq!(unit.memberships().remove_of_member(issuer, later_one.1, 10).await.unwrap(), 2);
    unit.commit().await.unwrap();
    assert_eq!(departed(START).await, BTreeSet::from([earlier_one]));
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

pub async fn a_removal_is_remembered_until_it_is_old_or_its_organization_gone(ground: Ground) {
    let (here, there) = (tenant(&ground).await, tenant(&ground).await);
    let one = membership(&here, user(), &["owner"]);
    let elsewhere = membership(&there, one.member_id, &["owner"]);
    let another = membership(&here, user(), &["owner"]);
    let known = async |of: &Membership, since| {
        ground.store().reads().memberships().was_removed(of.org_id, of.member_id, since).await.unwrap()
    };
    assert!(!known(&one, START).await);
    for (at, removed) in [(1, &one), (2, &one), (2, &elsewhere), (3, &another)] {
        let mut unit = begin(&ground, later(at)).await;
        unit.memberships().remember_removal(removed).await.unwrap();
        unit.commit().await.unwrap();
    }
    assert!(known(&one, later(2)).await && !known(&one, later(3)).await, "the last one counts");
    let mut unit = begin(&ground, later(4)).await;
    assert_eq!(unit.memberships().purge_removals(later(3), 1).await.unwrap(), 1);
    assert_eq!(unit.memberships().purge_removals(later(3), 10).await.unwrap(), 1);
    assert_eq!(unit.memberships().purge_removals(later(3), 10).await.unwrap(), 0);
    unit.commit().await.unwrap();
    assert!(!known(&one, START).await && !known(&elsewhere, START).await && known(&another, START).await);
    let mut unit = begin(&ground, later(4)).await;
    assert_eq!(unit.memberships().remove_of_organization(there.id, 10).await.unwrap(), 0);
    assert_eq!(unit.memberships().remove_of_organization(here.id, 10).await.unwrap(), 1);
    unit.commit().await.unwrap();
    assert!(!known(&another, START).await);
}
