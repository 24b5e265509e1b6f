//! What is good once is good once, however many ask at the same time, and whatever dies in between (security §3, rows 1
//! to 4 and 7).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use authpi_core::transport::{Clock as _, Entropy, EntropyUnavailable, SystemClock, SystemEntropy};
use authpi_core::web::services::Options;
use authpi_core::worker;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};
use tests::postbox::Postbox;
use tests::provider::{CALLBACK, EMAIL, claims, text};
use tests::server::{Home, Server, free_port};
use tests::visitor::Visitor;
use tests::{App, Backend, Caller, Database, Driver, Provider, Reply};

tests::on_every_database! {
    of_64_refreshes_of_one_token_one_makes_a_successor_and_the_others_end_the_session,
    of_64_refreshes_within_the_window_all_get_the_bytes_of_the_one_that_was_made,
    of_32_uses_of_one_link_one_signs_in,
    of_16_exchanges_of_one_code_one_gets_tokens_and_the_others_end_the_session,
    of_16_uses_of_one_totp_code_one_signs_in,
    a_token_that_was_spent_before_a_kill_still_ends_the_session_after_it,
    an_assertion_that_was_used_before_a_kill_is_refused_after_it,
}

/// A provider on such a database, and who takes its mail; `None` if there is no server of it here.
async fn provider(backend: Backend, options: Options) -> Option<(Provider, Arc<Postbox>, Database)> {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::create(backend, folder.path()).await?;
    let store = authpi_storage::connect(&database.url).await.unwrap();
    let options = Options { rate_limits: false, ..options };
    let post = Postbox::new();
    let mut transport = authpi_transport::tokio().unwrap();
    transport.mailer = Some(Arc::clone(&post) as _);
    let app = App::start_in(Driver::Axum, options, store, folder, transport).await;
    Some((Provider::on(app, json!({})).await, post, database))
}

/// How many replies have a status, and that all others are this refusal.
#[track_caller]
fn winners(replies: &[Reply], error: &str) -> usize {
    let (won, lost): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    for reply in lost {
        assert_eq!((reply.status.as_u16(), reply.body["error"].as_str()), (400, Some(error)), "{reply}");
    }
    won.len()
}

fn sid(tokens: &Value) -> String {
    text(&claims(text(tokens, "access_token")), "sid").to_owned()
}

/// Row 1.
async fn of_64_refreshes_of_one_token_one_makes_a_successor_and_the_others_end_the_session(backend: Backend) {
    let Some((provider, _, database)) = provider(backend, Options::default()).await else { return };
    for _ in 0..3 {
        let tokens = provider.tokens(&[]).await;
        let token = text(&tokens, "refresh_token");
        let replies = join_all((0..64).map(|_| provider.refresh(token))).await;
        assert_eq!(winners(&replies, "invalid_grant"), 1);
        assert_eq!(provider.session(&sid(&tokens)).await, "revoked");
        let successor = replies.iter().find(|reply| reply.status == 200).unwrap();
        let refused = provider.refresh(text(&successor.body, "refresh_token")).await;
        assert_eq!(refused.body["error"], "invalid_grant", "a thief is left with nothing: {refused}");
    }
    let refreshed = provider.app.events("event_types=session.token-refreshed").await;
    assert_eq!(refreshed.len(), 3);
    let compromised = provider.app.events("event_types=session.compromised").await;
    assert_eq!(compromised.len(), 3, "the one that was first to notice tells it");
    drop(provider);
    database.remove().await;
}

/// Row 1, with the window of D49.
async fn of_64_refreshes_within_the_window_all_get_the_bytes_of_the_one_that_was_made(backend: Backend) {
    let options = Options { refresh_grace: Duration::from_secs(10), ..Options::default() };
    let Some((provider, _, database)) = provider(backend, options).await else { return };
    let tokens = provider.tokens(&[]).await;
    let token = text(&tokens, "refresh_token");
    let replies = join_all((0..64).map(|_| provider.refresh(token))).await;
    assert_eq!(winners(&replies, "none"), 64);
    let answers: BTreeSet<_> = replies.iter().map(|reply| &reply.bytes).collect();
    assert_eq!(answers.len(), 1);
    assert_eq!(provider.session(&sid(&tokens)).await, "active");
    assert_eq!(provider.app.events("event_types=session.token-refreshed").await.len(), 1);
    drop(provider);
    database.remove().await;
}

