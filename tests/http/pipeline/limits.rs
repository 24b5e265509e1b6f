//! Limits, browsers, and the description.

use super::*;

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

#[tokio::test]
async fn only_what_every_answer_has_is_required_of_answers() {
    let app = App::start(DRIVER).await;
    let document = app.anonymous().get("/openapi.json").expect(200).await;
    let schemas = &document.body["components"]["schemas"];
    let required = |name: &str| schemas[name]["required"].as_array().unwrap().clone();
    assert_eq!(required("OrganizationRestriction"), ["ids", "mode"], "a choice that is not asked for is left out");
    let issuer = app.root().post(&app.path("/issuers"), json!({ "name": "Main" })).expect(201).await;
    let settings = issuer.body["data"]["settings"]["security"].as_object().unwrap();
    let missing: Vec<_> = required("SecuritySettings")
        .into_iter()
        .filter(|name| !settings.contains_key(name.as_str().unwrap()))
        .collect();
    assert_eq!(missing, [] as [Value; 0]);
}
