//! An axum application with an identity platform inside: its own route beside both APIs.

use std::net::SocketAddr;

use authpi_axum::{Caller, Rejection};
use authpi_core::transport::MasterKey;
use authpi_core::urls::Urls;
use authpi_core::{AuthPi, Bootstrap};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

/// Whoever holds `invoices:read` may call this: any key of any tenant organization, and who bears an access token for the
/// URL of its issuer.
async fn list_invoices(caller: Caller) -> Result<Json<Value>, Rejection> {
    caller.require("invoices:read")?;
    Ok(Json(json!({ "for": caller.subject().to_string(), "organization": caller.org(), "invoices": [] })))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In production the key comes from a secret store: without it the database is worth nothing.
    let master_key = MasterKey::new([7; 32]);
    let store = authpi_storage::connect("sqlite::memory:").await?;
    let authpi = AuthPi::builder(store, master_key, Urls::under("http://127.0.0.1:3000/identity")?)
        .transport(authpi_transport::tokio()?)
        .build()
        .await?;
    if let Bootstrap::Pending(pending) = authpi.bootstrap("Main").await? {
        let first = pending.commit().await?;
        show(&format!("curl -u {}:{} {}/v1/me", first.key_id, first.key_secret.expose(), first.core_url));
    }
    let workers = authpi.start();

    let app = Router::new()
        .route("/invoices", get(list_invoices))
        .nest("/identity", authpi_axum::routes(&authpi))
        .merge(authpi_axum::well_known(&authpi))
        .with_state(authpi);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async {
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    workers.stop().await;
    Ok(())
}

#[allow(clippy::print_stdout, reason = "an example talks to a person")]
fn show(text: &str) {
    println!("{text}");
}
