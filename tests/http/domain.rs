//! /v1/accounts/{account_id}/domains

use std::time::Duration;

use serde_json::{Value, json};
use tests::{App, Dns};

use super::DRIVER;

/// An app, its name server, and the path of a domain that was added.
async fn with_domain(host: &str) -> (App, Dns, String) {
    let dns = Dns::start().await;
    let app = App::start_reaching(DRIVER, &dns).await;
    app.root().post(&app.path("/domains"), json!({ "host": host })).expect(201).await;
    let path = app.path(&format!("/domains/{host}"));
    (app, dns, path)
}

/// Publishes the record that proves `host` to be the account's.
fn prove(dns: &Dns, app: &App, host: &str) {
    dns.txt(&format!("_challenge.{host}"), &format!("account-domain={}", app.account));
}

#[tokio::test]
async fn an_added_host_is_normalized_and_shown_wherever_the_account_is() {
    let (app, _dns, _) = with_domain("first.example.com").await;
    let before = app.root().get(&app.path("")).expect(200).await;
    app.advance(Duration::from_secs(1));
    let body = json!({ "host": "Bücher.Example" });
    let added =
        app.root().post(&app.path("/domains"), body).header("if-match", before.header("etag")).expect(201).await;
    assert_eq!(added.data()["id"], app.account, "the whole account answers");
    let account = app.root().get(&app.path("")).expect(200).await;
    assert_eq!((added.data(), added.header("etag")), (account.data(), account.header("etag")));
    assert_ne!(added.header("etag"), before.header("etag"));
    let shown = json!({
        "host": "xn--bcher-kva.example", "verified": false, "primary": false, "added_at": app.now(),
        "assigned_issuer_id": null, "assigned_at": null, "cf_custom_hostname_id": null, "cf_status": null,
    });
    assert_eq!(account.data()["domains"][0], shown);
    assert_eq!(account.data()["domains"][1]["host"], "first.example.com");
    let listed = app.root().get(&app.path("/domains")).expect(200).await;
    assert_eq!(listed.body, json!({ "data": account.data()["domains"], "has_more": false, "next_cursor": null }));
    let accounts = app.root().get("/v1/accounts").expect(200).await;
    assert_eq!(accounts.data()[0]["domains"], account.data()["domains"]);
    let one = app.root().get(&app.path("/domains/xn--bcher-kva.example")).expect(200).await;
    assert_eq!(one.data(), &shown);
    let events = app.events("event_types=account.domain.added").await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[1]["subject"], json!({ "account_id": app.account, "domain": "xn--bcher-kva.example" }));
    assert_eq!(events[1]["data"], Value::Null);
    assert_eq!(events[1]["auth"]["key_id"], app.key.0);
    app.root()
        .post(&app.path("/domains"), json!({ "host": "b.example" }))
        .header("if-match", "\"1\"")
        .expect(412)
        .await;
}

#[tokio::test]
async fn a_host_is_refused_that_is_none_or_taken_or_ours() {
    let (app, _dns, _) = with_domain("login.example.com").await;
    let all = app.path("/domains");
    for bad in ["localhost", "127.0.0.1", "a_b.example", "https://example.com", "*.example.com", ""] {
        let refused = app.root().post(&all, json!({ "host": bad })).expect(400).await;
        assert_eq!(refused.refusal().1, ["host invalid_format"], "{bad}");
    }
    let refused = app.root().post(&all, json!({ "typo": 1 })).expect(400).await;
    assert_eq!(refused.refusal().1, ["host required", "typo unknown_field"]);
    let taken = app.root().post(&all, json!({ "host": "LOGIN.example.com" })).expect(409).await;
    assert_eq!(taken.refusal(), ("conflict".to_owned(), vec!["host not_unique".to_owned()]));
    app.root().get(&app.path("/domains/other.example.com")).expect(404).await;
    app.root().get(&app.path("/domains/no_host")).expect(404).await;
}

