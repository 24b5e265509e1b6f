//! Scopes of requests (idp §11.3): literal texts, compared as they stand.

use crate::oauth_error::{OAuthCode, OAuthError};
use crate::scope::{Scope, Scopes};

/// Scopes of OpenID Connect, which concern people and not rights.
pub(super) const OIDC: [&str; 6] = ["openid", "profile", "email", "phone", "address", "offline_access"];

/// Longest scope, in bytes.
const LONGEST: usize = 128;

const INVALID: OAuthError = OAuthError::new(OAuthCode::InvalidScope, "A scope is malformed or not allowed.");

/// The scopes of a parameter in their order, without repetitions (RFC 6749 §3.3).
///
/// # Errors
/// `invalid_scope` for characters that no scope has.
pub(super) fn parse(text: &str) -> Result<Vec<String>, OAuthError> {
    let mut found: Vec<String> = Vec::new();
    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
        let is_token = scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        if !is_token || scope.len() > LONGEST {
            return Err(INVALID);
        }
        if !found.iter().any(|known| known == scope) {
            found.push(scope.to_owned());
        }
    }
    Ok(found)
}

/// What a machine gets of `ceiling`: what it asks for, or all of it. OpenID Connect scopes are for people.
///
/// # Errors
/// `invalid_scope`.
pub(super) fn for_machine(requested: Option<&str>, ceiling: &Scopes) -> Result<Vec<String>, OAuthError> {
    let is_for_people = |scope: &str| OIDC.contains(&scope);
    let allowed = ceiling.iter().map(Scope::as_str).filter(|scope| !is_for_people(scope));
    let Some(requested) = requested else { return Ok(allowed.map(str::to_owned).collect()) };
    let requested = parse(requested)?;
    let allowed: Vec<_> = allowed.collect();
    if requested.iter().all(|scope| allowed.contains(&scope.as_str())) { Ok(requested) } else { Err(INVALID) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn ceiling() -> Scopes {
        ["openid", "orders:*", "orders:read"].into_iter().map(|scope| scope.parse().unwrap()).collect()
    }

    #[test]
    fn a_machine_gets_what_is_listed_literally_and_nothing_for_people() {
        assert_eq!(for_machine(None, &ceiling()).unwrap(), ["orders:*", "orders:read"]);
        assert_eq!(for_machine(Some("orders:read  orders:read"), &ceiling()).unwrap(), ["orders:read"]);
        for refused in ["openid", "orders:write", "orders:read email", "orders:\"", "é", &"x".repeat(129)] {
            assert_eq!(for_machine(Some(refused), &ceiling()), Err(INVALID), "{refused}");
        }
    }
}
