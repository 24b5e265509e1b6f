//! Where a request came from, as its events keep it (events-webhooks §2, §15).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{EventId, IssuerId};
use crate::seal::Sealed;

/// Where a request came from. Personal data of an acting user: kept apart from the event, sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestContext {
    // In the order of canonical JSON (RFC 8785), which the salted hash is taken over.
    /// ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub country: Option<String>,
    /// Address of the client.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ip: Option<String>,
    /// `User-Agent` header, at most 512 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_agent: Option<String>,
}

impl RequestContext {
    /// Nothing is known.
    pub const fn is_empty(&self) -> bool {
        self.ip.is_none() && self.user_agent.is_none() && self.country.is_none()
    }
}

/// How much of the request context the events of an issuer keep (`settings.security.event_context`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContextDetail {
    /// Address, user agent and country as they came.
    #[default]
    Full,
    /// IPv4 /24, IPv6 /48, browser family.
    Truncated,
    /// Nothing.
    None,
}

/// The context as it stands in the row: a salted hash that the chain covers, and the sealed text that can be erased.
#[derive(Clone, Debug)]
pub struct ContextRecord {
    /// HMAC under the event's salt over the canonical JSON of the context; zeros when there is none
    /// (events-webhooks §15).
    pub hash: [u8; 32],
    /// The context and its salt; gone after erasure.
    pub sealed: Option<SealedContext>,
}

impl ContextRecord {
    /// No context is known or wanted.
    pub const NONE: Self = Self { hash: [0; 32], sealed: None };
}

/// A request context under the root key of an issuer.
#[derive(Clone, Debug)]
pub struct SealedContext {
    /// Whose root key seals it.
    pub root: IssuerId,
    /// [`SaltedContext`] as JSON.
    pub sealed: Sealed,
}

/// What [`SealedContext`] holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SaltedContext {
    /// 32 random bytes, hex.
    pub salt: String,
    /// The context.
    #[serde(flatten)]
    pub context: RequestContext,
}

/// What a sealed context is bound to.
pub fn context_seal(event: EventId) -> String {
    format!("event-context:{event}")
}

impl RequestContext {
    /// As much of it as an issuer wants to keep.
    #[must_use]
    pub fn reduced(&self, detail: ContextDetail) -> Self {
        match detail {
            ContextDetail::Full => self.clone(),
            ContextDetail::None => Self::default(),
            ContextDetail::Truncated => Self {
                ip: self.ip.as_deref().and_then(network),
                user_agent: self.user_agent.as_deref().map(family),
                country: self.country.clone(),
            },
        }
    }
}

/// The /24 of an IPv4 address, the /48 of an IPv6 address.
fn network(ip: &str) -> Option<String> {
    match ip.parse().ok()? {
        std::net::IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            Some(format!("{a}.{b}.{c}.0"))
        }
        std::net::IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            Some(std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).to_string())
        }
    }
}

/// The browser family, or the first product token of other clients.
fn family(user_agent: &str) -> String {
    // Most specific first: nearly every browser also names the ones it descends from.
    const FAMILIES: [(&str, &str); 6] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chromium/", "Chromium"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let known = FAMILIES.iter().find(|(mark, _)| user_agent.contains(mark));
    known.map_or_else(
        || user_agent.split(['/', ' ']).next().unwrap_or_default().chars().take(64).collect(),
        |(_, name)| (*name).to_owned(),
    )
}
