//! /v1/accounts/{account_id}/webhooks

mod delivery;
mod dispatch;
mod registration;

use serde_json::Value;
use tests::App;

use super::DRIVER;

async fn create(app: &App, body: Value) -> Value {
    app.root().post(&app.path("/webhooks"), body).expect(201).await.data().clone()
}
