//! Why a token is refused, and what a caller is told.

use crate::fetch::FetchError;

/// The issuer cannot be used: it must be an https URL without a trailing slash; http on loopback only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an issuer is an https URL without a trailing slash; plain http is for loopback addresses only")]
pub struct InvalidIssuer;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// No bearer token was sent.
    #[error("no bearer token was sent")]
    Missing,
    /// Not a signed token with the claims of an access token.
    #[error("the token is no access token")]
    Malformed,
    /// Another type than `at+jwt`: an ID token, a refresh token, somebody's assertion.
    #[error("the token is of another type")]
    Type,
    /// Of another issuer.
    #[error("the token is of another issuer")]
    Issuer,
    /// The issuer publishes no such key, or did not half a minute ago.
    #[error("the key of the token is not known")]
    UnknownKey,
    /// Not signed with the key that it names, or with another algorithm.
    #[error("the signature does not match")]
    Signature,
    /// For somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// Past its time, or not yet in it.
    #[error("the token is not in its time")]
    Expired,
    /// Genuine, and without a scope that is required.
    #[error("the token lacks the scope {0}")]
    InsufficientScope(String),
    /// The keys of the issuer cannot be had; nothing is known about the token.
    #[error("the keys of the issuer cannot be had")]
    Unavailable(#[source] FetchError),
}

impl Refused {
    /// The HTTP status of the answer.
    pub const fn status(&self) -> u16 {
        match self {
            Self::InsufficientScope(_) => 403,
            Self::Unavailable(_) => 503,
            _ => 401,
        }
    }

    /// The value of `WWW-Authenticate` (RFC 6750 §3): without an error when no token was sent, with the missing scope,
    /// and with the URL of the metadata of the API where it publishes them (RFC 9728 §5.1).
    pub fn challenge(&self, metadata: Option<&str>) -> Option<String> {
        let mut members = match self {
            Self::Unavailable(_) => return None,
            Self::Missing => Vec::new(),
            Self::InsufficientScope(scope) if is_quotable(scope) => {
                vec!["error=\"insufficient_scope\"".to_owned(), format!("scope=\"{scope}\"")]
            }
            Self::InsufficientScope(_) => vec!["error=\"insufficient_scope\"".to_owned()],
            _ => vec!["error=\"invalid_token\"".to_owned()],
        };
        members.extend(metadata.filter(|url| is_quotable(url)).map(|url| format!("resource_metadata=\"{url}\"")));
        Some(format!("Bearer {}", members.join(", ")).trim_end().to_owned())
    }
}

/// The text can stand in a quoted string as it is.
fn is_quotable(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_says_what_is_wrong_and_nothing_when_nothing_was_sent() {
        let challenge = |refused: Refused, metadata| refused.challenge(metadata).unwrap_or_default();
        assert_eq!(challenge(Refused::Missing, None), "Bearer");
        assert_eq!(challenge(Refused::Missing, Some("https://a/m")), "Bearer resource_metadata=\"https://a/m\"");
        assert_eq!(challenge(Refused::Audience, None), "Bearer error=\"invalid_token\"");
        let lacking = Refused::InsufficientScope("a:read".to_owned());
        assert_eq!(lacking.status(), 403);
        assert_eq!(challenge(lacking, None), "Bearer error=\"insufficient_scope\", scope=\"a:read\"");
        let odd = Refused::InsufficientScope("a\"\r\n".to_owned());
        assert_eq!(challenge(odd, None), "Bearer error=\"insufficient_scope\"");
    }
}
