//! An actix-web application with an identity platform inside: its own route beside both APIs.

use actix_web::{App, HttpResponse, HttpServer, web};
use authpi_actix::{Caller, Rejection};
use authpi_core::transport::MasterKey;
use authpi_core::urls::Urls;
use authpi_core::{AuthPi, Bootstrap};
use serde_json::json;

/// Whoever holds `invoices:read` may call this: any key of any tenant organization, and who bears an access token for the
/// URL of its issuer.
async fn list_invoices(caller: Caller) -> Result<HttpResponse, Rejection> {
    caller.require("invoices:read")?;
    Ok(HttpResponse::Ok()
        .json(json!({ "for": caller.subject().to_string(), "organization": caller.org(), "invoices": [] })))
}

#[actix_web::main]
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

    HttpServer::new(move || {
        App::new()
            .app_data(authpi.clone())
            .route("/invoices", web::get().to(list_invoices))
            .configure(authpi_actix::well_known(&authpi))
            .service(web::scope("/identity").configure(authpi_actix::configure(&authpi)))
    })
    .bind("127.0.0.1:3000")?
    .run()
    .await?;
    workers.stop().await;
    Ok(())
}

#[allow(clippy::print_stdout, reason = "an example talks to a person")]
fn show(text: &str) {
    println!("{text}");
}
