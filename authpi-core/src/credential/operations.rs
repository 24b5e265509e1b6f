//! What can be done with API keys.

use serde_json::{Map, Value};

use super::events::{self, UpdateAction};
use super::model::{
    API_KEY_HASH, ApiKey, ApiKeyDetails, ApiKeyStatus, HomeState, KeyLevel, KeyRestrictions, RateLimit, weakness,
};
use crate::error::{FieldCode, Refusal};
use crate::id::{AccountId, IssuerId, OrganizationId};
use crate::merge::{changed_fields, merged};
use crate::metadata::Metadata;
use crate::network::Network;
use crate::rights::Rights;
use crate::rotating_secret::RotatingSecret;
use crate::scope::Scopes;
use crate::secret::{Secret, SecretHash};
use crate::status::{Status, StatusNote};
use crate::store::Change;
use crate::timestamp::Timestamp;

/// A new API key.
pub struct NewApiKey {
    /// Account that it belongs to.
    pub account_id: AccountId,
    /// Owning organization.
    pub org_id: OrganizationId,
    /// Issuer of the organization.
    pub issuer_id: IssuerId,
    /// Where it lives.
    pub level: KeyLevel,
    /// Display name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Scopes.
    pub scopes: Scopes,
    /// Networks it may be used from; empty means any.
    pub ip_allowlist: Vec<Network>,
    /// How often it may be used.
    pub rate_limit: Option<RateLimit>,
    /// After this it is refused.
    pub expires_at: Option<Timestamp>,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// A secret that the caller brings along, from wherever the key was before; else one is made.
    pub secret: Option<Secret>,
    /// What to recognize that secret by; else its last characters.
    pub secret_hint: Option<String>,
}

/// What a PATCH asks for.
#[derive(Clone, Debug, Default)]
pub struct ApiKeyPatch {
    /// Members of [`ApiKeyDetails`] to merge.
    pub details: Map<String, Value>,
    /// Metadata to merge; `None` leaves it.
    pub metadata: Option<Value>,
    /// Block or unblock, and what the caller says about it.
    pub status: Option<(ApiKeyStatus, StatusNote)>,
}

/// Makes an API key. The secret is shown to the caller once and kept nowhere.
///
/// Whether the caller may hand out these scopes is asked before: [`permit`].
///
/// # Errors
/// [`Refusal::NotFound`] when the organization is deleted meanwhile; [`Refusal::Fields`] for a secret that could be
/// guessed, and for an expiry that is not in the future.
pub async fn create(change: &mut Change<'_>, new: NewApiKey) -> Result<(ApiKey, Secret), Refusal> {
    // The removal of the organization takes its keys along: none may come in behind its back.
    change.unit().organizations().lock(new.issuer_id, new.org_id).await?.ok_or(Refusal::NotFound)?;
    require_future(new.expires_at, change.now())?;
    let id = change.mint()?;
    let secret = match new.secret {
        None => change.secret()?,
        Some(chosen) => accepted(chosen, &new.name, id)?,
    };
    let key = ApiKey {
        id,
        account_id: new.account_id,
        org_id: new.org_id,
        issuer_id: new.issuer_id,
        level: new.level,
        status: Status::initial(ApiKeyStatus::Active),
        details: ApiKeyDetails {
            name: new.name,
            description: new.description,
            tags: new.tags,
            restrictions: KeyRestrictions {
                scopes: new.scopes,
                ip_allowlist: new.ip_allowlist,
                rate_limit: new.rate_limit,
            },
            expires_at: new.expires_at,
        },
        metadata: new.metadata,
        secret: RotatingSecret::new(hashed(change, &secret)),
        secret_hint: new.secret_hint.unwrap_or_else(|| secret.hint()),
        rotated_at: None,
        expiry_announced: false,
        // Not written; the read below says what it is.
        home: HomeState::Gone,
        created_at: change.now(),
        updated_at: change.now(),
    };
    change.unit().api_keys().insert(&key).await?;
    change.emit(events::created(&key))?;
    let key = change.reads().api_keys().find(key.account_id, id).await?.ok_or(Refusal::Stale)?;
    Ok((key, secret))
}

fn accepted(secret: Secret, name: &str, id: crate::id::ApiKeyId) -> Result<Secret, Refusal> {
    match weakness(secret.expose(), [name, &id.to_string()]) {
        None => Ok(secret),
        Some(reason) => Err(Refusal::field("secret", FieldCode::NotAllowed, reason)),
    }
}

fn hashed(change: &Change<'_>, secret: &Secret) -> SecretHash {
    change.keyring().peppers.hash(API_KEY_HASH, secret.expose().as_bytes())
}

fn require_future(at: Option<Timestamp>, now: Timestamp) -> Result<(), Refusal> {
    if at.is_some_and(|at| at <= now) {
        return Err(Refusal::field("expires_at", FieldCode::TooSmall, "must be in the future"));
    }
    Ok(())
}

/// Lets a caller who holds `held` in the account of a key give it `scopes`. On an account these grant calls of the Core
/// API; in a tenant's organization they mean what the tenant makes of them.
///
/// # Errors
/// [`Refusal::InsufficientScope`], naming the first scope that the caller may not give.
pub fn permit(level: KeyLevel, held: Option<&Rights>, scopes: &Scopes) -> Result<(), Refusal> {
    if level == KeyLevel::Organization {
        return Ok(());
    }
    held.unwrap_or(&Rights::default()).permit(scopes)
}

