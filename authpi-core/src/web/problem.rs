//! The one mapping from [`Refusal`] to the wire (conventions §8).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{ALLOW, ETAG, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use super::answer::Answer;
use crate::error::{FieldCode, FieldErrors, Refusal, StoreErrorKind, Unauthenticated};
use crate::etag::ETag;
use crate::oauth_error::{OAuthCode, OAuthError};

/// How long a caller waits before it asks an overloaded or unreachable instance again.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(1);

struct Problem {
    status: StatusCode,
    error: &'static str,
    description: String,
    retryable: bool,
    fields: FieldErrors,
    retry_after: Option<Duration>,
}

impl Problem {
    fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> Self {
        let description = description.into();
        Self { status, error, description, retryable: false, fields: FieldErrors::new(), retry_after: None }
    }

    fn fields(mut self, fields: &FieldErrors) -> Self {
        self.fields = fields.clone();
        self
    }

    fn retry_after(mut self, wait: Duration) -> Self {
        self.retryable = true;
        self.retry_after = Some(wait);
        self
    }

    fn answer(self, reference: &str) -> Answer {
        let mut body = json!({
            "error": self.error,
            "error_description": self.description,
            "retryable": self.retryable,
            "reference": reference,
        });
        let seconds = self.retry_after.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        if let Some(members) = body.as_object_mut() {
            if !self.fields.is_empty() {
                members.insert("fields".to_owned(), wire_fields(&self.fields));
            }
            if let Some(seconds) = seconds {
                members.insert("retry_after".to_owned(), seconds.max(1).into());
            }
        }
        let answer = Answer::json(self.status, &body);
        match seconds {
            Some(seconds) => answer.header(RETRY_AFTER, &seconds.max(1).to_string()),
            None => answer,
        }
    }
}

fn wire_fields(fields: &FieldErrors) -> Value {
    fields
        .iter()
        .map(|entry| json!({ "field": entry.field, "code": entry.code.as_str(), "message": entry.message }))
        .collect()
}

