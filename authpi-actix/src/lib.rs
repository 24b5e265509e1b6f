//! authpi on actix-web: one default service that mounts both APIs, and an extractor that protects the host's own
//! routes.
//!
//! ```no_run
//! use actix_web::{App, HttpResponse, web};
//! use authpi_actix::Caller;
//! use authpi_core::AuthPi;
//!
//! async fn list_invoices(caller: Caller) -> Result<HttpResponse, authpi_actix::Rejection> {
//!     caller.require("invoices:read")?;
//!     Ok(HttpResponse::Ok().body(format!("invoices of {:?}", caller.org())))
//! }
//!
//! fn configure(authpi: AuthPi) -> impl FnOnce(&mut web::ServiceConfig) {
//!     move |config| {
//!         config
//!             .app_data(authpi.clone())
//!             .route("/invoices", web::get().to(list_invoices))
//!             .configure(authpi_actix::well_known(&authpi))
//!             .service(web::scope("/identity").configure(authpi_actix::configure(&authpi)));
//!     }
//! }
//! ```

mod caller;
mod convert;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use authpi_core::AuthPi;
use authpi_core::error::Refusal;

pub use caller::{Caller, Rejection};

/// Both APIs, as the default service of a scope with the path of the public URL, or of the application itself.
pub fn configure(authpi: &AuthPi) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let authpi = authpi.clone();
    move |config: &mut ServiceConfig| {
        config.app_data(authpi).default_service(web::to(handle));
    }
}

/// The documents that standards put at the root of the host: of issuers, for an API that is mounted under a path
/// (RFC 8414 §3.1), and of the host's own API, when its audience is a URL (RFC 9728 §3.1).
pub fn well_known(authpi: &AuthPi) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let authpi = authpi.clone();
    move |config: &mut ServiceConfig| {
        let resource = web::resource("/.well-known/oauth-authorization-server/{issuer:.+}");
        config.service(resource.app_data(authpi.clone()).route(web::to(authorization_server)));
        if authpi.resource_metadata().is_some() {
            let paths = ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/{path:.*}"];
            config.service(web::resource(paths).app_data(authpi).route(web::get().to(protected_resource)));
        }
    }
}

async fn handle(request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let Some(authpi) = request.app_data::<AuthPi>().cloned() else {
        return HttpResponse::InternalServerError().finish();
    };
    convert::response(authpi.handle(convert::request(&request, payload).await).await)
}

async fn authorization_server(request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let Some(authpi) = request.app_data::<AuthPi>().cloned() else {
        return HttpResponse::InternalServerError().finish();
    };
    let mut converted = convert::request(&request, payload).await;
    let id = request.uri().path().rsplit('/').next().unwrap_or_default();
    converted.path = format!("/.well-known/oauth-authorization-server/{id}");
    convert::response(authpi.handle(converted).await)
}

async fn protected_resource(request: HttpRequest) -> HttpResponse {
    let metadata = request.app_data::<AuthPi>().and_then(AuthPi::resource_metadata);
    convert::response(match metadata {
        Some((path, answer)) if path == request.uri().path() => answer,
        _ => authpi_core::refuse(&Refusal::NotFound),
    })
}
