//! Invitations.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use super::organization::{insert as insert_organization, organization};
use super::{Ground, START, begin, later, mint, race};
use crate::event::model::Actor;
use crate::id::{InvitationId, IssuerId, OrganizationId};
use crate::invitation::model::{Approval, Invitation, InvitationGrant, InvitationState, InvitationStatus, KEPT};
use crate::invitation::repository::InvitationFilter;
use crate::metadata::Metadata;
use crate::organization::model::Organization;
use crate::outcome::WriteOutcome;
use crate::page::{Limit, PageRequest, SearchPage};
use crate::seal::Sealed;
use crate::secret::SecretHash;
use crate::timestamp::Timestamp;

fn token() -> SecretHash {
    SecretHash::from_bytes(&[9; 36]).unwrap()
}

/// A plain pending invitation that expires an hour after the start.
fn invitation(organization: &Organization) -> Invitation {
    Invitation {
        id: mint(),
        issuer_id: organization.issuer_id,
        org_id: organization.id,
        state: InvitationState::Pending { token: token() },
        grant: InvitationGrant::default(),
        address_hash: [7; 32],
        sealed: Some(Sealed::from_bytes(vec![1; 60])),
        inviter_id: None,
        user_id_invited: None,
        approval: None,
        granted_by: Actor::System,
        lifetime: Duration::from_hours(1),
        expires_at: later(60),
        last_email_sent_at: None,
        metadata: Metadata::default(),
        created_at: START,
        updated_at: START,
    }
}

/// Everything that is compared: what is sealed and hashed has no equality of its own.
fn shape(invitation: &Invitation) -> String {
    let token = match &invitation.state {
        InvitationState::Pending { token } => Some(token.to_bytes()),
        _ => None,
    };
    format!("{invitation:?} {:?} {token:?}", invitation.sealed.as_ref().map(Sealed::as_bytes))
}

async fn tenant(ground: &Ground) -> Organization {
    let tenant = organization(mint());
    insert_organization(ground, &tenant).await;
    tenant
}

async fn insert(ground: &Ground, invitation: &Invitation) {
    let mut unit = begin(ground, START).await;
    unit.invitations().insert(invitation).await.unwrap();
    unit.commit().await.unwrap();
}

async fn update(ground: &Ground, after: &Invitation, before: Timestamp) -> WriteOutcome {
    let mut unit = begin(ground, later(1)).await;
    let outcome = unit.invitations().update(after, before).await.unwrap();
    unit.commit().await.unwrap();
    outcome
}

async fn find(ground: &Ground, of: (IssuerId, OrganizationId), id: InvitationId) -> Option<String> {
    ground.store().reads().invitations().find(of.0, of.1, id).await.unwrap().as_ref().map(shape)
}

async fn list(
    ground: &Ground,
    organization: &Organization,
    filter: InvitationFilter,
    limit: u32,
    after: Option<InvitationId>,
) -> SearchPage<InvitationId, InvitationId> {
    let page = PageRequest { limit: Limit::new(limit).unwrap(), after };
    let reads = ground.store();
    let (issuer, id) = (organization.issuer_id, organization.id);
    let found = reads.reads().invitations().list(issuer, id, filter, &page).await.unwrap();
    found.map(|invitation| invitation.id)
}

fn any(now: Timestamp) -> InvitationFilter {
    InvitationFilter { status: None, now }
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let tenant = tenant(&ground).await;
    let full = Invitation {
        grant: InvitationGrant {
            scopes: ["a:read", "owner"].iter().map(|scope| scope.parse().unwrap()).collect(),
            roles: vec!["名".repeat(200), "admin".to_owned()],
            user_title: Some("🦀".repeat(200)),
        },
        address_hash: std::array::from_fn(|at| u8::try_from(at * 8).unwrap()),
        sealed: Some(Sealed::from_bytes(vec![0xff; 20_000])),
        inviter_id: Some("ü".repeat(200)),
        user_id_invited: Some(mint()),
        approval: Some(Approval {
            requested_at: later(1),
            decided_at: Some(later(2)),
            decided_by: Some("key_1".to_owned()),
            reason: Some("ß".repeat(1000)),
        }),
        granted_by: Actor::ApiKey { key_id: mint() },
        lifetime: Duration::from_hours(90 * 24),
        expires_at: later(99),
        last_email_sent_at: Some(later(3)),
        metadata: Metadata::from_create(&json!({ "nested": { "deep": [1, null, "x"] } })),
        created_at: later(4),
        updated_at: later(5),
        ..invitation(&tenant)
    };
    insert(&ground, &full).await;
    let of = (tenant.issuer_id, tenant.id);
    assert_eq!(find(&ground, of, full.id).await, Some(shape(&full)));
    let found = ground.store().reads().invitations().find_in_issuer(of.0, full.id).await.unwrap();
    assert_eq!(found.as_ref().map(shape), Some(shape(&full)));
    let changed = Invitation {
        id: full.id,
        address_hash: full.address_hash,
        created_at: full.created_at,
        updated_at: later(6),
        sealed: None,
        ..invitation(&tenant)
    };
    assert_eq!(update(&ground, &changed, full.updated_at).await, WriteOutcome::Done);
    assert_eq!(find(&ground, of, full.id).await, Some(shape(&changed)));
}

