//! Headers of requests and answers: what a browser may share, what it must not do, and what has not changed.

use http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_TYPE,
    ETAG, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, StatusCode};

use super::answer::Answer;

/// The lines of a header as one.
pub(super) fn combined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let lines: Vec<_> = headers.get_all(name).iter().filter_map(|line| line.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// The one type that a caller names before all others is this one.
pub(super) fn accepts_first(headers: &HeaderMap, media: &str) -> bool {
    let mut lines = headers.get_all(ACCEPT).iter();
    let line = lines.next().filter(|_| lines.next().is_none());
    let first = line.and_then(|line| line.to_str().ok()?.split([',', ';']).next());
    first.is_some_and(|first| first.trim().eq_ignore_ascii_case(media))
}

/// The media type of forms.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// The body is of this media type, whatever its parameters.
pub(super) fn has_type(headers: &HeaderMap, media: &str) -> bool {
    let sent = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.split(';').next());
    sent.is_some_and(|sent| sent.trim().eq_ignore_ascii_case(media))
}

/// The trace id of a W3C `traceparent`.
pub(super) fn trace_id(traceparent: &str) -> Option<String> {
    let mut parts = traceparent.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let valid = version.len() == 2 && trace.len() == 32 && is_hex(version) && is_hex(trace);
    (valid && version != "ff" && trace.bytes().any(|b| b != b'0')).then(|| trace.to_owned())
}

/// The answer to a read, or 304 when the condition of the request names its version (RFC 9110 §13.1.2).
pub(super) fn if_changed(answer: Answer, if_none_match: Option<&str>) -> Answer {
    if is_unchanged(&answer, if_none_match) { not_modified(&answer) } else { answer }
}

fn is_unchanged(answer: &Answer, if_none_match: Option<&str>) -> bool {
    let (Some(condition), Some(etag), StatusCode::OK) = (if_none_match, answer.headers.get(ETAG), answer.status) else {
        return false;
    };
    // Weak comparison (RFC 9110 §13.1.2).
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    condition.trim() == "*"
        || condition
            .split(',')
            .any(|tag| strong(tag).as_bytes() == strong(etag.to_str().unwrap_or_default()).as_bytes())
}

fn not_modified(answer: &Answer) -> Answer {
    let mut unchanged = Answer::empty(StatusCode::NOT_MODIFIED);
    for name in [ETAG, CACHE_CONTROL] {
        if let Some(value) = answer.headers.get(&name) {
            unchanged.headers.insert(name, value.clone());
        }
    }
    unchanged
}

/// The answer to a preflight from an origin that is allowed.
pub(super) fn preflight_answer() -> Answer {
    Answer::no_content()
        .header(ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PATCH, DELETE")
        .header(ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key")
        .header(ACCESS_CONTROL_MAX_AGE, "600")
}

/// The answer to a preflight of a page of some client.
pub(super) fn preflight_of_issuer(origin: Option<HeaderValue>) -> Answer {
    let answer = Answer::no_content()
        .header(ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE")
        .header(ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type")
        .header(ACCESS_CONTROL_MAX_AGE, "600");
    match origin {
        Some(origin) => shared_by_issuer(answer, &origin),
        None => answer,
    }
}

/// The answer to a preflight of a page that an issuer has in the place of ours.
pub(super) fn preflight_of_page(origin: &HeaderValue) -> Answer {
    let answer = Answer::no_content()
        .header(ACCESS_CONTROL_ALLOW_METHODS, "GET, POST")
        .header(ACCESS_CONTROL_ALLOW_HEADERS, "Authpi-Portal, Content-Type")
        .header(ACCESS_CONTROL_MAX_AGE, "600");
    shared_with_page(answer, origin)
}

/// With what every answer carries. `is_secure`: it is served over https.
pub(super) fn secured(answer: Answer, reference: &str, is_secure: bool) -> Answer {
    let mut answer = answer
        .header(HeaderName::from_static("x-request-id"), reference)
        .header(X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(REFERRER_POLICY, "no-referrer");
    if !answer.headers.contains_key(CACHE_CONTROL) {
        answer = answer.header(CACHE_CONTROL, "no-store");
    }
    if is_secure { answer.header(STRICT_TRANSPORT_SECURITY, "max-age=31536000") } else { answer }
}

/// Readable by pages of any origin.
pub(super) fn shared_with_all(answer: Answer) -> Answer {
    answer.header(ACCESS_CONTROL_ALLOW_ORIGIN, "*")
}

/// Readable by a page of `origin`, which belongs to the client that the answer is for. No cookies are involved.
pub(super) fn shared_by_issuer(mut answer: Answer, origin: &HeaderValue) -> Answer {
    answer.headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    answer.header(VARY, "Origin").header(ACCESS_CONTROL_EXPOSE_HEADERS, "WWW-Authenticate, Retry-After, X-Request-Id")
}

/// Readable by a page of `origin`, which the issuer has in the place of ours: the browser sends its cookies along.
pub(super) fn shared_with_page(answer: Answer, origin: &HeaderValue) -> Answer {
    shared_by_issuer(answer, origin).header(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true")
}

/// Readable by pages of `origin`, which is allowed.
pub(super) fn shared(mut answer: Answer, origin: &HeaderValue) -> Answer {
    answer.headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    answer
        .header(VARY, "Origin")
        .header(ACCESS_CONTROL_EXPOSE_HEADERS, "ETag, Retry-After, X-Request-Id, Idempotent-Replayed")
}
