//! …/organizations/{org_id}: `sso`, and …/organizations/{org_id}/sso

use std::time::Duration;

use serde_json::{Value, json};
use tests::wire::{hear, say};
use tests::{App, Dns, Receiver, Wire};

use super::DRIVER;

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// An app, its name server, an identity provider, and an organization.
struct World {
    app: App,
    dns: Dns,
    provider: Receiver,
    issuer: String,
    organization: String,
}

impl World {
    async fn start() -> Self {
        let dns = Dns::start().await;
        let provider = Receiver::start().await;
        provider.answer(200, &[("content-type", "application/json")], json!({ "issuer": provider.base }).to_string());
        let app = App::start_reaching(DRIVER, &dns).await;
        let issuer = app.issuer().await;
        let organization = app.organization(&issuer).await;
        Self { app, dns, provider, issuer, organization }
    }

    async fn patch(&self, sso: Value) -> tests::Reply {
        self.app.root().patch(&self.organization, json!({ "sso": sso })).expect(200).await
    }

    fn complete(&self) -> Value {
        json!({ "issuer_url": self.provider.base, "client_id": "authpi", "client_secret": "0123456789abcdefghijklmnop" })
    }

    fn path(&self, rest: &str) -> String {
        format!("{}/sso/{rest}", self.organization)
    }

    async fn sso_events(&self) -> Vec<(String, Value)> {
        let events = self.app.events("").await;
        let name = |event: &Value| event["type"].as_str().unwrap().to_owned();
        let sso = events.iter().filter(|event| name(event).starts_with("organization.sso."));
        sso.map(|event| (name(event), event["data"].clone())).collect()
    }
}

#[tokio::test]
async fn an_organization_shows_its_connection_and_never_the_secret() {
    let world = World::start().await;
    let fresh = world.app.root().get(&world.organization).expect(200).await;
    assert_eq!(
        fresh.data()["sso"],
        json!({
            "enabled": false, "sso_only": false, "protocol": "oidc", "provider": "generic", "issuer_url": null,
            "client_id": null, "scopes": [], "provision_users": true, "auto_join": false,
            "client_secret_hint": null, "domains": [],
        })
    );
    world.app.advance(Duration::from_secs(1));
    let mut sso = world.complete();
    sso["provider"] = json!("okta");
    sso["scopes"] = json!(["openid", "email"]);
    let after = world.patch(sso).await;
    let shown = &after.data()["sso"];
    assert_eq!((&shown["provider"], &shown["client_id"]), (&json!("okta"), &json!("authpi")));
    assert_eq!(shown["client_secret_hint"], "...klmnop");
    assert!(shown.get("client_secret").is_none());
    assert_eq!(after.header("etag"), format!("\"{}\"", world.app.now()));
    let asked = world.provider.received();
    assert_eq!(asked.iter().map(|request| request.path.as_str()).collect::<Vec<_>>(), [WELL_KNOWN]);
    let read = world.app.root().get(&world.organization).expect(200).await;
    assert_eq!((read.data(), read.header("etag")), (after.data(), after.header("etag")));
    let listed = world.app.root().get(&format!("{}/organizations", world.issuer)).expect(200).await;
    assert_eq!(&listed.data()[0]["sso"], shown);
    let events = world.sso_events().await;
    let changes = json!({ "changes": ["client_id", "client_secret", "issuer_url", "provider", "scopes"] });
    assert_eq!(events, [("organization.sso.updated".to_owned(), changes)]);
    // Sent back as it was fetched it changes nothing, and nobody is asked again.
    let same = world.app.root().patch(&world.organization, read.data().clone()).expect(200).await;
    assert_eq!((same.data(), same.header("etag")), (read.data(), read.header("etag")));
    assert!(world.provider.received().is_empty());
    let made = json!({ "name": "Second", "sso": world.complete() });
    let made = world.app.root().post(&format!("{}/organizations", world.issuer), made).expect(201).await;
    assert_eq!(made.data()["sso"]["client_secret_hint"], "...klmnop");
}

