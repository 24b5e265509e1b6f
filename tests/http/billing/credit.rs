//! What works without credit, and without billing.

use authpi_core::billing::model::BillingConfig;
use serde_json::json;
use tests::App;

use super::{DAY, DRIVER, rates, top_up, verify, wallet, work};

/// Every operation costs a dollar, and nothing is free.
fn dear() -> BillingConfig {
    let mut config = BillingConfig { included_credit: 0, free_active_users: 0, ..rates() };
    config.rates.api_key_verification = u32::MAX;
    config
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
