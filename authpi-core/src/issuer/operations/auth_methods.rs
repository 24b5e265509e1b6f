//! What can be done with the login methods of an issuer. The issuer is locked, so that there is one method of a kind and
//! its counters are right; they leave its version alone.

use serde_json::{Map, Value};

use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::hostname::Hostname;
use crate::id::{AuthMethodId, IssuerId};
use crate::issuer::events;
use crate::issuer::model::MethodCounts;
use crate::issuer::model::auth_method::{AuthMethod, AuthMethodDetails, AuthMethodKind, MAX_METHODS, MethodSettings};
use crate::merge::{changed_fields, merged};
use crate::seal::Sealed;
use crate::secret::Secret;
use crate::store::Change;

/// Shortest secret that can spare the characters of a hint.
const SHORTEST_WITH_HINT: usize = 24;

/// What a hint shows of a shorter one.
const NO_HINT: &str = "****";

/// A new login method.
pub struct NewAuthMethod {
    /// What it is.
    pub kind: AuthMethodKind,
    /// Members of [`AuthMethodDetails`].
    pub details: Map<String, Value>,
    /// What the upstream provider gave as client secret.
    pub client_secret: Option<Secret>,
}

/// What a PATCH asks for.
pub struct AuthMethodPatch<'a> {
    /// Members of [`AuthMethodDetails`] to merge.
    pub details: Map<String, Value>,
    /// Another client secret, or none; `None` leaves it.
    pub client_secret: Option<Option<&'a Secret>>,
}

/// Adds a login method.
///
/// # Errors
/// [`Refusal::Fields`] for settings that the kind does not have, or a relying party that the issuer is not; [`Refusal::Conflict`] when there is one of the kind
/// already, or there are as many as there may be.
pub async fn create(change: &mut Change<'_>, issuer: IssuerId, new: &NewAuthMethod) -> Result<AuthMethod, Refusal> {
    let methods = locked(change, issuer).await?;
    let id: AuthMethodId = change.mint()?;
    let defaults = AuthMethodDetails { settings: MethodSettings::of(new.kind), ..AuthMethodDetails::default() };
    let mut method = AuthMethod {
        id,
        issuer_id: issuer,
        kind: new.kind,
        details: checked(new.kind, merged(&defaults, &new.details)?)?,
        client_secret: None,
        created_at: change.now(),
        updated_at: change.now(),
    };
    check_rp_id(change, issuer, None, method.details.settings.rp_id.as_ref()).await?;
    if let Some(secret) = &new.client_secret {
        set_secret(change, &mut method, Some(secret))?;
    }
    if new.kind != AuthMethodKind::Oauth2 && methods.iter().any(|known| known.kind == new.kind) {
        return Err(Refusal::not_unique("method", "The issuer has a login method of this kind."));
    }
    if methods.len() >= MAX_METHODS {
        return Err(Refusal::conflict("The issuer has as many login methods as it may have."));
    }
    change.unit().issuers().insert_auth_method(&method).await?;
    count(change, issuer).await?;
    change.emit(events::method_created(change.account(), &method))?;
    Ok(method)
}

/// Merges a patch into a login method. A patch that changes nothing leaves version and events alone.
///
/// # Errors
/// [`Refusal::Fields`] when the merged whole is not valid; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn update(
    change: &mut Change<'_>,
    before: AuthMethod,
    patch: AuthMethodPatch<'_>,
) -> Result<AuthMethod, Refusal> {
    locked(change, before.issuer_id).await?;
    let details = checked(before.kind, merged(&before.details, &patch.details)?)?;
    let known = before.details.settings.rp_id.as_ref();
    check_rp_id(change, before.issuer_id, known, details.settings.rp_id.as_ref()).await?;
    let mut after = AuthMethod { details, ..before.clone() };
    if let Some(secret) = patch.client_secret {
        set_secret(change, &mut after, secret)?;
    }
    let mut changes = changed_fields(&before.details, &after.details)?;
    if after.client_secret != before.client_secret {
        changes.push("settings".to_owned());
    }
    if changes.is_empty() {
        return Ok(before);
    }
    after.updated_at = before.updated_at.next_version(change.now());
    change.unit().issuers().update_auth_method(&after, before.updated_at).await?.required()?;
    count(change, before.issuer_id).await?;
    change.emit(events::method_updated(change.account(), &after, changes))?;
    Ok(after)
}

