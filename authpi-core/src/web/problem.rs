//! The one mapping from [`Refusal`] to the wire (conventions §8).

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{ALLOW, ETAG, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use super::answer::Answer;
use crate::error::{FieldCode, FieldErrors, Refusal, Unauthenticated};
use crate::etag::ETag;
use crate::oauth_error::{OAuthCode, OAuthError};

/// How long a caller waits before it asks an overloaded or unreachable instance again.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(1);

/// How long a caller waits before it repeats a request that is being processed.
const IN_FLIGHT_RETRY: Duration = Duration::from_secs(1);

const UNAVAILABLE: (StatusCode, &str) = (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable");
const BUSY: &str = "The service is busy. Try again later.";

/// The answer to a refusal. Details of 5xx go to the log under `reference`, once, here.
pub fn answer_to(refusal: &Refusal, reference: &str) -> Answer {
    report(refusal, reference);
    let answer = problem(refusal, reference);
    match refusal {
        Refusal::Unauthenticated(reason) => challenged(answer, *reason),
        Refusal::PaymentRequired { amount, terms } => with_terms(answer, *amount, terms),
        Refusal::MethodNotAllowed(methods) => {
            let allowed: Vec<_> = methods.iter().map(http::Method::as_str).collect();
            answer.header(ALLOW, &allowed.join(", "))
        }
        Refusal::PreconditionFailed { current, .. } => {
            let tag = ETag::of(*current).to_string();
            with_members(answer, &[("current_etag", &tag), ("currentETag", &tag)]).header(ETAG, &tag)
        }
        _ => answer,
    }
}

/// 500 for a defect that was logged where it happened, such as a panic.
pub fn defect(reference: &str) -> Answer {
    problem(&Refusal::Internal(String::new()), reference)
}

fn report(refusal: &Refusal, reference: &str) {
    match refusal {
        Refusal::Overloaded(what) => tracing::warn!(reference, what, "overloaded"),
        Refusal::Store(error) if error.kind.is_passing() => {
            tracing::warn!(reference, %error, "the store is not available");
        }
        Refusal::Store(error) => tracing::error!(reference, %error, "the store failed"),
        Refusal::Internal(defect) => tracing::error!(reference, defect, "internal error"),
        _ => {}
    }
}

fn problem(refusal: &Refusal, reference: &str) -> Answer {
    let (status, error) = code(refusal);
    let seconds = pause(refusal).map(|wait| (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1));
    let mut body = json!({
        "error": error,
        "error_description": description(refusal),
        "retryable": seconds.is_some() || matches!(refusal, Refusal::RequestTimeout),
        "reference": reference,
    });
    if let Some(members) = body.as_object_mut() {
        let fields = fields(refusal);
        if !fields.is_empty() {
            members.insert("fields".to_owned(), wire_fields(&fields));
        }
        members.extend(seconds.map(|seconds| ("retry_after".to_owned(), seconds.into())));
    }
    let answer = Answer::json(status, &body);
    match seconds {
        Some(seconds) => answer.header(RETRY_AFTER, &seconds.to_string()),
        None => answer,
    }
}

const fn code(refusal: &Refusal) -> (StatusCode, &'static str) {
    match refusal {
        Refusal::Fields(_) | Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
        Refusal::Unauthenticated(Unauthenticated::Bearer) => (StatusCode::UNAUTHORIZED, "invalid_token"),
        Refusal::Unauthenticated(Unauthenticated::SessionEnded) => (StatusCode::UNAUTHORIZED, "session_expired"),
        Refusal::Unauthenticated(_) => (StatusCode::UNAUTHORIZED, "unauthorized_client"),
        Refusal::PaymentRequired { .. } => (StatusCode::PAYMENT_REQUIRED, "payment_required"),
        Refusal::AccessDenied(_) => (StatusCode::FORBIDDEN, "access_denied"),
        Refusal::InsufficientScope(_) => (StatusCode::FORBIDDEN, "insufficient_scope"),
        Refusal::NotFound => (StatusCode::NOT_FOUND, "not_found"),
        Refusal::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        Refusal::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
        Refusal::Conflict { .. } | Refusal::InFlight => (StatusCode::CONFLICT, "conflict"),
        Refusal::Gone(_) => (StatusCode::GONE, "gone"),
        Refusal::OAuth(error) => (oauth_status(error.code), error.code.as_str()),
        Refusal::PreconditionFailed { .. } => (StatusCode::PRECONDITION_FAILED, "precondition_failed"),
        Refusal::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
        Refusal::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_content_type"),
        Refusal::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_request"),
        Refusal::RateLimited { .. } | Refusal::InspectedRateLimited { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "rate_limited")
        }
        Refusal::HeadersTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large"),
        Refusal::MisdirectedRequest => (StatusCode::MISDIRECTED_REQUEST, "misdirected_request"),
        // Contention that outlived every retry is load, too.
        Refusal::Overloaded(_) | Refusal::Stale => UNAVAILABLE,
        Refusal::Store(error) if error.kind.is_passing() => UNAVAILABLE,
        Refusal::Store(_) | Refusal::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
    }
}

fn description(refusal: &Refusal) -> Cow<'_, str> {
    let text = match refusal {
        Refusal::Fields(_) => "One or more fields are invalid; see `fields`.",
        Refusal::Malformed(what) | Refusal::AccessDenied(what) | Refusal::Gone(what) => what,
        Refusal::Unauthenticated(Unauthenticated::Bearer) => "The bearer token is not valid here.",
        Refusal::Unauthenticated(Unauthenticated::SessionEnded) => "The session behind the token is not active.",
        Refusal::Unauthenticated(_) => "Valid credentials are required: an API key as HTTP Basic, its id as user name.",
        Refusal::PaymentRequired { .. } => {
            "The account is out of credit, or the payment was declined. Top it up and try again."
        }
        Refusal::InsufficientScope(scope) => return format!("The credential does not hold the scope {scope}.").into(),
        Refusal::OAuth(error) => error.description,
        Refusal::NotFound => "There is no such resource here.",
        Refusal::MethodNotAllowed(_) => "The resource does not answer to this method.",
        Refusal::RequestTimeout => "The body did not arrive in time.",
        Refusal::Conflict { description, .. } => description,
        Refusal::InFlight => "A request with this Idempotency-Key is being processed.",
        Refusal::PreconditionFailed { kind, .. } => {
            return format!("The {kind} has changed since it was fetched. Fetch it again and retry.").into();
        }
        Refusal::PayloadTooLarge => "The body is larger than 1 MiB.",
        Refusal::UnsupportedMediaType => "The body must be sent as application/json.",
        Refusal::KeyReused => "This Idempotency-Key was used with a different request body, path or caller.",
        Refusal::RateLimited { .. } => "Too many requests.",
        Refusal::InspectedRateLimited { .. } => "The inspected key has used up its own rate limit.",
        Refusal::HeadersTooLarge => "Request line and headers are larger than 16 KiB.",
        Refusal::MisdirectedRequest => "The host of the request is not served here.",
        Refusal::Overloaded(_) | Refusal::Stale => BUSY,
        Refusal::Store(error) if error.kind.is_passing() => BUSY,
        Refusal::Store(_) | Refusal::Internal(_) => "An unexpected error occurred.",
    };
    text.into()
}

