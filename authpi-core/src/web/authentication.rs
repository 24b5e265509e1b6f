//! Who presents which credential (conventions §2).

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::caller::{AccountAccess, Caller, Credential, OrganizationAccess};
use super::services::Services;
use crate::credential::model::{API_KEY_HASH, ApiKeyAuthentication, KeyLevel, Verdict};
use crate::error::{Refusal, Unauthenticated};
use crate::id::ApiKeyId;

/// Finds out who calls.
///
/// # Errors
/// [`Refusal::Unauthenticated`]; [`Refusal::AccessDenied`] for an address outside the key's allowlist;
/// [`Refusal::Malformed`] for several credentials, or one in the query.
pub async fn authenticate(
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
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    Err(Refusal::Unauthenticated(if is_bearer { Unauthenticated::Bearer } else { Unauthenticated::Basic }))
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
        let _ = peppers.verify(API_KEY_HASH, secret.as_bytes(), &peppers.dummy());
        return Err(refused);
    };
    match key.verdict(peppers, &secret, Some(address), now) {
        Verdict::Accepted => Ok(caller(&key)),
        Verdict::AddressRefused => Err(Refusal::AccessDenied("The key may not be used from this address.")),
        _ => Err(refused),
    }
}

fn decoded(encoded: &str) -> Option<(String, zeroize::Zeroizing<String>)> {
    let plain = zeroize::Zeroizing::new(String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?);
    let (id, secret) = plain.split_once(':')?;
    Some((id.to_owned(), zeroize::Zeroizing::new(secret.to_owned())))
}

fn caller(key: &ApiKeyAuthentication) -> Caller {
    let account = AccountAccess { account_id: key.account_id, scopes: key.scopes.clone() };
    Caller {
        credential: Credential::ApiKey(key.id),
        tenant: key.account_id,
        issuer_id: key.issuer_id,
        event_context: key.event_context,
        accounts: if key.level == KeyLevel::Account { vec![account] } else { Vec::new() },
        organizations: vec![OrganizationAccess { org_id: key.org_id, scopes: key.scopes.clone() }],
    }
}