#[tokio::test]
async fn a_connection_is_enabled_only_when_it_is_complete() {
    let world = World::start().await;
    let enable = json!({ "sso": { "enabled": true } });
    world.app.root().patch(&world.organization, enable.clone()).expect(409).await;
    let mut incomplete = world.complete();
    incomplete.as_object_mut().unwrap().remove("client_secret");
    world.patch(incomplete).await;
    world.app.root().patch(&world.organization, enable.clone()).expect(409).await;
    world.patch(json!({ "client_secret": "short" })).await;
    let enabled = world.app.root().patch(&world.organization, enable).expect(200).await;
    assert_eq!(
        (&enabled.data()["sso"]["enabled"], &enabled.data()["sso"]["client_secret_hint"]),
        (&json!(true), &json!("..."))
    );
    for emptied in [json!({ "client_id": null }), json!({ "client_secret": null }), json!({ "issuer_url": null })] {
        world.app.root().patch(&world.organization, json!({ "sso": emptied })).expect(409).await;
    }
    let list = async |query: &str| {
        let found = world.app.root().get(&format!("{}/organizations?{query}", world.issuer)).expect(200).await;
        found.data().as_array().unwrap().len()
    };
    assert_eq!(
        (list("sso_enabled=true").await, list("sso_enabled=false").await, list("sso_only=true").await),
        (1, 0, 0)
    );
    world.patch(json!({ "sso_only": true, "enabled": true })).await;
    assert_eq!(list("sso_enabled=true&sso_only=true").await, 1);
    world.patch(json!({ "enabled": false })).await;
    let cleared = world.app.root().patch(&world.organization, json!({ "sso": null })).expect(200).await;
    assert_eq!(
        (&cleared.data()["sso"]["issuer_url"], &cleared.data()["sso"]["client_secret_hint"]),
        (&Value::Null, &Value::Null)
    );
    let events = world.sso_events().await;
    let seen: Vec<_> = events.iter().map(|(name, data)| (name.as_str(), data.clone())).collect();
    assert_eq!(
        seen,
        [
            ("organization.sso.updated", json!({ "changes": ["client_id", "issuer_url"] })),
            ("organization.sso.updated", json!({ "changes": ["client_secret"] })),
            ("organization.sso.enabled", json!({ "sso_only": false })),
            ("organization.sso.updated", json!({ "changes": ["sso_only"] })),
            ("organization.sso.disabled", Value::Null),
            (
                "organization.sso.updated",
                json!({ "changes": ["client_id", "client_secret", "issuer_url", "sso_only"] })
            ),
        ]
    );
}