/// How long the caller waits before it asks again; `None` where asking again does not help.
fn pause(refusal: &Refusal) -> Option<Duration> {
    match refusal {
        Refusal::RateLimited { retry_after } | Refusal::InspectedRateLimited { retry_after } => Some(*retry_after),
        Refusal::InFlight => Some(IN_FLIGHT_RETRY),
        _ if code(refusal) == UNAVAILABLE => Some(UNAVAILABLE_RETRY),
        _ => None,
    }
}

fn fields(refusal: &Refusal) -> FieldErrors {
    match refusal {
        Refusal::Fields(fields) | Refusal::Conflict { fields, .. } => fields.clone(),
        Refusal::InspectedRateLimited { .. } => {
            FieldErrors::one("token", FieldCode::RateLimited, "the limit of this key is used up")
        }
        _ => FieldErrors::new(),
    }
}

fn wire_fields(fields: &FieldErrors) -> Value {
    fields
        .iter()
        .map(|entry| json!({ "field": entry.field, "code": entry.code.as_str(), "message": entry.message }))
        .collect()
}

fn challenged(mut answer: Answer, reason: Unauthenticated) -> Answer {
    let basic = HeaderValue::from_static("Basic realm=\"core\"");
    let bearer = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    let challenges = match reason {
        Unauthenticated::Basic => vec![basic],
        // The registered code, in both cases (RFC 6750 §3.1).
        Unauthenticated::Bearer | Unauthenticated::SessionEnded => vec![bearer],
        // Nothing was presented, so nothing is in error (RFC 6750 §3.1).
        Unauthenticated::Missing => vec![basic, HeaderValue::from_static("Bearer realm=\"core\"")],
    };
    for challenge in challenges {
        answer.headers.append(WWW_AUTHENTICATE, challenge);
    }
    answer
}

