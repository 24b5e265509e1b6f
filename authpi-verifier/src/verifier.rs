//! The verifier: keys of one issuer, fetched and held.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::lock::Mutex;
use serde::Deserialize;

use crate::claims::{Claims, Token};
use crate::error::{InvalidIssuer, Refused};
use crate::fetch::{Fetch, FetchError};
use crate::jws::Jws;
use crate::key::{Keys, keys};

/// `typ` of an access token (RFC 9068 §2.1). It keeps ID and refresh tokens out.
const TYP: &str = "at+jwt";

/// Keys are fresh for so many seconds, as issuers say of them in `Cache-Control`: a withdrawn key is good for no longer.
const FRESH: i64 = 300;

/// Keys that cannot be fetched again are used for so many seconds.
const USABLE: i64 = 3_600;

/// Seconds between two fetches: tokens with invented keys do not make a flood of requests.
const COOL_DOWN: i64 = 30;

/// The same, as long as there are no keys at all.
const FIRST_COOL_DOWN: i64 = 1;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, in Unix seconds.
    fn now(&self) -> i64;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }
}

/// Keys, and when they were fetched.
struct Held {
    keys: Keys,
    at: i64,
}

impl Held {
    fn is_younger(&self, than: i64, now: i64) -> bool {
        // A clock that was set back makes them old.
        (0..than).contains(&(now - self.at))
    }
}

/// Verifies access tokens of one issuer for one API. Make one and share it.
pub struct Verifier<F, C = SystemClock> {
    issuer: String,
    audience: String,
    fetch: F,
    clock: C,
    held: RwLock<Option<Arc<Held>>>,
    /// When keys were last asked for. Whoever holds the lock asks.
    asked: Mutex<Option<i64>>,
}

/// The discovery document, as far as it matters here.
#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

/// Whose token it says it is.
#[derive(Deserialize)]
struct Claimed {
    iss: String,
}

impl<F: Fetch> Verifier<F> {
    /// A verifier of tokens of `issuer` that are for `audience`: both compared as they stand in the token.
    ///
    /// # Errors
    /// [`InvalidIssuer`].
    pub fn new(issuer: &str, audience: &str, fetch: F) -> Result<Self, InvalidIssuer> {
        Self::with_clock(issuer, audience, fetch, SystemClock)
    }
}

impl<F: Fetch, C: Clock> Verifier<F, C> {
    /// The same with another clock than the machine's.
    ///
    /// # Errors
    /// [`InvalidIssuer`].
    pub fn with_clock(issuer: &str, audience: &str, fetch: F, clock: C) -> Result<Self, InvalidIssuer> {
        if !is_safe(issuer) || issuer.ends_with('/') {
            return Err(InvalidIssuer);
        }
        let (issuer, audience) = (issuer.to_owned(), audience.to_owned());
        Ok(Self { issuer, audience, fetch, clock, held: RwLock::default(), asked: Mutex::default() })
    }

