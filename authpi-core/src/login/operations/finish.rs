//! The end of a login: the session, the device, and what follows from being here.

use super::invitation::take_up;
use super::{Problem, StepError, Visitor};
use crate::connection::operations::auto_join;
use crate::device::model::Fingerprint;
use crate::device::operations::{self as devices, Login, NewTrust};
use crate::error::Refusal;
use crate::id::{IssuerId, SessionId};
use crate::issuer::model::Issuer;
use crate::login::model::{Authenticated, Evidence, Flow, OpCookie, TrustToken, device_name};
use crate::secret::{Secret, SecretHash};
use crate::session::model::{Authentication, Device, SessionDetails, SessionStatus, UserSession};
use crate::session::operations::opening::{self, NewSession, NewSessionKind};
use crate::store::Change;
use crate::user::model::User;

/// What a browser is given when somebody has come in.
pub struct Granted {
    /// The session.
    pub session: SessionId,
    /// The secret of its cookie: another one at every authentication.
    pub secret: Secret,
    /// State of the browser, for session management.
    pub browser_state: Secret,
    /// The device cookie, where browsers are recognized and this one has none.
    pub device: Option<Secret>,
    /// Says that the user trusts this browser.
    pub trusted: Option<TrustToken>,
}

/// Begins the session of somebody who has passed the gate, or goes on with the one that the browser has.
pub(super) async fn finish(
    change: &mut Change<'_>,
    visitor: &Visitor,
    (user, issuer): (&User, &Issuer),
    flow: &mut Flow,
    authenticated: &Authenticated,
) -> Result<(Granted, Option<Problem>), StepError> {
    let evidence = authenticated.evidence();
    let recognized = recognize(change, visitor, (user, issuer), evidence).await?;
    let trusted = trust(change, visitor, flow, evidence, recognized.fingerprint).await?;
    let details = details(visitor, evidence, recognized.fingerprint, trusted.is_some());
    let secret = change.secret()?;
    let hash = change.keyring().peppers.hash(OpCookie::HASH_PURPOSE, secret.expose().as_bytes());
    let place = (user, issuer);
    let session = session(change, visitor, place, (details, hash), recognized.is_new).await?;
    change.unit().users().logged_in(issuer.id, user.id).await?;
    if let Some(address) = user.email().filter(|_| user.details.profile.email_verified) {
        auto_join(change, (issuer.id, user.id), address).await?;
    }
    let problem = take_up(change, visitor, flow, user.id).await?;
    let browser_state = change.secret()?;
    let granted = Granted { session: session.id, secret, browser_state, device: recognized.cookie, trusted };
    Ok((granted, problem))
}

/// What is known of a browser.
struct Recognized {
    fingerprint: Option<Fingerprint>,
    /// A cookie for one that had none.
    cookie: Option<Secret>,
    /// The user has come before, and never with it.
    is_new: bool,
}

async fn recognize(
    change: &mut Change<'_>,
    visitor: &Visitor,
    (user, issuer): (&User, &Issuer),
    evidence: &Evidence,
) -> Result<Recognized, Refusal> {
    let is_vouched_for = evidence.device_trusted && !evidence.is_mfa();
    let vouching = visitor.trusted.of(user.id).filter(|_| is_vouched_for).map(|token| token.device);
    if !issuer.details.settings.access.device_fingerprinting {
        if let Some(device) = vouching {
            devices::vouched(change, issuer.id, user.id, device).await?;
        }
        return Ok(Recognized { fingerprint: None, cookie: None, is_new: false });
    }
    let (fingerprint, cookie) = if let Some(known) = visitor.fingerprint {
        (known, None)
    } else {
        let cookie = change.secret()?;
        (Fingerprint::of(change.root_of(issuer.id)?, cookie.expose()), Some(cookie))
    };
    let agent = visitor.context.user_agent.clone();
    let login = Login {
        fingerprint,
        name: agent.as_deref().and_then(device_name),
        user_agent: agent,
        country: visitor.context.country.clone(),
        vouching,
    };
    let seen = devices::seen(change, issuer.id, user.id, login).await?;
    let is_new = seen.is_new && user.security.last_login_at.is_some();
    Ok(Recognized { fingerprint: Some(fingerprint), cookie, is_new })
}

