//! API keys.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::organization::{insert as insert_organization, organization};
use super::{Ground, START, begin, later, mint, race};
use crate::credential::model::{
    ApiKey, ApiKeyAccess, ApiKeyDetails, ApiKeyReadiness, ApiKeyStatus, EffectiveStatus, HomeState, KeyLevel,
    KeyRestrictions, RateLimit,
};
use crate::credential::repository::ApiKeyFilter;
use crate::id::{AccountId, ApiKeyId, OrganizationId};
use crate::metadata::Metadata;
use crate::outcome::WriteOutcome;
use crate::page::{Limit, PageRequest, SearchPage, TimeAndId};
use crate::rotating_secret::RotatingSecret;
use crate::secret::SecretHash;
use crate::status::{Status, StatusNote};
use crate::timestamp::Timestamp;

fn hash(byte: u8) -> SecretHash {
    SecretHash::from_bytes(&[byte; 36]).unwrap()
}

/// A plain key; there is no such organization.
pub fn key(account: AccountId) -> ApiKey {
    ApiKey {
        id: mint(),
        account_id: account,
        org_id: mint(),
        issuer_id: mint(),
        level: KeyLevel::Organization,
        status: Status::initial(ApiKeyStatus::Active),
        details: ApiKeyDetails {
            name: "production".to_owned(),
            restrictions: KeyRestrictions { scopes: scopes(&["a:read"]), ..KeyRestrictions::default() },
            ..ApiKeyDetails::default()
        },
        metadata: Metadata::default(),
        secret: RotatingSecret::new(hash(1)),
        secret_hint: "K2J9xQ4z".to_owned(),
        rotated_at: None,
        expiry_announced: false,
        home: HomeState::Gone,
        created_at: START,
        updated_at: START,
    }
}