/// Removes a login method. Users keep their verifiers.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn delete(change: &mut Change<'_>, method: &AuthMethod) -> Result<(), Refusal> {
    locked(change, method.issuer_id).await?;
    change.unit().issuers().remove_auth_method(method).await?.required()?;
    count(change, method.issuer_id).await?;
    change.emit(events::method_deleted(change.account(), method))
}

/// The login methods of an issuer, which is held until the commit.
async fn locked(change: &mut Change<'_>, issuer: IssuerId) -> Result<Vec<AuthMethod>, Refusal> {
    if !change.unit().issuers().lock(issuer).await? {
        return Err(Refusal::NotFound);
    }
    Ok(change.reads().issuers().auth_methods(issuer).await?)
}

async fn count(change: &mut Change<'_>, issuer: IssuerId) -> Result<(), Refusal> {
    let methods = change.reads().issuers().auth_methods(issuer).await?;
    Ok(change.unit().issuers().write_method_counts(issuer, MethodCounts::of(&methods)).await?)
}

fn checked(kind: AuthMethodKind, details: AuthMethodDetails) -> Result<AuthMethodDetails, Refusal> {
    let mut errors = FieldErrors::new();
    details.settings.check(kind, &mut errors);
    errors.into_result()?;
    Ok(AuthMethodDetails { settings: details.settings.completed(kind), ..details })
}

/// Passkeys are bound to their relying party for good: it is a host of the issuer, or lies above one and is proven to be
/// the account's (idp.md section 24). What was accepted stays.
async fn check_rp_id(
    change: &Change<'_>,
    issuer: IssuerId,
    known: Option<&Hostname>,
    wanted: Option<&Hostname>,
) -> Result<(), Refusal> {
    let Some(wanted) = wanted.filter(|wanted| known != Some(*wanted)) else { return Ok(()) };
    let domains = change.reads().domains().of_accounts(&[change.account()]).await?;
    if !domains.iter().any(|domain| domain.is_verified() && domain.host == *wanted) {
        let message = "the account has no such verified domain";
        return Err(Refusal::field("settings.rp_id", FieldCode::UnknownReference, message));
    }
    let mut hosts = domains.iter().filter(|domain| domain.issuer() == Some(issuer)).map(|domain| &domain.host);
    if hosts.any(|host| host.is_within(wanted.as_str())) {
        return Ok(());
    }
    let message = "is neither a host of the issuer nor a parent of one";
    Err(Refusal::field("settings.rp_id", FieldCode::NotAllowed, message))
}

/// Seals a client secret, unless it is the one that the method has.
fn set_secret(change: &Change<'_>, method: &mut AuthMethod, secret: Option<&Secret>) -> Result<(), Refusal> {
    if method.kind != AuthMethodKind::Oauth2 {
        let message = format!("{} has no such setting", method.kind.as_str());
        return Err(Refusal::field("settings.client_secret", FieldCode::UnknownField, message));
    }
    let Some(secret) = secret else {
        method.client_secret = None;
        method.details.settings.client_secret_hint = None;
        return Ok(());
    };
    let (root, context) = (change.root_of(method.issuer_id)?, AuthMethod::seal_context(method.id));
    let open = |sealed: &Sealed| root.open(&context, sealed).map_err(Refusal::internal);
    let known = method.client_secret.as_ref().map(open).transpose()?;
    if known.is_some_and(|known| known.as_slice() == secret.expose().as_bytes()) {
        return Ok(());
    }
    method.client_secret = Some(root.seal(&context, secret.expose().as_bytes()).map_err(Refusal::internal)?);
    let is_long = secret.expose().chars().count() >= SHORTEST_WITH_HINT;
    method.details.settings.client_secret_hint = Some(if is_long { secret.hint() } else { NO_HINT.to_owned() });
    Ok(())
}
