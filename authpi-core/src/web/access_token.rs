//! Access tokens of this deployment's issuers as they come back (idp §8.6): signature, type, issuer, time; then, for who
//! wants to know, whether all that they stand for is alive. Whom a token is for is compared by who takes it.

use std::sync::Arc;

use uuid::Uuid;

use super::issuer_keys::{held, published};
use super::services::Services;
use crate::client::model::ClientStatus;
use crate::delegation::model::DelegationState;
use crate::error::{Refusal, StoreError};
use crate::id::{AgentId, ClientId, IssuerId, MemberId, UserId};
use crate::key::model::Jws;
use crate::key::published::KeySet;
use crate::oauth::model::{ACCESS_TYP, AccessClaims, Dat, OnceKey, VerifiedAccess};
use crate::session::model::SessionStatus;

/// Whose key is to verify a token.
#[derive(serde::Deserialize)]
struct Claimed {
    iss: String,
}

/// What says that it is an access token of an issuer of this deployment. Nothing in it is true yet.
#[derive(Debug)]
pub struct AccessToken<'t> {
    jws: Jws<'t>,
    kid: Uuid,
    iss: String,
    issuer: IssuerId,
}

impl<'t> AccessToken<'t> {
    /// Takes a text apart; `None` when it does not even say so.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of(services: &Services, text: &'t str) -> Result<Option<Self>, StoreError> {
        let Some((jws, kid, iss)) = parts(text) else { return Ok(None) };
        let issuer = services.issuer_named(&iss).await?;
        Ok(issuer.map(|issuer| Self { jws, kid, iss, issuer }))
    }

    /// The same by what this process holds, without the store; `None` also when it does not know the issuer.
    pub fn at_once(services: &Services, text: &'t str) -> Option<Self> {
        let (jws, kid, iss) = parts(text)?;
        let issuer = services.issuer_known_as(&iss)?;
        Some(Self { jws, kid, iss, issuer })
    }

    /// The issuer that it names.
    pub const fn issuer(&self) -> IssuerId {
        self.issuer
    }

    /// Its claims, if its issuer has signed it and it is in its time.
    ///
    /// # Errors
    /// As [`published`].
    pub async fn claims(&self, services: &Services) -> Result<Option<AccessClaims>, Refusal> {
        let set = published(services, self.issuer).await?;
        Ok(set.and_then(|set| self.verified(services, &set)))
    }

    /// The same, in its time or past it: enough to say whose it was, and good for nothing else.
    ///
    /// # Errors
    /// As [`published`].
    pub async fn signed(&self, services: &Services) -> Result<Option<AccessClaims>, Refusal> {
        let set = published(services, self.issuer).await?;
        let claims = set.and_then(|set| self.jws.verified::<AccessClaims>(set.verifying(self.kid)?).ok());
        Ok(claims.filter(|claims| claims.iss == self.iss))
    }

    /// The same as [`AccessToken::claims`] by what this process holds, without the store; `None` also when it does not
    /// hold the keys.
    pub fn claims_at_once(&self, services: &Services) -> Option<AccessClaims> {
        let set: Arc<_> = held(services, self.issuer)?;
        self.verified(services, &set)
    }

    fn verified(&self, services: &Services, set: &KeySet) -> Option<AccessClaims> {
        let claims = self.jws.verified(set.verifying(self.kid)?).ok()?;
        VerifiedAccess::new(claims, &self.iss, services.now()).map(VerifiedAccess::into_claims)
    }
}

/// What says that it is an access token, its key and its issuer.
fn parts(text: &str) -> Option<(Jws<'_>, Uuid, String)> {
    let jws = Jws::parse(text).ok()?;
    if jws.typ() != Some(ACCESS_TYP) {
        return None;
    }
    let (kid, iss) = (jws.kid()?, jws.unverified::<Claimed>().ok()?.iss);
    Some((jws, kid, iss))
}

/// Whether all that a token stands for is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It is.
    Alive,
    /// The session is not active.
    SessionEnded,
    /// Revoked, or its subject, actor or delegation is not active.
    Dead,
}

/// Looks at revocation, session, user, agent, client and delegation of a genuine token, and at the organization that an
/// agent acts in.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn liveness(services: &Services, issuer: IssuerId, claims: &AccessClaims) -> Result<Liveness, Refusal> {
    let (reads, now) = (services.store.reads(), services.now());
    if is_denied(services, issuer, claims).await? || !actors_live(services, issuer, claims).await? {
        return Ok(Liveness::Dead);
    }
    if let Ok(user) = claims.sub.parse::<UserId>() {
        let found = reads.users().find(issuer, user).await?;
        if !found.is_some_and(|user| user.status.value.may_authenticate()) {
            return Ok(Liveness::Dead);
        }
        if !still_holds(services, issuer, user, claims).await? {
            return Ok(Liveness::Dead);
        }
        if let Some(session) = claims.sid {
            let found = reads.sessions().find(issuer, session).await?;
            let active =
                found.is_some_and(|found| found.user_id == user && found.status_at(now) == SessionStatus::Active);
            return Ok(if active { Liveness::Alive } else { Liveness::SessionEnded });
        }
        return Ok(if claims.act.is_some() { Liveness::Alive } else { Liveness::Dead });
    }
    Ok(Liveness::Alive)
}

/// What an agent was given in one organization ends with the membership of the user there, or with the organization
/// (D171). A token of the user goes on: it says what they are elsewhere, too.
async fn still_holds(
    services: &Services,
    issuer: IssuerId,
    user: UserId,
    claims: &AccessClaims,
) -> Result<bool, Refusal> {
    let Some(selected) = claims.org_id.filter(|_| claims.act.is_some()) else { return Ok(true) };
    let held = services.store.reads().memberships().effective_scopes(issuer, MemberId::User(user)).await?;
    Ok(held.iter().any(|held| held.org_id == selected && held.is_in_force()))
}

/// A genuine token was revoked.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn is_denied(services: &Services, issuer: IssuerId, claims: &AccessClaims) -> Result<bool, Refusal> {
    let key = OnceKey::of_token(&services.keyring.peppers, issuer, &claims.jti);
    Ok(services.store.reads().grants().is_denied(issuer, key).await?)
}

/// The machines that a token names are active, and so is the delegation.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn actors_live(services: &Services, issuer: IssuerId, claims: &AccessClaims) -> Result<bool, Refusal> {
    let reads = services.store.reads();
    if let Ok(client) = claims.client_id.parse::<ClientId>() {
        let found = reads.clients().find(issuer, client).await?;
        if !found.is_some_and(|client| client.status.value == ClientStatus::Active) {
            return Ok(false);
        }
    }
    let mut agents: Vec<AgentId> = Vec::new();
    if claims.dat == Some(Dat::Agent) {
        agents.extend(claims.sub.parse::<AgentId>().ok());
    }
    let mut actor = claims.act.as_ref();
    while let Some(act) = actor {
        agents.push(act.sub);
        actor = act.act.as_deref();
    }
    for agent in agents {
        if !reads.agents().find(issuer, agent).await?.is_some_and(|agent| agent.is_active()) {
            return Ok(false);
        }
    }
    if let Some(delegation) = claims.delegation_id {
        let found = reads.delegations().find(issuer, delegation).await?;
        return Ok(found.is_some_and(|found| found.state(services.now()) == DelegationState::Active));
    }
    Ok(true)
}
