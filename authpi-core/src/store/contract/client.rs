//! Clients.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{Ground, START, begin, later, mint, race};
use crate::client::model::{
    ApplicationType, CLIENT_SECRET_HASH, Client, ClientDetails, ClientStatus, OpenIdSettings, Readiness,
};
use crate::client::repository::{ClientFilter, ClientListing, StatusFilter};
use crate::id::{ClientId, IssuerId, OrganizationId};
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::outcome::WriteOutcome;
use crate::page::{EXAMINED_ROWS, Limit, PageRequest, SearchPage};
use crate::rotating_secret::{ROTATION_OVERLAP, RotatingSecret};
use crate::secret::{KeyTag, Pepper, Peppers, SecretHash};
use crate::status::{Status, StatusNote};
use crate::timestamp::Timestamp;

/// A confidential web client of `issuer`, without a secret.
pub fn client(issuer: IssuerId) -> Client {
    Client {
        id: mint(),
        issuer_id: issuer,
        status: Status::initial(ClientStatus::Active),
        details: ClientDetails { name: "App".to_owned(), confidential: true, ..ClientDetails::default() },
        secret: None,
        secret_rotated_at: None,
        metadata: Metadata::default(),
        created_at: START,
        updated_at: START,
    }
}

/// Adds a client and commits.
pub async fn insert(ground: &Ground, client: &Client) {
    let mut unit = begin(ground, START).await;
    unit.clients().insert(client).await.unwrap();
    unit.commit().await.unwrap();
}

async fn find(ground: &Ground, issuer: IssuerId, id: ClientId) -> Option<Client> {
    ground.store().reads().clients().find(issuer, id).await.unwrap()
}

async fn list(
    ground: &Ground,
    issuer: IssuerId,
    filter: &ClientFilter,
    limit: u32,
    after: Option<ClientId>,
) -> SearchPage<ClientListing, ClientId> {
    let page = PageRequest { limit: Limit::new(limit).unwrap(), after };
    ground.store().reads().clients().list(issuer, filter, &page).await.unwrap()
}

async fn listed(ground: &Ground, issuer: IssuerId, filter: ClientFilter) -> BTreeSet<ClientId> {
    list(ground, issuer, &filter, 100, None).await.items.iter().map(|listing| listing.client.id).collect()
}

/// Everything of a client in a form that can be compared: hashes offer no comparison of their own.
#[derive(Debug, PartialEq)]
struct Comparable {
    ids: (ClientId, IssuerId),
    status: Status<ClientStatus>,
    details: ClientDetails,
    secret: Option<Vec<u8>>,
    previous_secret: Option<(Vec<u8>, i64)>,
    metadata: Metadata,
    times: [Option<i64>; 3],
}

fn comparable(client: &Client) -> Comparable {
    let secret = client.secret.as_ref();
    let previous = secret.and_then(|secret| secret.previous.as_ref());
    Comparable {
        ids: (client.id, client.issuer_id),
        status: client.status.clone(),
        details: client.details.clone(),
        secret: secret.map(|secret| secret.hash.to_bytes().to_vec()),
        previous_secret: previous.map(|(hash, until)| (hash.to_bytes().to_vec(), until.as_millis())),
        metadata: client.metadata.clone(),
        times: [Some(client.created_at), Some(client.updated_at), client.secret_rotated_at]
            .map(|at| at.map(Timestamp::as_millis)),
    }
}

fn peppers() -> Peppers {
    Peppers::new(Pepper::new(KeyTag::new(u32::MAX), [7; 32]), vec![])
}

fn hash(secret: &str) -> SecretHash {
    peppers().hash(CLIENT_SECRET_HASH, secret.as_bytes())
}

fn accepts(secret: &RotatingSecret, presented: &str, at: Timestamp) -> bool {
    secret.accepts(&peppers(), CLIENT_SECRET_HASH, presented, at)
}