/// The answer to a refusal. Details of 5xx go to the log under `reference`, once, here.
pub fn answer_to(refusal: &Refusal, reference: &str) -> Answer {
    let answer = problem(refusal, reference).answer(reference);
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

fn problem(refusal: &Refusal, reference: &str) -> Problem {
    const INVALID: &str = "invalid_request";
    match refusal {
        Refusal::Fields(fields) => {
            let description = "One or more fields are invalid; see `fields`.";
            Problem::new(StatusCode::BAD_REQUEST, INVALID, description).fields(fields)
        }
        Refusal::Malformed(what) => Problem::new(StatusCode::BAD_REQUEST, INVALID, *what),
        Refusal::Unauthenticated(Unauthenticated::Bearer) => {
            Problem::new(StatusCode::UNAUTHORIZED, "invalid_token", "The bearer token is not valid here.")
        }
        Refusal::Unauthenticated(_) => Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized_client",
            "Valid credentials are required: an API key as HTTP Basic, its id as user name.",
        ),
        Refusal::PaymentRequired { .. } => Problem::new(
            StatusCode::PAYMENT_REQUIRED,
            "payment_required",
            "The account is out of credit, or the payment was declined. Top it up and try again.",
        ),
        Refusal::AccessDenied(why) => Problem::new(StatusCode::FORBIDDEN, "access_denied", *why),
        Refusal::InsufficientScope(scope) => Problem::new(
            StatusCode::FORBIDDEN,
            "insufficient_scope",
            format!("The credential does not hold the scope {}.", scope.as_str()),
        ),
        Refusal::NotFound => Problem::new(StatusCode::NOT_FOUND, "not_found", "There is no such resource here."),
        Refusal::MethodNotAllowed(_) => Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "The resource does not answer to this method.",
        ),
        Refusal::RequestTimeout => Problem {
            retryable: true,
            ..Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", "The body did not arrive in time.")
        },
        Refusal::Conflict { description, fields } => {
            Problem::new(StatusCode::CONFLICT, "conflict", description.as_str()).fields(fields)
        }
        Refusal::Gone(what) => Problem::new(StatusCode::GONE, "gone", *what),
        Refusal::InFlight => {
            Problem::new(StatusCode::CONFLICT, "conflict", "A request with this Idempotency-Key is being processed.")
                .retry_after(Duration::from_secs(1))
        }
        Refusal::PreconditionFailed { kind, .. } => Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "precondition_failed",
            format!("The {kind} has changed since it was fetched. Fetch it again and retry."),
        ),
        Refusal::PayloadTooLarge => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", "The body is larger than 1 MiB.")
        }
        Refusal::UnsupportedMediaType => Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "invalid_content_type",
            "The body must be sent as application/json.",
        ),
        Refusal::KeyReused => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            INVALID,
            "This Idempotency-Key was used with a different request body, path or caller.",
        ),
        Refusal::RateLimited { retry_after } => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many requests.").retry_after(*retry_after)
        }
        Refusal::InspectedRateLimited { retry_after } => {
            let fields = FieldErrors::one("token", FieldCode::RateLimited, "the limit of this key is used up");
            let description = "The inspected key has used up its own rate limit.";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", description)
                .fields(&fields)
                .retry_after(*retry_after)
        }
        Refusal::OAuth(error) => Problem::new(oauth_status(error.code), error.code.as_str(), error.description),
        Refusal::HeadersTooLarge => Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers_too_large",
            "Request line and headers are larger than 16 KiB.",
        ),
        Refusal::Overloaded(what) => {
            tracing::warn!(reference, what, "overloaded");
            unavailable()
        }
        Refusal::Store(error) => match error.kind {
            StoreErrorKind::Unavailable | StoreErrorKind::Retryable => {
                tracing::warn!(reference, %error, "the store is not available");
                unavailable()
            }
            StoreErrorKind::Conflict | StoreErrorKind::Corrupt | StoreErrorKind::Bug => {
                tracing::error!(reference, %error, "the store failed");
                server_error()
            }
        },
        // Contention that outlived every retry.
        Refusal::Stale => unavailable(),
        Refusal::Internal(defect) => {
            tracing::error!(reference, defect, "internal error");
            server_error()
        }
    }
}

fn unavailable() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "The service is busy. Try again later.")
        .retry_after(UNAVAILABLE_RETRY)
}

fn server_error() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "An unexpected error occurred.")
}

fn challenged(mut answer: Answer, reason: Unauthenticated) -> Answer {
    let basic = HeaderValue::from_static("Basic realm=\"core\"");
    let bearer = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    let challenges = match reason {
        Unauthenticated::Basic => vec![basic],
        Unauthenticated::Bearer => vec![bearer],
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
    let answer = answer_to(refusal, reference);
    match refusal {
        Refusal::OAuth(error) => match oauth_challenge(error, realm) {
            Some(challenge) => answer.header(WWW_AUTHENTICATE, &challenge),
            None => answer,
        },
        Refusal::Unauthenticated(Unauthenticated::Missing) => {
            answer.header(WWW_AUTHENTICATE, &format!("Bearer realm=\"{realm}\""))
        }
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
    let Ok(Value::Object(mut body)) = serde_json::from_slice(&answer.body) else { return answer };
    for (name, value) in members {
        body.insert((*name).to_owned(), (*value).into());
    }
    Answer { headers: answer.headers, ..Answer::json(answer.status, &body) }
}

/// The challenge of x402 version 2: what to pay, in the body for people and in the header for wallets.
fn with_terms(answer: Answer, amount: i64, terms: &[Value]) -> Answer {
    let Ok(Value::Object(mut body)) = serde_json::from_slice(&answer.body) else { return answer };
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

/// 500 for a defect that was logged where it happened, such as a panic.
pub fn defect(reference: &str) -> Answer {
    server_error().answer(reference)
}
