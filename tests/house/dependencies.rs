//! What came in from outside, against `deny.toml`: licences and sources. It says what `cargo deny check licenses sources`
//! says, from what cargo knows already; the crates that must not be there are looked for in the trees of `cargo tree`.
//! Advisories need a database of the day, so they stay with `cargo deny check advisories`.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::root;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Where two versions would be two sets of faults, or types that do not fit each other.
const ONE_VERSION: [&str; 7] = ["aws-lc-rs", "aws-lc-sys", "rustls", "rustls-webpki", "jsonwebtoken", "argon2", "sqlx"];

/// Every package of `Cargo.lock`, with the features that the workspace can ask for.
fn packages() -> Vec<Value> {
    let arguments = ["metadata", "--locked", "--offline", "--all-features", "--format-version", "1"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().clone();
    assert!(packages.len() > 100, "the list of packages is empty");
    packages
}

/// The licences of `deny.toml`.
fn allowed() -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let (_, section) = text.split_once("\n[licenses]\n").unwrap();
    let (_, list) = section.split_once("\nallow = [\n").unwrap();
    let lines = list.lines().take_while(|line| *line != "]");
    lines.filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect()
}

/// The expression (SPDX 2.3 annex D) can be satisfied with these licences. `/` is how older manifests write `OR`.
fn is_satisfied(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "~WITH~");
    let words: Vec<_> = text.split_whitespace().collect();
    let (value, rest) = any(&words, allowed);
    assert!(rest.is_empty(), "not understood: {expression}");
    value
}

fn any<'w, 't>(words: &'w [&'t str], allowed: &BTreeSet<String>) -> (bool, &'w [&'t str]) {
    let (mut value, mut rest) = all(words, allowed);
    while let Some(("OR", behind)) = rest.split_first().map(|(word, behind)| (*word, behind)) {
        let (other, behind) = all(behind, allowed);
        (value, rest) = (value || other, behind);
    }
    (value, rest)
}

fn all<'w, 't>(words: &'w [&'t str], allowed: &BTreeSet<String>) -> (bool, &'w [&'t str]) {
    let (mut value, mut rest) = one(words, allowed);
    while let Some(("AND", behind)) = rest.split_first().map(|(word, behind)| (*word, behind)) {
        let (other, behind) = one(behind, allowed);
        (value, rest) = (value && other, behind);
    }
    (value, rest)
}

fn one<'w, 't>(words: &'w [&'t str], allowed: &BTreeSet<String>) -> (bool, &'w [&'t str]) {
    let (word, rest) = words.split_first().unwrap();
    if *word == "(" {
        let (value, rest) = any(rest, allowed);
        assert_eq!(rest.first(), Some(&")"), "a bracket is open");
        return (value, &rest[1..]);
    }
    (allowed.contains(&word.replace("~WITH~", " WITH ")), rest)
}

fn name(package: &Value) -> String {
    format!("{} {}", package["name"].as_str().unwrap(), package["version"].as_str().unwrap())
}

#[test]
fn every_licence_is_one_that_is_allowed() {
    let allowed = allowed();
    assert!(allowed.contains("MIT") && allowed.len() > 5, "{allowed:?}");
    let is_refused = |package: &&Value| !package["license"].as_str().is_some_and(|text| is_satisfied(text, &allowed));
    let packages = packages();
    let wrong: Vec<_> = packages.iter().filter(is_refused).map(|one| (name(one), one["license"].clone())).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn an_expression_needs_all_of_its_and_and_one_of_its_or() {
    let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    for good in ["MIT", "GPL-3.0/MIT", "GPL-3.0 OR (MIT AND Apache-2.0)", "Apache-2.0 WITH LLVM-exception"] {
        assert!(is_satisfied(good, &allowed), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Apache-2.0) AND GPL-3.0", "MIT WITH LLVM-exception", "mit"] {
        assert!(!is_satisfied(bad, &allowed), "{bad}");
    }
}

#[test]
fn everything_from_outside_is_from_crates_io() {
    let root = root();
    for package in packages() {
        let source = package["source"].as_str();
        let is_ours =
            source.is_none() && package["manifest_path"].as_str().unwrap().starts_with(root.to_str().unwrap());
        assert!(is_ours || source == Some(CRATES_IO), "{} is from {source:?}", name(&package));
    }
}

#[test]
fn of_what_keeps_secrets_there_is_one_version() {
    let packages = packages();
    for wanted in ONE_VERSION {
        let found: Vec<_> = packages.iter().filter(|one| one["name"] == wanted).map(name).collect();
        assert_eq!(found.len(), 1, "{wanted}: {found:?}");
    }
}
