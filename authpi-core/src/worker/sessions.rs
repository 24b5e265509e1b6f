//! Ends of sessions that nobody sees: time runs out, and what a session depends on goes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::lock::Mutex;

use super::removal::{BATCH, LOOK_EVERY, OVERLAP};
use super::round::{PARENTS, Round};
use super::schedule::Next;
use super::steps::WorkerState;
use super::unattended;
use crate::error::Refusal;
use crate::id::IssuerId;
use crate::organization::model::AccessRevocation;
use crate::organization::operations::access;
use crate::session::model::{ENDED_KEPT, EndCause, UserSession};
use crate::session::operations::{end_each, expire};
use crate::session::repository::SessionsOf;
use crate::timestamp::Timestamp;
use crate::token::repository::DepartedOwner;
use crate::web::services::Services;

/// Sessions of one unit of work: each comes with an event.
const SESSIONS: u32 = 100;

/// How often sessions are looked for that time has ended: nobody hears of it more than a minute late
/// (events-webhooks §3).
const EXPIRE_EVERY: Duration = Duration::from_secs(30);

/// How often ended sessions are looked for whose time in the list is over.
const PURGE_EVERY: Duration = Duration::from_mins(1);

/// Says that sessions have expired, once each.
pub(super) async fn lapsed(services: &Arc<Services>) -> Result<Next, Refusal> {
    let (mut round, mut without) = (Round::of("lapsed-sessions"), Vec::new());
    for _ in 0..PARENTS {
        let found = services.store.reads().sessions().lapsed(services.now(), &without, SESSIONS).await?;
        let Some(issuer) = found.first().map(|first| first.issuer_id) else { break };
        if let Some(next) = round.outcome(issuer, expire_some(services, found).await)? {
            return Ok(next);
        }
        without.push(issuer);
    }
    Ok(round.rest(EXPIRE_EVERY))
}

async fn expire_some(services: &Arc<Services>, found: Vec<UserSession>) -> Result<Option<Next>, Refusal> {
    let Some(first) = found.first() else { return Ok(None) };
    let (account, issuer) = (first.account_id, first.issuer_id);
    let context = unattended::context(services, account, Some(issuer)).await?;
    let mut change = unattended::begin(services, &context).await?;
    for session in of_issuer(found, issuer) {
        let cause = session.lapses_by();
        expire(&mut change, session, cause).await?;
    }
    change.into_unit().await?.commit().await?;
    Ok(Some(Next::Now))
}

fn of_issuer(sessions: Vec<UserSession>, issuer: IssuerId) -> Vec<UserSession> {
    sessions.into_iter().filter(|session| session.issuer_id == issuer).collect()
}

/// Ends sessions of one issuer, of those found; none found is the end.
async fn end(
    services: &Arc<Services>,
    found: Vec<UserSession>,
    cause: EndCause,
    reason: &str,
) -> Result<Option<Next>, Refusal> {
    let Some(first) = found.first() else { return Ok(None) };
    let (account, issuer) = (first.account_id, first.issuer_id);
    let context = unattended::context(services, account, Some(issuer)).await?;
    let mut change = unattended::begin(services, &context).await?;
    end_each(&mut change, of_issuer(found, issuer), cause, Some(reason)).await?;
    change.into_unit().await?.commit().await?;
    Ok(Some(Next::Now))
}

/// Ends the sessions of a deleted issuer, a batch at a time; tells when none are left.
pub(super) async fn of_deleted_issuer(services: &Arc<Services>, issuer: IssuerId) -> Result<Option<Next>, Refusal> {
    let found = services.store.reads().sessions().live(issuer, SessionsOf::Issuer, None, SESSIONS).await?;
    end(services, found, EndCause::Revoked, "issuer_deleted").await
}

/// What sessions are left of somebody who is gone.
#[derive(Clone, Copy)]
enum Departed {
    Users,
    Clients,
}