pub async fn every_state_comes_back_as_it_was_written(ground: Ground) {
    let tenant = tenant(&ground).await;
    for state in [
        InvitationState::PendingApproval,
        InvitationState::Pending { token: token() },
        InvitationState::Accepted { at: later(1) },
        InvitationState::Declined { at: later(2) },
        InvitationState::Revoked { at: later(3) },
        InvitationState::Rejected { at: later(4) },
        InvitationState::Expired,
    ] {
        let one = Invitation { state, ..invitation(&tenant) };
        insert(&ground, &one).await;
        assert_eq!(find(&ground, (tenant.issuer_id, tenant.id), one.id).await, Some(shape(&one)));
    }
}

pub async fn another_tenant_sees_and_changes_nothing(ground: Ground) {
    let (ours, sibling) = (tenant(&ground).await, tenant(&ground).await);
    let one = invitation(&ours);
    insert(&ground, &one).await;
    assert_eq!(find(&ground, (ours.issuer_id, sibling.id), one.id).await, None);
    assert_eq!(find(&ground, (sibling.issuer_id, ours.id), one.id).await, None);
    let store = ground.store();
    let reads = store.reads().invitations();
    assert!(reads.find_in_issuer(sibling.issuer_id, one.id).await.unwrap().is_none());
    assert_eq!(reads.open_for(sibling.id, &one.address_hash, None, START).await.unwrap(), None);
    assert_eq!(reads.count_open(sibling.issuer_id, &[ours.id], START).await.unwrap(), BTreeMap::new());
    assert_eq!(reads.count_of_organization(sibling.issuer_id, ours.id).await.unwrap(), 0);
    let crossed = Organization { issuer_id: sibling.issuer_id, ..ours.clone() };
    assert_eq!(list(&ground, &crossed, any(START), 10, None).await.items, []);
    for stranger in
        [Invitation { issuer_id: sibling.issuer_id, ..one.clone() }, Invitation { org_id: sibling.id, ..one.clone() }]
    {
        let taken_over = Invitation { updated_at: later(1), ..stranger };
        assert_eq!(update(&ground, &taken_over, one.updated_at).await, WriteOutcome::Stale);
    }
    let mut unit = begin(&ground, later(1)).await;
    let stranger = Invitation { issuer_id: sibling.issuer_id, ..one.clone() };
    assert_eq!(unit.invitations().erase(&stranger).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(unit.invitations().remove_of_organization(sibling.id, 10).await.unwrap(), 0);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, (ours.issuer_id, ours.id), one.id).await, Some(shape(&one)));
}

pub async fn a_stale_version_changes_nothing(ground: Ground) {
    let tenant = tenant(&ground).await;
    let one = invitation(&tenant);
    insert(&ground, &one).await;
    let after = Invitation { updated_at: later(1), inviter_id: Some("x".to_owned()), ..one.clone() };
    assert_eq!(update(&ground, &after, later(9)).await, WriteOutcome::Stale);
    assert_eq!(find(&ground, (tenant.issuer_id, tenant.id), one.id).await, Some(shape(&one)));
}

