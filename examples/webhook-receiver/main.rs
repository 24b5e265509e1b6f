//! A service that receives webhooks and does nothing else of the platform. Give it the address to listen on, and the secret
//! of the webhook in `WEBHOOK_SECRET`; of the kind `bearer+signature`, its token in `WEBHOOK_TOKEN` as well.

use std::sync::Arc;

use authpi_verifier::{Event, WebhookRefused, WebhookVerifier, kind};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

/// Hears of every event once: one that was handled is a duplicate from then on, and one whose handling failed comes again.
async fn receive(State(verifier): State<Arc<WebhookVerifier>>, headers: HeaderMap, body: Bytes) -> Response {
    let delivery = match verifier.verify(&headers, &body).await {
        Ok(delivery) => delivery,
        Err(refused) => return answer(&refused),
    };
    if let Err(error) = handle(delivery.event()) {
        tracing::warn!(%error, event = delivery.event().id, "not handled; it will come again");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    match delivery.handled().await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// What this service is there for. It must be quick: the sender waits for some seconds.
fn handle(event: &Event) -> Result<(), std::io::Error> {
    match event.kind.as_str() {
        kind::USER_CREATED => say(&format!("welcome, {}", event.subject.user_id.as_deref().unwrap_or_default())),
        kind::SESSION_COMPROMISED => say("somebody has stolen a token"),
        other => say(&format!("{other} is nothing to us")),
    }
}

fn answer(refused: &WebhookRefused) -> Response {
    let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = status.into_response();
    if let Some(seconds) = refused.retry_after() {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:4000".to_owned());
    let secret = std::env::var("WEBHOOK_SECRET").map_err(|_| "WEBHOOK_SECRET is not set")?;
    let mut verifier = WebhookVerifier::new(&secret)?;
    if let Ok(token) = std::env::var("WEBHOOK_TOKEN") {
        verifier = verifier.with_token(&token);
    }
    let app = Router::new()
        .route("/authpi", post(receive))
        .layer(DefaultBodyLimit::max(256 * 1024))
        .with_state(Arc::new(verifier));
    let listener = tokio::net::TcpListener::bind(address).await?;
    say(&format!("listening at http://{}/authpi", listener.local_addr()?))?;
    axum::serve(listener, app).await?;
    Ok(())
}

fn say(text: &str) -> Result<(), std::io::Error> {
    use std::io::Write;
    writeln!(std::io::stdout(), "{text}")
}