#[tokio::test]
async fn an_account_has_twenty_domains_however_many_ask_at_once() {
    let app = App::start(DRIVER).await;
    let racers = (0..30).map(|number| {
        app.root().post(&app.path("/domains"), json!({ "host": format!("h{number}.example.com") })).send()
    });
    let replies = futures_util::future::join_all(racers).await;
    let statuses = |wanted: u16| replies.iter().filter(|reply| reply.status.as_u16() == wanted).count();
    assert_eq!((statuses(201), statuses(409)), (20, 10));
    let listed = app.root().get(&app.path("/domains")).expect(200).await;
    assert_eq!(listed.data().as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn a_domain_is_verified_by_its_record_and_by_nothing_else() {
    let (app, dns, path) = with_domain("login.example.com").await;
    let verify = format!("{path}/verify");
    let missing = app.root().act(&verify).expect(409).await;
    let expected = format!("account-domain={}", app.account);
    let said = missing.body["error_description"].as_str().unwrap().to_owned();
    assert!(said.contains("_challenge.login.example.com") && said.contains(&expected), "{said}");
    dns.txt("_challenge.login.example.com", "account-domain=acc_0000000000000000000000000");
    dns.txt("login.example.com", &expected);
    app.root().act(&verify).expect(409).await;
    dns.fail(true);
    let away = app.root().act(&verify).expect(409).await;
    assert!(away.body["error_description"].as_str().unwrap().contains("did not answer"));
    dns.fail(false);
    prove(&dns, &app, "login.example.com");
    app.advance(Duration::from_secs(1));
    let verified = app.root().act(&verify).expect(200).await;
    assert_eq!(verified.data()["domains"][0]["verified"], true);
    assert_eq!(verified.data()["domains"][0]["primary"], true, "the first verified one");
    assert_eq!(verified.header("etag"), format!("\"{}\"", app.now()));
    let events = app.events("event_types=account.updated").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"], json!({ "changes": ["domains"] }));
    dns.forget("_challenge.login.example.com");
    let again = app.root().act(&verify).expect(200).await;
    assert_eq!(again.header("etag"), verified.header("etag"), "what is verified stays so");
    app.root().act(&app.path("/domains/unknown.example.com/verify")).expect(404).await;
    app.root().act(&verify).header("if-match", "\"1\"").expect(412).await;
}

#[tokio::test]
async fn a_verified_domain_serves_one_issuer_of_the_account() {
    let (app, dns, path) = with_domain("login.example.com").await;
    let (issuer, other) = (app.issuer().await, app.issuer().await);
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let assign = format!("{path}/assign");
    let one = json!({ "issuer_id": id(&issuer) });
    app.root().post(&assign, one.clone()).expect(409).await;
    prove(&dns, &app, "login.example.com");
    app.root().act(&format!("{path}/verify")).expect(200).await;
    let unknown = json!({ "issuer_id": "i_0000000000000000000000000" });
    let refused = app.root().post(&assign, unknown).expect(400).await;
    assert_eq!(refused.refusal().1, ["issuer_id unknown_reference"]);
    assert_eq!(app.root().act(&assign).expect(400).await.refusal().1, ["issuer_id required"]);
    let assigned = app.root().post(&assign, one.clone()).expect(200).await;
    assert_eq!(assigned.data()["domains"][0]["assigned_issuer_id"], id(&issuer));
    assert_eq!(assigned.data()["domains"][0]["assigned_at"], app.now());
    let same = app.root().post(&assign, one).expect(200).await;
    assert_eq!(same.header("etag"), assigned.header("etag"));
    app.root().post(&assign, json!({ "issuer_id": id(&other) })).expect(409).await;
    let unassigned = app.root().act(&format!("{path}/unassign")).expect(200).await;
    assert_eq!(unassigned.data()["domains"][0]["assigned_issuer_id"], Value::Null);
    assert_eq!(unassigned.data()["domains"][0]["verified"], true);
    app.root().act(&format!("{path}/unassign")).expect(200).await;
    app.root().post(&assign, json!({ "issuer_id": id(&other) })).expect(200).await;
    // With the issuer goes the assignment.
    app.root().delete(&other).expect(204).await;
    let left = app.root().get(&path).expect(200).await;
    assert_eq!(left.data()["assigned_issuer_id"], Value::Null);
    let types = app.event_types("event_types=account.domain.assigned,account.domain.unassigned,issuer.deleted").await;
    let [assigned, unassigned] = ["account.domain.assigned", "account.domain.unassigned"];
    assert_eq!(types, [assigned, unassigned, assigned, unassigned, "issuer.deleted"]);
}

#[tokio::test]
async fn a_removed_domain_is_unassigned_first_and_its_primacy_inherited() {
    let (app, dns, path) = with_domain("a.example.com").await;
    app.advance(Duration::from_secs(1));
    app.root().post(&app.path("/domains"), json!({ "host": "b.example.com" })).expect(201).await;
    for host in ["a.example.com", "b.example.com"] {
        prove(&dns, &app, host);
        app.root().act(&app.path(&format!("/domains/{host}/verify"))).expect(200).await;
    }
    let issuer = app.issuer().await;
    let issuer = json!({ "issuer_id": issuer.rsplit('/').next().unwrap() });
    app.root().post(&format!("{path}/assign"), issuer).expect(200).await;
    app.root().delete(&path).header("if-match", "\"1\"").expect(412).await;
    assert!(app.root().delete(&path).expect(204).await.bytes.is_empty());
    app.root().get(&path).expect(404).await;
    app.root().delete(&path).expect(404).await;
    let listed = app.root().get(&app.path("/domains")).expect(200).await;
    assert_eq!(listed.data().as_array().unwrap().len(), 1);
    assert_eq!(listed.data()[0]["primary"], true);
    let types = app.event_types("event_types=account.domain.unassigned,account.domain.removed").await;
    assert_eq!(types, ["account.domain.unassigned", "account.domain.removed"]);
    app.root().post(&app.path("/domains"), json!({ "host": "a.example.com" })).expect(201).await;
}

#[tokio::test]
async fn a_patch_of_the_account_chooses_the_primary_host_and_nothing_else() {
    let (app, dns, _) = with_domain("a.example.com").await;
    for host in ["b.example.com", "c.example.com"] {
        app.advance(Duration::from_secs(1));
        app.root().post(&app.path("/domains"), json!({ "host": host })).expect(201).await;
    }
    for host in ["a.example.com", "b.example.com"] {
        prove(&dns, &app, host);
        app.root().act(&app.path(&format!("/domains/{host}/verify"))).expect(200).await;
    }
    let account = app.root().get(&app.path("")).expect(200).await;
    let domains = account.data()["domains"].clone();
    let patch = async |domains: Value| app.root().patch(&app.path(""), json!({ "domains": domains })).send().await;
    let same = patch(domains.clone()).await;
    assert_eq!((same.status.as_u16(), same.header("etag")), (200, account.header("etag")));
    let with = |index: usize, name: &str, value: Value| {
        let mut changed = domains.clone();
        changed[index][name] = value;
        changed
    };
    // Newest first: c, b, a; a is primary.
    for (refused, fields) in [
        (with(0, "primary", json!(true)), vec!["domains.0.primary not_allowed", "domains.2.primary not_allowed"]),
        (with(2, "primary", json!(false)), vec!["domains not_allowed"]),
        (with(0, "verified", json!(true)), vec!["domains.0.verified not_allowed"]),
        (with(0, "host", json!("d.example.com")), vec!["domains not_allowed", "domains.0 not_allowed"]),
        (with(0, "typo", json!(1)), vec!["domains.0.typo unknown_field"]),
        (json!([domains[0]]), vec!["domains not_allowed"]),
        (
            json!([{ "host": "c.example.com", "primary": true }, { "host": "b.example.com" }, { "host": "a.example.com" }]),
            vec!["domains.0.primary not_allowed"],
        ),
    ] {
        let reply = patch(refused).await;
        assert_eq!((reply.status.as_u16(), reply.refusal().1), (400, fields.into_iter().map(str::to_owned).collect()));
    }
    let mut chosen = with(1, "primary", json!(true));
    chosen[2]["primary"] = json!(false);
    let after = patch(chosen).await;
    assert_eq!(after.status.as_u16(), 200, "{after}");
    let primaries: Vec<_> =
        after.data()["domains"].as_array().unwrap().iter().map(|one| one["primary"].clone()).collect();
    assert_eq!(primaries, [json!(false), json!(true), json!(false)]);
    assert_ne!(after.header("etag"), account.header("etag"));
    let events = app.events("event_types=account.updated").await;
    assert_eq!(events.last().unwrap()["data"], json!({ "changes": ["domains"] }));
}