/// idp §1.5. Codes that only ever travel in redirects get the status that a page or a flow call answers them with.
const fn oauth_status(code: OAuthCode) -> StatusCode {
    match code {
        OAuthCode::InvalidClient
        | OAuthCode::UnauthorizedClient
        | OAuthCode::InvalidToken
        | OAuthCode::SessionExpired
        | OAuthCode::LoginRequired => StatusCode::UNAUTHORIZED,
        OAuthCode::AccessDenied
        | OAuthCode::InsufficientScope
        | OAuthCode::UserBlocked
        | OAuthCode::AccountLinkingRequired => StatusCode::FORBIDDEN,
        OAuthCode::InvalidContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        OAuthCode::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// The answer of an issuer's endpoint to a refusal; `realm` is the issuer.
pub fn answer_of_issuer(refusal: &Refusal, realm: &str, reference: &str) -> Answer {
    if matches!(refusal, Refusal::Unauthenticated(Unauthenticated::Missing)) {
        // Nothing was presented, so nothing is in error (RFC 6750 §3.1).
        let missing = OAuthError::new(OAuthCode::InvalidToken, "An access token is required.");
        let answer = answer_to(&missing.into(), reference);
        return answer.header(WWW_AUTHENTICATE, &format!("Bearer realm=\"{realm}\""));
    }
    let answer = answer_to(refusal, reference);
    match refusal {
        Refusal::OAuth(error) => match oauth_challenge(error, realm) {
            Some(challenge) => answer.header(WWW_AUTHENTICATE, &challenge),
            None => answer,
        },
        Refusal::Unauthenticated(Unauthenticated::Basic) => {
            answer.header(WWW_AUTHENTICATE, &format!("Basic realm=\"{realm}\""))
        }
        _ => answer,
    }
}

/// RFC 6749 §5.2 for clients, RFC 6750 §3 for tokens.
fn oauth_challenge(error: &OAuthError, realm: &str) -> Option<String> {
    let registered = match error.code {
        OAuthCode::InvalidClient | OAuthCode::UnauthorizedClient => return Some(format!("Basic realm=\"{realm}\"")),
        OAuthCode::InvalidToken | OAuthCode::SessionExpired => OAuthCode::InvalidToken,
        OAuthCode::InsufficientScope => OAuthCode::InsufficientScope,
        _ => return None,
    };
    let (code, description) = (registered.as_str(), error.description);
    let challenge = format!("Bearer realm=\"{realm}\", error=\"{code}\", error_description=\"{description}\"");
    let scope = if registered == OAuthCode::InsufficientScope { ", scope=\"openid\"" } else { "" };
    Some(challenge + scope)
}

fn with_members(answer: Answer, members: &[(&str, &str)]) -> Answer {
    let Ok(Value::Object(mut body)) = serde_json::from_slice(answer.body.bytes()) else { return answer };
    for (name, value) in members {
        body.insert((*name).to_owned(), (*value).into());
    }
    Answer { headers: answer.headers, ..Answer::json(answer.status, &body) }
}

/// The challenge of x402 version 2: what to pay, in the body for people and in the header for wallets.
fn with_terms(answer: Answer, amount: i64, terms: &[Value]) -> Answer {
    let Ok(Value::Object(mut body)) = serde_json::from_slice(answer.body.bytes()) else { return answer };
    body.insert("amount_μusd".to_owned(), amount.into());
    if terms.is_empty() {
        return Answer { headers: answer.headers, ..Answer::json(answer.status, &body) };
    }
    let challenge = json!({ "x402Version": 2, "error": "payment_required", "accepts": terms });
    body.insert("x402".to_owned(), challenge.clone());
    let encoded = STANDARD.encode(challenge.to_string());
    let answer = Answer { headers: answer.headers, ..Answer::json(answer.status, &body) };
    answer.header(HeaderName::from_static("payment-required"), &encoded)
}