/// Row 7.
async fn of_32_uses_of_one_link_one_signs_in(backend: Backend) {
    let Some((provider, post, database)) = provider(backend, Options::default()).await else { return };
    let method = json!({ "method": "email-link", "name": "Link" });
    provider.app.root().post(&format!("{}/auth-methods", provider.issuer), method).send().await;
    let browser = provider.browser();
    let asked = provider.ask(&browser, &[]).await;
    let page = browser.page(&provider.flow(&asked).unwrap()).await;
    page.step("identify", json!({ "identifier": EMAIL })).await;
    page.step("magic-link", json!({})).await;
    worker::run_once(provider.app.authpi.services()).await.unwrap();
    let mail = post.only().text;
    let link = mail.split_whitespace().find_map(|word| word.strip_prefix(&provider.url())).unwrap();
    let uses = (0..32).map(|_| {
        let call = browser.call(Method::POST, link).header("accept", "application/json");
        call.header("origin", &provider.app.base).send()
    });
    let replies = join_all(uses).await;
    let signed_in = replies.iter().filter(|reply| reply.headers.get("set-cookie").is_some()).count();
    assert_eq!(signed_in, 1, "{}", replies[0]);
    let sessions = format!("{}/users/{}/sessions", provider.issuer, provider.user);
    let sessions = provider.app.root().get(&sessions).expect(200).await;
    assert_eq!(sessions.data().as_array().unwrap().len(), 1);
    assert_eq!(provider.app.events("event_types=user.login-link.consumed").await.len(), 1);
    drop(page);
    drop(browser);
    drop(provider);
    database.remove().await;
}

/// OpenID Connect Core §3.1.3.2, RFC 6749 §4.1.2.
async fn of_16_exchanges_of_one_code_one_gets_tokens_and_the_others_end_the_session(backend: Backend) {
    let Some((provider, _, database)) = provider(backend, Options::default()).await else { return };
    let code = provider.code(&[]).await;
    let replies = join_all((0..16).map(|_| provider.exchange(&code))).await;
    assert_eq!(winners(&replies, "invalid_grant"), 1);
    let tokens = &replies.iter().find(|reply| reply.status == 200).unwrap().body;
    assert_eq!(provider.session(&sid(tokens)).await, "revoked");
    assert_eq!(provider.userinfo(text(tokens, "access_token")).await.status, 401);
    drop(provider);
    database.remove().await;
}

/// Row 8.
async fn of_16_uses_of_one_totp_code_one_signs_in(backend: Backend) {
    let Some((provider, _, database)) = provider(backend, Options::default()).await else { return };
    let verifiers = format!("{}/users/{}/verifiers", provider.issuer, provider.user);
    let root = provider.app.root();
    let begun = root.post(&verifiers, json!({ "type": "totp_app" })).expect(201).await;
    let secret = begun.text("secret");
    let code = || tests::totp::code(&secret, provider.app.now());
    let proof = json!({ "enrollment_id": begun.text("enrollment_id"), "code": code() });
    root.post(&format!("{verifiers}/complete-enrollment"), proof).expect(200).await;
    provider.app.advance(Duration::from_mins(1));
    let browsers: Vec<_> = (0..16).map(|_| provider.browser()).collect();
    let mut pages = Vec::new();
    for browser in &browsers {
        let asked = provider.ask(browser, &[]).await;
        let page = browser.page(&provider.flow(&asked).unwrap()).await;
        assert_eq!(page.password(EMAIL, tests::provider::PASSWORD).await, "mfa");
        pages.push(page);
    }
    let proof = json!({ "type": "totp_app", "code": code() });
    let replies = join_all(pages.iter().map(|page| page.post("mfa", proof.clone()))).await;
    let done = replies.iter().filter(|reply| reply.headers.get("set-cookie").is_some_and(|_| reply.status == 200));
    assert_eq!(done.filter(|reply| reply.body.get("error").is_none()).count(), 1, "{}", replies[0]);
    drop(pages);
    drop(browsers);
    drop(provider);
    database.remove().await;
}

/// Row 2.
async fn a_token_that_was_spent_before_a_kill_still_ends_the_session_after_it(backend: Backend) {
    let Some(home) = Home::new(backend).await else { return };
    let port = free_port();
    let mut server = Server::start(home.command(port), port).await;
    let bootstrap: Value =
        serde_json::from_slice(&std::fs::read(home.folder.path().join("bootstrap.json")).unwrap()).unwrap();
    let key = (text(&bootstrap, "key_id").to_owned(), text(&bootstrap, "key_secret").to_owned());
    let root = Caller::new(&server.base, Some(key));
    let issuers = format!("/v1/accounts/{}/issuers", text(&bootstrap, "account_id"));
    let issuer = root.post(&issuers, json!({ "name": "acme" })).expect(201).await.id();
    let password = tests::provider::PASSWORD;
    let user = json!({ "email": EMAIL, "password": password, "profile": { "email_verified": true } });
    root.post(&format!("{issuers}/{issuer}/users"), user).expect(201).await;
    let client = json!({ "name": "App", "type": "internal", "confidential": true,
        "settings": { "openid": { "redirect_uris": [CALLBACK] } } });
    let client = root.post(&format!("{issuers}/{issuer}/clients"), client).expect(201).await;
    let (id, secret) = (client.id(), client.text("secret"));
    let query = [("client_id", &*id), ("redirect_uri", CALLBACK), ("response_type", "code"), ("scope", "openid")];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let code = Visitor::new(&server.base, &issuer).code(&query, EMAIL, password).await;
    let token = async |parameters: &[(&str, &str)]| {
        let all = [&[("client_id", &*id), ("client_secret", &*secret)], parameters].concat();
        let call =
            Caller::new(&format!("http://127.0.0.1:{port}"), None).call(Method::POST, &format!("/{issuer}/token"));
        call.form(&all).send().await
    };
    let grant = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", CALLBACK)];
    let first = token(&grant).await;
    assert_eq!(first.status, 200, "{first}");
    let refresh = async |tokens: &Reply| {
        token(&[("grant_type", "refresh_token"), ("refresh_token", text(&tokens.body, "refresh_token"))]).await
    };
    let second = refresh(&first).await;
    assert_eq!(second.status, 200, "{second}");

    server.child.kill().await.unwrap();
    let server = Server::start(home.command(port), port).await;
    let replayed = refresh(&first).await;
    assert_eq!((replayed.status.as_u16(), replayed.body["error"].as_str()), (400, Some("invalid_grant")), "{replayed}");
    let session = sid(&second.body);
    let session = root.get(&format!("{issuers}/{issuer}/sessions/{session}")).expect(200).await;
    assert_eq!((session.text("status").as_str(), &session.data()["compromised"]), ("revoked", &json!(true)));
    assert_eq!(refresh(&second).await.body["error"], "invalid_grant");
    drop(server);
    home.remove().await;
}

