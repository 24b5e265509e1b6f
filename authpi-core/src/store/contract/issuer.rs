//! Issuers and their login methods.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{Ground, START, begin, later, mint, race};
use crate::id::{AccountId, IssuerId};
use crate::issuer::model::access::AccessMode;
use crate::issuer::model::auth_method::{AuthMethod, DEFAULT_KINDS};
use crate::issuer::model::{Issuer, IssuerDetails, IssuerStatus, MethodCounts, Readiness};
use crate::issuer::repository::{IssuerFilter, StatusFilter};
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::outcome::WriteOutcome;
use crate::page::{Limit, PageRequest};
use crate::role::Roles;
use crate::status::{Status, StatusNote};

/// A wrapped root key.
pub const ROOT_KEY: [u8; 65] = [3; 65];

/// A plain issuer of `account`, and its login methods.
pub fn issuer(account: AccountId) -> (Issuer, Vec<AuthMethod>) {
    let id = mint();
    let methods: Vec<_> =
        DEFAULT_KINDS.into_iter().map(|kind| AuthMethod::with_defaults(mint(), id, kind, START)).collect();
    let details = IssuerDetails { name: "Acme".to_owned(), ..IssuerDetails::default() }.checked().unwrap();
    let issuer = Issuer {
        id,
        account_id: account,
        platform: false,
        status: Status::initial(IssuerStatus::Active),
        roles: Roles::default().following(&details.settings.roles, START),
        details,
        metadata: Metadata::default(),
        methods: MethodCounts::of(&methods),
        created_at: START,
        updated_at: START,
    };
    (issuer, methods)
}

/// Adds an issuer and commits.
pub async fn insert(ground: &Ground, issuer: &Issuer, methods: &[AuthMethod]) {
    let mut unit = begin(ground, START).await;
    unit.issuers().insert(issuer, &ROOT_KEY, methods).await.unwrap();
    unit.commit().await.unwrap();
}

/// Adds a plain issuer of `account` and commits.
pub async fn inserted(ground: &Ground, account: AccountId) -> Issuer {
    let (issuer, methods) = issuer(account);
    insert(ground, &issuer, &methods).await;
    issuer
}

/// What an account finds.
pub async fn find(ground: &Ground, account: AccountId, id: IssuerId) -> Option<Issuer> {
    ground.store().reads().issuers().find(account, id).await.unwrap()
}

/// Accepts the deletion of an issuer at a minute past the start and commits.
pub async fn delete(ground: &Ground, issuer: &Issuer) {
    let mut unit = begin(ground, later(1)).await;
    let deleted = unit.issuers().begin_delete(issuer.account_id, issuer.id, issuer.updated_at).await.unwrap();
    assert_eq!(deleted, WriteOutcome::Done);
    unit.commit().await.unwrap();
}

fn everything_at_its_limits() -> IssuerDetails {
    let url = format!("https://example.com/{}", "a".repeat(2000));
    let patch = json!({
        "name": "名".repeat(200),
        "description": "🦀".repeat(5000),
        "links": {
            "privacy_policy": url, "terms_of_service": url, "website": url, "support": url, "documentation": url,
        },
        "available_scopes": (0..256).map(|number| format!("{}{number}:read", "s".repeat(120))).collect::<Vec<_>>(),
        "settings": {
            "access": {
                "mode": "domain_restricted",
                "allowed_domains": ["example.com"],
                "signup": { "verify_email": false, "require_approval": true, "create_org": true },
                "allow_user_orgs": true,
                "allowed_hosts": ["localhost:3000"],
                "sessions": { "max_age": 31_536_000, "idle_timeout": 2_592_000, "extend_on_activity": false },
                "device_fingerprinting": false,
                "residency": "weur",
            },
            "security": {
                "mfa": "required",
                "password": { "min_length": 64, "check_breached": false },
                "lockout": { "max_attempts": 100, "duration_seconds": 86_400 },
                "trusted_device_ttl": 0,
                "authorization_code_ttl": 600,
                "resources": "listed",
                "event_context": "none",
                "notifications": {
                    "new_device": false, "personal_tokens": false, "credentials": false, "delegations": false,
                },
                "on_token_reuse": "user",
            },
            "branding": {
                "display_name": "Ä".repeat(200), "logo_url": url, "favicon_url": url,
                "primary_color": "#012345", "background_color": "#fff", "locales": ["de", "en"],
            },
            "portals": { "signup": { "enabled": false }, "featured_methods": ["password"] },
            "invitations": { "require_approval": true, "ttl_seconds": 7_776_000 },
        },
    });
    merged::<IssuerDetails>(&IssuerDetails::default(), patch.as_object().unwrap()).unwrap().checked().unwrap()
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let (plain, methods) = issuer(mint());
    let full = Issuer {
        details: everything_at_its_limits(),
        metadata: Metadata::from_create(&json!({ "nested": { "deep": [1, null, "x"] }, "big": "ü".repeat(2048) })),
        platform: true,
        status: Status::changed(
            IssuerStatus::Suspended,
            later(1),
            StatusNote { reason: Some("r".repeat(1000)), by: Some("b".repeat(200)) },
        ),
        ..plain.clone()
    };
    insert(&ground, &full, &methods).await;
    assert_eq!(find(&ground, full.account_id, full.id).await.as_ref(), Some(&full));
    let store = ground.store();
    let issuers = store.reads().issuers();
    assert_eq!(issuers.head(full.account_id, full.id).await.unwrap(), Some(full.head()));
    assert_eq!(issuers.root_key(full.id).await.unwrap(), Some(ROOT_KEY.to_vec()));
    assert_eq!(issuers.auth_methods(full.id).await.unwrap(), methods);
    let changed = Issuer { platform: true, updated_at: later(2), ..plain };
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.issuers().update(&changed, full.updated_at).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(issuers.head(full.account_id, full.id).await.unwrap(), Some(changed.head()));
    assert_eq!(find(&ground, full.account_id, full.id).await, Some(changed));
}

