//! Parameters: of the path, of the query, and the headers that the pipeline reads.

use http::Method;
use serde_json::{Map, Value, json};

use crate::web::body::set;
use crate::web::query::{Parameter, ParameterKind};
use crate::web::route::{FormParameter, Route};

/// The parameters of an operation.
pub(super) fn of(route: &Route) -> Vec<Value> {
    let mut all: Vec<_> = route.parameters().map(in_path).chain(route.query.iter().map(in_query)).collect();
    if route.method == Method::GET {
        all.extend(route.form.iter().map(in_oauth_query));
    }
    if route.conditional {
        all.push(match route.method {
            Method::GET => header("If-None-Match", "Answer 304 when the entity tag is still this one.", 1_024),
            _ => header("If-Match", "Change only while the entity tag is still this one.", 1_024),
        });
    }
    if route.is_idempotent() {
        let description = "The same key and request within 24 hours answer the same again.";
        all.push(header("Idempotency-Key", description, 256));
    }
    all
}

fn in_path(name: &str) -> Value {
    let (description, schema) = if name == "domain" {
        ("The host name.".to_owned(), json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,253}$" }))
    } else {
        let noun = name.trim_end_matches("_id").replace('_', " ");
        let description = if noun == name { format!("The {noun}.") } else { format!("Id of the {noun}.") };
        (description, json!({ "type": "string", "pattern": "^[A-Za-z0-9_]{1,64}$" }))
    };
    json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema })
}

fn in_query(parameter: &Parameter) -> Value {
    let mut described = json!({
        "name": parameter.name, "in": "query", "required": parameter.required,
        "description": parameter.description, "schema": parameter.schema(),
    });
    if matches!(parameter.kind, ParameterKind::AnyOf(_)) {
        // Separated by commas, not repeated.
        set(&mut described, "explode", false.into());
    }
    described
}

fn header(name: &str, description: &str, longest: u32) -> Value {
    json!({
        "name": name, "in": "header", "required": false, "description": description,
        "schema": { "type": "string", "minLength": 1, "maxLength": longest },
    })
}

fn in_oauth_query(parameter: &FormParameter) -> Value {
    json!({
        "name": parameter.name, "in": "query", "required": parameter.required,
        "description": parameter.description, "schema": form_value(parameter),
    })
}

/// The schema of a form.
pub(super) fn form(parameters: &[FormParameter]) -> Value {
    let properties: Map<String, Value> = parameters
        .iter()
        .map(|parameter| {
            let mut schema = form_value(parameter);
            set(&mut schema, "description", parameter.description.into());
            (parameter.name.to_owned(), schema)
        })
        .collect();
    let required: Vec<_> =
        parameters.iter().filter(|parameter| parameter.required).map(|parameter| parameter.name).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn form_value(parameter: &FormParameter) -> Value {
    let text = json!({ "type": "string" });
    if parameter.repeatable { json!({ "type": "array", "items": text }) } else { text }
}
