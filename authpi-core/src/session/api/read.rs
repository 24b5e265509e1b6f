//! Lists the sessions of a user, and shows one.

use async_trait::async_trait;

use super::view::SessionView;
use super::{OF_USER, ONE, READ};
use crate::error::Refusal;
use crate::id::{IssuerId, SessionId, UserId};
use crate::session::model::{ENDED_KEPT, SessionStatus, UserSession};
use crate::store::Reads;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Read;
use crate::web::query::Parameter;
use crate::web::route::Route;

/// The session in the path.
pub(super) async fn existing(
    reads: &dyn Reads,
    (issuer, session): (IssuerId, SessionId),
) -> Result<UserSession, Refusal> {
    reads.sessions().find(issuer, session).await?.ok_or(Refusal::NotFound)
}

/// `listUserSessions`
pub(super) struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(OF_USER)
            .named("listUserSessions", "List the sessions of a user, newest first, ended ones for 30 days")
            .about("sessions", "session")
            .scope("issuers.users.sessions:read")
            .query([Parameter::one_of("status", SessionStatus::WORDS, "Only in this status.")])
            .answers_list::<SessionView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, user): (IssuerId, UserId) = call.path()?;
        if !reads.users().exists(issuer, user).await? {
            return Err(Refusal::NotFound);
        }
        let status: Option<SessionStatus> = call.query()?.parsed("status")?;
        let now = call.now();
        let found = reads.sessions().list(issuer, user, now.minus(ENDED_KEPT)).await?;
        let shown = found.iter().filter(|session| status.is_none_or(|status| session.status_at(now) == status));
        Ok(Answer::list(shown.map(|session| SessionView::of(session, now)).collect()))
    }
}

/// `getSession`
pub(super) struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(ONE)
            .named("getSession", "Get a session")
            .about("sessions", "session")
            .scope(READ)
            .conditional()
            .answers::<SessionView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let session = existing(reads, call.path()?).await?;
        let derived = session.derived_status(call.now());
        Ok(Answer::of(SessionView::of(&session, call.now())).etag_showing(session.updated_at, derived))
    }
}
