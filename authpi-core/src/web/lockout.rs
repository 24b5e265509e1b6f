//! Which calls depend on credit: none that only locks somebody out, whatever else the same route can do.

use http::Method;
use serde_json::{Map, Value};

use super::call::CallHead;

/// States in which nobody gets in.
const LOCKED: [&str; 5] = ["suspended", "blocked", "disabled", "revoked", "rejected"];

/// What may be said about a change of status.
const NOTES: [&str; 2] = ["status_reason", "status_by"];

/// The call depends on credit in an account that pays in advance.
pub(super) fn needs_credit(head: &CallHead) -> bool {
    let route = &head.operation.route;
    let locks = || head.raw_body.as_ref().is_ok_and(|body| only_locks(body));
    route.needs_credit && !(route.method == Method::PATCH && locks())
}

/// The body of an update states a locking status and changes nothing else. One that the endpoint refuses later is
/// refused all the same.
fn only_locks(body: &[u8]) -> bool {
    let Ok(sent) = serde_json::from_slice::<Map<String, Value>>(body) else { return false };
    let locks = |name: &str, value: &Value| match name {
        "status" => value.as_str().is_some_and(|status| LOCKED.contains(&status)),
        "blocked" => *value == Value::Bool(true),
        _ => false,
    };
    sent.iter().any(|(name, value)| locks(name, value))
        && sent.iter().all(|(name, value)| locks(name, value) || NOTES.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locking_status_with_its_note_and_nothing_else_is_a_lockout() {
        let locking = [
            r#"{"status":"suspended"}"#,
            r#"{"status":"blocked","status_reason":"leaked","status_by":"ops"}"#,
            r#"{"status":"disabled"}"#,
            r#"{"blocked":true}"#,
        ];
        for body in locking {
            assert!(only_locks(body.as_bytes()), "{body}");
        }
        let others = [
            "",
            "[]",
            "{}",
            r#"{"status":"active"}"#,
            r#"{"status":null}"#,
            r#"{"blocked":false}"#,
            r#"{"status_reason":"late"}"#,
            r#"{"status":"blocked","name":"n"}"#,
            r#"{"status":"blocked","blocked":false}"#,
        ];
        for body in others {
            assert!(!only_locks(body.as_bytes()), "{body}");
        }
    }
}
