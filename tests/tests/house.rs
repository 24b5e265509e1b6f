//! The rules of the house, read from its files: which file may import which (architecture §1), and what the core may
//! depend on.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../house/dependencies.rs"]
mod outside;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Rooms in their order: on the floor of operations a room may use the ones before it.
const ROOMS: [&str; 29] = [
    "event",
    "mail",
    "note",
    "key",
    "logout",
    "session",
    "delegation",
    "credential",
    "token",
    "group",
    "membership",
    "invitation",
    "connection",
    "organization",
    "agent",
    "client",
    "device",
    "verifier",
    "user",
    "webhook",
    "billing",
    "domain",
    "issuer",
    "account",
    "login",
    "oauth",
    "portal",
    "pages",
    "health",
];

/// Files of the engine: they may import everything, and only each other imports them.
const ENGINE: [&str; 5] = ["authpi", "routes", "worker", "bootstrap", "documents"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Room and floor of a module path such as `organization::api` or `web::call`.
fn place(module: &[&str]) -> (String, u8) {
    let first = module[0];
    let floor = match first {
        _ if ENGINE.contains(&first) => 6,
        "web" => 4,
        "store" => 2,
        "transport" => 1,
        // Its endpoints serve files, as those of any room do.
        "pages" if module.get(1) != Some(&"api") => 1,
        _ if !ROOMS.contains(&first) => 0,
        _ => match module.get(1).copied().unwrap_or_default() {
            "operations" => 3,
            "model" | "events" | "repository" | "catalogue" | "published" => 1,
            // `api`, and what only endpoints and workers use.
            _ => 5,
        },
    };
    (first.to_owned(), floor)
}

/// The modules that a file imports from its own crate; its test module is left out.
fn imports(text: &str) -> BTreeSet<Vec<String>> {
    let production = text.split("#[cfg(test)]").next().unwrap();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let production = production.lines().filter(is_code).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for part in production.split("crate::").skip(1) {
        let path: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect();
        let segments: Vec<String> = path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        if part[path.len()..].starts_with('{') {
            let group: String = part[path.len() + 1..].chars().take_while(|c| *c != '}').collect();
            for member in group.split(',').map(str::trim).filter(|member| !member.is_empty()) {
                let mut whole = segments.clone();
                whole.extend(member.split("::").map(str::to_owned));
                found.insert(whole);
            }
        } else if !segments.is_empty() {
            found.insert(segments);
        }
    }
    found
}

/// Why `from` must not import `to`; `None` when it may.
fn violation(from: &(String, u8), to: &(String, u8)) -> Option<&'static str> {
    if to.1 > from.1 {
        return Some("imports go down");
    }
    if from.0 == to.0 {
        return None;
    }
    let order = |room: &str| ROOMS.iter().position(|known| *known == room);
    match (from.1, to.1) {
        (1, 1) if to.0 != "event" && ROOMS.contains(&from.0.as_str()) => {
            Some("on floor 1 a file imports its own room and the event envelope")
        }
        (3, 1 | 3) if order(&to.0) > order(&from.0) => Some("on floor 3 a room uses the rooms before it"),
        _ => None,
    }
}