fn everything_at_its_limits() -> ClientDetails {
    let uris = |kind: &str| -> Vec<String> {
        (0..50).map(|number| format!("https://{kind}{number}.example.com/{}", "a".repeat(2000))).collect()
    };
    let key = json!({ "kty": "RSA", "n": "x".repeat(1366), "e": "AQAB", "kid": "k".repeat(256), "use": "sig" });
    let openid = json!({
        "application_type": "native",
        "grant_types": [
            "authorization_code", "refresh_token", "client_credentials",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "redirect_uris": uris("r"),
        "response_types": ["code"],
        "post_logout_redirect_uris": uris("p"),
        "response_signature_alg": "EdDSA",
        "access_token_ttl": 60, "id_token_ttl": 1_814_400, "refresh_token_ttl": 1_814_400,
        "token_endpoint_auth_method": "private_key_jwt",
        "allowed_resources": ["urn:example:payments", "https://api.example.com/?a=%C3%A4"],
        "audience": "a".repeat(2048),
        "require_resource": true,
        "allowed_origins": ["https://app.example.com:8443"],
        "jwks": { "keys": vec![key; 20] },
        "jwks_uri": "https://app.example.com/jwks",
        "access_token_auth_time": "login",
        "id_token_claims": "minimal",
        "frontchannel_logout_uri": "https://r0.example.com/out",
        "backchannel_logout_uri": "https://r0.example.com/back",
        "require_pkce": true,
    });
    let organizations: Vec<OrganizationId> = (0..100).map(|_| mint()).collect();
    let patch = json!({
        "type": "internal",
        "confidential": true,
        "name": "名".repeat(200),
        "description": "🦀".repeat(5000),
        "logo_url": format!("https://example.com/{}", "a".repeat(2000)),
        "settings": {
            "protocol": "oidc",
            "scopes": ["openid", "a:read", "b.c:**"],
            "openid": openid,
            "organizations": { "mode": "allowlist", "ids": organizations },
        },
    });
    merged(&ClientDetails::default(), patch.as_object().unwrap()).unwrap()
}

fn of_kind(issuer: IssuerId, name: &str, kind: ApplicationType) -> Client {
    let mut one = client(issuer);
    name.clone_into(&mut one.details.name);
    one.details.settings.openid = OpenIdSettings { application_type: kind, ..OpenIdSettings::default() };
    one.details.confidential = kind == ApplicationType::M2m;
    one
}

pub async fn every_field_comes_back_as_it_was_written(ground: Ground) {
    let full = Client {
        details: everything_at_its_limits(),
        secret: Some(RotatingSecret::new(hash("old")).rotated(START, hash("new"))),
        secret_rotated_at: Some(later(1)),
        metadata: Metadata::from_create(
            &json!({ "nested": { "deep": [1, Value::Null, "x"] }, "big": "ü".repeat(2048) }),
        ),
        status: Status::changed(
            ClientStatus::Disabled,
            later(1),
            StatusNote { reason: Some("r".repeat(1000)), by: Some("b".repeat(200)) },
        ),
        ..client(mint())
    };
    insert(&ground, &full).await;
    let found = find(&ground, full.issuer_id, full.id).await.unwrap();
    assert_eq!(comparable(&found), comparable(&full));
    let secret = found.secret.unwrap();
    assert!(accepts(&secret, "new", START) && accepts(&secret, "old", START));
    assert!(!accepts(&secret, "old", START.plus(ROTATION_OVERLAP)));

    let plain = Client { id: full.id, updated_at: later(2), ..client(full.issuer_id) };
    let mut unit = begin(&ground, later(2)).await;
    assert_eq!(unit.clients().update(&plain, full.updated_at).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    assert_eq!(comparable(&find(&ground, full.issuer_id, full.id).await.unwrap()), comparable(&plain));
}

pub async fn details_are_given_of_those_that_are_asked_for_and_not_deleted(ground: Ground) {
    let (issuer, gone) = (mint(), client(mint()));
    let (one, other) = (client(issuer), client(issuer));
    let gone = Client { issuer_id: issuer, ..gone };
    let stranger = client(mint());
    for client in [&one, &other, &gone, &stranger] {
        insert(&ground, client).await;
    }
    let mut unit = begin(&ground, START).await;
    assert_eq!(unit.clients().delete(issuer, gone.id, gone.updated_at).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();
    let store = ground.store();
    let asked = async |among: &[ClientId]| {
        let found = store.reads().clients().details_of(issuer, among).await.unwrap();
        found.into_iter().collect::<std::collections::BTreeMap<_, _>>()
    };
    let found = asked(&[one.id, gone.id, stranger.id, one.id]).await;
    assert_eq!(found, std::collections::BTreeMap::from([(one.id, one.details.clone())]));
    assert!(asked(&[]).await.is_empty());
}

pub async fn another_issuer_sees_and_changes_nothing(ground: Ground) {
    let ours = client(mint());
    insert(&ground, &ours).await;
    let stranger: IssuerId = mint();
    assert!(find(&ground, stranger, ours.id).await.is_none());
    let text = ClientFilter { text: Some("app".to_owned()), ..ClientFilter::default() };
    assert!(listed(&ground, stranger, ClientFilter::default()).await.is_empty());
    assert!(listed(&ground, stranger, text).await.is_empty());
    let mut unit = begin(&ground, later(1)).await;
    let taken_over = Client { issuer_id: stranger, updated_at: later(1), ..ours.clone() };
    let clients = unit.clients();
    assert_eq!(clients.update(&taken_over, ours.updated_at).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(clients.delete(stranger, ours.id, ours.updated_at).await.unwrap(), WriteOutcome::Stale);
    clients.remove(stranger, ours.id).await.unwrap();
    // Nor is a client removed that is not deleted.
    clients.remove(ours.issuer_id, ours.id).await.unwrap();
    unit.commit().await.unwrap();
    assert_eq!(comparable(&find(&ground, ours.issuer_id, ours.id).await.unwrap()), comparable(&ours));
}

pub async fn a_stale_version_changes_nothing(ground: Ground) {
    let before = client(mint());
    insert(&ground, &before).await;
    let mut unit = begin(&ground, later(1)).await;
    let after = Client { updated_at: later(1), ..before.clone() };
    assert_eq!(unit.clients().update(&after, later(9)).await.unwrap(), WriteOutcome::Stale);
    assert_eq!(unit.clients().delete(before.issuer_id, before.id, later(9)).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert_eq!(comparable(&find(&ground, before.issuer_id, before.id).await.unwrap()), comparable(&before));
}

pub async fn of_parallel_rotations_of_one_version_one_wins(ground: Ground) {
    let first = RotatingSecret::new(hash("first"));
    let before = Client { secret: Some(first), ..client(mint()) };
    insert(&ground, &before).await;
    let wins = Arc::new(AtomicUsize::new(0));
    race(&ground, |number| {
        let (ground, wins) = (Arc::clone(&ground), Arc::clone(&wins));
        let mut after = Client { updated_at: later(1), ..before.clone() };
        after.secret = after.secret.map(|old| old.rotated(START, hash(&format!("racer {number}"))));
        async move {
            let mut unit = begin(&ground, later(1)).await;
            if unit.clients().update(&after, START).await.unwrap() == WriteOutcome::Done {
                unit.commit().await.unwrap();
                wins.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(wins.load(Ordering::SeqCst), 1);
    let secret = find(&ground, before.issuer_id, before.id).await.unwrap().secret.unwrap();
    assert!(accepts(&secret, "first", START), "the old secret is still the previous one");
}

pub async fn pages_neither_repeat_nor_skip_while_rows_come_and_go(ground: Ground) {
    let issuer: IssuerId = mint();
    let mut expected = BTreeSet::new();
    for _ in 0..9 {
        let one = client(issuer);
        insert(&ground, &one).await;
        expected.insert(one.id);
    }
    insert(&ground, &client(mint())).await;
    for filter in [ClientFilter::default(), ClientFilter { name: Some("APP".to_owned()), ..ClientFilter::default() }] {
        let mut seen: Vec<ClientId> = Vec::new();
        let mut after = None;
        loop {
            let found = list(&ground, issuer, &filter, 2, after).await;
            seen.extend(found.items.iter().map(|listing| listing.client.id));
            after = found.next;
            let Some(last) = after else { break };
            // A writer inserts, and the last row shown is deleted: neither disturbs the walk.
            let newer = client(issuer);
            insert(&ground, &newer).await;
            let mut unit = begin(&ground, later(1)).await;
            assert_eq!(unit.clients().delete(issuer, last, START).await.unwrap(), WriteOutcome::Done);
            assert_eq!(unit.clients().delete(issuer, newer.id, START).await.unwrap(), WriteOutcome::Done);
            unit.commit().await.unwrap();
        }
        assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
        expected = listed(&ground, issuer, ClientFilter::default()).await;
    }
}

pub async fn filters_hold_together(ground: Ground) {
    let issuer: IssuerId = mint();
    let incomplete = of_kind(issuer, "Shop", ApplicationType::Web);
    let mut ready = of_kind(issuer, "Shop app", ApplicationType::Native);
    ready.details.settings.openid.redirect_uris = vec!["com.example.app:/cb".to_owned()];
    let mut machine = of_kind(issuer, "Robot", ApplicationType::M2m);
    machine.secret = Some(RotatingSecret::new(hash("s")));
    let disabled = of_kind(issuer, "Old shop", ApplicationType::Spa).with_status(
        ClientStatus::Disabled,
        START,
        StatusNote::default(),
    );
    let deleted = of_kind(issuer, "Gone shop", ApplicationType::Web);
    for one in [&incomplete, &ready, &machine, &disabled, &deleted] {
        insert(&ground, one).await;
    }
    let mut unit = begin(&ground, START).await;
    assert_eq!(unit.clients().delete(issuer, deleted.id, START).await.unwrap(), WriteOutcome::Done);
    unit.commit().await.unwrap();

    let none = ClientFilter::default;
    let active = Some(StatusFilter::Is(ClientStatus::Active));
    let cases = [
        (none(), vec![&incomplete, &ready, &machine, &disabled]),
        (ClientFilter { status: active, ..none() }, vec![&incomplete, &ready, &machine]),
        (ClientFilter { status: Some(StatusFilter::Is(ClientStatus::Disabled)), ..none() }, vec![&disabled]),
        (ClientFilter { status: Some(StatusFilter::Deleted), ..none() }, vec![&deleted]),
        (ClientFilter { application_type: Some(ApplicationType::Web), ..none() }, vec![&incomplete]),
        (ClientFilter { readiness: Some(Readiness::Ready), ..none() }, vec![&ready, &machine]),
        (ClientFilter { readiness: Some(Readiness::Incomplete), ..none() }, vec![&incomplete]),
        (ClientFilter { readiness: Some(Readiness::Inactive), ..none() }, vec![&disabled]),
        (
            ClientFilter {
                status: active,
                readiness: Some(Readiness::Ready),
                application_type: Some(ApplicationType::M2m),
                ..none()
            },
            vec![&machine],
        ),
        (ClientFilter { status: active, name: Some("SHOP".to_owned()), ..none() }, vec![&incomplete, &ready]),
        (ClientFilter { status: Some(StatusFilter::Deleted), text: Some("gone".to_owned()), ..none() }, vec![&deleted]),
        (
            ClientFilter { text: Some(machine.id.to_string().to_uppercase()), name: Some("rob".to_owned()), ..none() },
            vec![&machine],
        ),
    ];
    for (filter, expected) in cases {
        let expected: BTreeSet<_> = expected.into_iter().map(|client| client.id).collect();
        assert_eq!(listed(&ground, issuer, filter.clone()).await, expected, "{filter:?}");
    }
}

pub async fn a_search_folds_case_and_goes_on_behind_what_it_examined(ground: Ground) {
    let issuer: IssuerId = mint();
    let oldest = of_kind(issuer, "ÄRZTE % 100_1", ApplicationType::Web);
    let mut unit = begin(&ground, START).await;
    unit.clients().insert(&oldest).await.unwrap();
    for number in 0..EXAMINED_ROWS {
        unit.clients().insert(&of_kind(issuer, &format!("App {number}"), ApplicationType::Web)).await.unwrap();
    }
    unit.commit().await.unwrap();
    // Nothing is a wildcard, and letters beyond ASCII fold on every backend.
    for name in ["ärzte", "% 100_1"] {
        let filter = ClientFilter { name: Some(name.to_owned()), ..ClientFilter::default() };
        let first = list(&ground, issuer, &filter, 10, None).await;
        assert!(first.items.is_empty() && first.next.is_some(), "short, with a cursor");
        let second = list(&ground, issuer, &filter, 10, first.next).await;
        assert_eq!(second.items.iter().map(|listing| listing.client.id).collect::<Vec<_>>(), [oldest.id]);
        assert_eq!(second.next, None);
    }
}

pub async fn a_deleted_client_loses_its_secret_and_waits_for_its_removal(ground: Ground) {
    let secret = RotatingSecret::new(hash("s"));
    let gone = Client { secret: Some(secret), ..client(mint()) };
    insert(&ground, &gone).await;
    let mut unit = begin(&ground, later(1)).await;
    let clients = unit.clients();
    assert_eq!(clients.delete(gone.issuer_id, gone.id, START).await.unwrap(), WriteOutcome::Done);
    assert_eq!(clients.delete(gone.issuer_id, gone.id, later(1)).await.unwrap(), WriteOutcome::Stale);
    let revived = Client { updated_at: later(2), ..gone.clone() };
    assert_eq!(clients.update(&revived, later(1)).await.unwrap(), WriteOutcome::Stale);
    unit.commit().await.unwrap();
    assert!(find(&ground, gone.issuer_id, gone.id).await.is_none());
    let deleted = ClientFilter { status: Some(StatusFilter::Deleted), ..ClientFilter::default() };
    let kept = list(&ground, gone.issuer_id, &deleted, 10, None).await.items.remove(0);
    assert_eq!((kept.deleted_at, kept.client.updated_at), (Some(later(1)), later(1)));
    assert!(kept.client.secret.is_none());

    let due = async |at| ground.store().reads().clients().deleted_before(at, 100).await.unwrap();
    assert!(due(later(1)).await.iter().all(|client| client.id != gone.id));
    let work = due(later(2)).await;
    assert!(work.iter().any(|client| client.id == gone.id && client.issuer_id == gone.issuer_id));
    let mut unit = begin(&ground, later(3)).await;
    unit.clients().remove(gone.issuer_id, gone.id).await.unwrap();
    unit.clients().remove(gone.issuer_id, gone.id).await.unwrap();
    unit.commit().await.unwrap();
    assert!(list(&ground, gone.issuer_id, &deleted, 10, None).await.items.is_empty());
    assert!(due(later(9)).await.iter().all(|client| client.id != gone.id));
}
