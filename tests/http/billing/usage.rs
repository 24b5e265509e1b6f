//! What is used is counted and stated.

use authpi_core::billing::model::BillingConfig;
use authpi_core::event::catalogue::{self, EventType};
use authpi_core::event::model::Subject;
use authpi_core::id::UserId;
use authpi_core::store::contract::{event, mint};
use authpi_core::transport::Clock;
use serde_json::{Value, json};
use tests::App;

use super::{DAY, DRIVER, ledger, rates, verify, work};

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

async fn line(app: &App, dimension: &str) -> Value {
    let usage = app.root().get(&app.path("/usage")).expect(200).await;
    let lines = usage.data()[0]["lines"].as_array().cloned().unwrap_or_default();
    lines.into_iter().find(|line| line["dimension"] == dimension).unwrap_or(Value::Null)
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
