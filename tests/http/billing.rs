//! …/usage, …/credits, …/invoices and …/payment-methods

use std::time::Duration;

use authpi_core::billing::model::BillingConfig;
use authpi_core::event::catalogue::{self, EventType};
use authpi_core::event::model::Subject;
use authpi_core::id::UserId;
use authpi_core::store::contract::{event, mint};
use authpi_core::transport::Clock;
use authpi_core::worker;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{App, Caller};

use super::DRIVER;

const DAY: Duration = Duration::from_hours(24);

/// The published rates, without a trial.
fn rates() -> BillingConfig {
    BillingConfig { trial_days: 0, ..BillingConfig::default() }
}

/// Every operation costs a dollar, and nothing is free.
fn dear() -> BillingConfig {
    let mut config = BillingConfig { included_credit: 0, free_active_users: 0, ..rates() };
    config.rates.api_key_verification = u32::MAX;
    config
}

fn wallet() -> Value {
    json!({ "type": "x402", "network": "eip155:8453", "asset": "0xusdc", "address": "0x52908400098527886e0f7030069857d2e4169ee7" })
}

async fn verify(app: &App, times: usize) {
    for _ in 0..times {
        app.root().get("/v1/me").expect(200).await;
    }
    work(app).await;
}

async fn work(app: &App) {
    worker::run_once(app.authpi.services()).await.unwrap();
}

/// Events of people of an issuer, as the sign-in pages will write them.
async fn signed_in(app: &App, kind: EventType, users: &[UserId]) {
    let services = app.authpi.services();
    let platform = services.platform().await.unwrap().unwrap();
    let events = users.iter().map(|user| {
        let mut one = event::event(platform.account_id, kind, app.clock.now());
        one.subject = Subject::issuer(platform.account_id, platform.issuer_id).user(*user);
        one
    });
    services.store.append(events.collect()).await.unwrap();
    work(app).await;
}

async fn ledger(app: &App) -> Vec<(String, i64, i64)> {
    let page = app.root().get(&app.path("/credits/ledger")).expect(200).await;
    let number = |entry: &Value, name: &str| entry[name].as_i64().unwrap();
    let mut entries: Vec<_> = page
        .data()
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let kind = entry["type"].as_str().unwrap().to_owned();
            (kind, number(entry, "amount_\u{3bc}usd"), number(entry, "balance_after_\u{3bc}usd"))
        })
        .collect();
    entries.reverse();
    entries
}

async fn line(app: &App, dimension: &str) -> Value {
    let usage = app.root().get(&app.path("/usage")).expect(200).await;
    let lines = usage.data()[0]["lines"].as_array().cloned().unwrap_or_default();
    lines.into_iter().find(|line| line["dimension"] == dimension).unwrap_or(Value::Null)
}

async fn top_up(caller: &Caller, app: &App, amount: i64, nonce: &str) -> tests::Reply {
    let body = json!({ "amount_\u{3bc}usd": amount, "payment": { "nonce": nonce } });
    caller.post(&app.path("/credits/topups"), body).send().await
}

#[tokio::test]
async fn without_billing_reads_show_nothing_and_writes_find_nothing() {
    let app = App::start(DRIVER).await;
    verify(&app, 2).await;
    let nothing = json!({ "data": [], "has_more": false, "next_cursor": null });
    for path in ["/usage", "/usage?period=2027-01", "/invoices?limit=1", "/credits/ledger"] {
        assert_eq!(app.root().get(&app.path(path)).expect(200).await.body, nothing, "{path}");
    }
    let estimate = app.root().get(&app.path("/usage/estimate")).expect(200).await;
    let zero = json!({
        "period": "2027-01", "as_of": app.now(), "trial": false, "billing_profile": "none", "estimate": true,
        "total_\u{3bc}usd": 0, "lines": [],
    });
    assert_eq!(estimate.data(), &zero);
    let missing = app.path("/payment-methods/pm_0000000000000000000000000");
    let payment = json!({ "amount_\u{3bc}usd": 1, "payment": { "nonce": "a" } });
    app.root().post(&app.path("/credits/topups"), payment).expect(404).await;
    app.root().post(&app.path("/payment-methods"), wallet()).expect(404).await;
    app.root().act(&app.path("/payment-methods/stripe/setup-intent")).expect(404).await;
    app.root().patch(&missing, json!({ "enabled": true })).expect(404).await;
    app.root().delete(&missing).expect(404).await;
}

