//! What can be done with sessions.

pub mod opening;
mod telling;

use serde_json::Value;
use telling::tell;

use super::events;
use super::model::{EndCause, ExpiryCause, Freeze, SessionKind, SessionStatus, UserSession};
use super::repository::SessionsOf;
use crate::error::Refusal;
use crate::id::{IssuerId, UserId};
use crate::status::StatusNote;
use crate::store::Change;

/// Sessions that are read at a time: more than a user normally has.
const AT_A_TIME: u32 = 200;

/// All live sessions of one kind of owner that is known to have few: the limits of a user bound what is in use, and what
/// waits for its first token is gone with its code.
async fn live_of(change: &Change<'_>, issuer: IssuerId, of: SessionsOf) -> Result<Vec<UserSession>, Refusal> {
    let mut found: Vec<UserSession> = Vec::new();
    loop {
        let after = found.last().map(|session| session.id);
        let more = change.reads().sessions().live(issuer, of, after, AT_A_TIME).await?;
        let is_last = more.len() < AT_A_TIME as usize;
        found.extend(more);
        if is_last {
            return Ok(found);
        }
    }
}

/// Keeps clients from beginning sessions behind the back of whoever ends or freezes the session that they come from.
async fn hold(change: &mut Change<'_>, session: &UserSession) -> Result<(), Refusal> {
    if session.kind == SessionKind::Op {
        // A user who is gone begins none.
        let _ = change.unit().users().lock(session.issuer_id, session.user_id).await?;
    }
    Ok(())
}

/// Freezes a session and, with one at the issuer, those that clients have from it. A frozen one is left as it is.
///
/// # Errors
/// [`Refusal::Conflict`] for one that has ended, or has no token yet; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn suspend(change: &mut Change<'_>, before: UserSession, note: StatusNote) -> Result<UserSession, Refusal> {
    if before.status_at(change.now()) == SessionStatus::Inactive {
        return Err(Refusal::conflict("A session without any token cannot be suspended; revoke it."));
    }
    hold(change, &before).await?;
    let after = frozen(change, before, Freeze::Own, note.clone()).await?;
    for linked in linked(change, &after).await? {
        frozen(change, linked, Freeze::Parent, note.clone()).await?;
    }
    Ok(after)
}

/// Takes a suspension back; with it, for a session at the issuer, that of those that clients have from it. One that is
/// not suspended is left as it is.
///
/// # Errors
/// [`Refusal::Conflict`] for one that has ended, or that its user or the session at the issuer keeps frozen;
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn reactivate(
    change: &mut Change<'_>,
    before: UserSession,
    note: StatusNote,
) -> Result<UserSession, Refusal> {
    let freezes = before.status.value.freezes();
    if before.is_live() && freezes.user {
        return Err(Refusal::conflict("The session is suspended with its user."));
    }
    if before.is_live() && freezes.parent {
        return Err(Refusal::conflict("The session is suspended with the session at the issuer that it came from."));
    }
    hold(change, &before).await?;
    let after = thawed(change, before, Freeze::Own, note.clone()).await?;
    for linked in linked(change, &after).await? {
        thawed(change, linked, Freeze::Parent, note.clone()).await?;
    }
    Ok(after)
}

/// The live sessions that clients have from a session at the issuer, without those that time has ended.
async fn linked(change: &Change<'_>, session: &UserSession) -> Result<Vec<UserSession>, Refusal> {
    if session.kind != SessionKind::Op {
        return Ok(Vec::new());
    }
    let now = change.now();
    let mut found = live_of(change, session.issuer_id, SessionsOf::Op(session.id)).await?;
    found.retain(|linked| linked.user_id == session.user_id && !linked.status_at(now).is_final());
    Ok(found)
}

async fn frozen(
    change: &mut Change<'_>,
    before: UserSession,
    by: Freeze,
    note: StatusNote,
) -> Result<UserSession, Refusal> {
    let after = before.clone().frozen(by, change.now(), note)?;
    written(change, before, after).await
}

async fn thawed(
    change: &mut Change<'_>,
    before: UserSession,
    by: Freeze,
    note: StatusNote,
) -> Result<UserSession, Refusal> {
    let after = before.clone().thawed(by, change.now(), note)?;
    written(change, before, after).await
}

/// Writes a session whose freezes may have changed, and says so when its status did.
async fn written(change: &mut Change<'_>, before: UserSession, mut after: UserSession) -> Result<UserSession, Refusal> {
    if after.status.value == before.status.value {
        return Ok(before);
    }
    after.updated_at = before.updated_at.next_version(change.now());
    change.unit().sessions().update(&after, before.updated_at).await?.required()?;
    let was = before.status.value.status();
    if after.status.value.status() != was {
        change.emit(events::updated(&after, was, vec!["status".to_owned()]))?;
    }
    Ok(after)
}

/// Freezes all sessions of a user who is suspended.
///
/// # Errors
/// [`Refusal::Stale`] when one has changed meanwhile.
pub async fn freeze_all(change: &mut Change<'_>, issuer: IssuerId, user: UserId) -> Result<(), Refusal> {
    for session in alive(change, issuer, SessionsOf::User(user)).await? {
        let note = change.status_note(Some("user_suspended".to_owned()), None);
        frozen(change, session, Freeze::User, note).await?;
    }
    Ok(())
}

/// Gives the sessions of a user back who is active again, as far as nothing else freezes them.
///
/// # Errors
/// [`Refusal::Stale`] when one has changed meanwhile.
pub async fn thaw_all(change: &mut Change<'_>, issuer: IssuerId, user: UserId) -> Result<(), Refusal> {
    for session in alive(change, issuer, SessionsOf::User(user)).await? {
        let note = change.status_note(Some("user_reactivated".to_owned()), None);
        thawed(change, session, Freeze::User, note).await?;
    }
    Ok(())
}

