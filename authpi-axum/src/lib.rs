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
use authpi_core::error::Refusal;
use axum::Router;
use axum::extract::{OriginalUri, Request, State};
use axum::response::Response;
use axum::routing::{any, get};

pub use caller::{Caller, Rejection};

/// Both APIs. Nest it under the path of the public URL, or merge it at the root, where the host's own routes win.
pub fn routes<S: Clone + Send + Sync + 'static>(authpi: &AuthPi) -> Router<S> {
    Router::new().fallback(handle).with_state(authpi.clone())
}

/// Where the metadata of the host's own API stand, if its audience has no path, and if it has one.
const RESOURCE: [&str; 2] = ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/{*path}"];

/// The documents that standards put at the root of the host: of issuers, for an API that is mounted under a path
/// (RFC 8414 §3.1), and of the host's own API, when its audience is a URL (RFC 9728 §3.1).
pub fn well_known<S: Clone + Send + Sync + 'static>(authpi: &AuthPi) -> Router<S> {
    let mut router =
        Router::new().route("/.well-known/oauth-authorization-server/{*issuer}", any(authorization_server));
    if authpi.resource_metadata().is_some() {
        for path in RESOURCE {
            router = router.route(path, get(protected_resource));
        }
    }
    router.with_state(authpi.clone())
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

async fn protected_resource(State(authpi): State<AuthPi>, OriginalUri(uri): OriginalUri) -> Response {
    convert::response(match authpi.resource_metadata() {
        Some((path, answer)) if path == uri.path() => answer,
        _ => authpi_core::refuse(&Refusal::NotFound),
    })
}
