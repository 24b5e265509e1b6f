//! What a host sets.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::host_api::HostApi;
use super::place::LocationHeaders;
use super::portal_secret::PortalSecret;
use crate::billing::model::BillingConfig;
use crate::network::Network;
use crate::transport::PaymentProvider;

/// How many days events can be kept. At least as long as a delivery of them may be tried again.
const RETENTION_DAYS: RangeInclusive<u32> = 8..=36_500;

/// Longest time in which a refresh gets the same answer again.
const LONGEST_GRACE: Duration = Duration::from_secs(30);

/// What a host can set; every field has a default.
#[derive(Clone, Debug)]
pub struct Options {
    /// `source` of events.
    pub event_source: String,
    /// What `source` of delivered events begins with; the id of the webhook follows.
    pub webhook_source: String,
    /// Token buckets of conventions §11 are enforced.
    pub rate_limits: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// How many trusted proxies stand in front, counted from the right of `X-Forwarded-For`.
    pub proxy_hops: usize,
    /// Headers in which the trusted proxy that a request comes from says where the client is.
    pub location: LocationHeaders,
    /// Origins of consoles that may call the Core API from a browser.
    pub console_origins: Vec<String>,
    /// Most per-request events that wait for their batch.
    pub event_buffer: usize,
    /// RSA keys that are kept ready for new issuers.
    pub rsa_pool: usize,
    /// What use costs; without it nothing is counted and nothing costs anything (core-api section 25).
    pub billing: Option<BillingConfig>,
    /// Collects money; without it nobody can pay in.
    pub payments: Option<Arc<dyn PaymentProvider>>,
    /// Days that events are kept, 8 to 36,500; per-request types 30 at the most.
    pub event_retention_days: u32,
    /// How long an identical request for a refresh gets the same answer again, at most 30 seconds; zero by default: a second
    /// use of a refresh token ends its session.
    pub refresh_grace: Duration,
    /// Where breached passwords are looked up by the first five characters of their SHA-1 hash (k-anonymity); without
    /// one, only the built-in list of common ones is looked at.
    pub breach_service: Option<Url>,
    /// What the host's own routes take.
    pub host: HostApi,
    /// What a portal that runs as a process of its own proves itself with (idp §20); without one, no such portal is let in.
    pub portal_secret: Option<PortalSecret>,
    /// Requests under any other name than that of the base, or of a domain that serves an issuer, are answered with 421
    /// (RFC 9110 §15.5.20). By default they are answered as the base, which is what health checks by address need.
    pub refuse_other_hosts: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            event_source: crate::event::model::DEFAULT_SOURCE.to_owned(),
            webhook_source: "com.authpi.webhooks/v1".to_owned(),
            rate_limits: true,
            trusted_proxies: Vec::new(),
            proxy_hops: 0,
            location: LocationHeaders::default(),
            console_origins: Vec::new(),
            event_buffer: 100_000,
            rsa_pool: 4,
            billing: None,
            payments: None,
            event_retention_days: 90,
            refresh_grace: Duration::ZERO,
            breach_service: None,
            host: HostApi::default(),
            portal_secret: None,
            refuse_other_hosts: false,
        }
    }
}

impl Options {
    /// Whether the engine can work with them; what is wrong where it cannot.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if !RETENTION_DAYS.contains(&self.event_retention_days) {
            return Err("event_retention_days must be from 8 to 36500");
        }
        if self.refresh_grace > LONGEST_GRACE {
            return Err("refresh_grace must not be longer than 30 seconds");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_too_short_or_answered_again_too_long_is_refused() {
        let days = |event_retention_days| Options { event_retention_days, ..Options::default() }.check().is_ok();
        assert_eq!([7, 8, 36_500, 36_501].map(days), [false, true, true, false]);
        let millis = |millis| Options { refresh_grace: Duration::from_millis(millis), ..Options::default() };
        assert_eq!([30_000, 30_001].map(|grace| millis(grace).check().is_ok()), [true, false]);
    }
}