/// Row 4.
async fn an_assertion_that_was_used_before_a_kill_is_refused_after_it(backend: Backend) {
    let Some(home) = Home::new(backend).await else { return };
    let port = free_port();
    let mut server = Server::start(home.command(port), port).await;
    let bootstrap: Value =
        serde_json::from_slice(&std::fs::read(home.folder.path().join("bootstrap.json")).unwrap()).unwrap();
    let key = (text(&bootstrap, "key_id").to_owned(), text(&bootstrap, "key_secret").to_owned());
    let root = Caller::new(&server.base, Some(key));
    let issuers = format!("/v1/accounts/{}/issuers", text(&bootstrap, "account_id"));
    let issuer = root.post(&issuers, json!({ "name": "acme" })).expect(201).await.id();
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    let client = json!({ "name": "Job", "confidential": true, "settings": { "scopes": ["a:b"], "openid": {
        "application_type": "m2m", "token_endpoint_auth_method": "private_key_jwt",
        "jwks": { "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "one" }] } } } });
    let client = root.post(&format!("{issuers}/{issuer}/clients"), client).expect(201).await.id();
    let base = server.base.clone();
    let assertion = |jti: &str| {
        let now = SystemClock.now().as_seconds();
        let claims =
            json!({ "iss": client, "sub": client, "aud": format!("{base}/{issuer}"), "jti": jti, "exp": now + 300 });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&json!({ "alg": "EdDSA", "kid": "one" })), part(&claims));
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()).as_ref()))
    };
    let send = async |assertion: &str| {
        let call = Caller::new(&base, None).call(Method::POST, &format!("/{issuer}/token"));
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let form =
            [("grant_type", "client_credentials"), ("client_assertion_type", kind), ("client_assertion", assertion)];
        let reply = call.form(&form).send().await;
        (reply.status.as_u16(), reply.body["error"].as_str().unwrap_or_default().to_owned())
    };
    let (used, other) = (assertion("once"), assertion("other"));
    assert_eq!(send(&used).await.0, 200);
    server.child.kill().await.unwrap();
    let server = Server::start(home.command(port), port).await;
    assert_eq!(send(&used).await, (401, "invalid_client".to_owned()));
    assert_eq!(send(&other).await.0, 200, "what was not used is good, whenever it was made");
    drop(server);
    home.remove().await;
}

/// A source of randomness that fails when it was asked as often as it may be.
#[derive(Clone)]
struct Failing(Arc<AtomicU64>);

impl Entropy for Failing {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        let left = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map_err(|_| EntropyUnavailable)?;
        SystemEntropy.fill(bytes)
    }
}

/// Row 3: whatever fails while tokens are made and their session is changed, the one that was presented is not spent.
#[tokio::test]
async fn a_refresh_that_fails_anywhere_leaves_its_token_good() {
    let entropy = Failing(Arc::new(AtomicU64::new(u64::MAX)));
    let provider = Provider::on(App::start_drawing(Driver::Axum, entropy.clone()).await, json!({})).await;
    let tokens = provider.tokens(&[]).await;
    let token = text(&tokens, "refresh_token");
    let mut failures = 0;
    let done = loop {
        entropy.0.store(failures, Ordering::SeqCst);
        let reply = provider.refresh(token).await;
        entropy.0.store(u64::MAX, Ordering::SeqCst);
        if reply.status == 200 {
            break reply;
        }
        assert!(reply.status.is_server_error(), "{reply}");
        assert_eq!(provider.session(&sid(&tokens)).await, "active");
        failures += 1;
    };
    assert!(failures >= 3, "there are three tokens to be made: {failures}");
    assert_eq!(provider.app.events("event_types=session.token-refreshed").await.len(), 1);
    assert_eq!(provider.refresh(text(&done.body, "refresh_token")).await.status, 200);
}
