//! Token buckets (conventions §11), in memory, on the injected clock.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as GovernorClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::error::Refusal;
use crate::id::{AccountId, Id};
use crate::network::rate_limit_group;
use crate::transport::Clock;

/// Which token bucket a call draws on (conventions §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RateClass {
    /// Core read.
    Read,
    /// Core write.
    Write,
    /// Checks of credentials: `GET /v1/me` and introspection.
    Verification,
    /// Discovery and JWKS.
    Discovery,
    /// Unauthenticated or failed authentication.
    Unauthenticated,
    /// `/token`, `/introspect`, `/revoke`, for one client from one address.
    Token,
    /// `/authorize`, `/userinfo`, `/logout`, consents, session check.
    Session,
    /// Calls of login flows and of the self-service portal.
    Flow,
    /// Steps inside them that prove something: password, code, link, reset.
    Proof,
    /// `/sso/discover`
    SsoDiscovery,
    /// Events that tell of an overflow: no class of callers.
    Told,
}

/// What a bucket belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BucketKey {
    /// A credential, by the bits of its id.
    Credential(uuid::Uuid),
    /// An address, or the /64 of an IPv6 address.
    Address(IpAddr),
    /// The same in the view of one issuer, or of one client, by the bits of its id.
    AddressAnd(IpAddr, uuid::Uuid),
    /// A mail address, by a keyed hash.
    Mailbox([u8; 32]),
}

/// A bucket has no token left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow {
    /// Whose bucket.
    pub key: BucketKey,
    /// Until there is one.
    pub retry_after: Duration,
}

impl From<Overflow> for Refusal {
    fn from(overflow: Overflow) -> Self {
        Self::RateLimited { retry_after: overflow.retry_after }
    }
}

/// What mail to somebody who has not proven an address is counted by.
#[derive(Clone, Copy, Debug)]
pub struct MailKeys {
    /// The address at one issuer.
    pub address_in_issuer: [u8; 32],
    /// The address at all issuers.
    pub address: [u8; 32],
    /// Who sends.
    pub account: AccountId,
}

impl BucketKey {
    /// The bucket of an address.
    pub fn of_address(address: IpAddr) -> Self {
        Self::Address(rate_limit_group(address))
    }

    /// The bucket of an address at one issuer, or with one client.
    pub fn of_address_and(address: IpAddr, id: uuid::Uuid) -> Self {
        Self::AddressAnd(rate_limit_group(address), id)
    }

    /// Tells it apart from the others of its class.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Credential(id) => id.as_bytes().to_vec(),
            Self::Address(address) => address.to_string().into_bytes(),
            Self::AddressAnd(address, id) => [address.to_string().as_bytes(), id.as_bytes()].concat(),
            Self::Mailbox(hash) => hash.to_vec(),
        }
    }
}

/// The injected clock as governor reads it.
#[derive(Clone)]
struct Ticks(Arc<dyn Clock>);

/// Milliseconds since the epoch, as governor's point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Tick(u64);

impl Reference for Tick {
    fn duration_since(&self, earlier: Self) -> Nanos {
        Nanos::from(Duration::from_millis(self.0.saturating_sub(earlier.0)))
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        let millis = u64::try_from(Duration::from(duration).as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(millis))
    }
}

impl std::ops::Add<Nanos> for Tick {
    type Output = Self;

