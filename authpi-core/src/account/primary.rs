//! `domains` in a PATCH of an account: it may name another primary host and nothing else (core-api section 4).

use serde_json::{Map, Value};

use crate::domain::api::AccountDomainView;
use crate::domain::model::AccountDomain;
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::hostname::Hostname;

/// The host that becomes primary; `None` when it stays as it is. As every array, the list replaces the one before, so
/// that it must name all hosts.
///
/// # Errors
/// [`Refusal::Fields`] for anything else that would change.
pub(super) fn chosen(sent: &[Map<String, Value>], current: &[AccountDomain]) -> Result<Option<Hostname>, Refusal> {
    let mut errors = FieldErrors::new();
    let mut named = Vec::new();
    let mut chosen = Vec::new();
    for (index, entry) in sent.iter().enumerate() {
        let host = entry.get("host").and_then(Value::as_str).and_then(|host| host.parse::<Hostname>().ok());
        let Some(domain) = current.iter().find(|domain| host.as_ref() == Some(&domain.host)) else {
            let message = "the account has no such host; hosts are added one by one";
            errors.add(format!("domains.{index}"), FieldCode::NotAllowed, message);
            continue;
        };
        if named.contains(&&domain.host) {
            errors.add(format!("domains.{index}.host"), FieldCode::Duplicate, "stated more than once");
        }
        named.push(&domain.host);
        compare(entry, domain, index, &mut errors)?;
        if entry.get("primary") == Some(&Value::Bool(true)) {
            chosen.push((index, domain));
        }
    }
    if current.iter().any(|domain| !named.contains(&&domain.host)) {
        errors.add("domains", FieldCode::NotAllowed, "must name every host; hosts are removed one by one");
    }
    for (index, domain) in &chosen {
        let problem = match chosen.as_slice() {
            [_] if domain.is_verified() => continue,
            [_] => "only a verified host can be primary",
            _ => "one host is primary",
        };
        errors.add(format!("domains.{index}.primary"), FieldCode::NotAllowed, problem);
    }
    if chosen.is_empty() && sent.iter().any(|entry| gives_up(entry, current)) {
        errors.add("domains", FieldCode::NotAllowed, "one of the verified hosts is primary");
    }
    errors.into_result()?;
    Ok(chosen.first().filter(|(_, domain)| !domain.primary).map(|(_, domain)| domain.host.clone()))
}

/// What was sent of a host besides `primary` must be as it is.
fn compare(
    entry: &Map<String, Value>,
    domain: &AccountDomain,
    index: usize,
    errors: &mut FieldErrors,
) -> Result<(), Refusal> {
    let view = serde_json::to_value(AccountDomainView::from(domain)).map_err(Refusal::internal)?;
    for (name, value) in entry {
        let field = format!("domains.{index}.{name}");
        match (name.as_str(), view.get(name)) {
            ("host" | "primary", _) => {}
            (_, None) => errors.add(field, FieldCode::UnknownField, "no such field"),
            (_, Some(known)) if known == value => {}
            _ => errors.add(field, FieldCode::NotAllowed, "cannot be changed here"),
        }
    }
    Ok(())
}

fn gives_up(entry: &Map<String, Value>, current: &[AccountDomain]) -> bool {
    let host = entry.get("host").and_then(Value::as_str).unwrap_or_default();
    entry.get("primary") == Some(&Value::Bool(false))
        && current.iter().any(|domain| domain.primary && domain.host.as_str() == host)
}
