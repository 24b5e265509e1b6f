//! What the authorization endpoint answers: back to the client, on to the login, or a page for the person.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::LOCATION;
use http::{Method, StatusCode};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::request::Return;
use crate::error::Refusal;
use crate::id::{ClientId, FlowId};
use crate::oauth_error::OAuthError;
use crate::pages::html::fault::{Fault, FaultKind};
use crate::pages::html::machine::FormPost;
use crate::web::answer::Answer;
use crate::web::runtime::IssuerCall;

/// Parameters of an answer, in order.
pub(super) type Members<'m> = Vec<(&'m str, String)>;

/// Sends the browser on: 302 to a GET, 303 after anything else (RFC 9110 §15.4.4).
pub(in crate::oauth) fn redirect(call: &IssuerCall, to: &str) -> Answer {
    let status = if *call.method() == Method::GET { StatusCode::FOUND } else { StatusCode::SEE_OTHER };
    Answer::empty(status).header(LOCATION, to)
}

/// The answer to the client: what it asked for, or an error; with `state` and `iss` (RFC 9207).
///
/// # Errors
/// [`Refusal::Internal`]: a defect of the page.
pub(super) fn back(call: &IssuerCall, to: &Return, mut members: Members<'_>) -> Result<Answer, Refusal> {
    if let Some(state) = &to.state {
        members.push(("state", state.clone()));
    }
    members.push(("iss", call.iss()));
    if to.form_post {
        let fields = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let page = FormPost { action: to.redirect_uri.clone(), fields };
        return Answer::html(StatusCode::OK, &call.frame(None), &page);
    }
    Ok(redirect(call, &with_query(&to.redirect_uri, &members)))
}

/// An error for the client.
///
/// # Errors
/// As [`back`].
pub(super) fn refused(call: &IssuerCall, to: &Return, error: OAuthError) -> Result<Answer, Refusal> {
    let description = error.description.to_owned();
    back(call, to, vec![("error", error.code.as_str().to_owned()), ("error_description", description)])
}

/// A URI with more parameters; those that it has are kept byte for byte.
pub(in crate::oauth) fn with_query(uri: &str, members: &[(&str, String)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(members);
    let separator = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{separator}{}", query.finish())
}

/// An error for the person, or for a program that asks for JSON.
///
/// # Errors
/// [`Refusal::Internal`]: a defect of the page.
pub(in crate::oauth) fn told(call: &IssuerCall, kind: FaultKind, error: OAuthError) -> Result<Answer, Refusal> {
    let mut plain = call.refusal(error);
    plain.status = StatusCode::BAD_REQUEST;
    if call.prefers_json() {
        plain.headers.remove(http::header::WWW_AUTHENTICATE);
        return Ok(plain);
    }
    Answer::html(StatusCode::BAD_REQUEST, &call.frame(None), &fault(call, kind, error))
}

/// The same as pages say it.
pub(in crate::oauth) fn fault(call: &IssuerCall, kind: FaultKind, error: OAuthError) -> Fault {
    Fault {
        kind,
        reference: call.reference().to_owned(),
        code: Some(error.code.as_str().to_owned()),
        description: Some(error.description.to_owned()),
        app: None,
        retry: None,
    }
}

/// The page on which a login goes on: the issuer's own, or ours.
pub(super) fn login_page(call: &IssuerCall, flow: FlowId) -> String {
    let own = call.issuer().issuer.details.settings.portals.login.url.clone();
    let page = own.unwrap_or_else(|| format!("{}/login", call.iss()));
    with_query(&page, &[("flow", flow.to_string())])
}

/// What a client can ask whether the browser is still signed in with (OpenID Connect Session Management §4.2); none for
/// redirect URIs without an origin on the web.
pub(in crate::oauth) fn session_state(client: ClientId, origin: &str, browser_state: &str, salt: &str) -> String {
    let hash = Sha256::digest(format!("{client} {origin} {browser_state} {salt}").as_bytes());
    format!("{}.{salt}", URL_SAFE_NO_PAD.encode(hash))
}

/// The origin of a redirect URI on the web.
pub(in crate::oauth) fn origin_of(redirect_uri: &str) -> Option<String> {
    let url = Url::parse(redirect_uri).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
    Some(url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_added_and_what_is_there_is_kept_byte_for_byte() {
        let members = [("code", "a b&c".to_owned()), ("state", "é".to_owned())];
        assert_eq!(with_query("https://a.example/cb", &members), "https://a.example/cb?code=a+b%26c&state=%C3%A9");
        let kept = "https://a.example/cb?x=%2f+y&&z";
        assert_eq!(with_query(kept, &members), format!("{kept}&code=a+b%26c&state=%C3%A9"));
        assert_eq!(with_query("com.example.app:/cb", &members[..1]), "com.example.app:/cb?code=a+b%26c");
    }

    #[test]
    fn only_web_pages_have_an_origin() {
        assert_eq!(origin_of("https://a.example:443/cb?x").as_deref(), Some("https://a.example"));
        assert_eq!(origin_of("http://127.0.0.1:5000/cb").as_deref(), Some("http://127.0.0.1:5000"));
        assert_eq!(origin_of("com.example.app:/cb"), None);
    }
}