/// Live sessions without those that time has ended.
async fn alive(change: &Change<'_>, issuer: IssuerId, of: SessionsOf) -> Result<Vec<UserSession>, Refusal> {
    let now = change.now();
    let mut found = live_of(change, issuer, of).await?;
    found.retain(|session| !session.status_at(now).is_final());
    Ok(found)
}

/// How a session ends, with all that hangs on it.
enum Ending {
    /// Somebody ended it.
    Terminated(EndCause, StatusNote),
    /// The user has newer ones, as many as they may have.
    Displaced,
}

/// Ends a session for ever and, with one at the issuer, those that clients have from it. One that has ended is left as
/// it is.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn end(
    change: &mut Change<'_>,
    before: UserSession,
    cause: EndCause,
    note: StatusNote,
) -> Result<UserSession, Refusal> {
    close(change, before, Ending::Terminated(cause, note)).await
}

/// Expires a session because the user has newer ones, as many as they may have. What ends with it, and who is told, is as
/// with any other end.
async fn displace(change: &mut Change<'_>, before: UserSession) -> Result<UserSession, Refusal> {
    close(change, before, Ending::Displaced).await
}

async fn close(change: &mut Change<'_>, before: UserSession, ending: Ending) -> Result<UserSession, Refusal> {
    if before.status_at(change.now()).is_final() {
        return Ok(before);
    }
    hold(change, &before).await?;
    let linked = linked(change, &before).await?;
    let (after, is_told, note) = match ending {
        Ending::Terminated(cause, note) => (ended(change, before, cause, note.clone()).await?, cause.is_told(), note),
        Ending::Displaced => {
            let limit = ExpiryCause::SessionLimit;
            let note = change.status_note(Some(limit.as_str().to_owned()), None);
            (expired(change, before, limit).await?, true, note)
        }
    };
    let mut told: Vec<_> = if is_told { vec![after.clone()] } else { Vec::new() };
    for child in linked {
        told.push(ended(change, child, EndCause::Parent, note.clone()).await?);
    }
    tell(change, &told).await?;
    Ok(after)
}

async fn ended(
    change: &mut Change<'_>,
    before: UserSession,
    cause: EndCause,
    note: StatusNote,
) -> Result<UserSession, Refusal> {
    let version = before.updated_at;
    let mut after = before.revoked(cause, change.now(), note)?;
    after.updated_at = version.next_version(change.now());
    change.unit().sessions().update(&after, version).await?.required()?;
    change.emit(events::terminated(&after, cause))?;
    Ok(after)
}

/// Ends all sessions of a user, at the issuer and at all clients, and tells how many there were. `reason` stays on each
/// of them.
///
/// # Errors
/// [`Refusal::Stale`] when one has changed meanwhile.
pub async fn end_all(
    change: &mut Change<'_>,
    issuer: IssuerId,
    user: UserId,
    cause: EndCause,
    reason: Option<String>,
) -> Result<u32, Refusal> {
    let mut count = 0;
    loop {
        let left = change.reads().sessions().live(issuer, SessionsOf::User(user), None, AT_A_TIME).await?;
        if left.is_empty() {
            return Ok(count);
        }
        count += end_each(change, left, cause, reason.as_deref()).await?;
    }
}

/// Ends sessions one by one that lost what they depend on, whatever time has to say about them. Tells how many it ended.
///
/// # Errors
/// [`Refusal::Stale`] when one has changed meanwhile.
pub async fn end_each(
    change: &mut Change<'_>,
    sessions: Vec<UserSession>,
    cause: EndCause,
    reason: Option<&str>,
) -> Result<u32, Refusal> {
    let mut all = Vec::with_capacity(sessions.len());
    for session in sessions {
        if session.status_at(change.now()) == SessionStatus::Expired {
            let by = session.lapses_by();
            expire(change, session, by).await?;
        } else {
            let note = change.status_note(reason.map(str::to_owned), None);
            all.push(ended(change, session, cause, note).await?);
        }
    }
    if cause.is_told() {
        tell(change, &all).await?;
    }
    Ok(u32::try_from(all.len()).unwrap_or(u32::MAX))
}

/// Notes that time has ended a session, once. Time says nothing about others, and clients know how long what they hold
/// lasts: nothing ends with it, and nobody is told.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed since it was read.
pub async fn expire(change: &mut Change<'_>, before: UserSession, cause: ExpiryCause) -> Result<(), Refusal> {
    expired(change, before, cause).await.map(|_| ())
}

async fn expired(change: &mut Change<'_>, before: UserSession, cause: ExpiryCause) -> Result<UserSession, Refusal> {
    let version = before.updated_at;
    let mut after = before.expired(cause, change.now())?;
    after.updated_at = version.next_version(change.now());
    change.unit().sessions().update(&after, version).await?.required()?;
    change.emit(events::expired(&after, cause))?;
    Ok(after)
}

/// Merges metadata into a session in any status. A patch that changes nothing leaves version and events alone.
///
/// # Errors
/// [`Refusal::Fields`] when the merged whole is not valid; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn update_metadata(
    change: &mut Change<'_>,
    before: UserSession,
    patch: Option<&Value>,
) -> Result<UserSession, Refusal> {
    let metadata = before.metadata.patched(patch)?;
    if metadata == before.metadata {
        return Ok(before);
    }
    let updated_at = before.updated_at.next_version(change.now());
    let after = UserSession { metadata, updated_at, ..before.clone() };
    change.unit().sessions().update(&after, before.updated_at).await?.required()?;
    change.emit(events::updated(&after, before.status.value.status(), vec!["metadata".to_owned()]))?;
    Ok(after)
}