pub async fn another_account_sees_and_changes_nothing(ground: Ground) {
    let ours = inserted(&ground, mint()).await;
    let stranger: AccountId = mint();
    let store = ground.store();
    let issuers = store.reads().issuers();
    assert_eq!(find(&ground, stranger, ours.id).await, None);
    assert_eq!(issuers.head(stranger, ours.id).await.unwrap(), None);
    let page = PageRequest { limit: Limit::default(), after: None };
    let listed = issuers.list(stranger, &IssuerFilter::default(), &page).await.unwrap();
    assert!(listed.items.is_empty());
    let mut unit = begin(&ground, later(1)).await;
    let taken_over = Issuer { account_id: stranger, updated_at: later(1), ..ours.clone() };
    assert_eq!(unit.issuers().update(&taken_over, ours.updated_at).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(unit.issuers().begin_delete(stranger, ours.id, ours.updated_at).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, ours.account_id, ours.id).await, Some(ours));
}

pub async fn an_update_with_a_stale_version_changes_nothing(ground: Ground) {
    let before = inserted(&ground, mint()).await;
    let mut unit = begin(&ground, later(1)).await;
    let after = Issuer { updated_at: later(1), ..before.clone() };
    assert_eq!(unit.issuers().update(&after, later(9)).await.unwrap(), WriteOutcome::Stale);
    let stale = unit.issuers().begin_delete(before.account_id, before.id, later(9)).await.unwrap();
    assert_eq!(stale, WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_eq!(find(&ground, before.account_id, before.id).await, Some(before));
}

pub async fn of_parallel_updates_of_one_version_one_wins(ground: Ground) {
    let before = inserted(&ground, mint()).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |number| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        let mut after = Issuer { updated_at: later(1), ..before.clone() };
        after.details.name = format!("racer {number}");
        async move {
            let mut unit = begin(&ground, later(1)).await;
            if unit.issuers().update(&after, START).await.unwrap() == WriteOutcome::Done {
                unit.commit().await.unwrap();
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
}

pub async fn a_dropped_unit_leaves_nothing(ground: Ground) {
    let (dropped, methods) = issuer(mint());
    let mut unit = begin(&ground, START).await;
    unit.issuers().insert(&dropped, &ROOT_KEY, &methods).await.unwrap();
    drop(unit);
    assert_eq!(find(&ground, dropped.account_id, dropped.id).await, None);
    insert(&ground, &dropped, &methods).await;
}

pub async fn pages_neither_repeat_nor_skip_while_rows_come_and_go(ground: Ground) {
    let account: AccountId = mint();
    let everything = IssuerFilter::default();
    let by_name = IssuerFilter { q: Some("aCM".to_owned()), ..IssuerFilter::default() };
    for filter in [everything, by_name] {
        let mut expected = Vec::new();
        for _ in 0..7 {
            expected.insert(0, inserted(&ground, account).await);
        }
        inserted(&ground, mint()).await;
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = PageRequest { limit: Limit::new(2).unwrap(), after };
            let found = ground.store().reads().issuers().list(account, &filter, &page).await.unwrap();
            seen.extend(found.items.into_iter().map(|listing| listing.issuer));
            after = found.next;
            if after.is_none() {
                break;
            }
            // A writer inserts, and the last row shown is deleted: neither disturbs the walk.
            inserted(&ground, account).await;
            delete(&ground, seen.last().unwrap()).await;
        }
        assert!(seen.windows(2).all(|pair| pair[0].id > pair[1].id), "newest first");
        assert!(expected.iter().all(|one| seen.contains(one)), "every row of the beginning is shown");
        for left in ground.store().reads().issuers().list(account, &filter, &everything_page()).await.unwrap().items {
            delete(&ground, &left.issuer).await;
        }
    }
}

const fn everything_page() -> PageRequest<IssuerId> {
    PageRequest { limit: Limit::new(100).unwrap(), after: None }
}

pub async fn filters_hold_together(ground: Ground) {
    let account: AccountId = mint();
    let plain = inserted(&ground, account).await;
    let (mut closed, methods) = issuer(account);
    "ÄRGER & Co".clone_into(&mut closed.details.name);
    closed.details.settings.access.mode = AccessMode::Closed;
    insert(&ground, &closed, &methods).await;
    let (unready, _) = issuer(account);
    let unready = Issuer { methods: MethodCounts::default(), ..unready };
    insert(&ground, &unready, &[]).await;
    let (active, methods) = issuer(account);
    let suspended = active.in_status(IssuerStatus::Suspended, START, StatusNote::default());
    insert(&ground, &suspended, &methods).await;
    let gone = inserted(&ground, account).await;
    delete(&ground, &gone).await;

    let list = async |filter: IssuerFilter| {
        let found = ground.store().reads().issuers().list(account, &filter, &everything_page()).await.unwrap();
        assert_eq!(found.next, None);
        found.items.iter().map(|listing| listing.issuer.id).collect::<BTreeSet<_>>()
    };
    let none = IssuerFilter::default;
    let named = |q: &str| IssuerFilter { q: Some(q.to_owned()), ..none() };
    let ready = |readiness| IssuerFilter { readiness: Some(readiness), ..none() };
    let active = Some(StatusFilter::Is(IssuerStatus::Active));
    assert_eq!(list(none()).await, BTreeSet::from([plain.id, closed.id, unready.id, suspended.id]));
    assert_eq!(list(named("ärger")).await, BTreeSet::from([closed.id]));
    assert_eq!(list(named("100%")).await, BTreeSet::new());
    assert_eq!(list(named(&plain.id.to_string().to_uppercase())).await, BTreeSet::from([plain.id]));
    assert_eq!(list(ready(Readiness::Ready)).await, BTreeSet::from([plain.id, closed.id]));
    assert_eq!(list(ready(Readiness::Incomplete)).await, BTreeSet::from([unready.id]));
    assert_eq!(list(ready(Readiness::Inactive)).await, BTreeSet::from([suspended.id]));
    let open = IssuerFilter { status: active, access_mode: Some(AccessMode::Open), ..named("acme") };
    assert_eq!(list(open).await, BTreeSet::from([plain.id, unready.id]));
    assert_eq!(list(IssuerFilter { status: Some(StatusFilter::Deleting), ..none() }).await, BTreeSet::from([gone.id]));
}

pub async fn a_search_examines_a_bounded_number_of_rows_and_says_where_it_stopped(ground: Ground) {
    let account: AccountId = mint();
    let (mut oldest, methods) = issuer(account);
    "needle".clone_into(&mut oldest.details.name);
    insert(&ground, &oldest, &methods).await;
    let mut unit = begin(&ground, START).await;
    for _ in 0..2_000 {
        let (hay, _) = issuer(account);
        unit.issuers().insert(&hay, &ROOT_KEY, &[]).await.unwrap();
    }
    unit.commit().await.unwrap();
    let filter = IssuerFilter { q: Some("NEEDLE".to_owned()), ..IssuerFilter::default() };
    let first = ground.store().reads().issuers().list(account, &filter, &everything_page()).await.unwrap();
    assert!(first.items.is_empty() && first.next.is_some());
    let page = PageRequest { after: first.next, ..everything_page() };
    let second = ground.store().reads().issuers().list(account, &filter, &page).await.unwrap();
    assert_eq!(second.items.iter().map(|listing| listing.issuer.id).collect::<Vec<_>>(), [oldest.id]);
    assert_eq!(second.next, None);
}
