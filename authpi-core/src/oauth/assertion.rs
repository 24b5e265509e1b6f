//! `private_key_jwt` (RFC 7523): a client proves who it is with a token that it has signed itself.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::model::OnceKey;
use super::once::is_first_use;
use crate::client::model::Client;
use crate::error::Refusal;
use crate::key::model::Jws;
use crate::timestamp::Timestamp;
use crate::web::runtime::IssuerCall;

/// Longest life of an assertion, from the moment it is presented.
const LONGEST: i64 = 10 * 60;

/// How far the clock of a client may be off, in seconds.
const LEEWAY: i64 = 30;

/// Longest `jti`, in characters.
const LONGEST_JTI: usize = 256;

/// What may sign an assertion.
const ALGORITHMS: [Algorithm; 4] = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::PS256, Algorithm::RS256];

/// Claims of an assertion. `aud` is one text: neither a list nor an endpoint (draft-ietf-oauth-rfc7523bis).
#[derive(Deserialize)]
struct AssertionClaims {
    iss: String,
    sub: String,
    aud: String,
    jti: String,
    exp: i64,
    #[serde(default)]
    iat: Option<i64>,
    #[serde(default)]
    nbf: Option<i64>,
}

/// The client that an assertion says it is of; nobody vouches for that yet.
pub(super) fn claimed_client(assertion: &str) -> Option<String> {
    let claims: AssertionClaims = Jws::parse(assertion).ok()?.unverified().ok()?;
    Some(claims.sub)
}

/// The assertion is signed by the client, meant for this issuer, in time, and was never used before.
///
/// # Errors
/// [`Refusal::Store`]; what is wrong with the assertion is `false`.
pub(super) async fn proves(call: &IssuerCall, client: &Client, assertion: &str) -> Result<bool, Refusal> {
    let Ok(header) = jsonwebtoken::decode_header(assertion) else { return Ok(false) };
    if !ALGORITHMS.contains(&header.alg) || Jws::parse(assertion).is_ok_and(|jws| jws.has_critical()) {
        return Ok(false);
    }
    let Some(claims) = signed_claims(call, client, assertion, header.alg, header.kid.as_deref()).await? else {
        return Ok(false);
    };
    let id = client.id.to_string();
    let is_theirs = claims.iss == id && claims.sub == id && claims.aud == call.iss();
    if !is_theirs || !is_in_time(&claims, call.now()) || claims.jti.is_empty() || claims.jti.len() > LONGEST_JTI {
        return Ok(false);
    }
    let key = OnceKey::of_assertion(&call.services().keyring.peppers, client.id, &claims.jti);
    let until = Timestamp::from_millis(claims.exp.saturating_add(LEEWAY).saturating_mul(1_000));
    is_first_use(call, key, until).await
}

fn is_in_time(claims: &AssertionClaims, now: Timestamp) -> bool {
    let now = now.as_seconds();
    claims.exp > now
        && claims.exp <= now + LONGEST
        && claims.iat.is_none_or(|at| at <= now + LEEWAY)
        && claims.nbf.is_none_or(|at| at <= now + LEEWAY)
}

/// The claims, if one of the client's keys has signed them with an algorithm that it is for.
async fn signed_claims(
    call: &IssuerCall,
    client: &Client,
    assertion: &str,
    algorithm: Algorithm,
    kid: Option<&str>,
) -> Result<Option<AssertionClaims>, Refusal> {
    let openid = &client.details.settings.openid;
    if let Some(keys) = &openid.jwks {
        return Ok(verified(&keys.keys, assertion, algorithm, kid));
    }
    let Some(uri) = openid.jwks_uri.as_deref().and_then(|uri| Url::parse(uri).ok()) else { return Ok(None) };
    let services = call.services();
    let keys = services.client_keys.find(services, &uri, kid).await;
    Ok(keys.and_then(|keys| verified(&keys, assertion, algorithm, kid)))
}

fn verified(
    keys: &[Map<String, Value>],
    assertion: &str,
    algorithm: Algorithm,
    kid: Option<&str>,
) -> Option<AssertionClaims> {
    let named = |key: &&Map<String, Value>| {
        let theirs = key.get("kid").and_then(Value::as_str);
        kid.is_none() || theirs.is_none() || theirs == kid
    };
    keys.iter().filter(named).filter(|key| fits(key, algorithm)).find_map(|key| {
        let key: Jwk = serde_json::from_value(Value::Object(key.clone())).ok()?;
        let key = DecodingKey::from_jwk(&key).ok()?;
        let mut validation = Validation::new(algorithm);
        // Time and audience are checked by our own, stricter rules.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let token = jsonwebtoken::decode::<AssertionClaims>(assertion, &key, &validation).ok()?;
        Some(token.claims)
    })
}

/// The key is of the kind that the algorithm needs, and not set aside for something else.
fn fits(key: &Map<String, Value>, algorithm: Algorithm) -> bool {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let (kind, name) = match algorithm {
        Algorithm::ES256 => ("EC", "ES256"),
        Algorithm::EdDSA => ("OKP", "EdDSA"),
        Algorithm::PS256 => ("RSA", "PS256"),
        Algorithm::RS256 => ("RSA", "RS256"),
        _ => return false,
    };
    text("kty") == Some(kind)
        && text("alg").is_none_or(|alg| alg == name)
        && text("use").is_none_or(|usage| usage == "sig")
        // Shorter RSA keys are refused when a client is saved; keys behind a URL are checked here.
        && (kind != "RSA" || text("n").is_some_and(|n| n.len() >= SHORTEST_MODULUS))
}

/// 2048 bit in base64url without padding.
const SHORTEST_MODULUS: usize = 342;