    /// Verifies the value of an `Authorization` header.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn authorization(&self, value: Option<&str>) -> Result<Token, Refused> {
        let (scheme, token) = value.and_then(|value| value.split_once(' ')).ok_or(Refused::Missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refused::Missing);
        }
        self.verify(token.trim()).await
    }

    /// Verifies a token: its type, issuer, signature, audience and time.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn verify(&self, text: &str) -> Result<Token, Refused> {
        let jws = Jws::parse(text).ok_or(Refused::Malformed)?;
        if jws.typ() != Some(TYP) {
            return Err(Refused::Type);
        }
        // Tokens of others do not make us fetch keys.
        if jws.unverified::<Claimed>().ok_or(Refused::Malformed)?.iss != self.issuer {
            return Err(Refused::Issuer);
        }
        let kid = jws.kid().ok_or(Refused::Malformed)?;
        let held = self.keys_with(kid).await?;
        let claims: Claims = jws.verified(held.keys.get(kid).ok_or(Refused::UnknownKey)?)?;
        if claims.iss != self.issuer {
            return Err(Refused::Issuer);
        }
        if !claims.aud.names(&self.audience) {
            return Err(Refused::Audience);
        }
        let now = self.clock.now();
        if claims.exp <= now || claims.nbf.is_some_and(|nbf| nbf > now) {
            return Err(Refused::Expired);
        }
        Ok(Token::new(claims))
    }

    /// Keys that have been fetched lately, or that know `kid`; those that there are, when it is too early to ask again.
    async fn keys_with(&self, kid: &str) -> Result<Arc<Held>, Refused> {
        if let Some(held) = self.fresh_with(kid) {
            return Ok(held);
        }
        let mut asked = match (self.asked.try_lock(), self.usable()) {
            (Some(asked), _) => asked,
            // Somebody is asking already, and these are good for a while.
            (None, Some(held)) if held.keys.contains_key(kid) => return Ok(held),
            (None, _) => self.asked.lock().await,
        };
        if let Some(held) = self.fresh_with(kid) {
            return Ok(held);
        }
        let (now, usable) = (self.clock.now(), self.usable());
        let pause = if usable.is_some() { COOL_DOWN } else { FIRST_COOL_DOWN };
        let is_early = asked.is_some_and(|asked| (0..pause).contains(&(now - asked)));
        if is_early {
            return usable.ok_or_else(|| Refused::Unavailable(FetchError::new("the issuer did not answer just now")));
        }
        *asked = Some(now);
        match (self.fetched().await, usable) {
            (Ok(keys), _) => {
                let held = Arc::new(Held { keys, at: now });
                *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&held));
                Ok(held)
            }
            (Err(_), Some(usable)) => Ok(usable),
            (Err(error), None) => Err(Refused::Unavailable(error)),
        }
    }

    fn fresh_with(&self, kid: &str) -> Option<Arc<Held>> {
        self.younger(FRESH).filter(|held| held.keys.contains_key(kid))
    }

    fn usable(&self) -> Option<Arc<Held>> {
        self.younger(USABLE)
    }

    fn younger(&self, than: i64) -> Option<Arc<Held>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner).clone();
        held.filter(|held| held.is_younger(than, self.clock.now()))
    }

    async fn fetched(&self) -> Result<Keys, FetchError> {
        let document = self.fetch.fetch(format!("{}/.well-known/openid-configuration", self.issuer)).await?;
        let configuration: Configuration = serde_json::from_slice(&document).map_err(FetchError::new)?;
        // OpenID Connect Discovery §4.3: who answers for another issuer is not it.
        if configuration.issuer != self.issuer {
            return Err(FetchError::new("the discovery document is of another issuer"));
        }
        if !is_safe(&configuration.jwks_uri) {
            return Err(FetchError::new("the keys are not published over TLS"));
        }
        let set = self.fetch.fetch(configuration.jwks_uri).await?;
        keys(&set).ok_or_else(|| FetchError::new("the issuer publishes no key set"))
    }
}

/// Over TLS, or to the own machine.
fn is_safe(url: &str) -> bool {
    let ends = |rest: &str| rest.is_empty() || rest.starts_with([':', '/']);
    let is_loopback =
        |host: &str| url.strip_prefix("http://").and_then(|rest| rest.strip_prefix(host)).is_some_and(ends);
    let is_plain = !url.contains(['?', '#', '@']) && url.bytes().all(|byte| byte.is_ascii_graphic());
    is_plain
        && (url.len() > 8 && url.starts_with("https://")
            || ["127.0.0.1", "localhost", "[::1]"].into_iter().any(is_loopback))
}

#[cfg(test)]
mod tests {
    use super::is_safe;

    #[test]
    fn an_issuer_is_reached_over_tls_or_on_the_own_machine() {
        for good in ["https://id.example.com/i_1", "http://127.0.0.1:8787/i_1", "http://localhost", "http://[::1]:1/x"]
        {
            assert!(is_safe(good), "{good}");
        }
        for bad in
            ["http://id.example.com", "http://localhost.example.com", "http://127.0.0.1@x", "https://", "", "ftp://x"]
        {
            assert!(!is_safe(bad), "{bad}");
        }
    }
}
