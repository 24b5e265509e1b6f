//! Which scopes grant what.

/// Whether the holder of the scope `held` may do what requires `required`.
///
/// | Held | Grants |
/// | --- | --- |
/// | `a:read` | that action on exactly `a` |
/// | `a:*` | every action on exactly `a` |
/// | `a:**` | every action on `a` and all below it, such as `a.b` |
/// | `*:read` | that action on every top-level resource, which is one without a dot |
/// | `*:**` | everything but plain names |
/// | `owner` | `owner`: a plain name means only itself |
pub fn grants(held: &str, required: &str) -> bool {
    let (Some((resource, action)), Some((wanted, doing))) = (split(held), split(required)) else {
        return held == required;
    };
    // Should a wildcard ever be required, only who has all of it passes.
    let does = action == doing || action == "**" || action == "*" && doing != "**";
    let reaches = match (resource, action) {
        ("*", "**") => true,
        ("*", _) => !wanted.contains('.'),
        (_, "**") => wanted.strip_prefix(resource).is_some_and(|below| below.is_empty() || below.starts_with('.')),
        _ => resource == wanted,
    };
    does && reaches
}

/// Resource and action; `None` for a plain name.
fn split(scope: &str) -> Option<(&str, &str)> {
    scope.rsplit_once(':').filter(|(resource, action)| !resource.is_empty() && !action.is_empty())
}

#[cfg(test)]
mod tests {
    use super::grants;

    #[test]
    fn scopes_grant_what_the_specification_says() {
        for (held, required) in [
            ("users:read", "users:read"),
            ("users:*", "users:delete"),
            ("users:**", "users:read"),
            ("users:**", "users.verifiers.backup:read"),
            ("*:read", "users:read"),
            ("*:*", "users:write"),
            ("*:**", "users.verifiers:write"),
            ("owner", "owner"),
            ("urn:x:read", "urn:x:read"),
        ] {
            assert!(grants(held, required), "{held} grants {required}");
        }
        for (held, required) in [
            ("users:read", "users:write"),
            ("users:read", "users.verifiers:read"),
            ("users:*", "users.verifiers:read"),
            ("users:**", "usersx:read"),
            ("users.verifiers:**", "users:read"),
            ("users.*:read", "users.verifiers:read"),
            ("*:read", "users.verifiers:read"),
            ("*:*", "users.verifiers:read"),
            ("*:**", "owner"),
            ("*:**", ":x"),
            ("", "users:read"),
        ] {
            assert!(!grants(held, required), "{held} does not grant {required}");
        }
    }
}
