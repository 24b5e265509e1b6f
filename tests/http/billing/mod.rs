//! …/usage, …/credits, …/invoices and …/payment-methods

mod credit;
mod payment;
mod usage;

use std::time::Duration;

use authpi_core::billing::model::BillingConfig;
use authpi_core::worker;
use serde_json::{Value, json};
use tests::{App, Caller};

use super::DRIVER;

const DAY: Duration = Duration::from_hours(24);

/// The published rates, without a trial.
fn rates() -> BillingConfig {
    BillingConfig { trial_days: 0, ..BillingConfig::default() }
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

async fn top_up(caller: &Caller, app: &App, amount: i64, nonce: &str) -> tests::Reply {
    let body = json!({ "amount_\u{3bc}usd": amount, "payment": { "nonce": nonce } });
    caller.post(&app.path("/credits/topups"), body).send().await
}