#[tokio::test]
async fn billing_without_a_payment_provider_takes_no_money() {
    let options = authpi_core::web::services::Options {
        rate_limits: false,
        billing: Some(rates()),
        ..authpi_core::web::services::Options::default()
    };
    let app = App::start_with(DRIVER, options).await;
    assert_eq!(top_up(&app.root(), &app, 5, "a").await.status, 404);
    app.root().act(&app.path("/payment-methods/stripe/setup-intent")).expect(404).await;
    app.root().post(&app.path("/payment-methods"), wallet()).expect(201).await;
}

#[tokio::test]
async fn what_is_used_is_counted_once_settled_and_stated_at_the_end_of_the_month() {
    let app = App::start_billing(DRIVER, rates()).await;
    verify(&app, 3).await;
    let expected = json!({
        "dimension": "api_key_verification", "config_version": "2026-10", "line_count": 1, "amount_\u{3bc}usd": 60,
        "count": 3,
    });
    assert_eq!(line(&app, "api_key_verification").await, expected);
    let grant = ("grant".to_owned(), 1_000_000, 1_000_000);
    assert_eq!(ledger(&app).await, [grant.clone(), ("debit".to_owned(), -60, 999_940)]);
    work(&app).await;
    verify(&app, 1).await;
    assert_eq!(ledger(&app).await[2..], [("debit".to_owned(), -20, 999_920)]);
    let estimate = app.root().get(&app.path("/usage/estimate")).expect(200).await;
    assert_eq!(estimate.data()["total_\u{3bc}usd"], 0, "below the included credit");
    assert_eq!((&estimate.data()["trial"], &estimate.data()["billing_profile"]), (&json!(false), &json!("activity")));

    let newest = app.root().get(&app.path("/credits/ledger?limit=1")).expect(200).await;
    let debit = &newest.data()[0];
    assert_eq!((&debit["dimension"], &debit["reference"]), (&json!("api_key_verification"), &json!("2027-01")));
    assert_eq!((&debit["settled_total_\u{3bc}usd"], &debit["config_version"]), (&json!(80), &json!("2026-10")));
    assert_eq!(newest.body["has_more"], true);

    app.advance(17 * DAY);
    work(&app).await;
    assert_eq!(ledger(&app).await[3..], [("expiry".to_owned(), -999_920, 0)]);
    let invoices = app.root().get(&app.path("/invoices")).expect(200).await;
    let paid = json!({
        "period": "2027-01", "status": "paid", "total_\u{3bc}usd": 0, "external_reference": null,
        "hosted_invoice_url": null, "invoice_pdf": null,
    });
    assert_eq!(invoices.body, json!({ "data": [paid], "has_more": false, "next_cursor": null }));
    verify(&app, 1).await;
    let usage = app.root().get(&app.path("/usage")).expect(200).await;
    let months: Vec<_> = usage.data().as_array().unwrap().iter().map(|month| month["period"].clone()).collect();
    assert_eq!(months, [json!("2027-02"), json!("2027-01")]);
    let one = app.root().get(&app.path("/usage?period=2027-01")).expect(200).await;
    assert_eq!(one.data().as_array().unwrap().len(), 1);
    assert_eq!(
        app.root().get(&app.path("/usage?period=2027-13")).expect(400).await.refusal().1,
        ["period invalid_format"]
    );
}

