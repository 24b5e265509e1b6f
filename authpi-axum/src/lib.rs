//! authpi on axum: one catch-all that mounts both APIs, and an extractor that protects the host's own routes.
//!
//! ```no_run
//! use authpi_axum::Caller;
//! use authpi_core::AuthPi;
//! use axum::{Router, routing::get};
//!
//! async fn list_invoices(caller: Caller) -> Result<String, authpi_axum::Rejection> {
//!     caller.require("invoices:read")?;
//!     Ok(format!("invoices of {:?}", caller.org()))
//! }
//!
//! fn app(authpi: AuthPi) -> Router {
//!     Router::new()
//!         .route("/invoices", get(list_invoices))
//!         .nest("/identity", authpi_axum::routes(&authpi)) // at the root: .merge(…)
//!         .merge(authpi_axum::well_known(&authpi))
//!         .with_state(authpi)
//! }
//! ```
//!
//! Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that rate limits and IP allowlists know the
//! address of the peer.

mod caller;
mod convert;

use authpi_core::AuthPi;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;

pub use caller::{Caller, Rejection};

/// Both APIs. Nest it under the path of the public URL, or merge it at the root, where the host's own routes win.
pub fn routes<S: Clone + Send + Sync + 'static>(authpi: &AuthPi) -> Router<S> {
    Router::new().fallback(handle).with_state(authpi.clone())
}

/// The documents that standards put at the root of the host, for an API that is mounted under a path: RFC 8414 §3.1.
pub fn well_known<S: Clone + Send + Sync + 'static>(authpi: &AuthPi) -> Router<S> {
    Router::new()
        .route("/.well-known/oauth-authorization-server/{*issuer}", any(authorization_server))
        .with_state(authpi.clone())
}

async fn handle(State(authpi): State<AuthPi>, request: Request) -> Response {
    let request = convert::request(request).await;
    convert::response(authpi.handle(request).await)
}

async fn authorization_server(State(authpi): State<AuthPi>, request: Request) -> Response {
    let mut request = convert::request(request).await;
    let id = request.path.rsplit('/').next().unwrap_or_default();
    request.path = format!("/.well-known/oauth-authorization-server/{id}");
    convert::response(authpi.handle(request).await)
}