/// The token of a browser that the user trusts from now on, or trusted elsewhere. Only whoever has passed the second
/// factor here gets one.
async fn trust(
    change: &mut Change<'_>,
    visitor: &Visitor,
    flow: &Flow,
    evidence: &Evidence,
    fingerprint: Option<Fingerprint>,
) -> Result<Option<TrustToken>, Refusal> {
    let (issuer, user) = (flow.issuer_id, evidence.user_id);
    if evidence.second.is_none() {
        return Ok(None);
    }
    if !flow.state.trust_device {
        let known = match fingerprint {
            Some(fingerprint) => change
                .reads()
                .devices()
                .of_user(issuer, user)
                .await?
                .into_iter()
                .find(|device| device.fingerprint == fingerprint),
            None => None,
        };
        let trust = known.and_then(|device| Some((device.id, device.trusted_at(change.now())?)));
        return Ok(trust.map(|(device, trust)| TrustToken { user, device, since: trust.at }));
    }
    let fingerprint = match fingerprint {
        Some(fingerprint) => fingerprint,
        // Browsers are not recognized here: nothing stands for this one but its token.
        None => Fingerprint::of(change.root_of(issuer)?, change.secret()?.expose()),
    };
    let agent = visitor.context.user_agent.clone();
    let new = NewTrust { fingerprint, name: agent.as_deref().and_then(device_name), user_agent: agent, ttl: None };
    match devices::trust(change, issuer, user, new).await {
        Ok((device, trust)) => Ok(Some(TrustToken { user, device: device.id, since: trust.at })),
        // The issuer lets no browser be trusted.
        Err(Refusal::Conflict { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

fn details(
    visitor: &Visitor,
    evidence: &Evidence,
    fingerprint: Option<Fingerprint>,
    newly_trusted: bool,
) -> SessionDetails {
    let context = &visitor.context;
    SessionDetails {
        authentication: Authentication {
            method: evidence.first.method().to_owned(),
            amr: evidence.amr(),
            acr: Some(evidence.acr().to_owned()),
            mfa: evidence.is_mfa(),
            authenticated_at: evidence.at,
        },
        device: Device {
            user_agent: context.user_agent.clone(),
            ip: context.ip.clone(),
            fingerprint: fingerprint.map(|fingerprint| fingerprint.to_string()),
            name: context.user_agent.as_deref().and_then(device_name),
            trusted: newly_trusted || evidence.device_trusted,
        },
        location: visitor.location.clone(),
        origin: None,
    }
}

/// The session of the browser, if it is of the same user; else a new one.
async fn session(
    change: &mut Change<'_>,
    visitor: &Visitor,
    (user, issuer): (&User, &Issuer),
    (details, secret): (SessionDetails, SecretHash),
    new_device: bool,
) -> Result<UserSession, Refusal> {
    if let Some(before) = own_session(change, visitor, issuer.id, user).await? {
        return opening::reauthenticate(change, before, details, &secret).await;
    }
    let lifetime = issuer.details.settings.access.sessions;
    let new = NewSession {
        user_id: user.id,
        of: NewSessionKind::Op { secret: Some(secret) },
        details,
        ttl: lifetime.max_age,
        idle_timeout: lifetime.idle_timeout,
        new_device,
    };
    opening::open(change, issuer.id, new).await
}

async fn own_session(
    change: &Change<'_>,
    visitor: &Visitor,
    issuer: IssuerId,
    user: &User,
) -> Result<Option<UserSession>, Refusal> {
    let Some(current) = visitor.session.as_ref().filter(|current| current.user_id == user.id) else {
        return Ok(None);
    };
    let found = change.reads().sessions().find(issuer, current.id).await?;
    Ok(found.filter(|session| session.status_at(change.now()) == SessionStatus::Active))
}
