//! Parameters of OAuth requests, from a query or a form (RFC 6749 appendix B). Unknown ones are ignored.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use crate::oauth_error::OAuthError;

/// Parameters that may stand more than once (RFC 8707 §2, RFC 8693 §2.1).
const REPEATABLE: [&str; 2] = ["resource", "audience"];

/// More parameters than any request has.
const MOST: usize = 128;

/// The parameters of one request. Values may be secret: they are wiped, and never shown.
#[derive(Default)]
pub struct Parameters(Vec<(String, Zeroizing<String>)>);

impl Parameters {
    /// Takes a query or a form apart.
    ///
    /// # Errors
    /// `invalid_request` for bytes that are no UTF-8 text, for NUL characters, and for too many parameters.
    pub fn parse(raw: &[u8]) -> Result<Self, OAuthError> {
        const MALFORMED: OAuthError = OAuthError::invalid_request("The parameters are not form-encoded UTF-8.");
        let raw = std::str::from_utf8(raw).map_err(|_| MALFORMED)?;
        let mut found = Vec::new();
        for part in raw.split('&').filter(|part| !part.is_empty()) {
            if found.len() == MOST {
                return Err(OAuthError::invalid_request("There are too many parameters."));
            }
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decoded(name).ok_or(MALFORMED)?, decoded(value).ok_or(MALFORMED)?);
            found.push((name, Zeroizing::new(value)));
        }
        Ok(Self(found))
    }

    /// The value of a parameter; one without a value counts as left out (RFC 6749 §3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The value of a parameter that must be there.
    ///
    /// # Errors
    /// `missing`.
    pub fn require(&self, name: &str, missing: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or(OAuthError::invalid_request(missing))
    }

    /// All values of a parameter, in order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.0.iter().filter(move |(known, value)| known == name && !value.is_empty());
        values.map(|(_, value)| value.as_str())
    }

    /// A parameter stands more than once, with or without a value.
    pub fn repeats(&self, name: &str) -> bool {
        self.0.iter().filter(|(known, _)| known == name).nth(1).is_some()
    }

    /// Nothing stands twice but what may.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn distinct(&self) -> Result<(), OAuthError> {
        let names = self.0.iter().map(|(name, _)| name.as_str());
        let mut repeated = names.filter(|name| !REPEATABLE.contains(name) && self.repeats(name));
        match repeated.next() {
            Some(_) => Err(OAuthError::invalid_request("A parameter is repeated.")),
            None => Ok(()),
        }
    }
}

fn decoded(text: &str) -> Option<String> {
    let spaced: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    (!decoded.contains('\0')).then(|| decoded.into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn parse(raw: &str) -> Parameters {
        Parameters::parse(raw.as_bytes()).unwrap()
    }

    #[test]
    fn values_are_decoded_once_and_empty_ones_are_left_out() {
        let found = parse("a=x+y%2B%25&b=&c&d=%C3%A9&&a%3D=1");
        assert_eq!(found.get("a"), Some("x y+%"));
        assert_eq!((found.get("b"), found.get("c"), found.get("d")), (None, None, Some("é")));
        assert_eq!(found.get("a="), Some("1"));
    }

    #[test]
    fn only_resources_may_stand_twice() {
        assert!(parse("resource=a&resource=b&resource=a&audience=a&audience=b&x=1").distinct().is_ok());
        for raw in ["x=1&x=1", "x=&x=", "client_id=a&client_id=b", "x&x=2", "%78=1&x=2"] {
            assert!(parse(raw).distinct().is_err(), "{raw}");
        }
        assert_eq!(parse("resource=b&resource=a&resource=b").all("resource").collect::<Vec<_>>(), ["b", "a", "b"]);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for raw in [&b"a=%ff"[..], b"a=\xff", b"a=%00", b"%00=a"] {
            assert!(Parameters::parse(raw).is_err());
        }
        assert!(Parameters::parse("a=1&".repeat(MOST).as_bytes()).is_ok());
        assert!(Parameters::parse("a=1&".repeat(MOST + 1).as_bytes()).is_err());
    }
}
