//! Payments, and what they are made with.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::App;

use super::{DRIVER, ledger, rates, top_up, wallet};

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
