//! The OpenAPI 3.1 document, written from the route table: what it says is what the pipeline does.

use std::sync::Arc;

use http::Method;
use serde_json::{Map, Value, json};

use super::body::{Components, set};
use super::endpoint::Operation;
use super::query::ParameterKind;
use super::route::{Access, Route, Shape};

/// The document of `operations`, served under `base`.
pub fn document(operations: &[Arc<Operation>], base: &str) -> Value {
    let mut components = errors();
    let mut paths = Map::new();
    for operation in operations {
        let item = described(&operation.route, &mut components);
        let methods = paths.entry(operation.route.path).or_insert_with(|| json!({}));
        set(methods, &operation.route.method.as_str().to_ascii_lowercase(), item);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "authpi",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Core API (management) and IdP API (runtime) of one authpi instance.",
        },
        "servers": [{ "url": base }],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "apiKey": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "User name: id of the API key; password: its secret.",
                },
            },
        },
    })
}

fn described(route: &Route, components: &mut Components) -> Value {
    let mut item = json!({
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": parameters(route),
        "responses": responses(route, components),
        "security": if route.access == Access::Public { json!([]) } else { json!([{ "apiKey": [] }]) },
    });
    if let Access::Scope(scope) = route.access {
        set(&mut item, "x-required-scope", scope.into());
    }
    if route.extension {
        set(&mut item, "x-extension", true.into());
    }
    if let Some(body) = &route.body {
        components.extend(body.components.clone());
        components.insert(body.name.to_owned(), body.schema.clone());
        let required = body.schema.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
        let schema = json!({ "$ref": format!("#/components/schemas/{}", body.name) });
        let content = json!({ "required": required, "content": { "application/json": { "schema": schema } } });
        set(&mut item, "requestBody", content);
    }
    item
}

fn parameters(route: &Route) -> Vec<Value> {
    let id = json!({ "type": "string", "pattern": "^[A-Za-z0-9_]{1,64}$" });
    let host = json!({ "type": "string", "maxLength": 253 });
    let header = |name: &str, description: &str| {
        json!({
            "name": name, "in": "header", "required": false, "description": description,
            "schema": { "type": "string", "maxLength": 256 },
        })
    };
    let mut all: Vec<_> = route
        .parameters()
        .map(|name| {
            let schema = if name == "domain" { &host } else { &id };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .chain(route.query.iter().map(|parameter| {
            let mut described = json!({
                "name": parameter.name, "in": "query", "required": parameter.required,
                "description": parameter.description, "schema": parameter.schema(),
            });
            if let (ParameterKind::AnyOf(_), Some(members)) = (parameter.kind, described.as_object_mut()) {
                // Separated by commas, not repeated.
                members.insert("explode".to_owned(), false.into());
            }
            described
        }))
        .collect();
    if route.conditional {
        all.push(match route.method {
            Method::GET => header("If-None-Match", "Answer 304 when the entity tag is still this one."),
            _ => header("If-Match", "Change only while the entity tag is still this one."),
        });
    }
    if route.is_idempotent() {
        all.push(header("Idempotency-Key", "The same key and request within 24 hours answer the same again."));
    }
    all
}

fn responses(route: &Route, components: &mut Components) -> Value {
    let mut responses = Map::new();
    responses.insert(route.status.to_string(), success(route, components));
    for (status, description) in failures(route) {
        let name = if status == 412 { "PreconditionFailedError" } else { "ApiError" };
        let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        let answer = json!({ "description": description, "content": { "application/json": { "schema": schema } } });
        responses.insert(status.to_string(), answer);
    }
    if route.conditional && route.method == Method::GET {
        responses.insert("304".to_owned(), json!({ "description": "Not modified." }));
    }
    responses.into()
}

fn success(route: &Route, components: &mut Components) -> Value {
    let Some((schema, definitions)) = &route.answer else { return json!({ "description": "Done." }) };
    components.extend(definitions.clone());
    let schema = match route.shape {
        Shape::Bare => schema.clone(),
        Shape::Empty => return json!({ "description": "Done." }),
        Shape::Single => json!({
            "type": "object", "required": ["data"], "additionalProperties": false, "properties": { "data": schema },
        }),
        Shape::Page => json!({
            "type": "object",
            "required": ["data", "has_more", "next_cursor"],
            "properties": {
                "data": { "type": "array", "items": schema },
                "has_more": { "type": "boolean" },
                "next_cursor": { "type": ["string", "null"] },
            },
        }),
    };
    json!({ "description": "Success.", "content": { "application/json": { "schema": schema } } })
}

fn failures(route: &Route) -> Vec<(u16, &'static str)> {
    let mut failures = vec![
        (400, "Malformed, or invalid fields."),
        (429, "Too many requests."),
        (431, "Request line and headers are too large."),
        (500, "Unexpected failure."),
        (503, "Overloaded, or the database is away."),
    ];
    let has_parent = route.parameters().any(|name| name != "account_id");
    if route.access != Access::Public {
        failures.extend([(401, "No valid credential."), (403, "The credential may not do this.")]);
    }
    // A deployment without billing has none of it.
    let is_billing = route.tag == "billing";
    if has_parent || is_billing {
        failures.push((404, "Not here."));
    }
    let is_new = matches!(route.method, Method::POST | Method::PATCH) && route.parameters().next().is_some();
    if is_new && (route.needs_credit || is_billing) {
        failures.push((402, "The account is out of credit, or a payment was declined."));
    }
    if route.method != Method::GET {
        failures.extend([
            (408, "The body came too slowly."),
            (409, "A state or uniqueness rule."),
            (413, "The body is too large."),
            (415, "The body is not JSON."),
        ]);
        if route.conditional {
            failures.push((412, "The resource has changed."));
        }
        if route.is_idempotent() {
            failures.push((422, "The idempotency key was used with another request."));
        }
    }
    failures.sort_unstable();
    failures
}

fn errors() -> Components {
    let text = json!({ "type": "string" });
    let field_error = json!({
        "type": "object",
        "required": ["field", "code", "message"],
        "properties": { "field": text, "code": text, "message": text },
    });
    let error = |more: Option<&str>| {
        let mut schema = json!({
            "type": "object",
            "required": ["error", "error_description", "retryable"],
            "properties": {
                "error": text,
                "error_description": text,
                "retryable": { "type": "boolean" },
                "reference": text,
                "retry_after": { "type": "integer", "minimum": 1 },
                "fields": { "type": "array", "items": { "$ref": "#/components/schemas/FieldError" } },
            },
        });
        if let (Some(name), Some(properties)) = (more, schema.get_mut("properties")) {
            set(properties, name, text.clone());
        }
        schema
    };
    Components::from([
        ("FieldError".to_owned(), field_error),
        ("ApiError".to_owned(), error(None)),
        ("PreconditionFailedError".to_owned(), error(Some("current_etag"))),
    ])
}
