//! Who may come in: a request with its operation is authenticated, limited and authorized, all on the read side.

use std::sync::Arc;

use http::Method;

use super::authentication::{client_address, identify, request_context};
use super::bearer::Place;
use super::call::CallHead;
use super::caller::Caller;
use super::place::client_location;
use super::rate_limit::BucketKey;
use super::request::Request;
use super::route::{Access, RateClass, Route};
use super::router::Matched;
use super::services::Services;
use crate::error::Refusal;
use crate::hostname::Hostname;
use crate::id::AccountId;
use crate::rights::Rights;
use crate::scope::Scope;

/// An operation, and the domain by which the request came to it.
pub(super) struct Placed {
    pub(super) matched: Matched,
    pub(super) site: Option<Hostname>,
}

/// Authenticates, limits and authorizes.
pub(super) async fn admit(
    services: &Arc<Services>,
    request: Request,
    placed: Placed,
    reference: &str,
) -> Result<CallHead, Refusal> {
    let Placed { matched, site } = placed;
    let address = client_address(&services.options, &request.headers, request.peer);
    let route = &matched.operation.route;
    let account: Option<AccountId> = if route.opens_account {
        Some(services.ids.mint(services.now()).map_err(Refusal::internal)?)
    } else {
        parameter(&matched, "account_id")
    };
    let location = client_location(&services.options, &request.headers, request.peer, address);
    let context = request_context(&request.headers, &location);
    let caller = match route.access {
        Access::Issuer if matches!(route.rate, RateClass::Token | RateClass::Proof | RateClass::SsoDiscovery) => None,
        Access::Public | Access::Issuer => {
            services.limits.take(route.rate, BucketKey::of_address(address))?;
            None
        }
        Access::Credential | Access::Scope(_) => {
            let caller = identify(services, &request.headers, request.query.as_deref(), address, Place::Core).await?;
            services.limits.take(route.rate, BucketKey::Credential(caller.credential_id()))?;
            if let Some(key) = &caller.limited_key {
                let origin = caller.origin(Some(reference.to_owned()), context.clone());
                services.use_own_key(key, origin).await?;
            }
            authorize(&caller, route, account)?;
            Some(caller)
        }
    };
    Ok(CallHead {
        services: Arc::clone(services),
        caller,
        account,
        issuer: None,
        site,
        path: matched.path,
        operation: matched.operation,
        raw_query: request.query,
        headers: request.headers.clone(),
        raw_body: request.body,
        reference: reference.to_owned(),
        address,
        location,
        context,
        now: services.now(),
    })
}

fn authorize(caller: &Caller, route: &Route, account: Option<AccountId>) -> Result<(), Refusal> {
    let names_account = route.parameters().next() == Some("account_id");
    let held = account.and_then(|account| caller.in_account(account));
    if names_account && held.is_none() {
        return Err(Refusal::AccessDenied("The credential cannot act on this account."));
    }
    let Access::Scope(required) = route.access else { return Ok(()) };
    let required: Scope = required.parse().map_err(|_| Refusal::internal("a route demands what is no scope"))?;
    let is_removal = route.method == Method::DELETE;
    let is_granted = |held: &Rights| if is_removal { held.grants_removal(&required) } else { held.grants(&required) };
    if held.is_some_and(is_granted) { Ok(()) } else { Err(Refusal::InsufficientScope(required)) }
}

fn parameter<T: std::str::FromStr>(matched: &Matched, name: &str) -> Option<T> {
    matched.path.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.parse().ok())
}
