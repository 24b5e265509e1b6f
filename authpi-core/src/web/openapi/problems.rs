//! What refusals look like.

use serde_json::{Map, Value, json};

use super::schemas::reference;
use crate::web::body::{Components, set};

/// A status that refuses: the name of its response, what it means, the code, an example of the text.
pub(super) struct Problem {
    pub(super) status: u16,
    pub(super) name: &'static str,
    meaning: &'static str,
    code: &'static str,
    text: &'static str,
}

const fn problem(
    status: u16,
    name: &'static str,
    meaning: &'static str,
    code: &'static str,
    text: &'static str,
) -> Problem {
    Problem { status, name, meaning, code, text }
}

/// Every status that refuses.
pub(super) const ALL: [Problem; 17] = [
    problem(
        400,
        "BadRequest",
        "Malformed, or invalid fields: all of them at once.",
        "invalid_request",
        "One or more fields are invalid; see `fields`.",
    ),
    problem(
        401,
        "Unauthorized",
        "No valid credential.",
        "unauthorized_client",
        "Valid credentials are required: an API key as HTTP Basic, its id as user name.",
    ),
    problem(
        402,
        "PaymentRequired",
        "The account is out of credit.",
        "payment_required",
        "The account is out of credit.",
    ),
    problem(
        403,
        "Forbidden",
        "The credential may not do this.",
        "insufficient_scope",
        "The credential does not hold the scope issuers:write.",
    ),
    problem(404, "NotFound", "Not here, or not any more.", "not_found", "There is no such resource here."),
    problem(408, "RequestTimeout", "The body came too slowly.", "request_timeout", "The body did not arrive in time."),
    problem(409, "Conflict", "A state or uniqueness rule.", "conflict", "The name is taken."),
    problem(410, "Gone", "It was here once.", "gone", "What was kept for this has expired."),
    problem(
        412,
        "PreconditionFailed",
        "The resource has changed.",
        "precondition_failed",
        "The organization has changed since it was fetched. Fetch it again and retry.",
    ),
    problem(413, "PayloadTooLarge", "The body is too large.", "payload_too_large", "The body is larger than 1 MiB."),
    problem(
        415,
        "UnsupportedMediaType",
        "The body is not JSON.",
        "invalid_content_type",
        "The body must be sent as application/json.",
    ),
    problem(
        421,
        "MisdirectedRequest",
        "The host of the request is not served here.",
        "misdirected_request",
        "The host of the request is not served here.",
    ),
    problem(
        422,
        "IdempotencyKeyReused",
        "The idempotency key was used with another request.",
        "invalid_request",
        "This Idempotency-Key was used with a different request body, path or caller.",
    ),
    problem(429, "TooManyRequests", "Too many requests.", "rate_limited", "Too many requests."),
    problem(
        431,
        "HeadersTooLarge",
        "Request line and headers are too large.",
        "headers_too_large",
        "Request line and headers are larger than 16 KiB.",
    ),
    problem(500, "ServerError", "Unexpected failure.", "server_error", "An unexpected error occurred."),
    problem(
        503,
        "TemporarilyUnavailable",
        "Overloaded, or the database is away.",
        "temporarily_unavailable",
        "The service is busy. Try again later.",
    ),
];

/// The name of the response of a status.
pub(super) fn name(status: u16) -> Option<&'static str> {
    ALL.iter().find(|problem| problem.status == status).map(|problem| problem.name)
}

/// What the names of responses end with that may be a page as well.
pub(super) const OR_PAGE: &str = "OrPage";

/// The response of every status, and the same where it may be a page.
pub(super) fn responses() -> Map<String, Value> {
    let mut all = Map::new();
    for problem in &ALL {
        let alone = response(problem);
        let mut or_page = alone.clone();
        if let Some(content) = or_page.get_mut("content").and_then(Value::as_object_mut) {
            content.insert("text/html".to_owned(), json!({ "schema": { "type": "string" } }));
        }
        all.insert(problem.name.to_owned(), alone);
        all.insert(format!("{}{OR_PAGE}", problem.name), or_page);
    }
    all
}

fn response(problem: &Problem) -> Value {
    let schema = if problem.status == 412 { "PreconditionFailedError" } else { "ApiError" };
    let header = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
    let mut headers = json!({ "X-Request-Id": header("RequestId") });
    let mut example = json!({
        "error": problem.code,
        "error_description": problem.text,
        "retryable": matches!(problem.status, 408 | 429 | 503),
        "reference": "4bf92f3577b34da6a3ce929d0e0e4736",
    });
    match problem.status {
        400 => {
            let fields = json!([{ "field": "name", "code": "required", "message": "is required" }]);
            set(&mut example, "fields", fields);
        }
        401 => set(&mut headers, "WWW-Authenticate", header("Challenge")),
        412 => {
            set(&mut headers, "ETag", header("EntityTag"));
            set(&mut example, "current_etag", "\"1781222400000\"".into());
        }
        429 | 503 => {
            set(&mut headers, "Retry-After", header("RetryAfter"));
            set(&mut example, "retry_after", 1.into());
        }
        _ => {}
    }
    let content = json!({ "application/json": { "schema": reference(schema), "example": example } });
    json!({ "description": problem.meaning, "headers": headers, "content": content })
}

/// The schemas of refusals.
pub(super) fn schemas() -> Components {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let field_error = json!({
        "type": "object",
        "description": "What is wrong with one field.",
        "required": ["field", "code", "message"],
        "properties": {
            "field": text("Dotted path of the field; the name of a parameter or header."),
            "code": text("Why, for programs."),
            "message": text("Why, for people."),
        },
    });
    let error = |more: Option<(&str, &str)>| {
        let mut schema = json!({
            "type": "object",
            "description": "Why a request was refused.",
            "required": ["error", "error_description", "retryable", "reference"],
            "properties": {
                "error": text("Why, for programs."),
                "error_description": text("Why, for people."),
                "retryable": { "type": "boolean", "description": "The same request may succeed later." },
                "reference": text("What the log calls this request; also in `X-Request-Id`."),
                "retry_after": {
                    "type": "integer", "minimum": 1, "description": "Seconds to wait; also in `Retry-After`.",
                },
                "fields": { "type": "array", "items": reference("FieldError") },
            },
        });
        if let (Some((name, description)), Some(properties)) = (more, schema.get_mut("properties")) {
            set(properties, name, text(description));
        }
        schema
    };
    let tag = ("current_etag", "The entity tag of the resource now.");
    Components::from([
        ("FieldError".to_owned(), field_error),
        ("ApiError".to_owned(), error(None)),
        ("PreconditionFailedError".to_owned(), error(Some(tag))),
    ])
}
