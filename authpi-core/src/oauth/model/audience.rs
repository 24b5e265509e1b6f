//! Whom a token is for: resource indicators (RFC 8707) and the `aud` claim (idp §9).

use serde::{Deserialize, Serialize};

/// Most resources of one request.
const MOST: usize = 20;

/// Longest resource, in bytes.
const LONGEST: usize = 2_048;

/// What is wrong with the `resource` parameters of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidResources {
    /// One is no absolute URI without a fragment.
    #[error("no absolute URI without a fragment")]
    Malformed,
    /// There are more than twenty.
    #[error("too many resources")]
    TooMany,
}

/// Resources in the order in which they were asked for, without repetitions. Compared as they stand, never normalized.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Resources(Vec<String>);

impl Resources {
    /// From the parameters of a request.
    ///
    /// # Errors
    /// [`InvalidResources`].
    pub fn parse<'p>(values: impl Iterator<Item = &'p str>) -> Result<Self, InvalidResources> {
        let mut found: Vec<String> = Vec::new();
        for (index, value) in values.enumerate() {
            if index >= MOST {
                return Err(InvalidResources::TooMany);
            }
            if !is_resource(value) {
                return Err(InvalidResources::Malformed);
            }
            if !found.iter().any(|known| known == value) {
                found.push(value.to_owned());
            }
        }
        Ok(Self(found))
    }

    /// What the settings of a client name, which were checked when they were saved.
    pub fn one(resource: &str) -> Self {
        Self(vec![resource.to_owned()])
    }

    /// None were asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them are among `others`.
    pub fn are_among(&self, others: &[String]) -> bool {
        self.0.iter().all(|resource| others.contains(resource))
    }

    /// As they were asked for.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// RFC 8707 §2: an absolute URI (RFC 3986 §4.3), which a URN is, too.
fn is_resource(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let mut scheme = scheme.bytes();
    let starts = scheme.next().is_some_and(|first| first.is_ascii_alphabetic());
    starts
        && scheme.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !rest.is_empty()
        && text.len() <= LONGEST
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte))
}

/// The `aud` claim: one text, or several (RFC 7519 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several, in the order in which they were asked for.
    Many(Vec<String>),
}

impl Audience {
    /// It names `whom`.
    pub fn names(&self, whom: &str) -> bool {
        match self {
            Self::One(one) => one == whom,
            Self::Many(many) => many.iter().any(|one| one == whom),
        }
    }

    /// It names somebody, and nobody but `those`.
    pub fn names_only(&self, those: &[&str]) -> bool {
        match self {
            Self::One(one) => those.contains(&one.as_str()),
            Self::Many(many) => !many.is_empty() && many.iter().all(|one| those.contains(&one.as_str())),
        }
    }
}

/// Whom an access token is for: the resources of this request, else those of the grant, else the client's default, else
/// the client itself.
pub fn audience(requested: &Resources, granted: &Resources, default: Option<&str>, client: &str) -> Audience {
    let resources = if requested.is_empty() { granted } else { requested };
    match resources.as_slice() {
        [] => Audience::One(default.unwrap_or(client).to_owned()),
        [one] => Audience::One(one.clone()),
        many => Audience::Many(many.to_vec()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn resources(values: &[&str]) -> Resources {
        Resources::parse(values.iter().copied()).unwrap()
    }

    #[test]
    fn a_resource_is_an_absolute_uri_without_a_fragment() {
        for good in ["https://api.example.com/v1?x=%20", "urn:example:payments", "a+b.c-d:e", "https://[::1]/"] {
            assert!(Resources::parse([good].into_iter()).is_ok(), "{good}");
        }
        for bad in ["", "api", "/v1", "https://a/#f", "https://a b", "1a:b", "a:", "https://é/", "https://a/\u{7f}"] {
            assert_eq!(Resources::parse([bad].into_iter()), Err(InvalidResources::Malformed), "{bad}");
        }
        let too_many: Vec<_> = (0..=MOST).map(|number| format!("urn:x:{number}")).collect();
        assert!(Resources::parse(too_many.iter().take(MOST).map(String::as_str)).is_ok());
        let parsed = Resources::parse(too_many.iter().map(String::as_str));
        assert_eq!(parsed, Err(InvalidResources::TooMany));
        assert!(Resources::parse([format!("urn:{}", "x".repeat(LONGEST)).as_str()].into_iter()).is_err());
    }

    #[test]
    fn the_audience_is_what_was_asked_for_last() {
        let (none, one, two) = (resources(&[]), resources(&["urn:a"]), resources(&["urn:b", "urn:a", "urn:b"]));
        assert_eq!(audience(&one, &two, Some("d"), "c"), Audience::One("urn:a".to_owned()));
        assert_eq!(audience(&none, &two, Some("d"), "c"), Audience::Many(vec!["urn:b".to_owned(), "urn:a".to_owned()]));
        assert_eq!(audience(&none, &none, Some("d"), "c"), Audience::One("d".to_owned()));
        assert_eq!(audience(&none, &none, None, "c"), Audience::One("c".to_owned()));
    }

    #[test]
    fn an_audience_is_a_text_or_a_list_on_the_wire() {
        let json = |audience: &Audience| serde_json::to_string(audience).unwrap();
        assert_eq!(json(&Audience::One("a".to_owned())), r#""a""#);
        assert_eq!(json(&Audience::Many(vec!["a".to_owned(), "b".to_owned()])), r#"["a","b"]"#);
        assert!(Audience::Many(vec!["a".to_owned()]).names("a") && !Audience::One("ab".to_owned()).names("a"));
    }
}
