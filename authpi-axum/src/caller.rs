//! Who calls the host's own routes.

use std::fmt;
use std::ops::Deref;

use authpi_core::AuthPi;
use authpi_core::error::Refusal;
use authpi_core::id::OrganizationId;
use authpi_core::web::challenge::Challenge;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use crate::convert;

/// An authenticated caller: an API key by HTTP Basic, or a personal token or JWT access token of this deployment as
/// bearer. Everything of [`authpi_core::web::caller::Caller`] is here.
///
/// An access token is verified by its signature alone, with keys that this process holds; see [`Caller::check_live`].
/// Whom it must be for says [`HostApi`](authpi_core::web::host_api::HostApi), in the options of the engine.
#[derive(Clone)]
pub struct Caller {
    inner: authpi_core::web::caller::Caller,
    authpi: AuthPi,
    challenge: Challenge,
}

impl Caller {
    /// [`require`](authpi_core::web::caller::Caller::require), with an answer that says which scope was missing.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn require(&self, scope: &str) -> Result<(), Rejection> {
        self.inner.require(scope).map_err(|refusal| self.rejection(refusal))
    }

    /// [`require_in`](authpi_core::web::caller::Caller::require_in), with an answer that says which scope was missing.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn require_in(&self, organization: OrganizationId, scope: &str) -> Result<(), Rejection> {
        self.inner.require_in(organization, scope).map_err(|refusal| self.rejection(refusal))
    }

    /// Makes sure that the session, and all else that an access token stands for, is alive now: for what cannot wait
    /// until the token expires. Of a token with which an agent acts in an organization, that is the organization and the
    /// membership of the user there, too. It asks the store.
    ///
    /// # Errors
    /// [`Rejection`].
    pub async fn check_live(&self) -> Result<(), Rejection> {
        self.authpi.check_live(&self.inner).await.map_err(|refusal| self.rejection(refusal))
    }

    fn rejection(&self, refusal: Refusal) -> Rejection {
        Rejection { refusal, challenge: self.challenge.clone() }
    }
}

impl Deref for Caller {
    type Target = authpi_core::web::caller::Caller;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
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
        let challenge = authpi.challenge(&parts.headers);
        match authpi.caller(&parts.headers, convert::peer(&parts.extensions)).await {
            Ok(caller) => Ok(Self { inner: caller, authpi, challenge }),
            Err(refusal) => Err(Rejection { refusal, challenge }),
        }
    }
}

/// A refusal as the answer of a host's route, in the documented shape.
#[derive(Debug)]
pub struct Rejection {
    /// Why.
    pub refusal: Refusal,
    challenge: Challenge,
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, challenge: Challenge::default() }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        convert::response(authpi_core::refuse_with(&self.refusal, &self.challenge))
    }
}
