//! How sessions begin, and come into use.

use super::{displace, live_of};
use crate::error::Refusal;
use crate::id::{ClientId, IssuerId, OrganizationId, SessionId, UserId};
use crate::metadata::Metadata;
use crate::secret::SecretHash;
use crate::session::events;
use crate::session::model::{
    EndCause, IssuedTokens, Lifecycle, Lifetime, RpSession, SESSIONS_PER_USER, SessionDetails, SessionKind,
    SessionStatus, UserSession,
};
use crate::session::repository::SessionsOf;
use crate::status::Status;
use crate::store::Change;
use crate::timestamp::Timestamp;

/// A session that begins.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Whose it is.
    pub user_id: UserId,
    /// Of the issuer itself, or of a client.
    pub of: NewSessionKind,
    /// How, from which device and from where the user came.
    pub details: SessionDetails,
    /// How long it lasts in all, in seconds.
    pub ttl: u32,
    /// How long it lasts without activity, in seconds.
    pub idle_timeout: u32,
    /// The user had never come with this device.
    pub new_device: bool,
}

/// Whose session with the user begins.
#[derive(Clone, Debug)]
pub enum NewSessionKind {
    /// The issuer's own.
    Op {
        /// What stands for the secret of its cookie; none for one that no browser has.
        secret: Option<SecretHash>,
    },
    /// That of a client.
    Rp {
        /// The session at the issuer that it comes from.
        op_session_id: SessionId,
        /// The client.
        client_id: ClientId,
        /// The organization that its tokens are selected to.
        org_id: Option<OrganizationId>,
        /// Until then the first token must have been issued.
        unused_until: Timestamp,
    },
}

/// Begins a session. A user who has as many of its type as they may have loses the oldest of them.
///
/// # Errors
/// [`Refusal::NotFound`] for no such user, client or session at the issuer; [`Refusal::Conflict`] when the user may not
/// sign in, or the session at the issuer is not active.
pub async fn open(change: &mut Change<'_>, issuer: IssuerId, new: NewSession) -> Result<UserSession, Refusal> {
    let now = change.now();
    // Of two logins at once the second one sees the session of the first.
    let user = change.unit().users().lock(issuer, new.user_id).await?.ok_or(Refusal::NotFound)?;
    if !user.may_authenticate() {
        return Err(Refusal::conflict("Only an active user can have new sessions."));
    }
    let (kind, lifecycle, secret) = match new.of {
        NewSessionKind::Op { secret } => (SessionKind::Op, Lifecycle::ACTIVE, secret),
        rp @ NewSessionKind::Rp { .. } => {
            (client_session(change, issuer, new.user_id, rp).await?, Lifecycle::INACTIVE, None)
        }
    };
    let ttl = std::time::Duration::from_secs(u64::from(new.ttl));
    let session = UserSession {
        id: change.mint()?,
        account_id: change.account(),
        issuer_id: issuer,
        user_id: new.user_id,
        kind,
        status: Status::initial(lifecycle),
        details: new.details,
        lifetime: Lifetime {
            ttl: new.ttl,
            idle_timeout: new.idle_timeout,
            last_activity_at: now,
            expires_at: now.plus(ttl),
        },
        tokens: IssuedTokens::default(),
        compromise: None,
        revoked_reason: None,
        ended_at: None,
        metadata: Metadata::default(),
        created_at: now,
        updated_at: now,
    };
    change.unit().sessions().insert(&session, secret.as_ref()).await?;
    change.emit(events::created(&session, new.new_device))?;
    if session.takes_a_place(now) {
        make_room(change, &session).await?;
    }
    Ok(session)
}

/// Notes that the user of a session at the issuer proved anew who they are: the session goes on, with another time of
/// authentication and another secret behind its cookie. Its absolute end stays.
///
/// # Errors
/// [`Refusal::Conflict`] unless it is active; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn reauthenticate(
    change: &mut Change<'_>,
    before: UserSession,
    details: SessionDetails,
    secret: &SecretHash,
) -> Result<UserSession, Refusal> {
    let now = change.now();
    if before.kind != SessionKind::Op || before.status_at(now) != SessionStatus::Active {
        return Err(Refusal::conflict("The session at the issuer is not active."));
    }
    let mut after = UserSession { details, updated_at: before.updated_at.next_version(now), ..before.clone() };
    after.lifetime.last_activity_at = now;
    change.unit().sessions().renew(&after, before.updated_at, secret).await?.required()?;
    let changes = vec!["authentication".to_owned()];
    change.emit(events::updated(&after, before.status.value.status(), changes))?;
    Ok(after)
}

