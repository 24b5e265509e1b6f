//! Under which name a request came (idp §1.1, §1.2): the configured base, or a domain of an account that serves one of
//! its issuers. `Host` chooses among these alone; any other name is as the base, and shapes no URL.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::runtime::IssuerCall;
use super::services::Services;
use crate::error::StoreError;
use crate::hostname::Hostname;
use crate::id::IssuerId;
use crate::timestamp::Timestamp;

/// How long it is believed whom a domain serves.
const BELIEVED: Duration = Duration::from_secs(1);

/// Most domains that are held; names that serve nobody are held too, so that they do not cost a question each.
const MOST: usize = 10_000;

/// Whom domains serve, as far as this process knows.
#[derive(Default)]
pub struct Sites(Mutex<HashMap<Hostname, Known>>);

#[derive(Clone, Copy)]
struct Known {
    issuer: Option<IssuerId>,
    at: Timestamp,
}

impl Sites {
    fn find(&self, host: &Hostname, now: Timestamp) -> Option<Known> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(host).copied()?;
        (known.at <= now && now.since(known.at) < BELIEVED).then_some(known)
    }

    fn keep(&self, host: &Hostname, known: Known) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(host) {
            all.clear();
        }
        all.insert(host.clone(), known);
    }
}

impl Services {
    /// The issuer that a domain serves, at most a second old.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn issuer_at(&self, host: &Hostname) -> Result<Option<IssuerId>, StoreError> {
        let now = self.now();
        if let Some(known) = self.sites.find(host, now) {
            return Ok(known.issuer);
        }
        let issuer = self.store.reads().domains().issuer_at(host).await?;
        self.sites.keep(host, Known { issuer, at: now });
        Ok(issuer)
    }

    /// The issuer that goes by `iss`: its canonical URL, or a domain while it is assigned (D3).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn issuer_named(&self, iss: &str) -> Result<Option<IssuerId>, StoreError> {
        if let Some(issuer) = self.urls.issuer_of(iss) {
            return Ok(Some(issuer));
        }
        match domain_of(iss) {
            Some(host) => self.issuer_at(&host).await,
            None => Ok(None),
        }
    }

    /// The same by what this process knows, without the store.
    pub fn issuer_known_as(&self, iss: &str) -> Option<IssuerId> {
        self.urls.issuer_of(iss).or_else(|| self.sites.find(&domain_of(iss)?, self.now())?.issuer)
    }
}

impl IssuerCall {
    /// `iss` is one that the issuer goes by now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn goes_by(&self, iss: &str) -> Result<bool, StoreError> {
        Ok(self.services().issuer_named(iss).await? == Some(self.issuer_id()))
    }
}

/// The domain whose issuer URL this is: in the one way that it is written.
fn domain_of(iss: &str) -> Option<Hostname> {
    let name = iss.strip_prefix("https://")?;
    name.parse().ok().filter(|host: &Hostname| host.as_str() == name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn an_issuer_url_of_a_domain_is_written_in_one_way() {
        assert_eq!(domain_of("https://login.example.com").unwrap().as_str(), "login.example.com");
        for other in [
            "https://login.example.com/",
            "https://LOGIN.example.com",
            "http://login.example.com",
            "https://login.example.com:443",
            "https://login.example.com/i_1",
            "https://localhost",
            "https://user@login.example.com",
        ] {
            assert!(domain_of(other).is_none(), "{other}");
        }
    }
}
