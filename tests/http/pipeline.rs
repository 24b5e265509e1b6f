//! What every request passes, whatever it asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use authpi_core::transport::{Compute, QueueFull};
use authpi_core::web::services::Options;
use http::Method;
use serde_json::{Value, json};
use tests::App;

use super::DRIVER;

#[tokio::test]
async fn me_names_the_key_its_account_and_its_scopes() {
    let app = App::start(DRIVER).await;
    let me = app.root().get("/v1/me").expect(200).await;
    let org = app.account.replace("acc_", "org_");
    assert_eq!(me.data()["type"], "api_key");
    assert_eq!(me.data()["key_id"], app.key.0);
    let access = json!([{ "account_id": app.account, "org_id": org, "scopes": ["*:**"] }]);
    assert_eq!(me.data()["accounts"], access);
    assert_eq!(me.data()["organizations"], json!([{ "org_id": org, "scopes": ["*:**"] }]));
}

#[tokio::test]
async fn a_verification_is_in_the_very_next_event_list() {
    let app = App::start(DRIVER).await;
    app.root().get("/v1/me").header("user-agent", "curl/8").expect(200).await;
    let events = app.events("event_types=api-key.verified").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"], json!({ "surface": "me", "scopes": ["*:**"] }));
    assert_eq!(events[0]["subject"]["key_id"], app.key.0);
    assert_eq!(events[0]["auth"]["ip"], "127.0.0.1");
    assert_eq!(events[0]["auth"]["user_agent"], "curl/8");
}

#[tokio::test]
async fn bad_credentials_are_401_with_the_fitting_challenge() {
    let app = App::start(DRIVER).await;
    let (id, secret) = &app.key;
    let nobody = app.anonymous().get("/v1/me").expect(401).await;
    assert_eq!(nobody.headers.get_all("www-authenticate").iter().count(), 2);
    for (id, secret) in [
        (id.as_str(), "wrong"),
        (id.as_str(), ""),
        ("key_00000000000000000000000000000000", secret.as_str()),
        ("", secret.as_str()),
        ("nonsense", "nonsense"),
    ] {
        let refused = app.with_key(id, secret).get("/v1/me").expect(401).await;
        assert_eq!(refused.refusal().0, "unauthorized_client");
        assert_eq!(refused.header("www-authenticate"), "Basic realm=\"core\"");
    }
    for header in ["Bearer abc", "Bearer"] {
        let refused = app.anonymous().get("/v1/me").header("authorization", header).expect(401).await;
        assert_eq!(refused.refusal().0, "invalid_token");
    }
    for header in ["Basic", "Basic !!!", "Basic YQ==", "Digest x", "x"] {
        let refused = app.anonymous().get("/v1/me").header("authorization", header).expect(401).await;
        assert_eq!(refused.refusal().0, "unauthorized_client", "{header}");
    }
    let twice = app.root().get("/v1/me").header("authorization", "Basic eDp5").expect(400).await;
    assert_eq!(twice.refusal().0, "invalid_request");
    app.root().get("/v1/me?access_token=x").expect(400).await;
}

#[tokio::test]
async fn an_account_that_is_not_the_callers_is_403_whether_it_exists_or_not() {
    let app = App::start(DRIVER).await;
    for account in ["acc_0000000000000000000000000", "acc_x", "nonsense"] {
        let refused = app.root().get(&format!("/v1/accounts/{account}/issuers")).expect(403).await;
        assert_eq!(refused.refusal().0, "access_denied");
    }
}

#[tokio::test]
async fn a_key_without_the_scope_is_403_before_existence_is_checked() {
    let app = App::start(DRIVER).await;
    let (id, secret) = app.account_key(&["issuers:read", "accounts:read"]).await;
    let missing = app.path("/issuers/i_0000000000000000000000000/organizations");
    let refused = app.with_key(&id, &secret).get(&missing).expect(403).await;
    assert_eq!(refused.refusal().0, "insufficient_scope");
    app.root().get(&missing).expect(404).await;
}

#[tokio::test]
async fn unknown_paths_and_methods_answer_in_the_documented_shape() {
    let app = App::start(DRIVER).await;
    for path in ["/", "/v1", "/v1/me/", "/v2/me", "/v1//me", "/v1/accounts;x=1"] {
        let refused = app.root().get(path).expect(404).await;
        assert_eq!(refused.refusal().0, "not_found", "{path}");
        assert_eq!(refused.body["retryable"], false);
    }
    let refused = app.root().call(Method::PUT, "/v1/me").expect(405).await;
    assert_eq!(refused.refusal().0, "method_not_allowed");
    assert_eq!(refused.header("allow"), "GET");
    let refused = app.root().get(&app.path("/issuers/i%20x")).expect(400).await;
    assert_eq!(refused.refusal().0, "invalid_request");
    app.root().get(&app.path("/issuers/..%2f..%2fetc")).expect(400).await;
}