/// Merges a patch into a key, for a caller who holds `held` in its account. A patch that changes nothing leaves version
/// and events alone.
///
/// # Errors
/// [`Refusal::Fields`] when the merged whole is not valid; [`Refusal::InsufficientScope`] as [`permit`], for scopes that
/// the key did not have; [`Refusal::Conflict`] for another status of a revoked key; [`Refusal::Stale`] when it has
/// changed meanwhile.
pub async fn update(
    change: &mut Change<'_>,
    before: ApiKey,
    patch: ApiKeyPatch,
    held: Option<&Rights>,
) -> Result<ApiKey, Refusal> {
    let now = change.now();
    let details = merged(&before.details, &patch.details)?;
    if details.expires_at != before.details.expires_at {
        require_future(details.expires_at, now)?;
    }
    let added = details.restrictions.scopes.without(&before.details.restrictions.scopes);
    permit(before.level, held, &added)?;
    let mut changes = changed_fields(&before.details, &details)?;
    let metadata = before.metadata.patched(patch.metadata.as_ref())?;
    if metadata != before.metadata {
        changes.push("metadata".to_owned());
    }
    let after = ApiKey { metadata, ..before.clone().with_details(details) };
    let after = match patch.status {
        Some((ApiKeyStatus::Blocked, note)) => after.blocked(now, note)?,
        Some((ApiKeyStatus::Active, note)) => after.unblocked(now, note)?,
        Some((ApiKeyStatus::Revoked, note)) => after.revoked(now, note),
        None => after,
    };
    written(change, before, after, UpdateAction::Updated, changes).await
}

/// Blocks a key; a blocked one is left as it is.
///
/// # Errors
/// [`Refusal::Conflict`] for a revoked key; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn block(change: &mut Change<'_>, before: ApiKey, note: StatusNote) -> Result<ApiKey, Refusal> {
    let after = before.clone().blocked(change.now(), note)?;
    written(change, before, after, UpdateAction::Updated, Vec::new()).await
}

/// Takes the block of a key back; one that is not blocked is left as it is.
///
/// # Errors
/// [`Refusal::Conflict`] for a revoked key; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn unblock(change: &mut Change<'_>, before: ApiKey, note: StatusNote) -> Result<ApiKey, Refusal> {
    let after = before.clone().unblocked(change.now(), note)?;
    written(change, before, after, UpdateAction::Updated, Vec::new()).await
}

/// Puts a key out of use for ever; a revoked one is left as it is.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn revoke(change: &mut Change<'_>, before: ApiKey, note: StatusNote) -> Result<ApiKey, Refusal> {
    let after = before.clone().revoked(change.now(), note);
    written(change, before, after, UpdateAction::Updated, Vec::new()).await
}

/// Replaces the secret of a key and answers the new one, for a caller who holds `held` in its account: whoever gets the
/// secret gets the scopes.
///
/// # Errors
/// [`Refusal::InsufficientScope`] as [`permit`]; [`Refusal::Conflict`] for a revoked or expired key;
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn rotate(
    change: &mut Change<'_>,
    before: ApiKey,
    held: Option<&Rights>,
) -> Result<(ApiKey, Secret), Refusal> {
    permit(before.level, held, &before.details.restrictions.scopes)?;
    let secret = change.secret()?;
    let after = before.clone().rotated(change.now(), hashed(change, &secret), secret.hint())?;
    let after = written(change, before, after, UpdateAction::Rotated, vec!["secret".to_owned()]).await?;
    Ok((after, secret))
}

/// Writes what a change made of a key and says so: what was written and the step in its life cycle. Nothing happens
/// where nothing differs.
async fn written(
    change: &mut Change<'_>,
    before: ApiKey,
    mut after: ApiKey,
    action: UpdateAction,
    changes: Vec<String>,
) -> Result<ApiKey, Refusal> {
    let (was, is) = (before.status.value, after.status.value);
    if changes.is_empty() && was == is {
        return Ok(before);
    }
    after.updated_at = before.updated_at.next_version(change.now());
    change.unit().api_keys().update(&after, before.updated_at).await?.required()?;
    if !changes.is_empty() {
        change.emit(events::updated(&after, action, changes))?;
    }
    if was != is {
        change.emit(match is {
            ApiKeyStatus::Active => events::unblocked(&after),
            ApiKeyStatus::Blocked => events::blocked(&after),
            ApiKeyStatus::Revoked => events::updated(&after, UpdateAction::Revoked, vec!["status".to_owned()]),
        })?;
    }
    Ok(after)
}

/// Removes a key.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn delete(change: &mut Change<'_>, key: &ApiKey) -> Result<(), Refusal> {
    change.unit().api_keys().remove(key.account_id, key.id, key.updated_at).await?.required()?;
    change.emit(events::deleted(key))
}

/// Says that a key has expired, once: when it was said before, or is not true any more, nothing happens.
///
/// # Errors
/// [`Refusal::Stale`] when the key has changed since it was read.
pub async fn announce_expired(change: &mut Change<'_>, key: &ApiKey) -> Result<(), Refusal> {
    change.unit().api_keys().announce_expiry(key.account_id, key.id, key.updated_at).await?.required()?;
    change.emit(events::updated(key, UpdateAction::Expired, vec!["status".to_owned()]))
}
