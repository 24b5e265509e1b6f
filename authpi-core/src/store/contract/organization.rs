//! Organizations.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use serde_json::json;

use super::{Ground, START, begin, later, mint, race};
use crate::event::repository::Consumer;
use crate::id::{EventId, IssuerId, OrganizationId};
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::organization::model::{Organization, OrganizationDetails, OrganizationStats, OrganizationStatus};
use crate::organization::repository::{OrganizationFilter, StatusFilter};
use crate::outcome::WriteOutcome;
use crate::page::{EXAMINED_ROWS, Limit, PageRequest};
use crate::sso::Sso;
use crate::status::{Status, StatusNote};

/// A plain organization of `issuer`.
pub fn organization(issuer: IssuerId) -> Organization {
    Organization {
        id: mint(),
        issuer_id: issuer,
        status: Status::initial(OrganizationStatus::Active),
        details: OrganizationDetails { name: Some("Acme".to_owned()), ..OrganizationDetails::default() },
        metadata: Metadata::default(),
        stats: OrganizationStats::default(),
        sso: Sso::default(),
        created_at: START,
        updated_at: START,
    }
}

/// Adds an organization and commits.
pub async fn insert(ground: &Ground, organization: &Organization) {
    let mut unit = begin(ground, START).await;
    unit.organizations().insert(organization).await.unwrap();
    unit.commit().await.unwrap();
}

async fn find(ground: &Ground, issuer: IssuerId, id: OrganizationId) -> Option<Organization> {
    ground.store().reads().organizations().find(issuer, id).await.unwrap()
}

fn everything_at_its_limits() -> OrganizationDetails {
    let address = json!({
        "country": "DEU", "line1": "ß".repeat(200), "line2": "2", "city": "Köln", "state": "NW", "postal_code": "50667",
    });
    let patch = json!({
        "name": "名".repeat(200),
        "description": "🦀".repeat(5000),
        "logo_url": format!("https://example.com/{}", "a".repeat(2000)),
        "org_type": "business",
        "max_members": 1_000_000_000_u32,
        "default_member_scopes": ["a:read", "b.c:**"],
        "invitation_enabled": false,
        "invitation_message": "m",
        "address": address,
        "business_details": { "legal_name": "Acme GmbH", "registered_address": address },
        "contact": { "email": "a@example.com", "phone": "+49", "website_url": "https://example.com" },
        "social_links": [{ "type": "x", "url": "https://example.com/x" }],
        "scopes": ["*:**"],
        "security": { "mfa_required": true },
        "custom_fields": { "a": 1.5, "b": "text", "c": false },
    });
    merged(&OrganizationDetails::default(), patch.as_object().unwrap()).unwrap()
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let full = Organization {
        details: everything_at_its_limits(),
        metadata: Metadata::from_create(&json!({ "nested": { "deep": [1, null, "x"] }, "big": "ü".repeat(2048) })),
        status: Status::changed(
            OrganizationStatus::Suspended,
            later(1),
            StatusNote { reason: Some("r".repeat(1000)), by: Some("b".repeat(200)) },
        ),
        ..organization(mint())
    };
    insert(&ground, &full).await;
    assert_eq!(find(&ground, full.issuer_id, full.id).await.as_ref(), Some(&full));
    let changed = Organization { updated_at: later(2), ..Organization { id: full.id, ..organization(full.issuer_id) } };
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.organizations().update(&changed, full.updated_at).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, full.issuer_id, full.id).await, Some(changed));
}

pub async fn another_issuer_sees_and_changes_nothing(ground: Ground) {
    let ours = organization(mint());
    insert(&ground, &ours).await;
    let stranger: IssuerId = mint();
    assert_eq!(find(&ground, stranger, ours.id).await, None);
    let mut unit = begin(&ground, later(1)).await;
    let taken_over = Organization { issuer_id: stranger, updated_at: later(1), ..ours.clone() };
    let organizations = unit.organizations();
    assert_eq!(organizations.update(&taken_over, ours.updated_at).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(organizations.begin_delete(stranger, ours.id, ours.updated_at).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(organizations.lock(stranger, ours.id).await.unwrap(), None);
    organizations.remove(stranger, ours.id).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, ours.issuer_id, ours.id).await, Some(ours));
}