#[tokio::test]
async fn a_new_month_is_settled_after_the_one_before_it_was_closed() {
    let app = App::start_billing(DRIVER, rates()).await;
    verify(&app, 3).await;
    app.advance(17 * DAY);
    // Counted before anybody has looked for the end of the month.
    verify(&app, 1).await;
    let expected = [
        ("grant".to_owned(), 1_000_000, 1_000_000),
        ("debit".to_owned(), -60, 999_940),
        ("expiry".to_owned(), -999_940, 0),
        ("grant".to_owned(), 1_000_000, 1_000_000),
        ("debit".to_owned(), -20, 999_980),
    ];
    assert_eq!(ledger(&app).await, expected);
    let invoices = app.root().get(&app.path("/invoices")).expect(200).await;
    let statement = &invoices.data()[0];
    assert_eq!((&statement["period"], &statement["total_\u{3bc}usd"]), (&json!("2027-01"), &json!(0)));
    app.advance(31 * DAY);
    work(&app).await;
    assert_eq!(ledger(&app).await[5..], [("expiry".to_owned(), -999_980, 0)]);
}

#[tokio::test]
async fn what_comes_after_the_statement_of_its_month_counts_for_the_next() {
    let app = App::start_billing(DRIVER, rates()).await;
    let platform = app.authpi.services().platform().await.unwrap().unwrap();
    let late = event::event(platform.account_id, catalogue::MACHINE_TOKEN_ISSUED, app.clock.now());
    verify(&app, 1).await;
    app.advance(17 * DAY);
    work(&app).await;
    app.authpi.services().store.append(vec![late]).await.unwrap();
    work(&app).await;
    let january = app.root().get(&app.path("/usage?period=2027-01")).expect(200).await;
    assert_eq!(january.data()[0]["lines"].as_array().unwrap().len(), 1);
    assert_eq!(line(&app, "machine_authentication").await["count"], 1);
    assert_eq!(app.root().get(&app.path("/invoices")).expect(200).await.data().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_replayed_or_refused_or_read_is_not_counted() {
    let app = App::start_billing(DRIVER, rates()).await;
    let post = || app.root().post(&app.path("/issuers"), json!({ "name": "i" })).header("idempotency-key", "one");
    post().expect(201).await;
    post().expect(201).await;
    app.with_key(&app.key.0, "wrong").get("/v1/me").expect(401).await;
    app.root().get(&app.path("")).expect(200).await;
    work(&app).await;
    assert_eq!(app.root().get(&app.path("/usage")).expect(200).await.data(), &json!([]));
    assert_eq!(ledger(&app).await, []);
}

#[tokio::test]
async fn a_trial_costs_nothing_until_it_ends() {
    let app = App::start_billing(DRIVER, BillingConfig { trial_days: 5, ..rates() }).await;
    verify(&app, 2).await;
    let estimate = app.root().get(&app.path("/usage/estimate")).expect(200).await;
    assert_eq!(estimate.data()["trial"], true);
    assert_eq!(line(&app, "api_key_verification").await["amount_\u{3bc}usd"], 0);
    assert_eq!(ledger(&app).await, []);
    app.advance(5 * DAY);
    verify(&app, 1).await;
    let counted = line(&app, "api_key_verification").await;
    assert_eq!((&counted["count"], &counted["amount_\u{3bc}usd"]), (&json!(3), &json!(20)));
}

#[tokio::test]
async fn people_below_the_allowance_sign_in_for_nothing_and_are_counted_once_a_month() {
    let app = App::start_billing(DRIVER, BillingConfig { free_active_users: 2, ..rates() }).await;
    let people: Vec<UserId> = (0..3).map(|_| mint()).collect();
    signed_in(&app, catalogue::USER_VERIFICATION_SUCCEEDED, &people[..2]).await;
    signed_in(&app, catalogue::USER_MFA_VERIFICATION_SUCCEEDED, &people[..2]).await;
    assert_eq!(line(&app, "human_authentication").await["amount_\u{3bc}usd"], 0);
    assert_eq!(ledger(&app).await, []);
    signed_in(&app, catalogue::USER_VERIFICATION_SUCCEEDED, &people).await;
    signed_in(&app, catalogue::USER_VERIFICATION_SUCCEEDED, &[people[2], people[2]]).await;
    let human = line(&app, "human_authentication").await;
    assert_eq!((&human["count"], &human["amount_\u{3bc}usd"]), (&json!(9), &json!(150)), "three by the third of them");
    let active = line(&app, "monthly_active_users").await;
    assert_eq!((&active["count"], &active["amount_\u{3bc}usd"]), (&json!(3), &json!(0)));
    app.advance(17 * DAY);
    signed_in(&app, catalogue::USER_VERIFICATION_SUCCEEDED, &people[2..]).await;
    assert_eq!(line(&app, "monthly_active_users").await["count"], 1, "a new month");
    assert_eq!(line(&app, "human_authentication").await["amount_\u{3bc}usd"], 0);
}

#[tokio::test]
async fn a_payment_counts_once_however_often_it_comes() {
    let app = App::start_billing(DRIVER, rates()).await;
    let first = top_up(&app.root(), &app, 5_000_000, "n1").await;
    assert_eq!(first.status, 201);
    let entry = first.text("entry_id");
    let expected = json!({
        "balance_\u{3bc}usd": 5_000_000, "entry_id": entry, "duplicate": false, "payment_reference": "n1",
    });
    assert_eq!(first.data(), &expected);
    assert!(entry.starts_with("led_"));
    let again = top_up(&app.root(), &app, 5_000_000, "n1").await;
    assert_eq!((&again.data()["duplicate"], &again.data()["entry_id"]), (&json!(true), &json!(entry)));
    let callers: Vec<_> = (0..8).map(|_| app.root()).collect();
    let replies = join_all(callers.iter().map(|caller| top_up(caller, &app, 1_000_000, "n2"))).await;
    assert_eq!(replies.iter().filter(|reply| reply.data()["duplicate"] == false).count(), 1);
    assert!(replies.iter().all(|reply| reply.data()["balance_\u{3bc}usd"] == 6_000_000));
    let account = app.root().get(&app.path("")).expect(200).await;
    assert_eq!(account.data()["balance_\u{3bc}usd"], 6_000_000);
    let events = app.events("event_types=account.credits.updated").await;
    let data = json!({ "amount_\u{3bc}usd": 5_000_000, "balance_after_\u{3bc}usd": 5_000_000, "entry_type": "topup" });
    assert_eq!((events.len(), &events[0]["data"]), (2, &data));
    assert_eq!(events[0]["subject"], json!({ "account_id": app.account }));
    assert_eq!(events[0]["auth"]["key_id"], app.key.0);
}

#[tokio::test]
async fn bad_payments_are_refused_and_leave_nothing() {
    let app = App::start_billing(DRIVER, rates()).await;
    let send = |body: Value| app.root().post(&app.path("/credits/topups"), body).send();
    let amount = "amount_\u{3bc}usd";
    let empty = send(json!({})).await;
    assert_eq!(
        (empty.status.as_u16(), empty.refusal().1),
        (400, vec![format!("{amount} required"), "payment required".to_owned()])
    );
    let wrong = send(json!({ amount: 0, "payment": 7, "typo": 1 })).await;
    assert_eq!(
        wrong.refusal().1,
        [format!("{amount} too_small"), "payment invalid_type".to_owned(), "typo unknown_field".to_owned()]
    );
    let micro_sign = send(json!({ "amount_\u{b5}usd": 1, "payment": {} })).await;
    assert!(micro_sign.refusal().1.contains(&"amount_\u{b5}usd unknown_field".to_owned()));
    let unknown = send(json!({ amount: 1, "method_id": "pm_0000000000000000000000000" })).await;
    assert_eq!(unknown.refusal().1, ["method_id unknown_reference"]);
    for (outcome, status, error) in [
        ("declined", 402, "payment_required"),
        ("invalid", 400, "invalid_request"),
        ("unavailable", 503, "temporarily_unavailable"),
    ] {
        let refused = send(json!({ amount: 1, "payment": { "outcome": outcome } })).await;
        assert_eq!((refused.status.as_u16(), refused.refusal().0.as_str()), (status, error));
    }
    assert_eq!(ledger(&app).await, []);
}

#[tokio::test]
async fn a_saved_method_pays_once_for_each_order() {
    let app = App::start_billing(DRIVER, rates()).await;
    let method = app.root().post(&app.path("/payment-methods"), wallet()).expect(201).await;
    let pay = |key: &str| {
        let body = json!({ "amount_\u{3bc}usd": 10, "method_id": method.id() });
        app.root().post(&app.path("/credits/topups"), body).header("idempotency-key", key).expect(201)
    };
    let first = pay("a").await;
    assert_eq!(pay("a").await.header("idempotent-replayed"), "true");
    assert_ne!(pay("b").await.text("payment_reference"), first.text("payment_reference"));
    let entries = app.root().get(&app.path("/credits/ledger")).expect(200).await;
    assert_eq!(entries.data().as_array().unwrap().len(), 2);
    assert_eq!(entries.data()[1]["reference"], method.id());
    let one = app.path(&format!("/payment-methods/{}", method.id()));
    app.root().patch(&one, json!({ "enabled": false })).expect(200).await;
    let body = json!({ "amount_\u{3bc}usd": 10, "method_id": method.id() });
    let off = app.root().post(&app.path("/credits/topups"), body).expect(400).await;
    assert_eq!(off.refusal().1, ["method_id unknown_reference"]);
}

#[tokio::test]
async fn payments_of_one_trace_without_a_key_are_two() {
    let app = App::start_billing(DRIVER, rates()).await;
    let method = app.root().post(&app.path("/payment-methods"), wallet()).expect(201).await.id();
    let pay = || {
        let body = json!({ "amount_\u{3bc}usd": 10, "method_id": method });
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        app.root().post(&app.path("/credits/topups"), body).header("traceparent", trace).expect(201)
    };
    let first = pay().await.text("payment_reference");
    assert_ne!(pay().await.text("payment_reference"), first);
}

#[tokio::test]
async fn payment_methods_are_added_switched_and_removed() {
    let app = App::start_billing(DRIVER, rates()).await;
    let before = app.root().get(&app.path("")).expect(200).await;
    app.advance(Duration::from_secs(1));
    let added = app.root().post(&app.path("/payment-methods"), wallet()).expect(201).await;
    let whole = json!({
        "id": added.id(), "type": "x402", "enabled": true, "created_at": app.now(), "disabled_at": null,
        "removed_at": null, "network": "eip155:8453", "asset": "0xusdc", "address": "0x52908400098527886e0f7030069857d2e4169ee7",
    });
    assert_eq!(added.data(), &whole);
    assert!(added.id().starts_with("pm_"));
    let account = app.root().get(&app.path("")).expect(200).await;
    assert_eq!(account.data()["payment_methods"], json!([whole]));
    assert_eq!(account.data()["billing_mode"], "gated");
    assert_ne!(account.header("etag"), before.header("etag"), "the account is shown with it");
    let listed = app.root().get("/v1/accounts").expect(200).await;
    assert_eq!(&listed.data()[0], account.data());
    let path = app.path(&format!("/payment-methods/{}", added.id()));
    app.advance(Duration::from_secs(1));
    let tag = added.header("etag");
    let same = app.root().patch(&path, added.data().clone()).header("if-match", tag).expect(200).await;
    assert_eq!(same.header("etag"), tag, "sent back as fetched");
    let off = app.root().patch(&path, json!({ "enabled": false })).header("if-match", tag).expect(200).await;
    assert_eq!((&off.data()["enabled"], &off.data()["disabled_at"]), (&json!(false), &json!(app.now())));
    assert_eq!(app.root().get(&app.path("")).expect(200).await.data()["billing_mode"], "ungated");
    app.root().patch(&path, json!({ "enabled": true })).header("if-match", tag).expect(412).await;
    app.root().delete(&path).header("if-match", tag).expect(412).await;
    let null = app.root().patch(&path, json!({ "enabled": null, "network": "x" })).expect(400).await;
    assert_eq!(null.refusal().1, ["enabled invalid_type"]);
    app.root().delete(&path).expect(204).await;
    app.root().delete(&path).expect(404).await;
    app.root().patch(&path, json!({ "enabled": true })).expect(404).await;
    assert_eq!(app.root().get(&app.path("")).expect(200).await.data()["payment_methods"], json!([]));
    let events = app.events("event_types=account.updated").await;
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event["data"] == json!({ "changes": ["payment_methods"] })));
    let intent = app.root().act(&app.path("/payment-methods/stripe/setup-intent")).expect(200).await;
    assert_eq!(
        intent.data(),
        &json!({ "client_secret": "seti_secret", "customer_id": format!("cus_{}", app.account) })
    );
}

