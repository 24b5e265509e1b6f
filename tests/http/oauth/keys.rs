//! Signing keys in wrong hands (D87).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use authpi_core::AuthPi;
use authpi_core::error::Refusal;
use authpi_core::event::model::Event;
use authpi_core::store::{EventListener, Reads, Store, StoreError, StoreErrorKind, UnitOfWork};
use authpi_core::timestamp::Timestamp;
use authpi_core::transport::MasterKey;
use authpi_core::urls::Urls;
use authpi_core::web::services::Options;
use authpi_core::worker;
use authpi_storage::DatabaseStore;
use serde_json::{Value, json};
use tests::App;
use uuid::Uuid;

use super::{DRIVER, Ground, claims, part, refused, text};

/// A store that two engines share, as two processes do; units of work can be refused.
#[derive(Clone)]
struct Shared {
    store: Arc<DatabaseStore>,
    refused: Arc<AtomicU32>,
}

impl Shared {
    /// The ground of one engine, and another one on the same store.
    async fn ground() -> (Ground, AuthPi, Self) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
        let store = Arc::new(authpi_storage::connect(&url).await.unwrap());
        let shared = Self { store, refused: Arc::default() };
        let options = Options { rate_limits: false, ..Options::default() };
        let app = App::start_on(DRIVER, options, shared.clone(), folder).await;
        let second = AuthPi::builder(shared.clone(), MasterKey::new([42; 32]), Urls::under(&app.base).unwrap())
            .transport(authpi_transport::tokio().unwrap())
            .clock(Arc::clone(&app.clock))
            .build()
            .await
            .unwrap();
        (Ground::on(app, json!({})).await, second, shared)
    }
}

#[async_trait]
impl Store for Shared {
    fn reads(&self) -> &dyn Reads {
        self.store.reads()
    }

    async fn begin(&self, now: Timestamp) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let refused = self.refused.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match refused {
            Ok(_) => Err(StoreError::new(StoreErrorKind::Retryable, "unit.begin", "of a test")),
            Err(_) => self.store.begin(now).await,
        }
    }

    async fn append(&self, events: Vec<Event>) -> Result<(), StoreError> {
        self.store.append(events).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }

    fn on_events(&self, listener: Arc<dyn EventListener>) {
        self.store.on_events(listener);
    }
}

/// The key that signed the refresh token of an answer.
fn signer(tokens: &tests::Reply) -> Uuid {
    part(text(tokens, "refresh_token"), 0)["kid"].as_str().unwrap().parse().unwrap()
}

fn sid(tokens: &tests::Reply) -> String {
    claims(text(tokens, "access_token"))["sid"].as_str().unwrap().to_owned()
}