pub async fn an_update_with_a_stale_version_changes_nothing(ground: Ground) {
    let before = organization(mint());
    insert(&ground, &before).await;
    let mut unit = begin(&ground, later(1)).await;
    let after = Organization { updated_at: later(1), ..before.clone() };
    assert_eq!(unit.organizations().update(&after, later(9)).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, before.issuer_id, before.id).await, Some(before));
}

pub async fn of_parallel_updates_of_one_version_one_wins(ground: Ground) {
    let before = organization(mint());
    insert(&ground, &before).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |number| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        let mut after = Organization { updated_at: later(1), ..before.clone() };
        after.details.name = Some(format!("racer {number}"));
        async move {
            let mut unit = begin(&ground, later(1)).await;
            if unit.organizations().update(&after, START).await.unwrap() == WriteOutcome::Done {
                unit.commit().await.unwrap();
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
}

pub async fn a_dropped_unit_leaves_nothing(ground: Ground) {
    let dropped = organization(mint());
    let mut unit = begin(&ground, START).await;
    unit.organizations().insert(&dropped).await.unwrap();
    drop(unit);
    assert_eq!(find(&ground, dropped.issuer_id, dropped.id).await, None);
    // The connection is of use again.
    insert(&ground, &dropped).await;
}

/// Whatever the database has answered by then.
pub async fn units_that_are_dropped_anywhere_cost_no_connection(ground: Ground) {
    for number in 0..400_usize {
        // Of several lengths: statements that a new connection has not prepared yet.
        let events: Vec<EventId> = (0..=number % 5).map(|_| mint()).collect();
        let mut unit = Box::pin(async {
            let mut unit = begin(&ground, START).await;
            unit.events().take(Consumer::Webhooks, &events).await.unwrap();
            unit.commit().await.unwrap();
        });
        let mut turns = number % 11;
        poll_fn(|context| {
            if turns == 0 {
                return Poll::Ready(());
            }
            turns -= 1;
            unit.as_mut().poll(context)
        })
        .await;
    }
    for _ in 0..32 {
        begin(&ground, START).await.commit().await.unwrap();
    }
}

pub async fn a_unit_cut_off_anywhere_leaves_all_or_nothing(ground: Ground) {
    let page = PageRequest { limit: Limit::default(), after: None };
    for microseconds in 0..60_u64 {
        let issuer: IssuerId = mint();
        let (first, second) = (organization(issuer), organization(issuer));
        let inner = Arc::clone(&ground);
        let task = Box::pin(async move {
            let mut unit = begin(&inner, START).await;
            unit.organizations().insert(&first).await.unwrap();
            unit.organizations().insert(&second).await.unwrap();
            unit.commit().await.unwrap();
        });
        ground.cut_off(Duration::from_micros(microseconds * 40), task).await;
        let filter = OrganizationFilter::default();
        let found = ground.store().reads().organizations().list(issuer, &filter, &page).await.unwrap();
        assert!(matches!(found.items.len(), 0 | 2), "half a unit of work was committed");
    }
    insert(&ground, &organization(mint())).await;
}

pub async fn pages_neither_repeat_nor_skip_while_rows_come_and_go(ground: Ground) {
    let issuer: IssuerId = mint();
    let mut expected = BTreeSet::new();
    for _ in 0..9 {
        let one = organization(issuer);
        insert(&ground, &one).await;
        expected.insert(one.id);
    }
    insert(&ground, &organization(mint())).await;
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest { limit: Limit::new(2).unwrap(), after };
        let filter = OrganizationFilter::default();
        let found = ground.store().reads().organizations().list(issuer, &filter, &page).await.unwrap();
        seen.extend(found.items.iter().map(|listing| listing.organization.id));
        after = seen.last().copied();
        if found.next.is_none() {
            break;
        }
        // A writer inserts, and the last row shown is deleted: neither disturbs the walk.
        insert(&ground, &organization(issuer)).await;
        let mut unit = begin(&ground, later(1)).await;
        let deleted = unit.organizations().begin_delete(issuer, after.unwrap(), START).await.unwrap();
        assert_eq!(deleted, WriteOutcome::Done);
        unit.commit().await.unwrap();
    }
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
}

pub async fn filters_hold_together(ground: Ground) {
    let issuer: IssuerId = mint();
    let plain = organization(issuer);
    let mut strict = organization(issuer);
    strict.details.security.mfa_required = true;
    strict.details.invitation_enabled = false;
    let suspended = organization(issuer).suspended(START, StatusNote::default());
    for one in [&plain, &strict, &suspended] {
        insert(&ground, one).await;
    }
    let list = async |filter: OrganizationFilter| {
        let page = PageRequest { limit: Limit::default(), after: None };
        let found = ground.store().reads().organizations().list(issuer, &filter, &page).await.unwrap();
        found.items.iter().map(|listing| listing.organization.id).collect::<BTreeSet<_>>()
    };
    let none = OrganizationFilter::default();
    let active = Some(StatusFilter::Is(OrganizationStatus::Active));
    assert_eq!(list(none).await, BTreeSet::from([plain.id, strict.id, suspended.id]));
    assert_eq!(list(OrganizationFilter { mfa_required: Some(true), ..none }).await, BTreeSet::from([strict.id]));
    let relaxed = OrganizationFilter { status: active, invitation_enabled: Some(true), ..none };
    assert_eq!(list(relaxed).await, BTreeSet::from([plain.id]));
    let deleted = OrganizationFilter { status: Some(StatusFilter::Deleting), ..none };
    assert_eq!(list(deleted).await, BTreeSet::new());
}

pub async fn a_filtered_page_examines_two_thousand_rows(ground: Ground) {
    let issuer: IssuerId = mint();
    let sought = organization(issuer).suspended(START, StatusNote::default());
    insert(&ground, &sought).await;
    let mut unit = begin(&ground, START).await;
    for _ in 0..EXAMINED_ROWS {
        unit.organizations().insert(&organization(issuer)).await.unwrap();
    }
    unit.commit().await.unwrap();
    let status = Some(StatusFilter::Is(OrganizationStatus::Suspended));
    let filter = OrganizationFilter { status, ..OrganizationFilter::default() };
    let list = async |after| {
        let page = PageRequest { limit: Limit::default(), after };
        ground.store().reads().organizations().list(issuer, &filter, &page).await.unwrap()
    };
    let first = list(None).await;
    assert!(first.items.is_empty() && first.next.is_some(), "short, with a cursor");
    let second = list(first.next).await;
    assert_eq!(second.items.iter().map(|listing| listing.organization.id).collect::<Vec<_>>(), [sought.id]);
    assert_eq!(second.next, None);
}

pub async fn a_deleting_organization_is_found_by_the_worker_only(ground: Ground) {
    let issuer = super::issuer::inserted(&ground, mint()).await;
    let gone = organization(issuer.id);
    insert(&ground, &gone).await;
    let mut unit = begin(&ground, later(1)).await;
    let deleted = unit.organizations().begin_delete(gone.issuer_id, gone.id, START).await.unwrap();
    assert_eq!(deleted, WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, gone.issuer_id, gone.id).await, None);
    let work = ground.store().reads().organizations().deleting(100).await.unwrap();
    let work = work.iter().find(|deleting| deleting.id == gone.id).unwrap();
    assert_eq!((work.account_id, work.issuer_id), (issuer.account_id, issuer.id));
    let mut unit = begin(&ground, later(2)).await;
    unit.organizations().remove(gone.issuer_id, gone.id).await.unwrap();
    unit.organizations().remove(gone.issuer_id, gone.id).await.unwrap();
    unit.commit().await.unwrap();
    let work = ground.store().reads().organizations().deleting(100).await.unwrap();
    assert!(work.iter().all(|deleting| deleting.id != gone.id));
}