#[tokio::test]
async fn bad_payment_methods_are_refused_with_every_problem() {
    let app = App::start_billing(DRIVER, rates()).await;
    let send = |body: Value| app.root().post(&app.path("/payment-methods"), body).expect(400);
    assert_eq!(send(json!({})).await.refusal().1, ["address required", "asset required", "network required"]);
    let bad = json!({ "type": "stripe", "network": "base", "asset": "", "address": "x".repeat(129), "typo": 1 });
    let refused = send(bad).await.refusal().1;
    let expected = [
        "address too_long",
        "asset too_short",
        "network invalid_format",
        "network too_short",
        "type invalid_enum_value",
        "typo unknown_field",
    ];
    assert_eq!(refused, expected);
    let wallet_on =
        |network: &str, address: &str| send(json!({ "network": network, "asset": "usdc", "address": address }));
    let right = "0x52908400098527886E0F7030069857D2E4169EE7";
    assert_eq!(wallet_on("eip155:01", right).await.refusal().1, ["network invalid_format"]);
    for wrong in ["0xours", &right.replace('E', "e")[..], &format!("{}e7", &right[..40])] {
        assert_eq!(wallet_on("eip155:1", wrong).await.refusal().1, ["address invalid_format"], "{wrong}");
    }
    let spelled = json!({ "network": "eip155:1", "asset": right, "address": right });
    let kept = app.root().post(&app.path("/payment-methods"), spelled).expect(201).await;
    assert_eq!((kept.text("asset"), kept.text("address")), (right.to_lowercase(), right.to_lowercase()));
    app.root().delete(&app.path(&format!("/payment-methods/{}", kept.id()))).expect(204).await;
    let adds = (0..21).map(|_| app.root().post(&app.path("/payment-methods"), wallet()).send());
    let replies = join_all(adds).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 20);
    assert_eq!(replies.iter().filter(|reply| reply.status == 409).count(), 1);
}

