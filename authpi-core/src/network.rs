//! IP networks: allowlists of keys, trusted proxies, and the address a request really comes from.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// Longest spelling: an IPv6 address with an embedded IPv4 address, and a prefix length.
const MAX_BYTES: usize = 49;

/// An address or a CIDR block. IPv4 addresses inside IPv6 (`::ffff:0:0/96`) count as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Neither an IP address nor a CIDR block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an IP address or a CIDR block")]
pub struct InvalidNetwork;

impl Network {
    /// The address lies in this network.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                same_prefix(network.to_bits().into(), address.to_bits().into(), 32, self.prefix)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                same_prefix(network.to_bits(), address.to_bits(), 128, self.prefix)
            }
            _ => false,
        }
    }
}

fn same_prefix(a: u128, b: u128, width: u32, prefix: u8) -> bool {
    let ignored = width.saturating_sub(prefix.into());
    a.checked_shr(ignored).unwrap_or(0) == b.checked_shr(ignored).unwrap_or(0)
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address = IpAddr::from_str(address).map_err(|_| InvalidNetwork)?.to_canonical();
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|bits| *bits <= width).ok_or(InvalidNetwork)?
            }
            Some(_) => return Err(InvalidNetwork),
        };
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    /// A single address without its prefix length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.prefix) {
            (IpAddr::V4(address), 32) => address.fmt(f),
            (IpAddr::V6(address), 128) => address.fmt(f),
            (address, prefix) => write!(f, "{address}/{prefix}"),
        }
    }
}

impl TryFrom<String> for Network {
    type Error = InvalidNetwork;

    fn try_from(text: String) -> Result<Self, InvalidNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl PartialSchema for Network {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom("network".into())))
            .max_length(Some(MAX_BYTES))
            .examples(["203.0.113.0/24"])
            .into()
    }
}

impl ToSchema for Network {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Network")
    }
}

/// What rate limits count an address as: itself, or the /64 of an IPv6 address, which one subscriber owns whole.
pub fn rate_limit_group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The address of the client: the peer, or, when the peer is a trusted proxy, the entry of `X-Forwarded-For` that the
/// outermost of `hops` trusted proxies saw, counted from the right. A header with fewer entries or a malformed entry is
/// not believed.
pub fn client_address(peer: IpAddr, forwarded_for: Option<&str>, trusted: &[Network], hops: usize) -> IpAddr {
    let is_trusted = trusted.iter().any(|network| network.contains(peer));
    let forwarded = forwarded_for
        .filter(|_| is_trusted && hops > 0)
        .and_then(|header| header.rsplit(',').nth(hops - 1))
        .and_then(|entry| entry.trim().parse::<IpAddr>().ok());
    forwarded.unwrap_or(peer).to_canonical()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_block_contains_its_addresses_and_no_others() {
        let block: Network = "10.1.0.0/16".parse().unwrap();
        assert!(block.contains(ip("10.1.255.255")));
        assert!(block.contains(ip("::ffff:10.1.2.3")));
        assert!(!block.contains(ip("10.2.0.0")));
        assert!(!block.contains(ip("::1")));
        let everything: Network = "::/0".parse().unwrap();
        assert!(everything.contains(ip("2001:db8::1")));
        for same in ["10.1.0.0/16", "203.0.113.7", "2001:db8::1", "::/0"] {
            assert_eq!(same.parse::<Network>().map(|network| network.to_string()).as_deref(), Ok(same));
        }
        for bad in ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "localhost", "", "::/129"] {
            assert_eq!(bad.parse::<Network>(), Err(InvalidNetwork), "{bad}");
        }
    }

    #[test]
    fn ten_thousand_addresses_of_one_64_share_a_bucket() {
        let groups: std::collections::BTreeSet<_> = (0..10_000_u128)
            .map(|n| rate_limit_group(IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) | n))))
            .collect();
        assert_eq!(groups.len(), 1);
    }

    #[test]
    fn a_forwarded_header_counts_only_from_a_trusted_proxy() {
        let trusted = ["127.0.0.1".parse().unwrap()];
        let header = Some("6.6.6.6, 203.0.113.7");
        assert_eq!(client_address(ip("198.51.100.1"), header, &trusted, 1), ip("198.51.100.1"));
        assert_eq!(client_address(ip("127.0.0.1"), header, &trusted, 1), ip("203.0.113.7"));
        assert_eq!(client_address(ip("127.0.0.1"), header, &trusted, 3), ip("127.0.0.1"));
        assert_eq!(client_address(ip("127.0.0.1"), header, &trusted, 0), ip("127.0.0.1"));
    }
}