#[tokio::test]
async fn an_identity_provider_must_be_there_and_be_who_it_is() {
    let world = World::start().await;
    let refused = async |url: &str| {
        let body = json!({ "sso": { "issuer_url": url } });
        let reply = world.app.root().patch(&world.organization, body).expect(400).await;
        assert_eq!(reply.refusal().1, ["sso.issuer_url not_allowed"], "{url}");
        reply.body["fields"][0]["message"].as_str().unwrap().to_owned()
    };
    let base = world.provider.base.clone();
    assert_eq!(refused(&format!("{base}/")).await, "discovery failed: issuer_mismatch");
    world.provider.answer(404, &[], "");
    assert_eq!(refused(&base).await, "discovery failed: http_404");
    world.provider.answer(200, &[], "not json");
    assert_eq!(refused(&base).await, "discovery failed: malformed_document");
    world.provider.answer(302, &[("location", "http://127.0.0.1:9/")], "");
    assert_eq!(refused(&base).await, "discovery failed: http_302");
    assert_eq!(refused("http://127.0.0.1:9").await, "discovery failed: connect");
    let torn = Wire::start("127.0.0.1:0", |mut stream| async move {
        hear(&mut stream).await;
        let issuer = json!({ "issuer": format!("http://{}", stream.local_addr().unwrap()) });
        say(&mut stream, format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{issuer}")).await;
    })
    .await;
    let found = refused(&format!("http://{}", torn.address)).await;
    assert_eq!(found, "discovery failed: connect", "what breaks off is not believed, however whole it looks");
    assert_eq!(refused("https://nowhere.example").await, "discovery failed: dns");
    assert_eq!(refused(&format!("{}/x", world.app.base)).await, "must not lead to this deployment");
    let guarded = App::start(DRIVER).await;
    let organization = guarded.organization(&guarded.issuer().await).await;
    for url in ["http://login.example.com", "https://127.0.0.1", "https://localhost"] {
        let body = json!({ "sso": { "issuer_url": url } });
        let reply = guarded.root().patch(&organization, body).expect(400).await;
        assert_eq!(reply.refusal().1, ["sso.issuer_url not_allowed"], "{url}");
    }
    assert_eq!(world.sso_events().await, []);
}

#[tokio::test]
async fn all_problems_of_the_settings_come_at_once() {
    let world = World::start().await;
    let body = json!({ "name": "", "sso": {
        "enabled": "yes", "protocol": "saml", "provider": "x", "issuer_url": "nowhere", "client_id": "", "typo": 1,
        "scopes": ["a b"], "client_secret": "",
    } });
    let refused = world.app.root().patch(&world.organization, body).expect(400).await;
    assert_eq!(
        refused.refusal().1,
        [
            "name too_short",
            "sso.client_id too_short",
            "sso.client_secret too_short",
            "sso.enabled invalid_type",
            "sso.issuer_url invalid_format",
            "sso.protocol invalid_enum_value",
            "sso.provider invalid_enum_value",
            "sso.scopes.0 invalid_format",
            "sso.typo unknown_field",
        ]
    );
}

#[tokio::test]
async fn a_domain_is_proven_by_its_record_and_belongs_to_one_organization() {
    let world = World::start().await;
    let add = json!({ "domain": "Example.COM" });
    let added = world.app.root().post(&world.path("domains"), add.clone()).expect(201).await;
    let (name, value) = (added.text("txt_record_name"), added.text("txt_record_value"));
    assert_eq!((added.text("domain").as_str(), name.as_str()), ("example.com", "_sso-challenge.example.com"));
    assert_eq!((value.len(), value.strip_prefix("domain-verification=").map(str::len)), (52, Some(32)));
    let again = world.app.root().post(&world.path("domains"), add.clone()).expect(201).await;
    assert_eq!((again.data(), again.header("etag")), (added.data(), added.header("etag")));
    let verify = world.path("domains/example.com/verify");
    let outcome = async |path: &str| world.app.root().act(path).expect(200).await.data().clone();
    let failed = |error: &str| json!({ "verified": false, "error": error });
    assert_eq!(outcome(&verify).await, failed("record_not_found"));
    world.dns.txt(&name, "domain-verification=another");
    assert_eq!(outcome(&verify).await, failed("value_mismatch"));
    world.dns.fail(true);
    assert_eq!(outcome(&verify).await, failed("dns_error"));
    world.dns.fail(false);
    world.dns.txt(&name, &value);
    let other = world.app.organization(&world.issuer).await;
    let theirs = world.app.root().post(&format!("{other}/sso/domains"), add.clone()).expect(201).await;
    assert_ne!(theirs.text("txt_record_value"), value, "each proves it with a record of its own");
    world.app.advance(Duration::from_secs(1));
    assert_eq!(outcome(&verify).await, json!({ "verified": true, "error": null }));
    world.dns.forget(&name);
    assert_eq!(outcome(&verify).await, json!({ "verified": true, "error": null }), "it stays so");
    let read = world.app.root().get(&world.organization).expect(200).await;
    assert_eq!(
        read.data()["sso"]["domains"],
        json!([{
            "domain": "example.com", "verified": true, "verified_at": world.app.now(),
            "created_at": world.app.now() - 1000, "txt_record_name": name, "txt_record_value": value,
        }])
    );
    world.dns.txt(&name, &theirs.text("txt_record_value"));
    world.app.root().act(&format!("{other}/sso/domains/example.com/verify")).expect(409).await;
    let third = world.app.organization(&world.issuer).await;
    let taken = world.app.root().post(&format!("{third}/sso/domains"), add.clone()).expect(409).await;
    assert_eq!(taken.refusal(), ("conflict".to_owned(), vec!["domain not_unique".to_owned()]));
    let elsewhere = world.app.organization(&world.app.issuer().await).await;
    world.app.root().post(&format!("{elsewhere}/sso/domains"), add).expect(201).await;
    let removed = world.app.root().delete(&world.path("domains/example.com")).expect(200).await;
    assert_eq!(removed.body, json!({ "data": { "domain": "example.com", "deleted": true } }));
    world.app.root().delete(&world.path("domains/example.com")).expect(404).await;
    world.app.root().act(&verify).expect(404).await;
    assert_eq!(outcome(&format!("{other}/sso/domains/example.com/verify")).await["verified"], true, "free again");
    let events = world.app.events("event_types=organization.sso.domain-created,organization.sso.domain-verified,organization.sso.domain-deleted").await;
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let seen: Vec<_> = events
        .iter()
        .filter(|event| event["subject"]["org_id"] == id(&world.organization))
        .map(|event| (event["type"].as_str().unwrap().to_owned(), event["subject"]["domain"].clone()))
        .collect();
    let expected = ["created", "verified", "deleted"]
        .map(|what| (format!("organization.sso.domain-{what}"), json!("example.com")));
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn what_is_no_domain_of_an_organization_is_refused() {
    let world = World::start().await;
    let all = world.path("domains");
    for (domain, problem) in [
        ("gmail.com", "domain not_allowed"),
        ("yahoo.co.uk", "domain not_allowed"),
        ("localhost", "domain invalid_format"),
    ] {
        let refused = world.app.root().post(&all, json!({ "domain": domain })).expect(400).await;
        assert_eq!(refused.refusal().1, [problem], "{domain}");
    }
    let refused = world.app.root().post(&all, json!({ "typo": 1 })).expect(400).await;
    assert_eq!(refused.refusal().1, ["domain required", "typo unknown_field"]);
    world.app.root().post(&all, json!({ "domain": "a.example" })).header("if-match", "\"1\"").expect(412).await;
    for number in 0..50 {
        world.app.root().post(&all, json!({ "domain": format!("d{number}.example") })).expect(201).await;
    }
    world.app.root().post(&all, json!({ "domain": "one-too-many.example" })).expect(409).await;
}

#[tokio::test]
async fn a_rotated_secret_is_shown_once_and_needs_a_connection() {
    let world = World::start().await;
    world.app.root().act(&world.path("rotate-secret")).expect(409).await;
    world.patch(world.complete()).await;
    let rotated = world.app.root().act(&world.path("rotate-secret")).header("idempotency-key", "k").expect(200).await;
    let secret = rotated.text("secret");
    assert_eq!(rotated.body, json!({ "data": { "secret": secret } }));
    let read = world.app.root().get(&world.organization).expect(200).await;
    assert_eq!(read.data()["sso"]["client_secret_hint"], format!("...{}", &secret[secret.len() - 6..]));
    assert!(!String::from_utf8_lossy(&read.bytes).contains(&secret));
    let replayed = world.app.root().act(&world.path("rotate-secret")).header("idempotency-key", "k").expect(200).await;
    assert_eq!(replayed.text("secret"), secret);
    let events = world.sso_events().await;
    let rotated = ("organization.sso.updated".to_owned(), json!({ "changes": ["client_secret"] }));
    assert_eq!(events.last(), Some(&rotated));
    assert_eq!(events.len(), 2);
}

#[tokio::test]
async fn a_deleted_organization_gives_its_domains_up() {
    let world = World::start().await;
    let add = json!({ "domain": "example.com" });
    let added = world.app.root().post(&world.path("domains"), add.clone()).expect(201).await;
    world.dns.txt(&added.text("txt_record_name"), &added.text("txt_record_value"));
    let verified = world.app.root().act(&world.path("domains/example.com/verify")).expect(200).await;
    assert_eq!(verified.data()["verified"], true);
    let other = world.app.organization(&world.issuer).await;
    world.app.root().post(&format!("{other}/sso/domains"), add.clone()).expect(409).await;
    world.app.root().delete(&world.organization).expect(204).await;
    world.app.root().act(&world.path("rotate-secret")).expect(404).await;
    authpi_core::worker::run_once(world.app.authpi.services()).await.unwrap();
    world.app.root().post(&format!("{other}/sso/domains"), add).expect(201).await;
}

impl World {
    /// The organization owns example.com and takes in who has an address there.
    async fn taking_in(&self, details: Value) {
        let root = self.app.root();
        let added = root.post(&self.path("domains"), json!({ "domain": "example.com" })).expect(201).await;
        self.dns.txt(&added.text("txt_record_name"), &added.text("txt_record_value"));
        root.act(&self.path("domains/example.com/verify")).expect(200).await;
        self.patch(json!({ "auto_join": true })).await;
        root.patch(&self.organization, details).expect(200).await;
    }

    async fn user(&self, email: &str, verified: bool) -> String {
        let body = json!({ "email": email, "profile": { "email_verified": verified } });
        self.app.root().post(&format!("{}/users", self.issuer), body).expect(201).await.id()
    }

    async fn joins(&self, user: &str) -> bool {
        self.app.auto_join(&self.issuer, user).await.is_some()
    }

    async fn n_members(&self) -> Value {
        self.app.root().get(&self.organization).expect(200).await.data()["stats"]["n_members"].clone()
    }
}

#[tokio::test]
async fn who_has_a_proven_address_on_a_domain_of_an_organization_joins_it_once() {
    let world = World::start().await;
    world.taking_in(json!({ "default_member_scopes": ["a:read"] })).await;
    let user = world.user("Ada@Example.com", true).await;
    let joins = (0..16).map(|_| world.joins(&user));
    let joined = futures_util::future::join_all(joins).await;
    assert_eq!(joined.iter().filter(|joined| **joined).count(), 1);
    assert_eq!(world.n_members().await, 1);
    let member = world.app.root().get(&format!("{}/members/{user}", world.organization)).expect(200).await;
    assert!(member.data()["scopes"].as_array().unwrap().contains(&json!("a:read")), "{member}");
    let events = world.app.events("event_types=organization.membership.created").await;
    assert_eq!((events.len(), &events[0]["data"]["origin"]), (1, &json!("domain")));
    for (email, verified) in
        [("eve@example.com", false), ("eve@sub.example.com", true), ("eve@example.org", true), ("eve@ample.com", true)]
    {
        let other = world.user(email, verified).await;
        assert!(!world.joins(&other).await, "{email}");
    }
    world.patch(json!({ "auto_join": false })).await;
    let late = world.user("late@example.com", true).await;
    assert!(!world.joins(&late).await);
}

#[tokio::test]
async fn nobody_joins_a_suspended_or_full_organization_or_one_that_gives_nothing() {
    let world = World::start().await;
    world.taking_in(json!({ "default_member_scopes": ["a:read"], "max_members": 1 })).await;
    let (first, second) = (world.user("1@example.com", true).await, world.user("2@example.com", true).await);
    for body in [json!({ "status": "suspended" }), json!({ "status": "active", "default_member_scopes": [] })] {
        world.app.root().patch(&world.organization, body).expect(200).await;
        assert!(!world.joins(&first).await);
    }
    let gives = json!({ "default_member_scopes": ["a:read"] });
    world.app.root().patch(&world.organization, gives).expect(200).await;
    assert!(world.joins(&first).await && !world.joins(&second).await);
    assert_eq!(world.n_members().await, 1);
}

#[tokio::test]
async fn who_was_removed_does_not_join_again_for_a_year() {
    let world = World::start().await;
    world.taking_in(json!({ "default_member_scopes": ["a:read"] })).await;
    let user = world.user("ada@example.com", true).await;
    assert!(world.joins(&user).await);
    let member = format!("{}/members/{user}", world.organization);
    world.app.root().delete(&member).expect(204).await;
    assert_eq!(world.n_members().await, 0);
    world.app.advance(Duration::from_hours(364 * 24));
    assert!(!world.joins(&user).await);
    world.app.advance(Duration::from_hours(2 * 24));
    assert!(world.joins(&user).await);
}