async fn client_session(
    change: &Change<'_>,
    issuer: IssuerId,
    user: UserId,
    new: NewSessionKind,
) -> Result<SessionKind, Refusal> {
    let NewSessionKind::Rp { op_session_id, client_id, org_id, unused_until } = new else {
        return Ok(SessionKind::Op);
    };
    let client = change.reads().clients().find(issuer, client_id).await?.ok_or(Refusal::NotFound)?;
    let parent = change.reads().sessions().find(issuer, op_session_id).await?;
    let parent = parent.filter(|op| op.kind == SessionKind::Op && op.user_id == user).ok_or(Refusal::NotFound)?;
    if parent.status_at(change.now()) != SessionStatus::Active {
        return Err(Refusal::conflict("The session at the issuer is not active."));
    }
    let client_name = client.details.name;
    Ok(SessionKind::Rp(RpSession { op_session_id, client_id, client_name, org_id, unused_until }))
}

/// Expires the oldest sessions of the type of `session`, with what hangs on them, until it fits in. The user is locked.
async fn make_room(change: &mut Change<'_>, session: &UserSession) -> Result<(), Refusal> {
    let now = change.now();
    let mut others = live_of(change, session.issuer_id, SessionsOf::User(session.user_id)).await?;
    others.retain(|other| {
        other.id != session.id && other.kind.as_str() == session.kind.as_str() && other.takes_a_place(now)
    });
    let too_many = (others.len() + 1).saturating_sub(SESSIONS_PER_USER);
    for oldest in others.into_iter().take(too_many) {
        // Rare, and large.
        Box::pin(displace(change, oldest)).await?;
    }
    Ok(())
}

/// Notes that tokens were issued for a session of a client, refreshed or not. With the first ones it is in use and takes
/// its place among the sessions of the user.
///
/// # Errors
/// [`Refusal::Conflict`] for one that has ended or is frozen; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn issue_tokens(
    change: &mut Change<'_>,
    before: UserSession,
    refreshable: bool,
) -> Result<UserSession, Refusal> {
    let now = change.now();
    let was = before.status.value.status();
    if was == SessionStatus::Suspended {
        return Err(Refusal::conflict("The session is suspended."));
    }
    change.unit().users().lock(before.issuer_id, before.user_id).await?.ok_or(Refusal::NotFound)?;
    let version = before.updated_at;
    let mut after = before.used(now)?;
    if was == SessionStatus::Active {
        after.tokens.refresh_count = after.tokens.refresh_count.saturating_add(1);
    } else {
        make_room(change, &after).await?;
        after.updated_at = version.next_version(now);
    }
    if refreshable {
        after.tokens.refresh_at = Some(now);
    }
    change.unit().sessions().update(&after, version).await?.required()?;
    Ok(after)
}

/// Notes that the tokens of an active session of a client were refreshed, in one statement.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn refreshed(
    change: &mut Change<'_>,
    before: UserSession,
    scope: &str,
    extends: bool,
) -> Result<UserSession, Refusal> {
    let (now, version, idle_from) = (change.now(), before.updated_at, before.lifetime.last_activity_at);
    let mut after = before.used(now)?;
    after.tokens.refresh_count = after.tokens.refresh_count.saturating_add(1);
    after.tokens.refresh_at = Some(now);
    if !extends {
        after.lifetime.last_activity_at = idle_from;
    }
    change.unit().sessions().update(&after, version).await?.required()?;
    if let Some(op) = after.kind.rp().map(|rp| rp.op_session_id).filter(|_| extends) {
        change.unit().sessions().touch(after.issuer_id, op, now).await?;
    }
    change.emit(events::refreshed(&after, scope))?;
    Ok(after)
}

/// Ends a session of a client that is in wrong hands, the session at the issuer that it came from and all others that came
/// from it; with `everywhere`, all sessions of the user.
///
/// # Errors
/// [`Refusal::Stale`] when one has changed meanwhile.
pub async fn end_compromised(
    change: &mut Change<'_>,
    session: UserSession,
    cause: &'static str,
    everywhere: bool,
) -> Result<(), Refusal> {
    let (issuer, user, now) = (session.issuer_id, session.user_id, change.now());
    if session.status_at(now).is_final() {
        return Ok(());
    }
    // Before any of the sessions, as everywhere.
    let _ = change.unit().users().lock(issuer, user).await?;
    let version = session.updated_at;
    let mut noted = session.compromised(cause, now);
    noted.updated_at = version.next_version(now);
    change.unit().sessions().update(&noted, version).await?.required()?;
    change.emit(events::compromised(&noted, cause))?;
    let op = noted.kind.rp().map(|rp| rp.op_session_id);
    let note = change.status_note(Some(cause.to_owned()), None);
    super::end(change, noted, EndCause::Compromised, note.clone()).await?;
    if let Some(op) = op
        && let Some(op) = change.reads().sessions().find(issuer, op).await?
    {
        super::end(change, op, EndCause::Compromised, note).await?;
    }
    if everywhere {
        super::end_all(change, issuer, user, EndCause::Compromised, Some(cause.to_owned())).await?;
    }
    Ok(())
}