#[test]
fn imports_go_down_and_operations_use_earlier_rooms_only() {
    let source = root().join("authpi-core/src");
    let mut wrong = Vec::new();
    for file in rust_files(&source) {
        let relative = file.strip_prefix(&source).unwrap().with_extension("");
        let module: Vec<&str> =
            relative.iter().map(|part| part.to_str().unwrap()).filter(|part| *part != "mod").collect();
        let is_declaration = file.ends_with("mod.rs") && module.len() == 1 && ROOMS.contains(&module[0]);
        if module.first() == Some(&"lib") || module.starts_with(&["store", "contract"]) || is_declaration {
            continue;
        }
        let from = place(&module);
        for import in imports(&std::fs::read_to_string(&file).unwrap()) {
            let import: Vec<&str> = import.iter().map(String::as_str).collect();
            let to = place(&import);
            if let Some(rule) = violation(&from, &to) {
                wrong.push(format!("{}: crate::{} ({rule})", relative.display(), import.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_rules_of_imports_can_be_broken() {
    let organization = place(&["organization", "operations"]);
    assert!(violation(&organization, &place(&["web", "call"])).is_some());
    assert!(violation(&organization, &place(&["user", "operations"])).is_some());
    assert!(violation(&organization, &place(&["membership", "operations"])).is_none());
    assert!(violation(&place(&["organization", "model"]), &place(&["user", "model"])).is_some());
    assert!(violation(&place(&["scope"]), &place(&["store"])).is_some());
    let found = imports("use crate::web::call::Call;\nuse crate::{user, id::IssuerId};\nuse crate::store::{Change};");
    let has = |path: &[&str]| found.contains(&path.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
    assert!(has(&["web", "call", "Call"]) && has(&["user"]) && has(&["store", "Change"]));
}

#[test]
fn sessions_at_the_issuer_begin_behind_the_gate_of_logins_alone() {
    let source = root().join("authpi-core/src");
    let opens = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        text.split("#[cfg(test)]").next().unwrap().contains("NewSessionKind::Op {")
    };
    let found: Vec<_> = rust_files(&source).into_iter().filter(opens).collect();
    let expected = ["login/operations/finish.rs", "session/operations/opening.rs"].map(|file| source.join(file));
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(expected));
    let finish = std::fs::read_to_string(source.join("login/operations/finish.rs")).unwrap();
    assert!(finish.contains("authenticated: &Authenticated"), "only who has passed the gate comes here");
}

fn dependencies(package: &str) -> BTreeSet<String> {
    let arguments = ["tree", "--offline", "-p", package, "-e", "normal", "--prefix", "none", "--format", "{p}"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn core_depends_on_no_framework_database_or_runtime() {
    let core = dependencies("authpi-core");
    assert!(core.contains("serde"), "the list of dependencies is empty");
    for forbidden in ["tokio", "sea-orm", "sqlx", "sqlx-core", "axum", "actix-web", "hyper", "reqwest", "async-std"] {
        assert!(!core.contains(forbidden), "authpi-core depends on {forbidden}");
    }
}

#[test]
fn the_verifier_stands_alone() {
    let verifier = dependencies("authpi-verifier");
    assert!(verifier.contains("aws-lc-rs"), "the list of dependencies is empty");
    for forbidden in ["authpi-core", "reqwest", "tokio", "hyper"] {
        assert!(!verifier.contains(forbidden), "authpi-verifier depends on {forbidden}");
    }
}

#[test]
fn adapters_do_not_know_storage_and_nobody_brings_openssl_or_ring() {
    for adapter in ["authpi-axum", "authpi-actix", "authpi-transport"] {
        assert!(!dependencies(adapter).contains("authpi-storage"), "{adapter}");
    }
    let crates =
        ["authpi-core", "authpi-storage", "authpi-transport", "authpi-axum", "authpi-actix", "authpi-verifier"];
    for package in crates.into_iter().chain(["examples"]) {
        let found = dependencies(package);
        for forbidden in ["openssl", "openssl-sys", "native-tls", "ring"] {
            assert!(!found.contains(forbidden), "{package} depends on {forbidden}");
        }
    }
}

#[test]
fn nine_of_ten_production_files_have_fewer_than_350_lines() {
    let mut lengths = Vec::new();
    for package in
        ["authpi-core", "authpi-storage", "authpi-transport", "authpi-axum", "authpi-actix", "authpi-verifier"]
    {
        for file in rust_files(&root().join(package).join("src")) {
            let text = std::fs::read_to_string(&file).unwrap();
            lengths.push(text.split("#[cfg(test)]\nmod tests").next().unwrap().lines().count());
        }
    }
    lengths.sort_unstable();
    assert!(lengths[lengths.len() * 9 / 10] < 350, "p90 is {}", lengths[lengths.len() * 9 / 10]);
}

/// Names of metrics in a text: `authpi_` and what follows, where that ends as the names of metrics do.
fn metric_names(text: &str) -> BTreeSet<String> {
    let is_of_name = |character: char| character.is_ascii_lowercase() || character == '_';
    let whole = text.match_indices("authpi_").filter(|(at, _)| !text[..*at].ends_with(is_of_name));
    let names = whole.map(|(at, _)| text[at..].chars().take_while(|character| is_of_name(*character)).collect());
    names.filter(|name: &String| !name.starts_with("authpi_core") && !name.starts_with("authpi_verifier")).collect()
}

/// Metrics that the code emits: the names that its macros of `metrics` begin with.
fn emitted() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for package in ["authpi-core", "authpi-storage", "authpi-transport", "authpi-axum", "authpi-actix"] {
        for file in rust_files(&root().join(package).join("src")) {
            let text = std::fs::read_to_string(file).unwrap();
            for call in text.split("metrics::").skip(1) {
                let Some((kind, rest)) = call.split_once("!(") else { continue };
                if ["counter", "gauge", "histogram"].contains(&kind) {
                    names.extend(
                        rest.trim_start().strip_prefix('"').and_then(|name| name.split('"').next()).map(str::to_owned),
                    );
                }
            }
        }
    }
    names
}

#[test]
fn the_dashboard_and_its_page_name_all_metrics_that_there_are_and_no_others() {
    let emitted = emitted();
    assert!(emitted.contains("authpi_requests_total"), "{emitted:?}");
    let dashboard = std::fs::read_to_string(root().join("examples/server/dashboard.json")).unwrap();
    let parsed: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    let panels = parsed["panels"].as_array().unwrap();
    let shown: BTreeSet<_> = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().into_iter().flatten())
        .flat_map(|target| metric_names(target["expr"].as_str().unwrap()))
        // What summaries add to the name of a histogram.
        .map(|name| name.trim_end_matches("_sum").trim_end_matches("_count").to_owned())
        .collect();
    let page = std::fs::read_to_string(root().join("docs/monitoring.md")).unwrap();
    let described = metric_names(&page);
    for (place, named) in [("the dashboard", shown), ("docs/monitoring.md", described)] {
        let unknown: Vec<_> = named.difference(&emitted).collect();
        assert!(unknown.is_empty(), "{place} names what nothing emits: {unknown:?}");
        let missing: Vec<_> = emitted.difference(&named).collect();
        assert!(missing.is_empty(), "{place} does not name {missing:?}");
    }
}