#[tokio::test]
async fn bodies_that_are_no_json_objects_are_refused() {
    let app = App::start(DRIVER).await;
    let issuer = app.issuer().await;
    let list = format!("{issuer}/organizations");
    let send = |content_type: &'static str, body: &'static [u8]| {
        app.root().call(Method::POST, &list).body(content_type, body).send()
    };
    for (body, code) in [
        (&b"{"[..], " invalid_format"),
        (b"{\"name\": NaN}", " invalid_format"),
        (b"{\"name\": \"\xff\"}", " invalid_format"),
        (b"[]", " invalid_type"),
        (b"\"x\"", " invalid_type"),
        (b"null", " invalid_type"),
    ] {
        let refused = send("application/json", body).await;
        assert_eq!((refused.status.as_u16(), refused.refusal().1), (400, vec![code.to_owned()]), "{body:?}");
    }
    let deep = format!("{{\"metadata\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    let refused = app.root().call(Method::POST, &list).body("application/json", deep).expect(400).await;
    assert_eq!(refused.refusal().1, [" invalid_format"]);
    assert_eq!(send("text/plain", b"{\"name\":\"x\"}").await.refusal().0, "invalid_content_type");
    assert_eq!(send("application/json; charset=utf-8", b"{\"name\":\"x\"}").await.status, 201);
    let huge = format!("{{\"name\":\"{}\"}}", "x".repeat(1024 * 1024));
    let refused = app.root().call(Method::POST, &list).body("application/json", huge).expect(413).await;
    assert_eq!(refused.refusal().0, "payload_too_large");
    let nothing = app.root().act(&list).expect(400).await;
    assert_eq!(nothing.refusal().1, ["name required"]);
}

#[tokio::test]
async fn nul_characters_are_refused_wherever_they_stand() {
    let app = App::start(DRIVER).await;
    let list = format!("{}/organizations", app.issuer().await);
    let body = json!({ "name": "a\0", "scopes": [], "metadata": { "k": ["x", "\0"] }, "social_links": [] });
    let refused = app.root().post(&list, body).expect(400).await;
    assert_eq!(refused.refusal().1, ["metadata.k.1 invalid_format", "name invalid_format"]);
    let refused = app.root().get(&format!("{}?q=%00", app.path("/issuers"))).expect(400).await;
    assert_eq!(refused.refusal().1, ["q invalid_format"]);
}

#[tokio::test]
async fn oversized_headers_are_431() {
    let app = App::start(DRIVER).await;
    let refused = app.root().get("/v1/me").header("x-filler", &"x".repeat(17 * 1024)).expect(431).await;
    assert_eq!(refused.refusal().0, "headers_too_large");
}

#[tokio::test]
async fn every_answer_carries_its_reference_and_the_security_headers() {
    let app = App::start(DRIVER).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let given = format!("00-{trace}-00f067aa0ba902b7-01");
    for call in [app.root().get("/v1/me"), app.anonymous().get("/v1/me"), app.root().get("/nowhere")] {
        let reply = call.header("traceparent", &given).header("x-request-id", "forged").send().await;
        assert_eq!(reply.header("x-request-id"), trace);
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert!(!reply.headers.contains_key("access-control-allow-origin"));
        if !reply.status.is_success() {
            assert_eq!(reply.body["reference"], trace);
        }
    }
    let minted = app.anonymous().get("/v1/me").header("traceparent", "00-zz-1-01").expect(401).await;
    assert_eq!(minted.header("x-request-id").len(), 32);
}

#[tokio::test]
async fn get_answers_304_while_the_etag_is_the_same() {
    let app = App::start(DRIVER).await;
    let organization = app.organization(&app.issuer().await).await;
    let etag = app.root().get(&organization).expect(200).await.header("etag").to_owned();
    for condition in [etag.clone(), "*".to_owned(), format!("\"1\", W/{etag}")] {
        let unchanged = app.root().get(&organization).header("if-none-match", &condition).expect(304).await;
        assert!(unchanged.bytes.is_empty());
        assert_eq!(unchanged.header("etag"), etag);
    }
    app.root().get(&organization).header("if-none-match", "\"1\"").expect(200).await;
}

#[tokio::test]
async fn if_match_takes_lists_stars_and_bare_numbers_and_refuses_garbage() {
    let app = App::start(DRIVER).await;
    let organization = app.organization(&app.issuer().await).await;
    let etag = app.root().get(&organization).expect(200).await.header("etag").to_owned();
    let patch = |condition: String| app.root().patch(&organization, json!({})).header("if-match", &condition).send();
    for good in ["*".to_owned(), etag.clone(), etag.trim_matches('"').to_owned(), format!("\"1\", {etag}")] {
        assert_eq!(patch(good.clone()).await.status, 200, "{good}");
    }
    assert_eq!(patch(format!("W/{etag}")).await.status, 412);
    let refused = patch("garbage".to_owned()).await;
    assert_eq!(refused.refusal().1, ["If-Match invalid_format"]);
}

#[tokio::test]
async fn a_repeated_idempotent_request_gets_the_first_answer_again() {
    let app = App::start(DRIVER).await;
    let list = format!("{}/organizations", app.issuer().await);
    let send = || app.root().post(&list, json!({ "name": "once" })).header("idempotency-key", "k1");
    let first = send().expect(201).await;
    assert!(!first.headers.contains_key("idempotent-replayed"));
    app.advance(Duration::from_hours(23));
    let again = send().expect(201).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!((&again.bytes, again.header("etag")), (&first.bytes, first.header("etag")));
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    let other_body = app.root().post(&list, json!({ "name": "two" })).header("idempotency-key", "k1").expect(422).await;
    assert_eq!(other_body.refusal().0, "invalid_request");
    assert_eq!(app.root().get(&list).expect(200).await.data().as_array().unwrap().len(), 1);
    assert_eq!(app.event_types("event_types=organization.created&issuer_id=").await.len(), 2);
    app.advance(Duration::from_secs(3601));
    assert_ne!(send().expect(201).await.id(), first.id());
}

/// Counts what the pool for heavy work is given.
struct Counting(Arc<dyn Compute>, Arc<AtomicUsize>);

impl Compute for Counting {
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> Result<(), QueueFull> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.run(job)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }

    fn background(&self, job: Box<dyn FnOnce() + Send>) -> Result<(), QueueFull> {
        self.0.background(job)
    }
}