#[tokio::test]
async fn without_credit_people_and_machines_are_still_locked_out() {
    let app = App::start_billing(DRIVER, dear()).await;
    let root = app.root();
    let issuer = app.issuer().await;
    let user = app.user(&issuer, "ann@example.com").await;
    let of_user = format!("{issuer}/users/{user}");
    let token = json!({ "name": "t", "restrictions": {} });
    let token = root.post(&format!("{of_user}/tokens"), token).expect(201).await.id();
    let agent = root.post(&format!("{issuer}/agents"), json!({ "name": "a" })).expect(201).await.id();
    let agent = format!("{issuer}/agents/{agent}");
    let organization = app.organization(&issuer).await;
    root.post(&app.path("/payment-methods"), wallet()).expect(201).await;

    root.patch(&agent, json!({ "name": "b" })).expect(402).await;
    root.patch(&agent, json!({ "status": "blocked", "name": "b" })).expect(402).await;
    root.patch(&agent, json!({ "status": "blocked", "status_reason": "leaked" })).expect(200).await;
    root.patch(&agent, json!({ "status": "active" })).expect(402).await;
    root.patch(&of_user, json!({ "status": "suspended" })).expect(200).await;
    root.patch(&app.path(&format!("/tokens/{token}")), json!({ "status": "blocked" })).expect(200).await;
    root.act(&app.path(&format!("/tokens/{token}/revoke"))).expect(200).await;
    root.act(&format!("{of_user}/trusted-devices/revoke-all")).expect(200).await;
    root.post(&format!("{of_user}/sessions/revoke-all"), json!({})).expect(200).await;
    root.act(&format!("{organization}/revoke-access")).expect(200).await;
}

