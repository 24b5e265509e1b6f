//! The named schemas of the document.
//!
//! What is sent may leave out what has a default, and may hold nothing unknown; what is answered is complete, and may
//! hold more in a later version. A schema that serves both therefore has two forms, the one for bodies under a name of
//! its own.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::examples::{self, Length};
use crate::web::body::{Components, set};

const PREFIX: &str = "#/components/schemas/";

/// Objects of answers that leave out what they have not, though in a body it may be `null`.
const SPARSE: [&str; 2] = ["AuthMethodSettings", "SubjectFilter"];

/// Schemas as they come in.
#[derive(Default)]
pub(super) struct Schemas {
    answered: Components,
    sent: Components,
}

impl Schemas {
    /// Adds schemas of answers.
    pub(super) fn answer(&mut self, components: &Components) {
        for (name, schema) in components {
            let mut form = complete(schema);
            if SPARSE.contains(&name.as_str()) {
                set(&mut form, "required", schema.get("required").cloned().unwrap_or_else(|| json!([])));
            }
            self.answered.insert(name.clone(), form);
        }
    }

    /// Adds schemas of bodies.
    pub(super) fn body(&mut self, components: &Components) {
        self.sent.extend(components.clone());
    }

    /// Every schema under its own name.
    pub(super) fn finished(self) -> Finished {
        let Self { answered, sent } = self;
        let mut twins: BTreeSet<String> = sent
            .iter()
            .filter(|(name, schema)| answered.get(*name).is_some_and(|other| other != *schema))
            .map(name)
            .collect();
        // Who refers to one of two forms has two forms as well.
        loop {
            let refers = |schema: &Value| references(schema).iter().any(|name| twins.contains(name));
            let more: Vec<String> = sent
                .iter()
                .filter(|(name, schema)| answered.contains_key(*name) && !twins.contains(*name) && refers(schema))
                .map(name)
                .collect();
            if more.is_empty() {
                break;
            }
            twins.extend(more);
        }
        let mut all = answered;
        for (name, schema) in &sent {
            all.entry(sent_name(name, &twins)).or_insert_with(|| renamed(schema, &twins));
        }
        Finished { all, twins }
    }
}

fn name((name, _): (&String, &Value)) -> String {
    name.clone()
}

/// Schemas as they stand in the document.
pub(super) struct Finished {
    all: Components,
    /// Names whose form for bodies bears another name.
    twins: BTreeSet<String>,
}

impl Finished {
    /// All of them.
    pub(super) fn components(&self) -> &Components {
        &self.all
    }

    /// A reference to a body.
    pub(super) fn sent(&self, name: &str) -> Value {
        reference(&sent_name(name, &self.twins))
    }

    /// A short body that the schema accepts.
    pub(super) fn example_of_sent(&self, name: &str) -> Option<Value> {
        examples::of(&self.sent(name), &self.all, Length::Short)
    }

    /// An answer with everything in it.
    pub(super) fn example_of_answer(&self, schema: &Value) -> Option<Value> {
        examples::of(schema, &self.all, Length::Full)
    }
}

/// A reference to a named schema.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("{PREFIX}{name}") })
}

/// The name that a schema refers to.
pub(super) fn referred(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix(PREFIX)
}

fn sent_name(name: &str, twins: &BTreeSet<String>) -> String {
    if twins.contains(name) { format!("{name}Input") } else { name.to_owned() }
}

fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(members) => {
            let own = referred(schema).map(str::to_owned);
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

fn renamed(schema: &Value, twins: &BTreeSet<String>) -> Value {
    match schema {
        Value::Object(members) => {
            let own = referred(schema).map(|name| format!("{PREFIX}{}", sent_name(name, twins)));
            let rename = |(key, value): (&String, &Value)| match (&own, key.as_str()) {
                (Some(own), "$ref") => (key.clone(), own.as_str().into()),
                _ => (key.clone(), renamed(value, twins)),
            };
            members.iter().map(rename).collect()
        }
        Value::Array(items) => items.iter().map(|item| renamed(item, twins)).collect(),
        other => other.clone(),
    }
}

/// The form of a schema for answers: every property is there, unless its type says that it can only be left out.
fn complete(schema: &Value) -> Value {
    let Value::Object(members) = schema else { return schema.clone() };
    let mut form = Map::new();
    for (key, value) in members {
        let value = match (key.as_str(), value) {
            ("default", _) | ("additionalProperties", Value::Bool(false)) => continue,
            ("properties", Value::Object(properties)) => {
                properties.iter().map(|(name, property)| (name.clone(), complete(property))).collect()
            }
            ("oneOf" | "anyOf" | "allOf", Value::Array(branches)) => branches.iter().map(complete).collect(),
            ("items" | "additionalProperties", _) => complete(value),
            _ => value.clone(),
        };
        form.insert(key.clone(), value);
    }
    if let Some(Value::Object(properties)) = members.get("properties") {
        let required = members.get("required").and_then(Value::as_array);
        let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|required| required == name));
        let there = properties.iter().filter(|(name, property)| is_required(name) || !is_left_out(property));
        form.insert("required".to_owned(), there.map(|(name, _)| Value::from(name.as_str())).collect());
    }
    Value::Object(form)
}

/// An optional property that is never `null`: what it has not, it leaves out. One with a default has it always (`null`
/// is none), and so has one that is any object.
fn is_left_out(property: &Value) -> bool {
    let branches = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|key| property.get(key)?.as_array()).flatten();
    let defaults = |schema: &Value| schema.get("default").is_some_and(|default| !default.is_null());
    let has_default = defaults(property) || branches.clone().any(defaults);
    let is_null = |schema: &Value| match schema.get("type") {
        Some(Value::String(kind)) => kind == "null",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "null"),
        _ => false,
    };
    let is_any_object =
        property.get("type").is_some_and(|kind| kind == "object") && property.get("properties").is_none();
    !(has_default || is_null(property) || branches.clone().any(is_null) || is_any_object)
}