#[tokio::test]
async fn a_repeated_request_is_answered_before_any_heavy_work() {
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    let app = App::start_computing(DRIVER, |pool| Arc::new(Counting(pool, counting))).await;
    let users = format!("{}/users", app.issuer().await);
    let body = json!({ "username": "ada", "password": "k7!qZp2vv-Rw9xT4mN6bH8cJ" });
    let send = |body: &serde_json::Value| app.root().post(&users, body.clone()).header("idempotency-key", "k").send();
    let before = count.load(Ordering::SeqCst);
    let first = send(&body).await;
    assert_eq!(first.status, 201);
    let hashed = count.load(Ordering::SeqCst);
    assert!(hashed > before, "a password was hashed");
    let again = send(&body).await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed"), &again.bytes), (201, "true", &first.bytes));
    assert_eq!(send(&json!({ "username": "bob", "password": "k7!qZp2vv-Rw9xT4mN6bH8cJ" })).await.status, 422);
    assert_eq!(count.load(Ordering::SeqCst), hashed, "nothing was hashed again");
    app.advance(Duration::from_hours(25));
    assert_eq!(send(&body).await.status, 409, "the key is forgotten, and the name is taken");
}

#[tokio::test]
async fn another_caller_never_gets_the_answer_of_an_idempotent_request() {
    let app = App::start(DRIVER).await;
    let body = json!({ "name": "k", "restrictions": { "scopes": ["*:**"] } });
    let keys = app.path("/api-keys");
    let send = |caller: tests::Caller| caller.post(&keys, body.clone()).header("idempotency-key", "mint").send();
    let minted = send(app.root()).await;
    assert_eq!(minted.status, 201);
    let (id, secret) = app.account_key(&["api-keys:write"]).await;
    let refused = send(app.with_key(&id, &secret)).await;
    assert_eq!(refused.status, 422);
    assert!(!String::from_utf8_lossy(&refused.bytes).contains(&minted.text("secret_plain")));
}

#[tokio::test]
async fn a_refused_request_leaves_its_idempotency_key_free() {
    let app = App::start(DRIVER).await;
    let list = format!("{}/organizations", app.issuer().await);
    app.root().post(&list, json!({ "name": "" })).header("idempotency-key", "k").expect(400).await;
    app.root().post(&list, json!({ "name": "x" })).header("idempotency-key", "k").expect(201).await;
    for bad in ["", &"x".repeat(257)] {
        let refused = app.root().post(&list, json!({ "name": "x" })).header("idempotency-key", bad).expect(400).await;
        assert_eq!(refused.refusal().1, ["Idempotency-Key invalid_format"]);
    }
}

