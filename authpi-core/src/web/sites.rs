//! Under which name a request came (idp §1.1, §1.2): the configured base, or a domain of an account that serves one of
//! its issuers. `Host` chooses among these alone; any other name is as the base, and shapes no URL.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::authentication::client_address;
use super::rate_limit::{BucketKey, RateClass};
use super::request::Request;
use super::runtime::IssuerCall;
use super::services::Services;
use crate::error::{Refusal, StoreError};
use crate::hostname::Hostname;
use crate::id::IssuerId;
use crate::store::Reads;
use crate::timestamp::Timestamp;

/// How long it is believed whom a domain serves.
const BELIEVED: Duration = Duration::from_secs(1);

/// Most domains of each kind that are held: names that serve nobody are held too, so that they cost no question each.
const MOST: usize = 10_000;

/// Whom a domain serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// This issuer.
    Serves(IssuerId),
    /// Nobody.
    Idle,
}

impl Site {
    /// The issuer.
    pub const fn issuer(self) -> Option<IssuerId> {
        match self {
            Self::Serves(issuer) => Some(issuer),
            Self::Idle => None,
        }
    }
}

/// Whom domains serve, as far as this process knows.
#[derive(Default)]
pub struct Sites(Mutex<Known>);

#[derive(Default)]
struct Known {
    serving: HashMap<Hostname, (IssuerId, Timestamp)>,
    /// Apart, so that invented names displace none that serves somebody.
    idle: HashMap<Hostname, Timestamp>,
}

impl Sites {
    /// `None` when nothing is known.
    fn find(&self, host: &Hostname, now: Timestamp) -> Option<Site> {
        let is_believed = |at: Timestamp| at <= now && now.since(at) < BELIEVED;
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((issuer, _)) = known.serving.get(host).filter(|(_, at)| is_believed(*at)) {
            return Some(Site::Serves(*issuer));
        }
        known.idle.get(host).filter(|at| is_believed(**at)).map(|_| Site::Idle)
    }

    fn keep(&self, host: &Hostname, issuer: Option<IssuerId>, now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(issuer) = issuer {
            known.idle.remove(host);
            keep_in(&mut known.serving, host, (issuer, now));
        } else {
            known.serving.remove(host);
            keep_in(&mut known.idle, host, now);
        }
    }
}

fn keep_in<T>(all: &mut HashMap<Hostname, T>, host: &Hostname, value: T) {
    if all.len() >= MOST && !all.contains_key(host) {
        all.clear();
    }
    all.insert(host.clone(), value);
}

impl Services {
    /// What this process knows of whom a domain serves; `None` when it must ask the store.
    pub fn known_site(&self, host: &Hostname) -> Option<Site> {
        self.sites.find(host, self.now())
    }

    /// The issuer that a domain serves, at most a second old.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn issuer_at(&self, host: &Hostname) -> Result<Option<IssuerId>, StoreError> {
        let now = self.now();
        if let Some(known) = self.sites.find(host, now) {
            return Ok(known.issuer());
        }
        let issuer = self.store.reads().domains().issuer_at(host).await?;
        self.sites.keep(host, issuer, now);
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

    /// The same within a unit of work, which takes no second connection for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn issuer_named_in(&self, reads: &dyn Reads, iss: &str) -> Result<Option<IssuerId>, StoreError> {
        if let Some(issuer) = self.urls.issuer_of(iss) {
            return Ok(Some(issuer));
        }
        let Some(host) = domain_of(iss) else { return Ok(None) };
        match self.known_site(&host) {
            Some(site) => Ok(site.issuer()),
            None => reads.domains().issuer_at(&host).await,
        }
    }

    /// The same by what this process knows, without the store.
    pub fn issuer_known_as(&self, iss: &str) -> Option<IssuerId> {
        self.urls.issuer_of(iss).or_else(|| self.known_site(&domain_of(iss)?)?.issuer())
    }

    /// Where a request leads: at a domain of an account to the issuer that it serves, as if that stood in the path.
    ///
    /// # Errors
    /// [`Refusal::RateLimited`]; [`Refusal::Store`]; [`Refusal::MisdirectedRequest`] where other names are refused.
    pub(super) async fn place(&self, request: &mut Request) -> Result<Option<Hostname>, Refusal> {
        let Some(host) = request.host.as_ref().filter(|host| !self.urls.is_base_host(host)) else {
            return Ok(None);
        };
        let host: Option<Hostname> = host.parse().ok();
        let issuer = if let Some(host) = &host {
            if self.known_site(host).is_none() {
                // The store is not asked for any number of names.
                let address = client_address(&self.options, &request.headers, request.peer);
                self.limits.take(RateClass::Discovery, BucketKey::of_address(address))?;
            }
            self.issuer_at(host).await?
        } else {
            None
        };
        if let Some(issuer) = issuer {
            request.path.insert_str(0, &format!("/{issuer}"));
            return Ok(host);
        }
        if self.options.refuse_other_hosts { Err(Refusal::MisdirectedRequest) } else { Ok(None) }
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
    use crate::id::Id as _;

    #[test]
    fn invented_names_displace_none_that_serves_somebody() {
        let (sites, now) = (Sites::default(), Timestamp::from_millis(1));
        let issuer = IssuerId::from_uuid(uuid::Uuid::from_u128(1));
        let host = "login.example.com".parse().unwrap();
        sites.keep(&host, Some(issuer), now);
        for number in 0..=MOST {
            sites.keep(&format!("h{number}.example.com").parse().unwrap(), None, now);
        }
        assert_eq!(sites.find(&host, now), Some(Site::Serves(issuer)));
        assert!(sites.0.lock().unwrap().idle.len() <= MOST);
        assert_eq!(sites.find(&host, now.plus(BELIEVED)), None, "it is asked again");
        sites.keep(&host, None, now);
        assert_eq!(sites.find(&host, now), Some(Site::Idle));
    }

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
