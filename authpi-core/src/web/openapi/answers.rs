//! What an operation can answer.

use http::Method;
use serde_json::{Map, Value, json};

use super::problems;
use super::schemas::{Finished, Schemas, reference, referred};
use crate::web::answer::LINES;
use crate::web::body::set;
use crate::web::route::{Access, Route, Shape};

/// The headers that answers carry.
pub(super) fn headers() -> Value {
    let text = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    json!({
        "RequestId": text("What the log calls this request."),
        "EntityTag": text("The version of the resource."),
        "Challenge": text("How to authenticate."),
        "Replayed": { "description": "`true`: this is the answer to an earlier request.", "schema": { "const": "true" } },
        "RetryAfter": { "description": "Seconds to wait.", "schema": { "type": "integer", "minimum": 1 } },
    })
}

/// Adds the schemas of an operation's answer: its own, and the envelope's.
pub(super) fn collect(route: &Route, schemas: &mut Schemas) {
    let Some((schema, definitions)) = &route.answer else { return };
    schemas.answer(definitions);
    if let Some((name, envelope)) = enveloped(route, schema) {
        schemas.answer(&[(name, envelope)].into());
    }
}

/// Name and schema of the envelope around a named schema.
fn enveloped(route: &Route, schema: &Value) -> Option<(String, Value)> {
    let name = referred(schema)?;
    match route.shape {
        Shape::Single => Some((format!("{name}Answer"), envelope(route.shape, schema)?)),
        Shape::Page => Some((format!("{name}Page"), envelope(route.shape, schema)?)),
        _ => None,
    }
}

fn envelope(shape: Shape, schema: &Value) -> Option<Value> {
    match shape {
        Shape::Single => Some(json!({
            "type": "object",
            "required": ["data"],
            "properties": { "data": schema },
        })),
        Shape::Page => Some(json!({
            "type": "object",
            "required": ["data", "has_more", "next_cursor"],
            "properties": {
                "data": { "type": "array", "items": schema },
                "has_more": { "type": "boolean", "description": "There is a next page." },
                "next_cursor": { "type": ["string", "null"], "description": "`cursor` of the next page." },
            },
        })),
        _ => None,
    }
}

/// All that an operation can answer.
pub(super) fn of(route: &Route, schemas: &Finished) -> Map<String, Value> {
    let mut responses = Map::new();
    responses.insert(route.status.to_string(), success(route, schemas));
    if route.conditional && route.method == Method::GET {
        let headers = json!({ "ETag": header("EntityTag"), "X-Request-Id": header("RequestId") });
        responses.insert("304".to_owned(), json!({ "description": "Not modified.", "headers": headers }));
    }
    for (status, media) in route.others {
        let known = responses.get_mut(&status.to_string()).filter(|_| !media.is_empty());
        match known.and_then(|known| known.get_mut("content")).and_then(Value::as_object_mut) {
            Some(content) => drop(content.insert((*media).to_owned(), text())),
            None => drop(responses.insert(status.to_string(), other(*status, media))),
        }
    }
    for status in refusals(route) {
        if let Some(name) = problems::name(status) {
            let or_page = if shows_pages(route) { problems::OR_PAGE } else { "" };
            responses.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{name}{or_page}") }));
        }
    }
    responses
}

/// People meet it, and are told of refusals by a page.
fn shows_pages(route: &Route) -> bool {
    route.others.iter().any(|(status, media)| *media == "text/html" || *status == 303)
}

/// Any text.
fn text() -> Value {
    json!({ "schema": { "type": "string" } })
}

/// A redirect, or a page.
fn other(status: u16, media: &str) -> Value {
    let headers = json!({ "X-Request-Id": header("RequestId") });
    let description = if (300..400).contains(&status) { "Go on there." } else { "A page." };
    if media.is_empty() {
        return json!({ "description": description, "headers": headers });
    }
    json!({ "description": description, "headers": headers, "content": { media: text() } })
}

fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

fn success(route: &Route, schemas: &Finished) -> Value {
    let mut headers = json!({ "X-Request-Id": header("RequestId") });
    if route.conditional && route.method != Method::DELETE {
        set(&mut headers, "ETag", header("EntityTag"));
    }
    if route.is_idempotent() {
        set(&mut headers, "Idempotent-Replayed", header("Replayed"));
    }
    let answer = route.answer.as_ref().filter(|_| route.shape != Shape::Empty);
    let Some((schema, _)) = answer else { return json!({ "description": "Done.", "headers": headers }) };
    if route.shape == Shape::Lines {
        // OpenAPI 3.1 describes a body as one value; `itemSchema` comes with 3.2.
        let content = json!({ "schema": { "type": "string" }, "x-item-schema": schema });
        return json!({ "description": "Success.", "headers": headers, "content": { LINES: content } });
    }
    let schema = match enveloped(route, schema) {
        Some((name, _)) => reference(&name),
        None => envelope(route.shape, schema).unwrap_or_else(|| schema.clone()),
    };
    let mut content = json!({ "schema": schema });
    if let Some(example) = schemas.example_of_answer(&schema) {
        set(&mut content, "example", example);
    }
    json!({ "description": "Success.", "headers": headers, "content": { "application/json": content } })
}

/// The statuses with which the pipeline, or the operation itself, may refuse.
fn refusals(route: &Route) -> Vec<u16> {
    let mut statuses = vec![400, 429, 431, 500, 503];
    if route.access != Access::Public {
        statuses.extend([401, 403]);
    }
    if route.access == Access::Issuer {
        statuses.push(404);
        if route.method != Method::GET {
            statuses.extend([408, 413, 415]);
        }
        statuses.extend(route.refuses);
        return statuses;
    }
    // A deployment without billing has none of it.
    let is_billing = route.tag == "billing";
    if is_billing || route.parameters().any(|name| name != "account_id") {
        statuses.push(404);
    }
    let writes_in_account = route.method != Method::GET && route.parameters().next().is_some();
    if writes_in_account && (route.needs_credit || is_billing) {
        statuses.push(402);
    }
    if route.method != Method::GET {
        statuses.extend([408, 409, 413, 415]);
        if route.conditional {
            statuses.push(412);
        }
        if route.is_idempotent() {
            statuses.push(422);
        }
    }
    statuses.extend(route.refuses);
    statuses
}