#[tokio::test]
async fn of_parallel_idempotent_requests_one_is_done() {
    let app = App::start(DRIVER).await;
    let list = format!("{}/organizations", app.issuer().await);
    let racers =
        (0..16).map(|_| app.root().post(&list, json!({ "name": "once" })).header("idempotency-key", "race").send());
    for reply in futures_util::future::join_all(racers).await {
        match reply.status.as_u16() {
            201 => {}
            409 => {
                assert_eq!(reply.body["retryable"], true);
                assert_eq!(reply.header("retry-after"), "1");
            }
            other => panic!("{other}: {reply}"),
        }
    }
    assert_eq!(app.root().get(&list).expect(200).await.data().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_retried_patch_gets_its_stored_answer_and_not_412() {
    let app = App::start(DRIVER).await;
    let organization = app.organization(&app.issuer().await).await;
    let etag = app.root().get(&organization).expect(200).await.header("etag").to_owned();
    let send = || {
        let patch = app.root().patch(&organization, json!({ "name": "new" }));
        patch.header("if-match", &etag).header("idempotency-key", "p").expect(200)
    };
    let first = send().await;
    assert_eq!(send().await.bytes, first.bytes);
}

#[tokio::test]
async fn failed_authentication_is_limited_by_address_and_never_shuts_out_a_valid_key() {
    let app = App::start_with(DRIVER, Options::default()).await;
    for _ in 0..20 {
        app.with_key(&app.key.0, "wrong").get("/v1/me").expect(401).await;
    }
    let limited = app.with_key(&app.key.0, "wrong").get("/v1/me").expect(429).await;
    assert_eq!(limited.refusal().0, "rate_limited");
    assert_eq!(limited.body["retryable"], true);
    assert_eq!(limited.header("retry-after"), "1");
    assert_eq!(limited.body["retry_after"], 1);
    app.root().get("/v1/me").expect(200).await;
    // A forwarded header from a peer that is no trusted proxy changes nothing.
    let forged = app.with_key(&app.key.0, "wrong").get("/v1/me").header("x-forwarded-for", "203.0.113.9");
    forged.expect(429).await;
    app.advance(Duration::from_secs(1));
    app.with_key(&app.key.0, "wrong").get("/v1/me").expect(401).await;
}

#[tokio::test]
async fn a_credential_has_its_own_bucket_for_writes() {
    let app = App::start_with(DRIVER, Options::default()).await;
    let issuer = app.issuer().await;
    let list = format!("{issuer}/organizations");
    let mut limited = 0;
    for _ in 0..61 {
        let reply = app.root().post(&list, json!({ "name": "" })).send().await;
        limited += usize::from(reply.status == 429);
    }
    assert!((1..=2).contains(&limited), "{limited} of 61 were limited");
    app.root().get(&list).expect(200).await;
}

#[tokio::test]
async fn consoles_on_the_allowlist_may_call_from_a_browser_and_others_may_not() {
    let options = Options { console_origins: vec!["https://console.example.com".to_owned()], ..Options::default() };
    let app = App::start_with(DRIVER, options).await;
    let preflight = |origin: &'static str| {
        let call = app.anonymous().call(Method::OPTIONS, &app.path("/issuers"));
        call.header("origin", origin).header("access-control-request-method", "POST").send()
    };
    let allowed = preflight("https://console.example.com").await;
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.header("access-control-allow-origin"), "https://console.example.com");
    assert!(!allowed.headers.contains_key("access-control-allow-credentials"));
    let stranger = preflight("https://evil.example.com").await;
    assert!(!stranger.headers.contains_key("access-control-allow-origin"));
    let answered = app.root().get("/v1/me").header("origin", "https://console.example.com").expect(200).await;
    assert_eq!(answered.header("vary"), "Origin");
}

#[test]
fn no_two_schemas_share_a_name() {
    let (mut answered, mut sent) = (BTreeMap::new(), BTreeMap::new());
    let mut clashes = BTreeSet::new();
    let mut meet = |known: &mut BTreeMap<String, Value>, name: &str, schema: &Value| {
        if known.entry(name.to_owned()).or_insert_with(|| schema.clone()) != schema {
            clashes.insert(name.to_owned());
        }
    };
    for operation in authpi_core::routes::table() {
        let route = &operation.route;
        for (name, schema) in route.answer.iter().flat_map(|(_, components)| components) {
            meet(&mut answered, name, schema);
        }
        if let Some(body) = &route.body {
            meet(&mut sent, body.name, &body.schema);
            for (name, schema) in &body.components {
                meet(&mut sent, name, schema);
            }
        }
    }
    assert_eq!(clashes, BTreeSet::new());
}

#[tokio::test]
async fn the_description_is_one_document_with_every_operation() {
    let app = App::start(DRIVER).await;
    let document = app.anonymous().get("/openapi.json").expect(200).await;
    assert_eq!(document.body["openapi"], "3.1.0");
    assert_eq!(document.header("access-control-allow-origin"), "*");
    for operation in authpi_core::routes::table() {
        let route = &operation.route;
        let described = &document.body["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        assert_eq!(described["operationId"], route.name, "{}", route.path);
    }
    app.anonymous().get("/llms.txt").expect(200).await;
    app.anonymous().get("/healthz").expect(200).await;
    app.anonymous().get("/readyz").expect(200).await;
}
