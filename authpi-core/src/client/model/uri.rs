//! The URIs that a client registers, and how a request's redirect URI is compared with them (idp §5).
//!
//! Parsing is strict and looks at the raw text, which is never normalized: what is accepted here means the same to every
//! parser that meets it later, the browser's included.

use std::net::Ipv6Addr;

use url::{Host, Url};

use crate::error::FieldCode;
use crate::urls::Urls;

/// Longest URI, in bytes.
const MAX_BYTES: usize = 2048;

/// The only hosts that plain http may name: the own machine.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Of these, the addresses on which a native application listens on any free port (RFC 8252 §7.3).
const ANY_PORT: [&str; 2] = ["127.0.0.1", "[::1]"];

/// Why a URI cannot be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUri {
    /// Longer than `MAX_BYTES`.
    #[error("at most 2048 bytes")]
    TooLong,
    /// White space, controls, backslash, non-ASCII, or any other character that RFC 3986 does not have.
    #[error("has a character that a URI cannot have unescaped")]
    Characters,
    /// `#` and what follows it.
    #[error("must have no fragment")]
    Fragment,
    /// `user@`.
    #[error("must have no user information")]
    UserInformation,
    /// No scheme, no host, a host or port that is none.
    #[error("is not an absolute URI with a valid host")]
    Malformed,
    /// `http` elsewhere than on the own machine.
    #[error("plain http is for localhost, 127.0.0.1 and [::1] only")]
    PlainHttp,
    /// Neither https nor http nor a reversed domain name.
    #[error("the scheme must be https, or a reversed domain name followed by :/ for native applications")]
    Scheme,
}

impl InvalidUri {
    /// The code of the field error.
    pub const fn code(self) -> FieldCode {
        match self {
            Self::TooLong => FieldCode::TooLong,
            Self::PlainHttp => FieldCode::NotAllowed,
            _ => FieldCode::InvalidFormat,
        }
    }
}

/// A URI that some client may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientUri<'a> {
    /// `https` to anywhere, `http` to the own machine.
    Web(WebUri<'a>),
    /// The scheme of an application on the user's device (RFC 8252 §7.1).
    PrivateUse,
}

/// An `https` or `http` URI in its parts, as they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebUri<'a> {
    /// `https` or `http`.
    pub scheme: &'a str,
    /// Name, IPv4 address, or IPv6 address in brackets.
    pub host: &'a str,
    /// The port, where one is written.
    pub port: Option<u16>,
    /// Path and query.
    pub rest: &'a str,
}

impl<'a> ClientUri<'a> {
    /// Parses the raw text.
    ///
    /// # Errors
    /// [`InvalidUri`].
    pub fn parse(text: &'a str) -> Result<Self, InvalidUri> {
        check_characters(text)?;
        let (scheme, rest) = text.split_once(':').ok_or(InvalidUri::Malformed)?;
        match scheme {
            "https" | "http" => WebUri::parse_behind(scheme, rest).map(Self::Web),
            _ => private_use(scheme, rest).map(|()| Self::PrivateUse),
        }
    }
}

impl<'a> WebUri<'a> {
    /// Parses the raw text.
    ///
    /// # Errors
    /// [`InvalidUri`], also for the scheme of an application.
    pub fn parse(text: &'a str) -> Result<Self, InvalidUri> {
        match ClientUri::parse(text)? {
            ClientUri::Web(uri) => Ok(uri),
            ClientUri::PrivateUse => Err(InvalidUri::Scheme),
        }
    }

    fn parse_behind(scheme: &'a str, rest: &'a str) -> Result<Self, InvalidUri> {
        let (authority, rest) = split_authority(rest.strip_prefix("//").ok_or(InvalidUri::Malformed)?);
        if authority.contains('@') {
            return Err(InvalidUri::UserInformation);
        }
        let (host, port) = split_port(authority)?;
        if !is_host(host) {
            return Err(InvalidUri::Malformed);
        }
        if scheme == "http" && !LOOPBACK.contains(&host) {
            return Err(InvalidUri::PlainHttp);
        }
        Ok(Self { scheme, host, port, rest })
    }

    /// Scheme, host and port are the same (RFC 6454 §5).
    pub fn has_origin_of(&self, other: &WebUri<'_>) -> bool {
        self.scheme == other.scheme && self.host.eq_ignore_ascii_case(other.host) && self.port() == other.port()
    }

    /// The text is what browsers send as `Origin` (RFC 6454 §6.1), so that it can be compared byte by byte.
    pub fn is_serialized_origin(&self) -> bool {
        let default = if self.scheme == "https" { 443 } else { 80 };
        self.rest.is_empty()
            && self.port != Some(default)
            && Host::parse(self.host).is_ok_and(|host| host.to_string() == self.host)
    }

