//! Who presents which credential (conventions §2).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName, USER_AGENT};

use super::caller::{AccountAccess, Caller, Credential, OrganizationAccess};
use super::headers::combined;
use super::personal_token;
use super::rate_limit::BucketKey;
use super::route::RateClass;
use super::services::{Options, Origin, Services};
use crate::credential::model::{API_KEY_HASH, ApiKeyAuthentication, KeyLevel, Verdict as KeyVerdict};
use crate::error::{Refusal, Unauthenticated};
use crate::event::model::{RequestContext, Trigger};
use crate::id::{ApiKeyId, MemberId};
use crate::membership::repository::EffectiveMembership;
use crate::network;
use crate::page::{Limit, MAX_LIMIT, PageRequest};
use crate::rights::Rights;
use crate::rotating_secret::RotatingSecret;
use crate::token::model::{PREFIX, PersonalToken, Verdict};

/// The address that a request comes from: the peer's, or what trusted proxies say (conventions §11).
pub fn client_address(options: &Options, headers: &HeaderMap, peer: Option<IpAddr>) -> IpAddr {
    let forwarded = combined(headers, &HeaderName::from_static("x-forwarded-for"));
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    network::client_address(peer, forwarded.as_deref(), &options.trusted_proxies, options.proxy_hops)
}

/// Longest `User-Agent` that events keep, in characters.
const USER_AGENT_LIMIT: usize = 512;

/// Where a request comes from, as its events tell it.
pub fn request_context(headers: &HeaderMap, address: IpAddr) -> RequestContext {
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    RequestContext {
        country: None,
        ip: Some(address.to_string()),
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
) -> Result<Caller, Refusal> {
    let identified = authenticate(services, headers, query, address).await;
    if let Err(Refusal::Unauthenticated(_) | Refusal::Malformed(_) | Refusal::AccessDenied(_)) = &identified {
        services.limits.take(RateClass::Unauthenticated, BucketKey::of_address(address))?;
    }
    identified
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
        return by_bearer(services, credentials.trim(), address).await;
    }
    Err(Refusal::Unauthenticated(Unauthenticated::Basic))
}

/// The prefix tells the kind of a bearer credential.
async fn by_bearer(services: &Services, credentials: &str, address: IpAddr) -> Result<Caller, Refusal> {
    if credentials.starts_with(PREFIX) {
        return by_personal_token(services, credentials, address).await;
    }
    Err(Refusal::Unauthenticated(Unauthenticated::Bearer))
}

async fn by_personal_token(services: &Services, text: &str, address: IpAddr) -> Result<Caller, Refusal> {
    let refused = Refusal::Unauthenticated(Unauthenticated::Bearer);
    let Ok(found) = personal_token::genuine(services, text).await? else { return Err(refused) };
    match found.token.verdict(Some(address), services.now()) {
        Verdict::Accepted => {}
        Verdict::AddressRefused => return Err(Refusal::AccessDenied("The token may not be used from this address.")),
        _ => return Err(refused),
    }
    let token = &found.token;
    let (accounts, organizations) = memberships(services, token).await?;
    Ok(Caller {
        tenant: token.account_id,
        issuer_id: token.issuer_id,
        event_context: found.event_context,
        limited_key: None,
        accounts,
        organizations,
        credential: Credential::PersonalToken(personal_token::used(services, &found, Some(address)).await?),
    })
}

/// Organizations that are asked about at a time.
const AT_A_TIME: usize = MAX_LIMIT as usize;

/// What the user of a token may do where, as far as the token reaches. Only organizations of the platform issuer can be
/// those of accounts.
///
/// # Security
/// Of somebody who is a member of more than
/// [`EFFECTIVE_MEMBERSHIPS`](crate::membership::repository::EFFECTIVE_MEMBERSHIPS) organizations the first by id count,
/// and the token gives nothing in the others: what one request loads has a bound.
async fn memberships(
    services: &Services,
    token: &PersonalToken,
) -> Result<(Vec<AccountAccess>, Vec<OrganizationAccess>), Refusal> {
    let reads = services.store.reads();
    let limit = &token.restrictions.scopes;
    let held = reads.memberships().effective_scopes(token.issuer_id, MemberId::User(token.user_id)).await?;
    let platform = services.platform().await?.filter(|platform| platform.issuer_id == token.issuer_id);
    let mut of_accounts = BTreeSet::new();
    for some in held.chunks(AT_A_TIME).filter(|_| platform.is_some()) {
        let among: Vec<_> = some.iter().map(|held| held.org_id.account()).collect();
        let page = PageRequest { limit: Limit::new(MAX_LIMIT).unwrap_or_default(), after: None };
        let found = reads.accounts().list(&among, &page).await?;
        of_accounts.extend(found.items.iter().map(|account| account.id.organization()));
    }
    let (mut accounts, mut organizations) = (Vec::new(), Vec::new());
    for EffectiveMembership { org_id, scopes, .. } in held.into_iter().filter(EffectiveMembership::is_in_force) {
        if of_accounts.contains(&org_id) {
            let rights = Rights::of_member(&scopes).within(limit);
            organizations.push(OrganizationAccess { org_id, scopes: rights.to_scopes() });
            accounts.push(AccountAccess { account_id: org_id.account(), rights });
        } else {
            organizations.push(OrganizationAccess { org_id, scopes: scopes.meet(limit) });
        }
    }
    Ok((accounts, organizations))
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

fn decoded(encoded: &str) -> Option<(String, zeroize::Zeroizing<String>)> {
    let plain = zeroize::Zeroizing::new(String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?);
    let (id, secret) = plain.split_once(':')?;
    Some((id.to_owned(), zeroize::Zeroizing::new(secret.to_owned())))
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
