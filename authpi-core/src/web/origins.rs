//! Which pages may call an issuer from a browser, and read what it answers (idp §1.6, D183).

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN};
use http::{Method, StatusCode};

use super::answer::Answer;
use super::authentication::client_address;
use super::headers::{preflight_of_issuer, preflight_of_page, shared_by_issuer, shared_with_page};
use super::rate_limit::BucketKey;
use super::request::Request;
use super::route::RateClass;
use super::router::{Matched, Router};
use super::runtime::IssuerCall;
use super::services::Services;
use crate::id::IssuerId;
use crate::issuer::model::RuntimeIssuer;
use crate::oauth_error::{OAuthCode, OAuthError};

/// Who may read the answer besides our own pages.
#[derive(Clone, Copy)]
pub(super) enum Sharing {
    /// A page of the client that it is for.
    Client,
    /// A page of the issuer, which the browser sends cookies for.
    Page,
}

/// The answer to a page that is about to call an endpoint of an issuer: of some client, it does not say which (D14), or
/// one that the issuer has in the place of ours (D183).
pub(super) async fn preflight(
    services: &Arc<Services>,
    router: &Router,
    request: &Request,
    origin: Option<&HeaderValue>,
) -> Option<Answer> {
    let method = request.headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    let matched = router.find(&method, &request.path).ok()?;
    let route = &matched.operation.route;
    if !route.shared_with_clients && !route.shared_with_pages {
        return None;
    }
    let address = client_address(&services.options, &request.headers, request.peer);
    services.limits.take(RateClass::Session, BucketKey::of_address(address)).ok()?;
    let issuer = matched.path.first()?.1.parse().ok()?;
    let (origin, asking) = (origin?, origin?.to_str().ok()?);
    if route.shared_with_pages {
        let found = services.runtime_issuer(issuer).await.ok()??;
        return is_page_of(&found, asking).then(|| preflight_of_page(origin));
    }
    let clients = services.store.reads().clients().active_details(issuer).await.ok()?;
    let is_theirs = clients.iter().any(|client| client.origins().any(|known| known == asking));
    is_theirs.then(|| preflight_of_issuer(Some(origin.clone())))
}

fn is_page_of(issuer: &RuntimeIssuer, origin: &str) -> bool {
    issuer.issuer.details.settings.portals.origins().any(|known| known == origin)
}

/// A call of some page to an endpoint that pages of an issuer may call. Whatever is answered, also what the pipeline
/// refuses before the endpoint is asked, or gives up afterwards: a page that the issuer has can read it.
pub(super) struct PageCall {
    issuer: IssuerId,
    origin: HeaderValue,
    address: IpAddr,
}

impl PageCall {
    pub(super) fn of(services: &Services, request: &Request, matched: &Matched) -> Option<Self> {
        let issuer = matched.path.first().filter(|_| matched.operation.route.shared_with_pages)?.1.parse().ok()?;
        let mut origins = request.headers.get_all(ORIGIN).iter();
        let origin = origins.next().filter(|_| origins.next().is_none())?.clone();
        let address = client_address(&services.options, &request.headers, request.peer);
        Some(Self { issuer, origin, address })
    }

    /// A store that does not answer is not waited for once more, and refusals cost it no more than preflights do: what
    /// this process has seen last must do then.
    fn may_ask(&self, services: &Services, status: StatusCode) -> bool {
        let bucket = BucketKey::of_address(self.address);
        status != StatusCode::SERVICE_UNAVAILABLE && services.limits.take(RateClass::Session, bucket).is_ok()
    }

    /// The answer is a refusal that its page could not read yet, and may.
    pub(super) async fn may_read(&self, services: &Services, answer: &Answer) -> bool {
        let is_refusal = answer.status.is_client_error() || answer.status.is_server_error();
        if !is_refusal || answer.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return false;
        }
        let known = match services.known_issuer(self.issuer) {
            Some(known) => Some(known),
            None if self.may_ask(services, answer.status) => services.runtime_issuer(self.issuer).await.ok().flatten(),
            None => services.issuers.find(self.issuer),
        };
        known.is_some_and(|known| self.origin.to_str().is_ok_and(|origin| is_page_of(&known, origin)))
    }

    /// The answer as its page can read it.
    pub(super) fn shared(&self, answer: Answer) -> Answer {
        shared_with_page(answer, &self.origin)
    }
}

impl IssuerCall {
    /// The page that calls is ours, or the issuer has it in the place of ours. Our own forms send `Origin: null` under `no-referrer`, so that admits nobody by itself: a
    /// ticket does (D137).
    ///
    /// # Errors
    /// `access_denied`.
    pub fn require_same_origin(&self) -> Result<(), OAuthError> {
        const FOREIGN: OAuthError = OAuthError::new(OAuthCode::AccessDenied, "The call comes from another site.");
        let own = url::Url::parse(&self.iss()).ok().map(|url| url.origin().ascii_serialization());
        let is_theirs = matches!(self.shared.get(), Some(Sharing::Page));
        let is_own = |origin: &str| origin == "null" || Some(origin) == own.as_deref() || is_theirs;
        if self.headers().contains_key(ORIGIN) && !self.header(&ORIGIN).is_some_and(is_own) {
            return Err(FOREIGN);
        }
        match self.headers().get("sec-fetch-site") {
            Some(site) if site != "same-origin" && !(is_theirs && site == "same-site") => Err(FOREIGN),
            _ => Ok(()),
        }
    }

    /// The page that asks may read the answer, if it is of one of these origins (idp §1.6).
    pub fn share_with(&self, mut origins: impl Iterator<Item = String>) {
        let asking = self.header(&ORIGIN);
        if asking.is_some_and(|asking| origins.any(|origin| origin == asking)) {
            let _ = self.shared.set(Sharing::Client);
        }
    }

    /// A page that the issuer has in the place of ours may read the answer (D183).
    pub(super) fn share_with_pages(&self) {
        if self.head.operation.route.shared_with_pages && self.is_page_of_issuer() {
            let _ = self.shared.set(Sharing::Page);
        }
    }

    fn is_page_of_issuer(&self) -> bool {
        self.header(&ORIGIN).is_some_and(|asking| is_page_of(self.issuer(), asking))
    }

    /// The answer with the headers that let the asking page read it.
    pub(super) fn finished(&self, answer: Answer) -> Answer {
        match (self.headers().get(ORIGIN), self.shared.get()) {
            (Some(origin), Some(Sharing::Client)) => shared_by_issuer(answer, origin),
            (Some(origin), Some(Sharing::Page)) => shared_with_page(answer, origin),
            _ => answer,
        }
    }
}