/// The names of the published keys, by algorithm.
async fn published(ground: &Ground) -> Vec<(String, String)> {
    let set = ground.app.anonymous().get(&ground.path("jwks.json")).expect(200).await.body;
    let word = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    let mut keys: Vec<_> =
        set["keys"].as_array().unwrap().iter().map(|key| (word(key, "alg"), word(key, "kid"))).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn a_key_in_wrong_hands_is_withdrawn_and_ends_the_sessions_that_it_signed() {
    let ground = Ground::new().await;
    let issuer = ground.id.parse().unwrap();
    let lost = ground.tokens(&["openid"]).await;
    let kid = part(text(&lost, "refresh_token"), 0)["kid"].as_str().unwrap().to_owned();
    let client = format!("{}/clients/{}", ground.issuer, ground.client);
    let other = json!({ "settings": { "openid": { "response_signature_alg": "ES256" } } });
    ground.app.root().patch(&client, other).expect(200).await;
    let kept = ground.tokens(&["openid"]).await;
    let before = published(&ground).await;
    assert!(before.iter().any(|(algorithm, known)| algorithm == "RS256" && *known == kid));

    let done = ground.app.authpi.withdraw_key(issuer, kid.parse().unwrap()).await.unwrap();
    assert_eq!((done.withdrawn, done.sessions), (true, 1));
    let after = published(&ground).await;
    let algorithms: Vec<_> = after.iter().map(|(algorithm, _)| algorithm.as_str()).collect();
    assert_eq!(algorithms, ["ES256", "EdDSA", "RS256"]);
    assert!(after.iter().all(|(_, known)| *known != kid), "out of the set at once");
    assert_eq!(before[..2], after[..2], "the others stay");
    refused(&ground.userinfo(text(&lost, "access_token")).await, 401, "invalid_token");
    refused(&ground.refresh(text(&lost, "refresh_token")).await, 400, "invalid_grant");
    assert_eq!(ground.introspect(text(&lost, "access_token")).await, json!({ "active": false }));
    let hint = format!("logout?id_token_hint={}", text(&lost, "id_token"));
    assert_eq!(ground.app.anonymous().get(&ground.path(&hint)).send().await.status.as_u16(), 400);
    let sid = |tokens: &tests::Reply| claims(text(tokens, "id_token"))["sid"].as_str().unwrap().to_owned();
    let session = ground.session(&sid(&lost)).await;
    assert_eq!(
        (&session["status"], &session["revoked_reason"]),
        (&json!("revoked"), &json!("signing_key_compromised"))
    );
    let ended = ground.events("session.terminated").await;
    assert_eq!((ended.len(), &ended[0]["data"]["cause"]), (1, &json!("compromised")));
    assert_eq!(ended[0]["auth"]["type"], "system");

    assert_eq!(ground.session(&sid(&kept)).await["status"], "active");
    assert_eq!(ground.refresh(text(&kept, "refresh_token")).await.status.as_u16(), 200);
    let rsa = json!({ "settings": { "openid": { "response_signature_alg": "RS256" } } });
    ground.app.root().patch(&client, rsa).expect(200).await;
    let new = ground.tokens(&["openid"]).await;
    let signer = part(text(&new, "access_token"), 0)["kid"].as_str().unwrap().to_owned();
    assert_eq!(after[2], ("RS256".to_owned(), signer), "the new key signs at once");
    assert_eq!(ground.userinfo(text(&new, "access_token")).await.status.as_u16(), 200);

    let again = ground.app.authpi.withdraw_key(issuer, kid.parse().unwrap()).await.unwrap();
    assert_eq!((again.withdrawn, again.sessions), (false, 0));
    assert_eq!(published(&ground).await, after);
    let nowhere = "i_0000000000000000000000000".parse().unwrap();
    let unknown = ground.app.authpi.withdraw_key(nowhere, kid.parse().unwrap()).await;
    assert!(matches!(unknown, Err(Refusal::NotFound)));
}

/// The process dies right after the commit.
#[tokio::test]
async fn a_withdrawal_that_is_cut_off_is_carried_on_by_a_worker() {
    let ground = Ground::new().await;
    let (issuer, services) = (ground.id.parse().unwrap(), ground.app.authpi.services());
    let mut lost = Vec::new();
    for _ in 0..2 {
        lost.push(ground.tokens(&["openid"]).await);
    }
    let mut unit = services.store.begin(services.now()).await.unwrap();
    assert!(unit.signing_keys().withdraw(issuer, signer(&lost[0])).await.unwrap());
    unit.commit().await.unwrap();
    for tokens in &lost {
        assert_eq!(ground.session(&sid(tokens)).await["status"], "active");
    }
    worker::run_once(services).await.unwrap();
    for tokens in &lost {
        let session = ground.session(&sid(tokens)).await;
        let ended = (&session["status"], &session["revoked_reason"]);
        assert_eq!(ended, (&json!("revoked"), &json!("signing_key_compromised")));
    }
    assert_eq!(ground.events("session.terminated").await.len(), 2);
    assert!(services.store.reads().signing_keys().lost(10).await.unwrap().is_empty(), "the order is carried out");
}

/// Tokens are signed with keys that a process has known for up to a second.
#[tokio::test]
async fn nothing_that_a_process_signs_with_a_key_that_another_withdrew_gets_out() {
    let (ground, second, _) = Shared::ground().await;
    let issuer = ground.id.parse().unwrap();
    let tokens = ground.tokens(&["openid"]).await;
    let code = ground.code(&["openid"], None).await;
    let lost = signer(&tokens);
    let done = second.withdraw_key(issuer, lost).await.unwrap();
    assert_eq!((done.withdrawn, done.sessions), (true, 1));
    let exchanged = ground.exchange(&code).await;
    assert_eq!(exchanged.status.as_u16(), 200, "{exchanged}");
    assert_ne!(signer(&exchanged), lost, "it was signed again");
    refused(&ground.refresh(text(&tokens, "refresh_token")).await, 400, "invalid_grant");
    for tokens in [&tokens, &exchanged] {
        let expected = if signer(tokens) == lost { "revoked" } else { "active" };
        assert_eq!(ground.session(&sid(tokens)).await["status"], expected);
    }
    assert_eq!(ground.userinfo(text(&exchanged, "access_token")).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_refresh_that_was_signed_with_a_lost_key_does_not_begin_anew() {
    let (ground, second, _) = Shared::ground().await;
    let issuer = ground.id.parse().unwrap();
    let tokens = ground.tokens(&["openid"]).await;
    let lost = signer(&tokens);
    second.withdraw_key(issuer, lost).await.unwrap();
    refused(&ground.refresh(text(&tokens, "refresh_token")).await, 400, "invalid_grant");
    assert_eq!(ground.events("session.token-refreshed").await.len(), 0);
    assert_eq!(ground.session(&sid(&tokens)).await["status"], "revoked");
}

#[tokio::test]
async fn a_withdrawal_that_is_tried_again_takes_one_key_out_of_the_pool() {
    let (ground, _, shared) = Shared::ground().await;
    let (issuer, services) = (ground.id.parse().unwrap(), ground.app.authpi.services());
    let tokens = ground.tokens(&["openid"]).await;
    worker::run_once(services).await.unwrap();
    let ready = services.keys.ready_rsa();
    assert!(ready > 2, "{ready}");
    shared.refused.store(3, Ordering::SeqCst);
    assert!(ground.app.authpi.withdraw_key(issuer, signer(&tokens)).await.unwrap().withdrawn);
    assert_eq!(services.keys.ready_rsa(), ready - 1);
}

#[tokio::test]
async fn a_retired_key_does_not_come_back_when_its_successor_is_withdrawn() {
    let ground = Ground::new().await;
    let day = Duration::from_hours(24);
    let rsa = async || -> Vec<String> {
        let all = published(&ground).await.into_iter();
        all.filter(|(algorithm, _)| algorithm == "RS256").map(|(_, kid)| kid).collect()
    };
    let first = rsa().await;
    // Nobody rotates for months: the next key is made late, and the first one stays for another month.
    ground.app.advance(day * 156);
    let second: Vec<_> = rsa().await.into_iter().filter(|kid| !first.contains(kid)).collect();
    assert_eq!((first.len(), second.len()), (1, 1));
    ground.app.advance(day * 40);
    assert_eq!(rsa().await.len(), 3);
    ground.app.advance(day + Duration::from_hours(1));
    let before = rsa().await;
    assert!(!before.contains(&first[0]) && before.contains(&second[0]), "{before:?}");
    let issuer = ground.id.parse().unwrap();
    ground.app.authpi.withdraw_key(issuer, second[0].parse().unwrap()).await.unwrap();
    let after = rsa().await;
    assert!(!after.contains(&first[0]) && !after.contains(&second[0]), "{after:?}");
    assert_eq!(after.len(), 2);
}

#[tokio::test]
async fn a_key_of_another_issuer_is_not_withdrawn() {
    let ground = Ground::new().await;
    let tokens = ground.tokens(&["openid"]).await;
    let kid = part(text(&tokens, "refresh_token"), 0)["kid"].as_str().unwrap().parse().unwrap();
    let other = ground.app.issuer().await;
    let other = other.rsplit('/').next().unwrap().parse().unwrap();
    let done = ground.app.authpi.withdraw_key(other, kid).await.unwrap();
    assert_eq!((done.withdrawn, done.sessions), (false, 0));
    assert_eq!(ground.refresh(text(&tokens, "refresh_token")).await.status.as_u16(), 200);
}

/// D111
#[tokio::test]
async fn a_browser_stays_signed_in_while_the_cookie_key_is_replaced_once() {
    let ground = super::authorize::Ground::new().await;
    let issuer = ground.id().parse().unwrap();
    let (browser, other) = (ground.browser(), ground.browser());
    ground.authorized(&browser).await;
    let waiting = ground.get(&other, &[("prompt", "login")]).await;
    let silent = async || ground.get(&browser, &[("prompt", "none")]).await;
    ground.app.authpi.replace_cookie_key(issuer).await.unwrap();
    assert!(super::authorize::answered(&silent().await).contains_key("code"), "the key before is accepted");
    let reply = ground.sign_in(&other, &waiting).await;
    assert!(super::authorize::answered(&reply).contains_key("code"), "and so is a login that began under it");
    ground.app.authpi.replace_cookie_key(issuer).await.unwrap();
    super::authorize::client_is_told(&silent().await, "login_required");
    let renewed = ground.get(&other, &[("prompt", "none")]).await;
    assert!(super::authorize::answered(&renewed).contains_key("code"), "it has a cookie of the second key");
    let nowhere = "i_0000000000000000000000000".parse().unwrap();
    assert!(matches!(ground.app.authpi.replace_cookie_key(nowhere).await, Err(Refusal::NotFound)));
}
