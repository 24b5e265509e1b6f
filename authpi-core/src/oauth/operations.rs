//! What a successful authorization does.

use std::time::Duration;

use super::model::{AuthorizationCode, CodeBinding, Consent, Grant, GrantBinding};
use crate::error::Refusal;
use crate::event::model::Subject;
use crate::id::{ClientId, IssuerId, OrganizationId, UserId};
use crate::oauth::events;
use crate::secret::Secret;
use crate::session::model::{SessionStatus, UserSession};
use crate::session::operations::opening::{self, NewSession, NewSessionKind};
use crate::store::Change;

/// An authorization that a user has given, by being signed in, by a click, or by consent.
#[derive(Clone, Debug)]
pub struct NewAuthorization {
    /// The session at the issuer that it comes from.
    pub op: UserSession,
    /// To whom.
    pub client_id: ClientId,
    /// The organization that its tokens are selected to.
    pub org_id: Option<OrganizationId>,
    /// What is granted.
    pub grant: GrantBinding,
    /// What the code is bound to.
    pub code: CodeBinding,
    /// How long the code is good.
    pub code_lifetime: Duration,
    /// How long the session lasts without activity, in seconds.
    pub idle_timeout: u32,
    /// Use of the session at the issuer puts its idle end off.
    pub extends: bool,
    /// Origin of the client, for session management in browsers.
    pub origin: Option<String>,
}

/// A code, which is shown once, and the session that begins with it.
pub struct Authorized {
    /// The code.
    pub code: Secret,
    /// The session of the client, without a token yet.
    pub session: UserSession,
}

/// Gives a client a code, and the session that begins with it. The session lasts no longer than the one it comes from.
///
/// # Errors
/// [`Refusal::NotFound`] for no such client; [`Refusal::Conflict`] when the user may not sign in, or their session has
/// ended meanwhile.
pub async fn authorize(
    change: &mut Change<'_>,
    issuer: IssuerId,
    new: NewAuthorization,
) -> Result<Authorized, Refusal> {
    let now = change.now();
    if new.op.status_at(now) != SessionStatus::Active {
        return Err(Refusal::conflict("The session at the issuer is not active."));
    }
    let left = new.op.lifetime.expires_at.since(now).as_secs();
    let expires_at = now.plus(new.code_lifetime);
    let mut details = new.op.details.clone();
    details.origin = new.origin;
    let session = NewSession {
        user_id: new.op.user_id,
        of: NewSessionKind::Rp {
            op_session_id: new.op.id,
            client_id: new.client_id,
            org_id: new.org_id,
            unused_until: expires_at,
        },
        details,
        ttl: u32::try_from(left).unwrap_or(u32::MAX).max(1),
        idle_timeout: new.idle_timeout,
        new_device: false,
    };
    let session = opening::open(change, issuer, session).await?;
    let code = change.secret()?;
    let hash = AuthorizationCode::hash_of(&change.keyring().peppers, issuer, code.expose());
    let (client_id, session_id) = (new.client_id, session.id);
    let stored = AuthorizationCode {
        issuer_id: issuer,
        hash,
        client_id,
        session_id,
        binding: new.code,
        expires_at,
        spent_at: None,
    };
    let grant = Grant {
        session_id,
        issuer_id: issuer,
        client_id,
        binding: new.grant,
        refresh_jti: None,
        refresh_kid: None,
        replay: None,
    };
    change.unit().grants().insert_grant(&grant).await?;
    change.unit().grants().insert_code(&stored).await?;
    if new.extends {
        change.unit().sessions().touch(issuer, new.op.id, now).await?;
    }
    Ok(Authorized { code, session })
}

/// Remembers what a user has agreed to, beside what they agreed to before.
///
/// # Errors
/// [`Refusal::NotFound`] for no such user.
pub async fn consent(
    change: &mut Change<'_>,
    issuer: IssuerId,
    (user, client): (UserId, ClientId),
    (scopes, resources): (&[String], &[String]),
) -> Result<(), Refusal> {
    change.unit().users().lock(issuer, user).await?.ok_or(Refusal::NotFound)?;
    let known = change.reads().grants().consent(issuer, user, client).await?;
    if known.as_ref().is_some_and(|known| known.covers(scopes, resources)) {
        return Ok(());
    }
    let none = Consent {
        issuer_id: issuer,
        user_id: user,
        client_id: client,
        scopes: Vec::new(),
        resources: Vec::new(),
        granted_at: change.now(),
    };
    let consent = known.unwrap_or(none).widened(scopes, resources, change.now());
    change.unit().grants().write_consent(&consent).await?;
    let subject = Subject::issuer(change.account(), issuer).user(user).client(client);
    change.emit(events::consent_granted(subject, &consent.scopes))
}