    fn add(self, duration: Nanos) -> Self {
        let millis = u64::try_from(Duration::from(duration).as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

impl GovernorClock for Ticks {
    type Instant = Tick;

    fn now(&self) -> Tick {
        Tick(u64::try_from(self.0.now().as_millis()).unwrap_or_default())
    }
}

type Buckets = RateLimiter<BucketKey, DashMapStateStore<BucketKey>, Ticks, NoOpMiddleware<Tick>>;

/// The buckets of each class.
struct Classes {
    read: Buckets,
    write: Buckets,
    verification: Buckets,
    discovery: Buckets,
    unauthenticated: Buckets,
    token: Buckets,
    session: Buckets,
    flow: Buckets,
    proof: Buckets,
    sso_discovery: Buckets,
    told: Buckets,
}

impl Classes {
    fn new(clock: &Ticks) -> Self {
        let buckets = |quota| Buckets::new(quota, DashMapStateStore::default(), clock.clone());
        Self {
            read: buckets(quota(50, 200)),
            write: buckets(quota(20, 60)),
            verification: buckets(quota(200, 1_000)),
            discovery: buckets(quota(100, 500)),
            unauthenticated: buckets(quota(1, 20)),
            token: buckets(quota(20, 100)),
            session: buckets(quota(10, 60)),
            flow: buckets(hourly(30 * 60, 30)),
            proof: buckets(hourly(10 * 60, 20)),
            sso_discovery: buckets(hourly(30 * 60, 30)),
            told: buckets(hourly(60, 1)),
        }
    }

    const fn of(&self, class: RateClass) -> &Buckets {
        match class {
            RateClass::Read => &self.read,
            RateClass::Write => &self.write,
            RateClass::Verification => &self.verification,
            RateClass::Discovery => &self.discovery,
            RateClass::Unauthenticated => &self.unauthenticated,
            RateClass::Token => &self.token,
            RateClass::Session => &self.session,
            RateClass::Flow => &self.flow,
            RateClass::Proof => &self.proof,
            RateClass::SsoDiscovery => &self.sso_discovery,
            RateClass::Told => &self.told,
        }
    }

    fn all(&self) -> [&Buckets; 11] {
        [
            &self.read,
            &self.write,
            &self.verification,
            &self.discovery,
            &self.unauthenticated,
            &self.token,
            &self.session,
            &self.flow,
            &self.proof,
            &self.sso_discovery,
            &self.told,
        ]
    }
}

/// All buckets of this process.
pub struct RateLimits {
    classes: Option<Classes>,
    /// To one address at one issuer, once and in an hour; at all issuers; to strangers by account.
    mail: Option<[Buckets; 4]>,
    clock: Ticks,
}

impl RateLimits {
    /// Full buckets; with `enabled` false nothing is ever limited.
    pub fn new(clock: Arc<dyn Clock>, enabled: bool) -> Self {
        let clock = Ticks(clock);
        let classes = enabled.then(|| Classes::new(&clock));
        let mail = enabled.then(|| {
            let quotas = [hourly(60, 1), hourly(5, 5), hourly(20, 20), hourly(STRANGERS_PER_HOUR, 200)];
            quotas.map(|quota| Buckets::new(quota, DashMapStateStore::default(), clock.clone()))
        });
        Self { classes, mail, clock }
    }

    /// Takes a token for one mail that somebody asked for in a login; a proven address leaves the account's bucket for
    /// strangers alone.
    ///
    /// # Errors
    /// [`Overflow`] when there is none.
    pub fn take_mail(&self, keys: &MailKeys) -> Result<(), Overflow> {
        let Some([once, hourly, everywhere, _]) = &self.mail else { return Ok(()) };
        let in_issuer = BucketKey::Mailbox(keys.address_in_issuer);
        self.checked(once, in_issuer)?;
        self.checked(hourly, in_issuer)?;
        self.checked(everywhere, BucketKey::Mailbox(keys.address))
    }

    /// Takes a token for one mail to an address that is not proven.
    ///
    /// # Errors
    /// [`Overflow`] when there is none.
    pub fn take_mail_to_stranger(&self, keys: &MailKeys) -> Result<(), Overflow> {
        let Some(buckets) = &self.mail else { return Ok(()) };
        let in_issuer = BucketKey::Mailbox(keys.address_in_issuer);
        let keys = [in_issuer, in_issuer, BucketKey::Mailbox(keys.address), BucketKey::Credential(keys.account.uuid())];
        for (buckets, key) in buckets.iter().zip(keys) {
            self.checked(buckets, key)?;
        }
        Ok(())
    }

    fn checked(&self, buckets: &Buckets, key: BucketKey) -> Result<(), Overflow> {
        buckets
            .check_key(&key)
            .map_err(|refused| Overflow { key, retry_after: refused.wait_time_from(self.clock.now()) })
    }

    /// Takes one token.
    ///
    /// # Errors
    /// [`Overflow`] when there is none.
    pub fn take(&self, class: RateClass, key: BucketKey) -> Result<(), Overflow> {
        let Some(classes) = &self.classes else { return Ok(()) };
        self.checked(classes.of(class), key)
    }

    /// Forgets buckets that are full again.
    pub fn sweep(&self) {
        for buckets in self.classes.iter().flat_map(Classes::all).chain(self.mail.iter().flatten()) {
            buckets.retain_recent();
            buckets.shrink_to_fit();
        }
    }
}

/// 1,000 a day.
const STRANGERS_PER_HOUR: u32 = 42;

fn hourly(rate: u32, burst: u32) -> Quota {
    let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    Quota::per_hour(at_least_one(rate)).allow_burst(at_least_one(burst))
}

fn quota(rate: u32, burst: u32) -> Quota {
    let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(at_least_one(rate)).allow_burst(at_least_one(burst))
}
