//! Who calls the host's own routes.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};
use authpi_core::AuthPi;
use authpi_core::error::Refusal;

use crate::convert;

/// An authenticated caller: an API key by HTTP Basic. Everything of [`authpi_core::web::caller::Caller`] is here.
/// Needs the [`AuthPi`] as `app_data` of the application or scope.
#[derive(Clone, Debug)]
pub struct Caller(pub authpi_core::web::caller::Caller);

impl Deref for Caller {
    type Target = authpi_core::web::caller::Caller;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl FromRequest for Caller {
    type Error = Rejection;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Rejection>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let authpi = request.app_data::<AuthPi>().cloned();
        let headers = convert::headers(request);
        let peer = request.peer_addr().map(|address| address.ip());
        Box::pin(async move {
            let authpi = authpi.ok_or_else(|| Refusal::internal("no AuthPi in the app_data of this route"))?;
            Ok(Self(authpi.caller(&headers, peer).await?))
        })
    }
}

/// A refusal as the answer of a host's route, in the documented shape.
#[derive(Debug)]
pub struct Rejection(pub Refusal);

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Rejection {
    fn status_code(&self) -> actix_web::http::StatusCode {
        self.error_response().status()
    }

    fn error_response(&self) -> HttpResponse {
        convert::response(authpi_core::refuse(&self.0))
    }
}
