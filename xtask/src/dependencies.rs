//! Which crate may know which: the arrows of ARCHITECTURE.md, and the libraries that must not come in at all.

use crate::{cargo::Cargo, process::Failure};

/// What must not stand in one dependency tree.
struct Rule {
    /// Arguments of `cargo tree` that choose the tree.
    tree: &'static [&'static str],
    /// Package names; a `*` at the end stands for any rest.
    forbidden: &'static [&'static str],
    /// The reason, said when the rule is broken.
    reason: &'static str,
}

const RULES: [Rule; 7] = [
    Rule {
        tree: &["--package", "authpi-core", "--edges", "normal", "--all-features"],
        forbidden: &[
            "sea-orm*",
            "sea-query*",
            "sqlx*",
            "axum*",
            "actix*",
            "tokio*",
            "hyper*",
            "reqwest",
            "authpi-storage",
            "authpi-transport",
            "authpi-axum",
            "authpi-actix",
        ],
        reason: "core knows no database, no web framework and no async runtime",
    },
    Rule {
        tree: &["--package", "authpi-storage", "--edges", "normal"],
        forbidden: &["axum*", "actix*", "authpi-transport", "authpi-axum", "authpi-actix"],
        reason: "storage implements the store of core and knows nobody else",
    },
    Rule {
        tree: &["--package", "authpi-transport", "--edges", "normal"],
        forbidden: &["sea-orm*", "sqlx*", "axum*", "actix*", "authpi-storage", "authpi-axum", "authpi-actix"],
        reason: "transport implements the seams of core and knows nobody else",
    },
    Rule {
        tree: &["--package", "authpi-axum", "--edges", "normal"],
        forbidden: &["sea-orm*", "sqlx*", "actix*", "authpi-storage", "authpi-transport", "authpi-actix"],
        reason: "an adapter knows its framework and core, never storage",
    },
    Rule {
        tree: &["--package", "authpi-actix", "--edges", "normal"],
        forbidden: &["sea-orm*", "sqlx*", "axum*", "authpi-storage", "authpi-transport", "authpi-axum"],
        reason: "an adapter knows its framework and core, never storage",
    },
    Rule {
        tree: &["--package", "authpi-verifier", "--edges", "normal", "--no-default-features"],
        forbidden: &["authpi-core", "tokio*", "hyper*", "reqwest", "jsonwebtoken"],
        reason: "the verifier is for services that have none of this",
    },
    Rule {
        // openssl-probe is no OpenSSL: it looks for the folder of the system's certificates.
        tree: &["--workspace", "--edges", "normal,build,dev", "--target", "all"],
        forbidden: &["openssl", "openssl-sys", "openssl-src", "native-tls", "tokio-native-tls", "ring"],
        reason: "cryptography is aws-lc-rs, TLS is rustls, and there is one of each",
    },
];

/// Every rule holds; else all that are broken are named, each with its reason and how to look closer.
pub(crate) fn check(cargo: &Cargo<'_>) -> Result<(), Failure> {
    let mut broken = Vec::new();
    for rule in &RULES {
        for name in rule.found_in(&cargo.tree(rule.tree)?) {
            broken.push(format!(
                "{name} is in the tree, but {}\n  cargo tree {} --invert {name}",
                rule.reason,
                rule.tree.join(" ")
            ));
        }
    }
    if broken.is_empty() {
        println!("{} rules hold", RULES.len());
        return Ok(());
    }
    Err(Failure::new(broken.join("\n")))
}

impl Rule {
    fn found_in(&self, tree: &[String]) -> Vec<String> {
        let mut found: Vec<String> = tree.iter().filter(|name| self.forbids(name)).cloned().collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn forbids(&self, name: &str) -> bool {
        self.forbidden.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *pattern,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { tree: &[], forbidden: &["actix*", "ring"], reason: "" };

    #[test]
    fn a_star_stands_for_any_rest_and_a_plain_name_for_itself() {
        assert!(RULE.forbids("actix-web") && RULE.forbids("ring"));
        assert!(!RULE.forbids("string") && !RULE.forbids("ring-buffer"));
    }

    #[test]
    fn a_package_found_twice_is_named_once() {
        let tree = ["serde", "ring", "actix-web", "ring"].map(str::to_owned);
        assert_eq!(RULE.found_in(&tree), ["actix-web", "ring"]);
    }
}
