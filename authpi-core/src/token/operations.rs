//! What can be done with personal tokens.

use serde_json::{Map, Value};

use super::events;
use super::model::{
    DEFAULT_LIFETIME, MAX_LIFETIME, OwnerState, PersonalToken, PersonalTokenDetails, TokenRestrictions, TokenStatus,
    UNEXPIRED_PER_USER,
};
use crate::error::{FieldCode, Refusal};
use crate::id::{IssuerId, TokenId, UserId};
use crate::merge::{changed_fields, merged};
use crate::metadata::Metadata;
use crate::status::{Status, StatusNote};
use crate::store::Change;
use crate::timestamp::Timestamp;

/// Tokens that are read at a time: more than a user normally has.
const AT_A_TIME: u32 = 500;

/// A new personal token.
#[derive(Clone, Debug)]
pub struct NewPersonalToken {
    /// Whose it is going to be.
    pub user_id: UserId,
    /// What it is called.
    pub details: PersonalTokenDetails,
    /// What it may be used for, and from where.
    pub restrictions: TokenRestrictions,
    /// After this it is refused; [`DEFAULT_LIFETIME`] from now when absent.
    pub expires_at: Option<Timestamp>,
    /// `aud` of the JWT.
    pub audience: String,
    /// `jti` of the JWT: 18 random letters and digits.
    pub jti: String,
    /// Seen by administrators only.
    pub metadata: Metadata,
}

/// What a PATCH asks for.
#[derive(Clone, Debug, Default)]
pub struct PersonalTokenPatch {
    /// Members of [`PersonalTokenDetails`] to merge.
    pub details: Map<String, Value>,
    /// Metadata to merge; `None` leaves it.
    pub metadata: Option<Value>,
    /// Block or unblock, and what the caller says about it.
    pub status: Option<(TokenStatus, StatusNote)>,
}

/// Makes the record of a personal token. Its JWT is signed by whoever asked, and kept nowhere.
///
/// # Errors
/// [`Refusal::NotFound`] for no such user; [`Refusal::Conflict`] for one who is not active, has as many tokens as
/// they may have, or has one of this name; [`Refusal::Fields`] for an expiry that is not within the next 366 days.
pub async fn create(
    change: &mut Change<'_>,
    issuer: IssuerId,
    new: NewPersonalToken,
) -> Result<PersonalToken, Refusal> {
    let now = change.now();
    let expires_at = require_lifetime(new.expires_at, now)?;
    let user = change.unit().users().lock(issuer, new.user_id).await?.ok_or(Refusal::NotFound)?;
    if !user.may_authenticate() {
        return Err(Refusal::conflict("Only an active user can have new personal tokens."));
    }
    let token = PersonalToken {
        id: change.mint()?,
        account_id: change.account(),
        issuer_id: issuer,
        user_id: new.user_id,
        status: Status::initial(TokenStatus::Active),
        details: new.details,
        restrictions: new.restrictions,
        expires_at,
        audience: new.audience,
        jti: new.jti,
        metadata: new.metadata,
        owner: OwnerState::Active,
        by_another: change.actor().is_other_than(new.user_id),
        created_at: now,
        updated_at: now,
    };
    check_place(change, &token).await?;
    change.unit().personal_tokens().insert(&token).await?;
    change.emit(events::created(&token))?;
    Ok(token)
}

