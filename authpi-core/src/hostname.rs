//! Host names: lower case, internationalized labels as A-labels (RFC 5890).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Host;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// Longest name (RFC 1035 §2.3.4), as text and without the root's dot.
pub const MAX_LENGTH: usize = 253;

/// A fully qualified host name, normalized, so that equal names are equal texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hostname(String);

/// Not a fully qualified host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a fully qualified host name")]
pub struct InvalidHostname;

impl Hostname {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name lies below `parent`, or is it.
    pub fn is_within(&self, parent: &str) -> bool {
        self.0.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl FromStr for Hostname {
    type Err = InvalidHostname;

    fn from_str(text: &str) -> Result<Self, InvalidHostname> {
        // Normalizing can only shorten names that are far too long already.
        if text.len() > 4 * MAX_LENGTH {
            return Err(InvalidHostname);
        }
        match Host::parse(text) {
            Ok(Host::Domain(name)) if is_host_name(&name) => Ok(Self(name)),
            _ => Err(InvalidHostname),
        }
    }
}

/// At least two labels of letters, digits and inner hyphens; the last one is no number.
fn is_host_name(name: &str) -> bool {
    let has_letter = |label: &str| label.bytes().any(|b| b.is_ascii_lowercase());
    name.len() <= MAX_LENGTH
        && name.rsplit_once('.').is_some_and(|(_, last)| has_letter(last))
        && name.split('.').all(is_host_label)
}

/// Letters, digits and inner hyphens (RFC 5321 §4.1.2 `sub-domain`).
pub(crate) fn is_host_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Hostname {
    type Error = InvalidHostname;

    fn try_from(text: String) -> Result<Self, InvalidHostname> {
        text.parse()
    }
}

impl From<Hostname> for String {
    fn from(name: Hostname) -> Self {
        name.0
    }
}

impl PartialSchema for Hostname {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom("host-name".into())))
            .max_length(Some(MAX_LENGTH))
            .examples(["login.example.com"])
            .into()
    }
}

impl ToSchema for Hostname {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Hostname")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalized_and_what_is_none_is_refused() {
        let longest = format!("{}.{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61));
        for (text, name) in [
            ("Login.Example.COM", "login.example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("1.example", "1.example"),
            (longest.as_str(), longest.as_str()),
        ] {
            assert_eq!(text.parse::<Hostname>().map(String::from).as_deref(), Ok(name), "{text}");
        }
        let too_long = format!("{longest}e");
        for bad in [
            "",
            "localhost",
            "example.com.",
            ".example.com",
            "a..b",
            "-a.example",
            "a-.example",
            "a_b.example",
            "*.example.com",
            "a b.example",
            "example.com:443",
            "https://example.com",
            "127.0.0.1",
            "127.1",
            "[::1]",
            "a.123",
            too_long.as_str(),
        ] {
            assert_eq!(bad.parse::<Hostname>(), Err(InvalidHostname), "{bad}");
        }
    }

    #[test]
    fn a_name_lies_within_its_parents_by_whole_labels() {
        let name: Hostname = "a.example.com".parse().unwrap_or_else(|_| Hostname(String::new()));
        for (parent, within) in
            [("a.example.com", true), ("example.com", true), ("ample.com", false), ("b.a.example.com", false)]
        {
            assert_eq!(name.is_within(parent), within, "{parent}");
        }
    }
}
