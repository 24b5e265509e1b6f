#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a failing test panics")]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn scope(text: &str) -> Scope {
    text.parse().unwrap()
}

fn scopes(texts: &[&str]) -> Scopes {
    texts.iter().map(|text| scope(text)).collect()
}

/// The table of core-api §1.9, or of idp §11.2, row by row, for one call.
fn table_grants(reading: Reading, held: &str, resource: &str, action: &str) -> bool {
    match held.rsplit_once(':') {
        Some(("*", "**")) => true,
        Some((root, "**")) => resource == root || resource.starts_with(&format!("{root}.")),
        Some((pattern, allowed)) => {
            let here = pattern == resource || (pattern == "*" && !resource.contains('.'));
            let this = match (allowed, reading) {
                ("*", _) => true,
                ("write", Reading::Core) => ["write", "delete"].contains(&action),
                ("manage", Reading::Core) => ["manage", "read", "write", "delete"].contains(&action),
                (other, _) => other == action,
            };
            here && this
        }
        None => false,
    }
}

// Besides what scopes name, the calls hold resources and an action that none of the scopes names.
const RESOURCES: [&str; 8] = ["a", "ab", "b", "a.b", "a.b.c", "a.bc", "users.*", "b.a"];
const ACTIONS: [&str; 5] = ["read", "write", "delete", "manage", "rotate"];
const UNNAMED_RESOURCES: [&str; 5] = ["x", "x.y", "a.x", "a.b.x", "a.b.c.x"];

fn calls() -> impl Iterator<Item = (&'static str, &'static str)> {
    let resources =
        RESOURCES.into_iter().chain(UNNAMED_RESOURCES).chain(["users.*.x", "ab.x", "b.x", "a.bc.x", "b.a.x"]);
    resources.flat_map(|resource| ACTIONS.into_iter().chain(["unnamed"]).map(move |action| (resource, action)))
}

fn any_reading() -> impl Strategy<Value = Reading> {
    prop::sample::select(vec![Reading::Core, Reading::Application])
}

fn any_scope() -> impl Strategy<Value = Scope> {
    let resource = prop::sample::select(RESOURCES.into_iter().chain(["*"]).collect::<Vec<_>>());
    let action = prop::sample::select(ACTIONS.into_iter().chain(["*", "**"]).collect::<Vec<_>>());
    (resource, action).prop_map(|(resource, action)| scope(&format!("{resource}:{action}")))
}

#[test]
fn text_is_a_scope_token() {
    for text in ["a", "owner", "a.b:read", "*:**", "!#[]~", &"x".repeat(128)] {
        assert_eq!(Scope::try_from(text).unwrap().as_str(), text);
        assert_eq!(serde_json::from_value::<Scope>(json!(text)).unwrap().to_string(), text);
    }
    for text in ["", "a b", "a\"", "a\\", "é", "a\t", "\u{7f}", &"x".repeat(129)] {
        assert_eq!(Scope::try_from(text), Err(InvalidScope), "{text:?}");
        assert!(serde_json::from_value::<Scope>(json!(text)).is_err());
    }
}

#[test]
fn splits_at_the_last_colon() {
    assert_eq!(scope("a.b:read").split(), Some(("a.b", "read")));
    assert_eq!(scope("urn:x:read").split(), Some(("urn:x", "read")));
    for text in ["owner", ":read", "a:", ":", "a:b:"] {
        assert_eq!(scope(text).split(), None, "{text}");
    }
}

#[test]
fn plain_names_grant_only_themselves() {
    for text in ["owner", ":read", "a:", "*", "**"] {
        assert!(scope(text).grants(&scope(text)) && scope(text).matches(&scope(text)));
        assert!(!scope("*:**").grants(&scope(text)) && !scope("*:**").matches(&scope(text)), "{text}");
        assert!(!scope(text).grants(&scope("a:read")) && !scope(text).matches(&scope("a:read")), "{text}");
    }
}

#[test]
fn inner_star_is_literal() {
    let held = scope("users.*:read");
    assert!(held.grants(&held));
    assert!(!held.grants(&scope("users.groups:read")));
    assert!(!held.grants(&scope("users:read")));
}

#[test]
fn an_action_of_an_application_is_a_word() {
    for (held, required) in [("a:manage", "a:read"), ("a:manage", "a:write"), ("a:write", "a:delete")] {
        assert!(scope(held).grants(&scope(required)), "{held} grants {required} at the Core API");
        assert!(!scope(held).matches(&scope(required)), "{held} does not match {required} elsewhere");
        assert!(!scopes(&[held]).matches(&scope(required)) && scopes(&["b:read", held]).matches(&scope(held)));
        assert_eq!(scope(held).meet(&scope(required), Reading::Application), None);
    }
    assert!(scope("a:*").matches(&scope("a:manage")) && scope("*:**").matches(&scope("a.b:write")));
}