    fn port(&self) -> u16 {
        self.port.unwrap_or(if self.scheme == "https" { 443 } else { 80 })
    }
}

/// Whether `presented` is the registered redirect URI: equal byte by byte, save that a native application may listen on
/// any port of its own machine (RFC 8252 §7.3).
pub fn redirect_matches(registered: &str, presented: &str, native: bool) -> bool {
    if registered == presented {
        return true;
    }
    let (Ok(registered), Ok(presented)) = (WebUri::parse(registered), WebUri::parse(presented)) else { return false };
    native
        && registered.scheme == "http"
        && ANY_PORT.contains(&registered.host)
        && WebUri { port: None, ..registered } == WebUri { port: None, ..presented }
}

/// Whether what is sent to this redirect URI ends at a program on the device itself: whatever runs there could have
/// claimed it (RFC 8252 §8.6).
pub fn redirect_is_local(uri: &str) -> bool {
    WebUri::parse(uri).map_or(true, |uri| uri.scheme == "http")
}

/// Scheme, host and port of a web URI, as a browser writes them whose page it is (RFC 6454 §6.2).
pub(super) fn origin(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
    Some(url.origin().ascii_serialization())
}

/// Whether a web URI leads to what this deployment itself serves, where nothing of a tenant may run (idp §1.7).
///
/// Compared as a browser and a lenient proxy would read it, not as it is written: a spelling that reaches the base counts
/// as below it.
pub(super) fn lies_under(text: &str, base: &Urls) -> bool {
    Url::parse(text).map_or(true, |uri| base.covers(&uri))
}

/// An absolute URI without fragment (RFC 3986 §4.3), of any scheme.
///
/// # Errors
/// [`InvalidUri`].
pub(super) fn check_absolute(text: &str) -> Result<(), InvalidUri> {
    check_characters(text)?;
    let (scheme, rest) = text.split_once(':').ok_or(InvalidUri::Malformed)?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if is_scheme && !rest.is_empty() { Ok(()) } else { Err(InvalidUri::Malformed) }
}

/// Only the characters of RFC 3986 §2, percent signs only where they escape something.
fn check_characters(text: &str) -> Result<(), InvalidUri> {
    if text.len() > MAX_BYTES {
        return Err(InvalidUri::TooLong);
    }
    if text.contains('#') {
        return Err(InvalidUri::Fragment);
    }
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_fine = match byte {
            b'%' => {
                let is_hex = |digit: Option<u8>| digit.is_some_and(|digit| digit.is_ascii_hexdigit());
                is_hex(bytes.next()) & is_hex(bytes.next())
            }
            _ => byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=".contains(&byte),
        };
        if !is_fine {
            return Err(InvalidUri::Characters);
        }
    }
    Ok(())
}

/// `com.example.app:/callback` or `com.example.app://callback`.
fn private_use(scheme: &str, rest: &str) -> Result<(), InvalidUri> {
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_reversed_domain = scheme.contains('.') && scheme.split('.').all(is_label);
    if !is_reversed_domain || !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !rest.starts_with('/') {
        return Err(InvalidUri::Scheme);
    }
    let Some(behind) = rest.strip_prefix("//") else { return Ok(()) };
    let (authority, _) = split_authority(behind);
    if authority.contains('@') {
        return Err(InvalidUri::UserInformation);
    }
    let (host, port) = split_port(authority)?;
    let is_empty_with_port = host.is_empty() && port.is_some();
    if host.bytes().all(is_name_byte) && !is_empty_with_port { Ok(()) } else { Err(InvalidUri::Malformed) }
}

fn split_authority(text: &str) -> (&str, &str) {
    text.split_at(text.find(['/', '?']).unwrap_or(text.len()))
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), InvalidUri> {
    let end_of_address = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let Some(colon) = authority.get(end_of_address..).and_then(|behind| behind.find(':')) else {
        return Ok((authority, None));
    };
    let (host, port) = authority.split_at(end_of_address + colon);
    let digits = port.trim_start_matches(':');
    let is_number = port.len() == digits.len() + 1 && digits.bytes().all(|digit| digit.is_ascii_digit());
    match digits.parse() {
        Ok(port @ 1..) if is_number && !digits.starts_with('0') => Ok((host, Some(port))),
        _ => Err(InvalidUri::Malformed),
    }
}

/// A host that the URL standard of browsers reads as the same one: no number that is an address in disguise, no broken
/// international name.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let is_name = host.len() <= 253
        && host.bytes().all(is_name_byte)
        && host.split('.').all(|label| (1..=63).contains(&label.len()));
    is_name && Host::parse(host).is_ok_and(|parsed| parsed.to_string().eq_ignore_ascii_case(host))
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

#[cfg(test)]
#[path = "uri_tests.rs"]
mod tests;
