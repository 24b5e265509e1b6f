//! Who calls the host's own routes.

use std::ops::Deref;

use authpi_core::AuthPi;
use authpi_core::error::Refusal;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use crate::convert;

/// An authenticated caller: an API key by HTTP Basic. Everything of [`authpi_core::web::caller::Caller`] is here.
#[derive(Clone, Debug)]
pub struct Caller(pub authpi_core::web::caller::Caller);

impl Deref for Caller {
    type Target = authpi_core::web::caller::Caller;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<S> FromRequestParts<S> for Caller
where
    AuthPi: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let authpi = AuthPi::from_ref(state);
        let caller = authpi.caller(&parts.headers, convert::peer(&parts.extensions)).await?;
        Ok(Self(caller))
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

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        convert::response(authpi_core::refuse(&self.0))
    }
}
