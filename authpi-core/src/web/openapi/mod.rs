//! The OpenAPI 3.1 document, written from the route table: what it says is what the pipeline does.

mod answers;
mod examples;
mod parameters;
mod problems;
mod schemas;

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;
use serde_json::{Map, Value, json};

use super::body::set;
use super::endpoint::Operation;
use super::route::{Access, Route};
use schemas::Schemas;

/// The document of `operations`, served under `base`.
pub fn document(operations: &[Arc<Operation>], base: &str) -> Value {
    let mut schemas = Schemas::default();
    schemas.answer(&problems::schemas());
    for operation in operations {
        answers::collect(&operation.route, &mut schemas);
        if let Some(body) = &operation.route.body {
            schemas.body(&body.components);
            schemas.body(&[(body.name.to_owned(), body.schema.clone())].into());
        }
    }
    let schemas = schemas.finished();
    let mut paths = Map::new();
    for operation in operations {
        let item = described(&operation.route, &schemas);
        let methods = paths.entry(operation.route.path).or_insert_with(|| json!({}));
        set(methods, &operation.route.method.as_str().to_ascii_lowercase(), item);
    }
    let tags: BTreeSet<_> = operations.iter().map(|operation| operation.route.tag).collect();
    json!({
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "authpi",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Core API (management) and IdP API (runtime) of one authpi instance.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": base }],
        "tags": tags.into_iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas.components(),
            "responses": problems::responses(),
            "headers": answers::headers(),
            "securitySchemes": {
                "apiKey": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "User name: id of the API key; password: its secret.",
                },
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "Access token of a user of the platform's own issuer: from one of its `internal` clients, or for the base URL of this API and then as far as its scopes reach. Or a personal token (`ptk_…`).",
                },
            },
        },
    })
}

fn described(route: &Route, schemas: &schemas::Finished) -> Value {
    let security = match route.access {
        Access::Public | Access::Issuer => json!([]),
        Access::Credential | Access::Scope(_) => json!([{ "apiKey": [] }, { "bearer": [] }]),
    };
    let mut item = json!({
        "operationId": route.name,
        "summary": route.summary,
        "description": description(route),
        "tags": [route.tag],
        "parameters": parameters::of(route),
        "responses": answers::of(route, schemas),
        "security": security,
    });
    if let Access::Scope(scope) = route.access {
        set(&mut item, "x-required-scope", scope.into());
    }
    if route.extension {
        set(&mut item, "x-extension", true.into());
    }
    if let Some(body) = &route.body {
        let required = body.schema.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
        let mut content = json!({ "schema": schemas.sent(body.name) });
        if let Some(example) = schemas.example_of_sent(body.name) {
            set(&mut content, "example", example);
        }
        set(&mut item, "requestBody", json!({ "required": required, "content": { "application/json": content } }));
    }
    if !route.form.is_empty() && route.method != Method::GET {
        let content = json!({ "schema": parameters::form(&route.form) });
        let content = json!({ "application/x-www-form-urlencoded": content });
        set(&mut item, "requestBody", json!({ "required": true, "content": content }));
    }
    item
}

/// What the pipeline does for the operation, in words.
fn description(route: &Route) -> String {
    let mut sentences = vec![format!("{}.", route.summary)];
    match route.access {
        Access::Scope(scope) => sentences.push(format!("Needs the scope `{scope}` in the account.")),
        Access::Credential => sentences.push("Needs a credential, and no scope.".to_owned()),
        Access::Public => sentences.push("Open to everyone.".to_owned()),
        Access::Issuer => sentences.push("An endpoint of an issuer.".to_owned()),
    }
    if route.conditional {
        sentences.push(match route.method {
            Method::GET => "The answer carries an entity tag; `If-None-Match` saves sending it again.".to_owned(),
            _ => "With `If-Match`, nothing happens once the resource has changed.".to_owned(),
        });
    }
    if route.is_idempotent() {
        sentences.push("With `Idempotency-Key`, a repetition is answered as the first time.".to_owned());
    }
    if route.extension {
        sentences.push("Beyond the published SDK.".to_owned());
    }
    sentences.join(" ")
}