#[test]
fn wildcards_cover_no_more_than_they_reach() {
    let covered = [("*:**", "*:*"), ("*:*", "*:read"), ("a:**", "a.b:**"), ("a:**", "a:*"), ("*:write", "a:delete")];
    for (held, wanted) in covered {
        assert!(scope(held).covers(&scope(wanted), Reading::Core), "{held} covers {wanted}");
        assert!(!scope(wanted).covers(&scope(held), Reading::Core), "{wanted} does not cover {held}");
    }
    let apart =
        [("a:*", "a:**"), ("*:*", "a:**"), ("*:read", "a.b:read"), ("a:delete", "a:write"), ("a:**", "ab:read")];
    for (held, wanted) in apart {
        assert!(!scope(held).covers(&scope(wanted), Reading::Core), "{held} does not cover {wanted}");
    }
}

#[test]
fn list_keeps_order_without_repeats() {
    let list: Scopes = serde_json::from_value(json!(["b:read", "a:read", "b:read"])).unwrap();
    assert_eq!(list, scopes(&["b:read", "a:read"]));
    assert_eq!(serde_json::to_value(&list).unwrap(), json!(["b:read", "a:read"]));
    assert!(Scopes::default().is_empty() && !list.is_empty());
}

#[test]
fn list_grants_and_covers_by_single_scopes() {
    let held = scopes(&["a:read", "b:**"]);
    assert!(held.grants(&scope("b.c:write")) && !held.grants(&scope("a:write")));
    assert!(held.contains(&scope("b:**")) && !held.contains(&scope("b:read")));
    let wanted = scopes(&["a:write", "b.c:read", "owner", "a:read"]);
    assert_eq!(held.covers_all(&wanted, Reading::Core), [scope("a:write"), scope("owner")]);
    assert!(!held.is_full() && scopes(&["a:read", "*:**"]).is_full());
    assert!(Scopes::default().covers_all(&Scopes::default(), Reading::Core).is_empty());
}

#[test]
fn plain_names_are_given_from_above() {
    let held = |names: &[&str], wanted: &str| scopes(names).not_grantable(&scopes(&[wanted])).is_empty();
    for wanted in ["owner", "admin", "member", "a:read", "*:**"] {
        assert!(held(&["*:**"], wanted), "{wanted}");
    }
    assert!(held(&["owner"], "owner") && held(&["owner"], "admin") && held(&["admin"], "member"));
    assert!(!held(&["admin"], "owner") && !held(&["member"], "admin") && !held(&["a:**"], "member"));
    assert!(!held(&["owner"], "a:read"), "what an owner holds besides is for the authentication to say");
}

#[test]
fn what_a_tree_and_the_top_level_share_is_not_below_the_root_of_the_tree() {
    let (tree, top_level) = (scope("a:**"), scope("*:*"));
    assert_eq!(tree.meet(&top_level, Reading::Core), Some(scope("a:*")));
    assert_eq!(top_level.meet(&tree, Reading::Core), Some(scope("a:*")));
}

/// What the holder of a scope may call, as this reading has it.
fn allows(held: &Scope, call: &Scope, reading: Reading) -> bool {
    match reading {
        Reading::Core => held.grants(call),
        Reading::Application => held.matches(call),
    }
}

proptest! {
    #[test]
    fn the_meet_of_two_scopes_grants_what_both_grant(
        one in any_scope(), other in any_scope(), reading in any_reading(),
    ) {
        let meet = one.meet(&other, reading);
        prop_assert_eq!(&meet, &other.meet(&one, reading));
        for (resource, action) in calls() {
            let call = scope(&format!("{resource}:{action}"));
            let both = allows(&one, &call, reading) && allows(&other, &call, reading);
            prop_assert_eq!(meet.as_ref().is_some_and(|meet| allows(meet, &call, reading)), both, "{}", call);
        }
    }

    #[test]
    fn both_readings_follow_their_tables(held in any_scope(), reading in any_reading()) {
        for (resource, action) in calls() {
            let required = scope(&format!("{resource}:{action}"));
            prop_assert_eq!(
                allows(&held, &required, reading), table_grants(reading, held.as_str(), resource, action),
                "{} for {}", held, required
            );
        }
    }

    #[test]
    fn covers_means_every_call_of_the_other(held in any_scope(), other in any_scope(), reading in any_reading()) {
        let mut calls = calls().filter(|(resource, action)| table_grants(reading, other.as_str(), resource, action));
        let all = calls.all(|(resource, action)| table_grants(reading, held.as_str(), resource, action));
        prop_assert_eq!(held.covers(&other, reading), all, "{} and {}", held, other);
    }

    #[test]
    fn covers_is_reflexive_and_transitive(
        a in any_scope(), b in any_scope(), c in any_scope(), reading in any_reading(),
    ) {
        let covers = |one: &Scope, other: &Scope| one.covers(other, reading);
        prop_assert!(covers(&a, &a));
        prop_assert!(!(covers(&a, &b) && covers(&b, &c)) || covers(&a, &c));
    }

    #[test]
    fn parents_and_siblings_are_never_granted(
        parent in "[a-z]{1,5}", name in "[a-z]{1,5}", action in "read|manage|[*]{1,2}",
    ) {
        let held = scope(&format!("{parent}.{name}:{action}"));
        for resource in [parent.clone(), format!("{parent}.{name}x"), format!("{parent}.x{name}")] {
            prop_assert!(!held.grants(&scope(&format!("{resource}:read"))), "{} for {}", held, resource);
        }
    }
}