impl Departed {
    const fn step(self) -> &'static str {
        match self {
            Self::Users => "sessions-of-departed-users",
            Self::Clients => "sessions-of-departed-clients",
        }
    }

    const fn ending(self) -> (EndCause, &'static str) {
        match self {
            Self::Users => (EndCause::UserStatus, "user_deleted"),
            Self::Clients => (EndCause::Revoked, "client_deleted"),
        }
    }

    async fn some(
        self,
        services: &Services,
        since: Timestamp,
        without: &[IssuerId],
    ) -> Result<Vec<UserSession>, Refusal> {
        let sessions = services.store.reads().sessions();
        Ok(match self {
            Self::Users => sessions.of_departed_users(since, without, SESSIONS).await?,
            Self::Clients => sessions.of_departed_clients(since, without, SESSIONS).await?,
        })
    }
}

/// Ends the sessions of deleted users.
pub(super) async fn of_departed_users(state: &WorkerState) -> Result<Next, Refusal> {
    of_departed(&state.services, Departed::Users, &state.sessions_of_users_since).await
}

/// Ends the sessions of deleted clients.
pub(super) async fn of_departed_clients(state: &WorkerState) -> Result<Next, Refusal> {
    of_departed(&state.services, Departed::Clients, &state.sessions_of_clients_since).await
}

async fn of_departed(services: &Arc<Services>, departed: Departed, since: &Mutex<Timestamp>) -> Result<Next, Refusal> {
    let mut since = since.lock().await;
    let asked_at = services.now();
    let (mut round, mut without) = (Round::of(departed.step()), Vec::new());
    let (cause, reason) = departed.ending();
    for _ in 0..PARENTS {
        let found = departed.some(services, *since, &without).await?;
        let Some(issuer) = found.first().map(|first| first.issuer_id) else { break };
        if let Some(next) = round.outcome(issuer, end(services, found, cause, reason).await)? {
            return Ok(next);
        }
        without.push(issuer);
    }
    Ok(rested(&round, &mut since, asked_at))
}

/// Everything from before is done, unless something failed: the next look begins there.
pub(super) fn rested(round: &Round, since: &mut Timestamp, asked_at: Timestamp) -> Next {
    if !round.has_failed() {
        *since = asked_at.minus(OVERLAP).max(*since);
    }
    round.rest(LOOK_EVERY)
}

/// Removes personal tokens of deleted users.
pub(super) async fn tokens_of_departed_users(state: &WorkerState) -> Result<Next, Refusal> {
    let services = &state.services;
    let mut since = state.tokens_since.lock().await;
    let asked_at = services.now();
    let mut round = Round::of("tokens-of-departed-users");
    let found = services.store.reads().personal_tokens().departed_owners(*since, PARENTS).await?;
    let is_done = found.is_empty();
    for gone in found {
        if let Some(next) = round.outcome(gone.user_id, tokens_of(services, &gone).await)? {
            return Ok(next);
        }
    }
    Ok(if is_done { rested(&round, &mut since, asked_at) } else { round.rest(LOOK_EVERY) })
}

/// Nothing is left to remove when another process was faster.
async fn tokens_of(services: &Arc<Services>, gone: &DepartedOwner) -> Result<Option<Next>, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    let removed = unit.personal_tokens().remove_of_user(gone.issuer_id, gone.user_id, BATCH).await?;
    unit.commit().await?;
    Ok((removed > 0).then_some(Next::Now))
}

/// Removes sessions that ended 30 days ago.
pub(super) async fn ended(services: &Arc<Services>) -> Result<Next, Refusal> {
    let now = services.now();
    let mut unit = services.store.begin(now).await?;
    let removed = unit.sessions().purge(now.minus(ENDED_KEPT), BATCH).await?;
    unit.commit().await?;
    Ok(if removed == 0 { Next::In(PURGE_EVERY) } else { Next::Now })
}

/// Carries a part of the oldest order out that takes all access through an organization away.
pub(super) async fn revoked_organizations(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut round = Round::of("revoked-organizations");
    for order in services.store.reads().organizations().revocations(PARENTS).await? {
        if let Some(next) = round.outcome(order.org_id, carry_on(services, &order).await)? {
            return Ok(next);
        }
    }
    Ok(round.rest(LOOK_EVERY))
}

async fn carry_on(services: &Arc<Services>, order: &AccessRevocation) -> Result<Option<Next>, Refusal> {
    let context = unattended::context(services, order.account_id, Some(order.issuer_id)).await?;
    let mut change = unattended::begin(services, &context).await?;
    access::carry_on(&mut change, order, SESSIONS).await?;
    change.into_unit().await?.commit().await?;
    Ok(Some(Next::Now))
}
