//! What the catalogue says of an event (events-webhooks §4), as the check of the published SDK has it, too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::Value;

const SOURCE: &str = include_str!("../sdk/catalogue.py");

/// Names that must be there, and those that may.
struct Names {
    required: BTreeSet<&'static str>,
    allowed: BTreeSet<&'static str>,
}

impl Names {
    fn of(text: &'static str) -> Self {
        let (optional, required): (BTreeSet<_>, BTreeSet<_>) =
            text.split_whitespace().partition(|name| name.ends_with('?'));
        let allowed = optional.iter().map(|name| name.trim_end_matches('?')).chain(required.iter().copied()).collect();
        Self { required, allowed }
    }

    fn are(&self, found: &BTreeSet<&str>) -> bool {
        self.required.is_subset(found) && found.is_subset(&self.allowed)
    }
}

/// By type: keys of the subject besides account and issuer.
static SUBJECTS: LazyLock<BTreeMap<&str, Names>> = LazyLock::new(|| {
    let table = SOURCE.split("CATALOGUE: ").nth(1).unwrap().split("\n}\n").next().unwrap();
    let lines = table.lines().filter_map(|line| line.trim().strip_prefix('"'));
    lines
        .map(|line| {
            let (kind, rest) = line.split_once("\": (\"").unwrap();
            (kind, Names::of(rest.split('"').next().unwrap()))
        })
        .collect()
});

/// What is wrong with the subject of an event; `None` when it is as the catalogue says.
///
/// # Panics
/// For a type that is not in the catalogue.
pub fn defect(event: &Value) -> Option<String> {
    let kind = event["type"].as_str().unwrap();
    let mut found: BTreeSet<_> = event["subject"].as_object().unwrap().keys().map(String::as_str).collect();
    let has_account = found.remove("account_id");
    found.remove("issuer_id");
    let expected = SUBJECTS.get(kind).unwrap_or_else(|| panic!("{kind} is in no catalogue"));
    (!has_account || !expected.are(&found))
        .then(|| format!("{kind} about {found:?}, expected {:?} of {:?}", expected.required, expected.allowed))
}