pub async fn of_parallel_updates_of_one_version_one_wins(ground: Ground) {
    let tenant = tenant(&ground).await;
    let one = invitation(&tenant);
    insert(&ground, &one).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        let accepted = one.clone().accepted(later(1), mint()).unwrap();
        async move {
            if update(&ground, &accepted, START).await == WriteOutcome::Done {
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
}

pub async fn a_dropped_unit_leaves_nothing(ground: Ground) {
    let tenant = tenant(&ground).await;
    let one = invitation(&tenant);
    let mut unit = begin(&ground, START).await;
    unit.invitations().insert(&one).await.unwrap();
    drop(unit);
    assert_eq!(find(&ground, (tenant.issuer_id, tenant.id), one.id).await, None);
}

pub async fn pages_neither_repeat_nor_skip_while_rows_come_and_go(ground: Ground) {
    let tenant = tenant(&ground).await;
    let all: Vec<_> = (0..7).map(|_| invitation(&tenant)).collect();
    for one in &all {
        insert(&ground, one).await;
    }
    let newest_first: Vec<_> = all.iter().rev().map(|one| one.id).collect();
    let first = list(&ground, &tenant, any(START), 3, None).await;
    assert_eq!((first.items.as_slice(), first.next), (&newest_first[..3], Some(newest_first[2])));
    insert(&ground, &invitation(&tenant)).await;
    let revoked = all[3].clone().revoked(later(1)).unwrap();
    assert_eq!(update(&ground, &revoked, START).await, WriteOutcome::Done);
    let second = list(&ground, &tenant, any(START), 4, first.next).await;
    assert_eq!((second.items.as_slice(), second.next), (&newest_first[3..], None));
}

pub async fn a_status_is_what_the_clock_of_who_asks_makes_it(ground: Ground) {
    use InvitationStatus::{Declined, Expired, Pending, PendingApproval};

    let tenant = tenant(&ground).await;
    let pending = invitation(&tenant);
    let waiting = Invitation { state: InvitationState::PendingApproval, expires_at: later(90), ..invitation(&tenant) };
    let gone = Invitation { state: InvitationState::Expired, ..invitation(&tenant) };
    let declined = Invitation { state: InvitationState::Declined { at: later(1) }, ..invitation(&tenant) };
    for one in [&pending, &waiting, &gone, &declined] {
        insert(&ground, one).await;
    }
    let listed = async |status, now| {
        list(&ground, &tenant, InvitationFilter { status: Some(status), now }, 10, None).await.items
    };
    assert_eq!(listed(Pending, later(59)).await, [pending.id]);
    assert_eq!(listed(Pending, later(60)).await, []);
    assert_eq!(listed(PendingApproval, later(60)).await, [waiting.id]);
    assert_eq!(listed(Expired, later(59)).await, [gone.id]);
    assert_eq!(listed(Expired, later(90)).await, [gone.id, waiting.id, pending.id]);
    assert_eq!(listed(Declined, later(90)).await, [declined.id]);
}

pub async fn a_filtered_page_examines_two_thousand_rows(ground: Ground) {
    let tenant = tenant(&ground).await;
    let open = Invitation { expires_at: later(99), ..invitation(&tenant) };
    let mut unit = begin(&ground, START).await;
    unit.invitations().insert(&open).await.unwrap();
    let mut last = None;
    for number in 0..2_001 {
        let lapsed = invitation(&tenant);
        unit.invitations().insert(&lapsed).await.unwrap();
        if number == 1 {
            last = Some(lapsed.id);
        }
    }
    unit.commit().await.unwrap();
    let filter = InvitationFilter { status: Some(InvitationStatus::Pending), now: later(60) };
    let first = list(&ground, &tenant, filter, 10, None).await;
    assert_eq!((first.items.as_slice(), first.next), ([].as_slice(), last));
    let second = list(&ground, &tenant, filter, 10, first.next).await;
    assert_eq!((second.items.as_slice(), second.next), ([open.id].as_slice(), None));
}

pub async fn an_address_has_one_open_invitation_however_many_race(ground: Ground) {
    let tenant = tenant(&ground).await;
    let made = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, made, one) = (Arc::clone(&ground), Arc::clone(&made), invitation(&tenant));
        async move {
            let mut unit = begin(&ground, START).await;
            unit.organizations().lock(one.issuer_id, one.org_id).await.unwrap().unwrap();
            let open = unit.reads().invitations().open_for(one.org_id, &one.address_hash, None, START).await;
            if open.unwrap().is_none() {
                unit.invitations().insert(&one).await.unwrap();
                unit.commit().await.unwrap();
                made.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(made.load(Ordering::SeqCst), 1);
    let store = ground.store();
    let reads = store.reads().invitations();
    let open = reads.open_for(tenant.id, &[7; 32], None, START).await.unwrap();
    assert!(open.is_some());
    assert_eq!(reads.open_for(tenant.id, &[7; 32], open, START).await.unwrap(), None);
    assert_eq!(reads.open_for(tenant.id, &[8; 32], None, START).await.unwrap(), None);
    assert_eq!(reads.open_for(tenant.id, &[7; 32], None, later(60)).await.unwrap(), None);
}

pub async fn open_invitations_are_counted_by_organization(ground: Ground) {
    let first = tenant(&ground).await;
    let second = organization(first.issuer_id);
    insert_organization(&ground, &second).await;
    for one in [
        invitation(&first),
        Invitation { state: InvitationState::PendingApproval, expires_at: later(90), ..invitation(&first) },
        Invitation { state: InvitationState::Revoked { at: START }, ..invitation(&first) },
        Invitation { state: InvitationState::Expired, ..invitation(&second) },
    ] {
        insert(&ground, &one).await;
    }
    let count = async |now| {
        let store = ground.store();
        let both = [first.id, second.id];
        store.reads().invitations().count_open(first.issuer_id, &both, now).await.unwrap()
    };
    assert_eq!(count(START).await, BTreeMap::from([(first.id, 2)]));
    assert_eq!(count(later(60)).await, BTreeMap::from([(first.id, 1)]));
    assert_eq!(count(later(90)).await, BTreeMap::new());
    let store = ground.store();
    let all = store.reads().invitations().count_of_organization(first.issuer_id, first.id).await;
    assert_eq!(all.unwrap(), 3, "in any status");
}

pub async fn what_is_personal_is_erased_and_the_rest_stays(ground: Ground) {
    let tenant = tenant(&ground).await;
    let (open, declined) = (invitation(&tenant), invitation(&tenant).declined(later(1)).unwrap());
    for one in [&open, &declined] {
        insert(&ground, one).await;
    }
    let erasable = async |now| {
        let found = ground.store().reads().invitations().erasable(now, 10).await.unwrap();
        found.iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(erasable(later(1).plus(KEPT).minus(Duration::from_millis(1))).await, []);
    assert_eq!(erasable(later(60).plus(KEPT)).await, [declined.id, open.id]);
    let mut unit = begin(&ground, later(60).plus(KEPT)).await;
    for one in [&open, &declined] {
        assert_eq!(unit.invitations().erase(one).await.unwrap(), WriteOutcome::Done);
        assert_eq!(unit.invitations().erase(one).await.unwrap(), WriteOutcome::Stale);
    }
    unit.commit().await.unwrap();
    let of = (tenant.issuer_id, tenant.id);
    let expired = Invitation { state: InvitationState::Expired, sealed: None, ..open };
    assert_eq!(find(&ground, of, expired.id).await, Some(shape(&expired)));
    let declined = Invitation { sealed: None, ..declined };
    assert_eq!(find(&ground, of, declined.id).await, Some(shape(&declined)));
    assert_eq!(erasable(later(99).plus(KEPT)).await, []);
}

pub async fn invitations_of_a_deleted_organization_are_removed_in_batches(ground: Ground) {
    let (gone, stays) = (tenant(&ground).await, tenant(&ground).await);
    for organization in [&gone, &gone, &gone, &stays] {
        insert(&ground, &invitation(organization)).await;
    }
    let mut batches = Vec::new();
    for _ in 0..3 {
        let mut unit = begin(&ground, later(1)).await;
        batches.push(unit.invitations().remove_of_organization(gone.id, 2).await.unwrap());
        unit.commit().await.unwrap();
    }
    assert_eq!(batches, [2, 1, 0]);
    assert_eq!(list(&ground, &gone, any(START), 10, None).await.items, []);
    assert_eq!(list(&ground, &stays, any(START), 10, None).await.items.len(), 1);
}

pub async fn an_erased_user_is_forgotten_by_invitations(ground: Ground) {
    let tenant = tenant(&ground).await;
    let (user, other) = (mint(), mint());
    let mut invitations = Vec::new();
    for invited in [Some(user), Some(user), Some(other), None] {
        let one = Invitation { user_id_invited: invited, ..invitation(&tenant) };
        insert(&ground, &one).await;
        invitations.push(one);
    }
    let mut forgotten = Vec::new();
    for issuer in [mint(), tenant.issuer_id, tenant.issuer_id, tenant.issuer_id] {
        let mut unit = begin(&ground, later(1)).await;
        forgotten.push(unit.invitations().forget_user(issuer, user, 1).await.unwrap());
        unit.commit().await.unwrap();
    }
    assert_eq!(forgotten, [0, 1, 1, 0], "none of another issuer");
    for one in invitations {
        let invited = one.user_id_invited.filter(|invited| *invited == other);
        let expected = Invitation { user_id_invited: invited, ..one.clone() };
        assert_eq!(find(&ground, (tenant.issuer_id, tenant.id), one.id).await, Some(shape(&expected)));
    }
}