/// The end that a token gets: none is without. To the second, as the JWT has it.
fn require_lifetime(wanted: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, Refusal> {
    let at = wanted.unwrap_or_else(|| now.plus(DEFAULT_LIFETIME));
    let at = Timestamp::from_millis(at.as_seconds().saturating_mul(1_000));
    if at <= now {
        return Err(Refusal::field("expires_at", FieldCode::TooSmall, "must be in the future"));
    }
    if at > now.plus(MAX_LIFETIME) {
        return Err(Refusal::field("expires_at", FieldCode::TooBig, "must be within the next 366 days"));
    }
    Ok(at)
}

/// The tokens of a user that are of use or could be again are few, so that all of them can be revoked at once; the active
/// ones have different names. The user is locked.
async fn check_place(change: &Change<'_>, token: &PersonalToken) -> Result<(), Refusal> {
    let (issuer, user) = (token.issuer_id, token.user_id);
    let mut others = unexpired(change, issuer, user, TokenStatus::Active).await?;
    let mut blocked = unexpired(change, issuer, user, TokenStatus::Blocked).await?;
    others.retain(|other| other.id != token.id);
    blocked.retain(|other| other.id != token.id);
    if others.iter().any(|other| other.details.name == token.details.name) {
        return Err(Refusal::not_unique("name", "Another active personal token of the user has this name."));
    }
    if others.len() + blocked.len() >= UNEXPIRED_PER_USER {
        return Err(Refusal::conflict("The user has as many personal tokens as they may have."));
    }
    Ok(())
}

async fn unexpired(
    change: &Change<'_>,
    issuer: IssuerId,
    user: UserId,
    status: TokenStatus,
) -> Result<Vec<PersonalToken>, Refusal> {
    Ok(change.reads().personal_tokens().unexpired(issuer, user, status, change.now(), AT_A_TIME).await?)
}

/// Merges a patch into a token. A patch that changes nothing leaves version and events alone.
///
/// # Errors
/// [`Refusal::Fields`] when the merged whole is not valid; [`Refusal::Conflict`] for another status of a revoked token,
/// and where the user has as many tokens as they may have, or one of this name; [`Refusal::Stale`] when it has
/// changed meanwhile.
pub async fn update(
    change: &mut Change<'_>,
    before: PersonalToken,
    patch: PersonalTokenPatch,
) -> Result<PersonalToken, Refusal> {
    let now = change.now();
    let details = merged(&before.details, &patch.details)?;
    let mut changes = changed_fields(&before.details, &details)?;
    let metadata = before.metadata.patched(patch.metadata.as_ref())?;
    if metadata != before.metadata {
        changes.push("metadata".to_owned());
    }
    let after = PersonalToken { details, metadata, ..before.clone() };
    let after = match patch.status {
        Some((TokenStatus::Blocked, note)) => after.blocked(now, note)?,
        Some((TokenStatus::Active, note)) => after.unblocked(now, note)?,
        Some((TokenStatus::Revoked, note)) => after.revoked(now, note),
        None => after,
    };
    let is_revived = after.takes_a_place(now) && !before.takes_a_place(now);
    if is_revived || (after.takes_a_place(now) && after.details.name != before.details.name) {
        change.unit().users().lock(after.issuer_id, after.user_id).await?.ok_or(Refusal::NotFound)?;
        check_place(change, &after).await?;
    }
    written(change, before, after, changes).await
}

/// Puts a token out of use for ever; a revoked one is left as it is.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn revoke(
    change: &mut Change<'_>,
    before: PersonalToken,
    note: StatusNote,
) -> Result<PersonalToken, Refusal> {
    let after = before.clone().revoked(change.now(), note);
    written(change, before, after, Vec::new()).await
}

async fn written(
    change: &mut Change<'_>,
    before: PersonalToken,
    mut after: PersonalToken,
    mut changes: Vec<String>,
) -> Result<PersonalToken, Refusal> {
    let was = before.status.value;
    if after.status.value != was {
        changes.push("status".to_owned());
    }
    if changes.is_empty() {
        return Ok(before);
    }
    after.updated_at = before.updated_at.next_version(change.now());
    change.unit().personal_tokens().update(&after, before.updated_at).await?.required()?;
    change.emit(events::updated(&after, was, changes))?;
    Ok(after)
}

/// Revokes all tokens of a user that are of use, or could be again, and tells how many there were.
///
/// # Errors
/// [`Refusal::Stale`] when one has changed meanwhile.
pub async fn revoke_all(change: &mut Change<'_>, issuer: IssuerId, user: UserId) -> Result<u32, Refusal> {
    let mut count = 0;
    for status in [TokenStatus::Active, TokenStatus::Blocked] {
        loop {
            let left = unexpired(change, issuer, user, status).await?;
            if left.is_empty() {
                break;
            }
            for token in left {
                let note = change.status_note(None, None);
                revoke(change, token, note).await?;
                count += 1;
            }
        }
    }
    Ok(count)
}

/// Revokes those tokens of a user that nobody else made for them.
///
/// # Errors
/// As [`revoke_all`].
pub async fn revoke_own(change: &mut Change<'_>, issuer: IssuerId, user: UserId) -> Result<(), Refusal> {
    for status in [TokenStatus::Active, TokenStatus::Blocked] {
        // As many as there may be are read at a time.
        for token in unexpired(change, issuer, user, status).await? {
            if !token.by_another {
                let note = change.status_note(None, None);
                revoke(change, token, note).await?;
            }
        }
    }
    Ok(())
}

/// Removes a token.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn delete(change: &mut Change<'_>, token: &PersonalToken) -> Result<(), Refusal> {
    let (account, id, version): (_, TokenId, _) = (token.account_id, token.id, token.updated_at);
    change.unit().personal_tokens().remove(account, id, version).await?.required()?;
    change.emit(events::deleted(token))
}
