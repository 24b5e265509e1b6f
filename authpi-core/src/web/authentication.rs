//! Who presents which credential (conventions §2).

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName, USER_AGENT};
use zeroize::Zeroizing;

use super::bearer::{self, Place};
use super::caller::{AccountAccess, Caller, Credential, OrganizationAccess};
use super::headers::combined;
use super::place::client_location;
use super::rate_limit::BucketKey;
use super::route::RateClass;
use super::services::{Options, Origin, Services};
use crate::credential::model::{API_KEY_HASH, ApiKeyAuthentication, KeyLevel, Verdict as KeyVerdict};
use crate::error::{Refusal, Unauthenticated};
use crate::event::model::{RequestContext, Trigger};
use crate::id::ApiKeyId;
use crate::network;
use crate::rights::Rights;
use crate::rotating_secret::RotatingSecret;
use crate::session::model::Location;

/// The address that a request comes from: the peer's, or what trusted proxies say (conventions §11).
pub fn client_address(options: &Options, headers: &HeaderMap, peer: Option<IpAddr>) -> IpAddr {
    let forwarded = combined(headers, &HeaderName::from_static("x-forwarded-for"));
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    network::client_address(peer, forwarded.as_deref(), &options.trusted_proxies, options.proxy_hops)
}

/// Longest `User-Agent` that events keep, in characters.
const USER_AGENT_LIMIT: usize = 512;

/// Where a request comes from, as its events tell it.
pub fn request_context(headers: &HeaderMap, location: &Location) -> RequestContext {
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    RequestContext {
        country: location.country.clone(),
        ip: location.ip.clone(),
        user_agent: user_agent.map(|text| text.chars().take(USER_AGENT_LIMIT).collect()),
    }
}

/// Says that a personal token was used from an address that it was never used from before; the user is told
/// (events-webhooks §14). Other calls with it are no verifications, and say nothing.
///
/// # Errors
/// [`Refusal`] when the record cannot be made.
pub async fn announce(
    services: &Services,
    caller: &Caller,
    surface: &'static str,
    trace: Option<String>,
    request: RequestContext,
) -> Result<(), Refusal> {
    let Credential::PersonalToken(token) = &caller.credential else { return Ok(()) };
    if !token.new_ip {
        return Ok(());
    }
    let origin = Origin {
        account_id: caller.tenant,
        actor: caller.actor(),
        trigger: Trigger::Api,
        trace,
        request,
        detail: caller.event_context,
    };
    services.record(origin, Some(caller.issuer_id), token.verified(surface)).await
}

/// Finds out who calls, for either API and for the host's own routes. A failure takes a token from the bucket of the
/// address, so that nobody guesses secrets through whatever route.
///
/// # Errors
/// [`Refusal::Unauthenticated`], [`Refusal::AccessDenied`] and [`Refusal::Malformed`] as they are found; [`Refusal::RateLimited`] for one failure too many.
pub async fn identify(
    services: &Services,
    headers: &HeaderMap,
    query: Option<&str>,
    address: IpAddr,
    place: Place,
) -> Result<Caller, Refusal> {
    let identified = authenticate(services, headers, query, address, place).await;
    if let Err(Refusal::Unauthenticated(_) | Refusal::Malformed(_) | Refusal::AccessDenied(_)) = &identified {
        services.limits.take(RateClass::Unauthenticated, BucketKey::of_address(address))?;
    }
    identified
}

/// The bearer token of a request, when there is one credential and it is that.
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Who presents a credential at a route of the host; the use of a key counts.
///
/// # Errors
/// As [`identify`]; [`Refusal::RateLimited`] over the limit of the key.
pub async fn identify_at_host(
    services: &Services,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
) -> Result<Caller, Refusal> {
    let address = client_address(&services.options, headers, peer);
    let caller = identify(services, headers, None, address, Place::Host).await?;
    let location = client_location(&services.options, headers, peer, address);
    let request = request_context(headers, &location);
    if let Some(key) = &caller.limited_key {
        services.use_own_key(key, caller.origin(None, request.clone())).await?;
    }
    announce(services, &caller, "host", None, request).await?;
    Ok(caller)
}

/// Finds out who calls.
///
/// # Errors
/// [`Refusal::Unauthenticated`]; [`Refusal::AccessDenied`] for an address outside the key's allowlist;
/// [`Refusal::Malformed`] for several credentials, or one in the query.
async fn authenticate(
    services: &Services,
    headers: &HeaderMap,
    query: Option<&str>,
    address: IpAddr,
    place: Place,
) -> Result<Caller, Refusal> {
    if url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).any(|(name, _)| name == "access_token") {
        return Err(Refusal::Malformed("Credentials are not taken from the query; send them in the header."));
    }
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Err(Refusal::Unauthenticated(Unauthenticated::Missing)) };
    if values.next().is_some() {
        return Err(Refusal::Malformed("More than one Authorization header was sent."));
    }
    let value = value.to_str().map_err(|_| Refusal::Unauthenticated(Unauthenticated::Basic))?;
    let (scheme, credentials) = value.split_once(' ').unwrap_or((value, ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return by_api_key(services, credentials.trim(), address).await;
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        return bearer::caller(services, credentials.trim(), address, place).await;
    }
    Err(Refusal::Unauthenticated(Unauthenticated::Basic))
}

async fn by_api_key(services: &Services, encoded: &str, address: IpAddr) -> Result<Caller, Refusal> {
    let refused = Refusal::Unauthenticated(Unauthenticated::Basic);
    let Some((id, secret)) = decoded(encoded) else { return Err(refused) };
    let found = match id.parse::<ApiKeyId>() {
        Ok(id) => services.store.reads().api_keys().authentication(id).await?,
        Err(_) => None,
    };
    let now = services.now();
    let peppers = &services.keyring.peppers;
    let Some(key) = found else {
        // The same work as for a known key, so that time does not tell them apart.
        let _ = RotatingSecret::dummy(peppers).accepts(peppers, API_KEY_HASH, &secret, now);
        return Err(refused);
    };
    match key.verdict(peppers, &secret, Some(address), now) {
        KeyVerdict::Accepted => Ok(caller(&key)),
        KeyVerdict::AddressRefused => Err(Refusal::AccessDenied("The key may not be used from this address.")),
        _ => Err(refused),
    }
}

/// Name and password of an `Authorization` header (RFC 7617 §2).
pub fn basic_credentials(header: &str) -> Option<(String, Zeroizing<String>)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("basic") { decoded(encoded.trim()) } else { None }
}

fn decoded(encoded: &str) -> Option<(String, Zeroizing<String>)> {
    let plain = Zeroizing::new(String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?);
    let (id, secret) = plain.split_once(':')?;
    Some((id.to_owned(), Zeroizing::new(secret.to_owned())))
}

fn caller(key: &ApiKeyAuthentication) -> Caller {
    let account = AccountAccess { account_id: key.account_id, rights: Rights::of_scopes(key.scopes.clone()) };
    Caller {
        credential: Credential::ApiKey(key.id),
        tenant: key.account_id,
        issuer_id: key.issuer_id,
        event_context: key.event_context,
        limited_key: key.limited(),
        accounts: if key.level == KeyLevel::Account { vec![account] } else { Vec::new() },
        organizations: vec![OrganizationAccess { org_id: key.org_id, scopes: key.scopes.clone() }],
    }
}