#[test]
fn whatever_takes_rights_away_is_open_without_credit() {
    let names = [
        "revokeToken",
        "suspendSession",
        "revokeSession",
        "revokeAllUserSessions",
        "revokeAllTrustedDevices",
        "revokeUserDelegation",
        "revokeOrganizationAccess",
        "revokeOrganizationInvitation",
        "rejectOrganizationInvitation",
    ];
    let operations = authpi_core::routes::table();
    for name in names {
        assert!(operations.iter().any(|one| one.route.name == name && !one.route.needs_credit), "{name}");
    }
}

#[tokio::test]
async fn an_account_that_pays_in_advance_writes_only_with_credit() {
    let app = App::start_billing(DRIVER, dear()).await;
    let key = app.account_key(&["issuers:read"]).await.0;
    let write = || app.root().post(&app.path("/issuers"), json!({ "name": "i" }));
    write().header("idempotency-key", "before").expect(201).await;
    let method = app.root().post(&app.path("/payment-methods"), wallet()).expect(201).await;
    let account = app.root().get(&app.path("")).expect(200).await;
    assert_eq!((&account.data()["billing_mode"], &account.data()["credits_run_out"]), (&json!("gated"), &json!(true)));
    let refused = write().expect(402).await;
    assert_eq!(refused.refusal().0, "payment_required");
    assert_eq!(refused.body["retryable"], false);
    assert_eq!(refused.body["x402"]["accepts"][0]["amount"], "1000000");
    assert!(!refused.header("payment-required").is_empty());
    app.root().get(&app.path("/issuers")).expect(200).await;
    let replayed = write().header("idempotency-key", "before").expect(201).await;
    assert_eq!(replayed.header("idempotent-replayed"), "true");
    app.root().act(&app.path(&format!("/api-keys/{key}/block"))).expect(200).await;
    app.root().delete(&app.path(&format!("/api-keys/{key}"))).expect(204).await;

    assert_eq!(top_up(&app.root(), &app, 500_000, "n1").await.status, 201);
    write().expect(201).await;
    verify(&app, 2).await;
    let balance = app.root().get(&app.path("")).expect(200).await.data()["balance_\u{3bc}usd"].as_i64().unwrap();
    assert_eq!(balance, 500_000 - 2 * i64::from(u32::MAX) / 10_000);
    let depleted = app.events("event_types=account.credits.depleted").await;
    assert_eq!(depleted.len(), 1);
    assert_eq!(depleted[0]["data"], json!({ "balance_\u{3bc}usd": balance }));
    assert_eq!(depleted[0]["auth"]["type"], "system");
    write().expect(402).await;
    // Another way to pay, and nothing depends on credit any more.
    app.root()
        .patch(&app.path(&format!("/payment-methods/{}", method.id())), json!({ "enabled": false }))
        .expect(200)
        .await;
    write().expect(201).await;
    app.advance(17 * DAY);
    work(&app).await;
    let invoices = app.root().get(&app.path("/invoices")).expect(200).await;
    assert_eq!(
        (&invoices.data()[0]["status"], &invoices.data()[0]["total_\u{3bc}usd"]),
        (&json!("open"), &json!(858_993))
    );
}
