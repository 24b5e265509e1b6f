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

/// What a token of a user gets of what was granted (D79), as far as the client still may ask for it: OpenID Connect scopes
/// as they are; of the others those that the user holds, or that the membership in the selected organization gives. The
/// rest is dropped.
pub(super) fn for_user(granted: &[String], ceiling: &Scopes, own: &Scopes, membership: Option<&Scopes>) -> Vec<String> {
    let is_allowed = |scope: &&String| ceiling.iter().any(|allowed| allowed.as_str() == scope.as_str());
    let is_held = |scope: &&String| {
        let parsed = scope.parse::<Scope>();
        let held = |scope: &Scope| own.matches(scope) || membership.is_some_and(|held| held.matches(scope));
        OIDC.contains(&scope.as_str()) || parsed.is_ok_and(|scope| held(&scope))
    };
    granted.iter().filter(is_allowed).filter(is_held).cloned().collect()
}

/// What a client may ask of a user: each scope literally among its own. Without a request it is all of them.
///
/// # Errors
/// `invalid_scope`.
pub(super) fn for_client(requested: Option<&str>, ceiling: &Scopes) -> Result<Vec<String>, OAuthError> {
    let allowed: Vec<_> = ceiling.iter().map(Scope::as_str).collect();
    let Some(requested) = requested else { return Ok(allowed.into_iter().map(str::to_owned).collect()) };
    let mut requested = parse(requested)?;
    // Refresh tokens depend on the grants of the client and not on this scope, which is never a fault (D40).
    requested.retain(|scope| scope != "offline_access" || allowed.contains(&"offline_access"));
    if requested.iter().all(|scope| allowed.contains(&scope.as_str())) { Ok(requested) } else { Err(INVALID) }
}

/// A part of what was granted before (RFC 6749 §6).
///
/// # Errors
/// `invalid_scope` for what was not.
pub(super) fn narrowed(requested: Option<&str>, granted: &[String]) -> Result<Vec<String>, OAuthError> {
    let Some(requested) = requested else { return Ok(granted.to_vec()) };
    let mut requested = parse(requested)?;
    // As with the request that was granted.
    requested.retain(|scope| scope != "offline_access" || granted.contains(scope));
    if requested.iter().all(|scope| granted.contains(scope)) { Ok(requested) } else { Err(INVALID) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn ceiling() -> Scopes {
        ["openid", "orders:*", "orders:read"].into_iter().map(|scope| scope.parse().unwrap()).collect()
    }

    #[test]
    fn what_a_client_may_not_ask_for_any_more_it_does_not_get() {
        let granted = ["openid", "orders:read", "orders:write"].map(str::to_owned);
        let all = ["*:**"].into_iter().map(|scope| scope.parse().unwrap()).collect();
        assert_eq!(super::for_user(&granted, &ceiling(), &all, None), ["openid", "orders:read"]);
    }

    #[test]
    fn a_user_gives_no_more_than_they_hold() {
        let granted = ["openid", "orders:read", "bills:read", "admin"].map(str::to_owned);
        let scopes = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Scopes>();
        let for_user = |own: &Scopes, membership| {
            let ceiling = scopes(&["openid", "orders:read", "bills:read", "admin"]);
            super::for_user(&granted, &ceiling, own, membership)
        };
        assert_eq!(for_user(&scopes(&["orders:*"]), None), ["openid", "orders:read"]);
        let membership = scopes(&["bills:**", "admin"]);
        assert_eq!(for_user(&scopes(&["*:**"]), None), ["openid", "orders:read", "bills:read"]);
        assert_eq!(for_user(&scopes(&[]), Some(&membership)), ["openid", "bills:read", "admin"]);
        // What `manage` and `write` contain of an application, only the application knows.
        assert_eq!(for_user(&scopes(&["orders:manage", "bills:write"]), None), ["openid"]);
    }

    #[test]
    fn a_refresh_narrows_and_never_widens() {
        let granted = ["openid", "a:read"].map(str::to_owned);
        assert_eq!(narrowed(None, &granted).unwrap(), granted);
        assert_eq!(narrowed(Some("a:read"), &granted).unwrap(), ["a:read"]);
        assert_eq!(narrowed(Some("openid a:write"), &granted), Err(INVALID));
        assert_eq!(narrowed(Some("openid offline_access"), &granted).unwrap(), ["openid"], "never a fault (D40)");
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