fn scopes(texts: &[&str]) -> crate::scope::Scopes {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Adds a key and commits.
pub async fn insert(ground: &Ground, key: &ApiKey) {
    let mut unit = begin(ground, START).await;
    unit.api_keys().insert(key).await.unwrap();
    unit.commit().await.unwrap();
}

async fn find(ground: &Ground, account: AccountId, id: ApiKeyId) -> Option<ApiKey> {
    ground.store().reads().api_keys().find(account, id).await.unwrap()
}

/// Everything there is to a key, to be compared. Hashes do not compare on purpose.
fn facts(key: &ApiKey) -> impl PartialEq + std::fmt::Debug + use<> {
    let previous = key.secret.previous.as_ref().map(|(hash, until)| (hash.to_bytes().to_vec(), *until));
    (
        (key.id, key.account_id, key.org_id, key.issuer_id, key.level, key.home),
        (key.status.clone(), key.details.clone(), key.metadata.clone()),
        (key.secret.hash.to_bytes().to_vec(), previous, key.secret_hint.clone(), key.rotated_at),
        (key.expiry_announced, key.created_at, key.updated_at),
    )
}

#[track_caller]
fn assert_same(found: Option<&ApiKey>, expected: &ApiKey) {
    assert_eq!(found.map(facts), Some(facts(expected)));
}

/// A key of a new organization of an issuer that is not there.
async fn everything_at_its_limits(ground: &Ground) -> ApiKey {
    let home = organization(mint());
    insert_organization(ground, &home).await;
    let plain = key(mint());
    ApiKey {
        org_id: home.id,
        issuer_id: home.issuer_id,
        level: KeyLevel::Account,
        status: Status::changed(
            ApiKeyStatus::Blocked,
            later(1),
            StatusNote { reason: Some("r".repeat(1000)), by: Some("b".repeat(200)) },
        ),
        details: ApiKeyDetails {
            name: "名".repeat(200),
            description: Some("🦀".repeat(5000)),
            tags: (0..20).map(|number| format!("{number:02}{}", "ü".repeat(48))).collect(),
            restrictions: KeyRestrictions {
                scopes: (0..256).map(|number| format!("{number:x>127}:").parse().unwrap()).collect(),
                ip_allowlist: ["192.0.2.7", "10.0.0.0/8", "2001:db8::/32", "::/0"]
                    .map(|text| text.parse().unwrap())
                    .into(),
                rate_limit: Some(RateLimit { limit: 10_000_000, window_seconds: 86_400, alert_at: 0.123_456_789 }),
            },
            expires_at: Some(Timestamp::from_millis(9_007_199_254_740_991)),
        },
        metadata: Metadata::from_create(&json!({ "nested": { "deep": [1, null, "x"] }, "big": "ü".repeat(2048) })),
        secret: RotatingSecret { hash: hash(0xff), previous: Some((hash(0x80), later(15))) },
        secret_hint: "ß".repeat(8),
        rotated_at: Some(later(0)),
        expiry_announced: true,
        ..plain
    }
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let full = everything_at_its_limits(&ground).await;
    insert(&ground, &full).await;
    assert_same(find(&ground, full.account_id, full.id).await.as_ref(), &full);
    let other = key(full.account_id);
    let changed = ApiKey {
        id: full.id,
        org_id: full.org_id,
        issuer_id: full.issuer_id,
        level: full.level,
        updated_at: later(2),
        ..other
    };
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.api_keys().update(&changed, full.updated_at).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_same(find(&ground, full.account_id, full.id).await.as_ref(), &changed);
}

pub async fn what_authenticates_is_what_was_written(ground: Ground) {
    let full = everything_at_its_limits(&ground).await;
    insert(&ground, &full).await;
    let found = ground.store().reads().api_keys().authentication(full.id).await.unwrap().unwrap();
    assert_eq!((found.id, found.account_id, found.org_id), (full.id, full.account_id, full.org_id));
    assert_eq!((found.issuer_id, found.level, found.status), (full.issuer_id, full.level, full.status.value));
    assert_eq!(found.scopes, full.details.restrictions.scopes);
    assert_eq!(found.ip_allowlist, full.details.restrictions.ip_allowlist);
    assert_eq!(found.expires_at, full.details.expires_at);
    assert_eq!(found.secret.hash.to_bytes(), full.secret.hash.to_bytes());
    let previous = |secret: &RotatingSecret| secret.previous.as_ref().map(|(hash, until)| (hash.to_bytes(), *until));
    assert_eq!(previous(&found.secret), previous(&full.secret));
    assert_eq!(found.home, HomeState::Gone, "there is no such issuer");
    assert!(ground.store().reads().api_keys().authentication(mint()).await.unwrap().is_none());
}

pub async fn another_account_sees_and_changes_nothing(ground: Ground) {
    let mut ours = key(mint());
    ours.details.expires_at = Some(START);
    insert(&ground, &ours).await;
    let stranger: AccountId = mint();
    assert!(find(&ground, stranger, ours.id).await.is_none());
    assert!(list(&ground, stranger, ours.org_id, &ApiKeyFilter::default(), 100, None).await.items.is_empty());
    let mut unit = begin(&ground, later(1)).await;
    let taken_over = ApiKey { account_id: stranger, updated_at: later(1), ..ours.clone() };
    let keys = unit.api_keys();
    assert_eq!(keys.update(&taken_over, START).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(keys.announce_expiry(stranger, ours.id, START).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(keys.remove(stranger, ours.id, START).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_same(find(&ground, ours.account_id, ours.id).await.as_ref(), &ours);
}

pub async fn a_write_with_a_stale_version_changes_nothing(ground: Ground) {
    let mut before = key(mint());
    before.details.expires_at = Some(START);
    insert(&ground, &before).await;
    let mut unit = begin(&ground, later(1)).await;
    let after = ApiKey { updated_at: later(1), secret_hint: "other".to_owned(), ..before.clone() };
    let keys = unit.api_keys();
    assert_eq!(keys.update(&after, later(9)).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(keys.announce_expiry(before.account_id, before.id, later(9)).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(keys.remove(before.account_id, before.id, later(9)).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_same(find(&ground, before.account_id, before.id).await.as_ref(), &before);
}

pub async fn a_removed_key_is_gone(ground: Ground) {
    let gone = key(mint());
    insert(&ground, &gone).await;
    let mut unit = begin(&ground, later(1)).await;
    assert_eq!(unit.api_keys().remove(gone.account_id, gone.id, START).await.unwrap(), WriteOutcome::Done);
    assert_eq!(unit.api_keys().remove(gone.account_id, gone.id, START).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert!(find(&ground, gone.account_id, gone.id).await.is_none());
    assert!(ground.store().reads().api_keys().authentication(gone.id).await.unwrap().is_none());
}

pub async fn of_parallel_rotations_of_one_version_one_wins(ground: Ground) {
    let before = key(mint());
    insert(&ground, &before).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |number| {
        let (ground, wins, before) = (Arc::clone(&ground), Arc::clone(&wins), before.clone());
        async move {
            let fresh = hash(u8::try_from(number).unwrap() + 100);
            let rotated = before.rotated(later(1), fresh, "hint".to_owned()).unwrap();
            let after = ApiKey { updated_at: later(1), ..rotated };
            let mut unit = begin(&ground, later(1)).await;
            if unit.api_keys().update(&after, START).await.unwrap() == WriteOutcome::Done {
                unit.commit().await.unwrap();
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
}

async fn list(
    ground: &Ground,
    account: AccountId,
    organization: OrganizationId,
    filter: &ApiKeyFilter,
    limit: u32,
    after: Option<TimeAndId<ApiKeyId>>,
) -> SearchPage<ApiKey, TimeAndId<ApiKeyId>> {
    let page = PageRequest { limit: Limit::new(limit).unwrap(), after };
    ground.store().reads().api_keys().list(account, organization, filter, &page, START).await.unwrap()
}

pub async fn pages_go_by_time_and_neither_repeat_nor_skip(ground: Ground) {
    let (account, org_id) = (mint(), mint());
    let mut expected = Vec::new();
    for number in 0..9 {
        // Three keys a minute: ids are random, so within one only they decide.
        let one = ApiKey { org_id, created_at: later(number / 3), ..key(account) };
        insert(&ground, &one).await;
        expected.push((one.created_at, one.id));
    }
    insert(&ground, &key(account)).await;
    expected.sort_unstable();
    expected.reverse();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let found = list(&ground, account, org_id, &ApiKeyFilter::default(), 2, after).await;
        seen.extend(found.items.iter().map(|key| (key.created_at, key.id)));
        after = found.next;
        let Some(place) = after else { break };
        assert_eq!(Some(&(place.at, place.id)), seen.last());
        // A writer inserts, and the last row shown is removed: neither disturbs the walk.
        insert(&ground, &ApiKey { org_id, created_at: later(9), ..key(account) }).await;
        let mut unit = begin(&ground, later(9)).await;
        assert_eq!(unit.api_keys().remove(account, place.id, START).await.unwrap(), WriteOutcome::Done);
        unit.commit().await.unwrap();
    }
    assert_eq!(seen, expected);
}

pub async fn filters_hold_together(ground: Ground) {
    let (account, org_id) = (mint(), mint());
    let with = |name: &str, held: &[&str]| {
        let mut one = ApiKey { org_id, ..key(account) };
        name.clone_into(&mut one.details.name);
        one.details.restrictions.scopes = scopes(held);
        one
    };
    let full = with("Straße", &["a:read", "*:**"]);
    let mut none = with("empty", &[]);
    none.details.tags = vec!["ÉTÉ".to_owned()];
    let blocked = with("blocked", &["a:read"]).blocked(START, StatusNote::default()).unwrap();
    let revoked = with("revoked", &["a:read"]).revoked(START, StatusNote::default());
    for one in [&full, &none, &blocked, &revoked] {
        insert(&ground, one).await;
    }
    let shown = async |filter: ApiKeyFilter| {
        let found = list(&ground, account, org_id, &filter, 100, None).await;
        assert_eq!(found.next, None);
        found.items.iter().map(|key| key.id).collect::<BTreeSet<_>>()
    };
    let any = ApiKeyFilter::default;
    let text = |text: &str| ApiKeyFilter { text: Some(text.to_owned()), ..any() };
    assert_eq!(shown(any()).await, BTreeSet::from([full.id, none.id, blocked.id, revoked.id]));
    let by_status = |status| ApiKeyFilter { status: Some(status), ..any() };
    assert_eq!(shown(by_status(EffectiveStatus::Blocked)).await, BTreeSet::from([blocked.id]));
    assert_eq!(shown(by_status(EffectiveStatus::Revoked)).await, BTreeSet::from([revoked.id]));
    // The organization is not there: the status stays, and nothing is ready.
    assert_eq!(shown(by_status(EffectiveStatus::Suspended)).await, BTreeSet::new());
    assert_eq!(shown(by_status(EffectiveStatus::Active)).await, BTreeSet::from([full.id, none.id]));
    let by_access = |access| ApiKeyFilter { access: Some(access), ..any() };
    assert_eq!(shown(by_access(ApiKeyAccess::Full)).await, BTreeSet::from([full.id]));
    assert_eq!(shown(by_access(ApiKeyAccess::None)).await, BTreeSet::from([none.id]));
    let inactive = ApiKeyFilter { readiness: Some(ApiKeyReadiness::Inactive), ..text("STRAß") };
    assert_eq!(shown(inactive).await, BTreeSet::from([full.id]));
    assert_eq!(shown(text("stRAß")).await, BTreeSet::from([full.id]));
    assert_eq!(shown(text("été")).await, BTreeSet::from([none.id]));
    assert_eq!(shown(text(&none.id.to_string()[5..20].to_uppercase())).await, BTreeSet::from([none.id]));
    let both = ApiKeyFilter { access: Some(ApiKeyAccess::Scoped), ..text("e") };
    assert_eq!(shown(both).await, BTreeSet::from([blocked.id, revoked.id]));
}

pub async fn a_filtered_page_examines_two_thousand_rows(ground: Ground) {
    let (account, org_id) = (mint(), mint());
    let mut oldest = ApiKey { org_id, ..key(account) };
    "needle".clone_into(&mut oldest.details.name);
    insert(&ground, &oldest).await;
    let mut unit = begin(&ground, START).await;
    for _ in 0..2_000 {
        unit.api_keys().insert(&ApiKey { org_id, created_at: later(1), ..key(account) }).await.unwrap();
    }
    unit.commit().await.unwrap();
    let filter = ApiKeyFilter { text: Some("needle".to_owned()), ..ApiKeyFilter::default() };
    let empty = list(&ground, account, org_id, &filter, 50, None).await;
    assert!(empty.items.is_empty() && empty.next.is_some());
    let rest = list(&ground, account, org_id, &filter, 50, empty.next).await;
    assert_eq!(rest.items.iter().map(|key| key.id).collect::<Vec<_>>(), [oldest.id]);
    assert_eq!(rest.next, None);
}

pub async fn an_expiry_is_announced_once(ground: Ground) {
    let account = mint();
    let mut expiring = key(account);
    expiring.details.expires_at = Some(later(5));
    let endless = key(account);
    let mut revoked = key(account);
    revoked.details.expires_at = Some(later(5));
    let revoked = revoked.revoked(START, StatusNote::default());
    for one in [&expiring, &endless, &revoked] {
        insert(&ground, one).await;
    }
    let due = async |now: Timestamp| {
        let found = ground.store().reads().api_keys().expired_unannounced(now, &[], 100).await.unwrap();
        found.iter().filter(|key| key.account_id == account).map(|key| key.id).collect::<Vec<_>>()
    };
    assert_eq!(due(Timestamp::from_millis(later(5).as_millis() - 1)).await, []);
    assert_eq!(due(later(5)).await, [expiring.id]);
    let mut early = begin(&ground, later(4)).await;
    assert_eq!(early.api_keys().announce_expiry(account, expiring.id, START).await.unwrap(), WriteOutcome::Stale);
    drop(early);
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |_| {
        let (ground, wins, id) = (Arc::clone(&ground), Arc::clone(&wins), expiring.id);
        async move {
            let mut unit = begin(&ground, later(5)).await;
            if unit.api_keys().announce_expiry(account, id, START).await.unwrap() == WriteOutcome::Done {
                unit.commit().await.unwrap();
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
    assert_eq!(due(later(6)).await, []);
    let announced = ApiKey { expiry_announced: true, updated_at: later(5), ..expiring };
    assert_same(find(&ground, account, announced.id).await.as_ref(), &announced);
}
