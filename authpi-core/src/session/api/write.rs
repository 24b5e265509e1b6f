//! Suspends, reactivates, revokes and annotates a session.

use async_trait::async_trait;

use super::body::{SessionAction, UpdateSession};
use super::read::existing;
use super::view::SessionView;
use super::{ONE, REACTIVATE, REVOKE, SUSPEND, WRITE};
use crate::error::Refusal;
use crate::session::model::{EndCause, UserSession};
use crate::session::operations;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::body::{Body, NoBody};
use crate::web::call::Call;
use crate::web::endpoint::Write;
use crate::web::route::Route;

fn documented(route: Route, name: &'static str, summary: &'static str) -> Route {
    route.named(name, summary).about("sessions", "session").scope(WRITE).conditional().answers::<SessionView>(200)
}

async fn addressed<B: Body>(change: &Change<'_>, call: &Call<B>) -> Result<UserSession, Refusal> {
    let session = existing(change.reads(), call.path()?).await?;
    call.precondition(session.updated_at)?;
    Ok(session)
}

fn shown(change: &Change<'_>, session: &UserSession) -> Answer {
    let derived = session.derived_status(change.now());
    Answer::of(SessionView::of(session, change.now())).etag_showing(session.updated_at, derived)
}

/// `updateSession`
pub(super) struct Update;

#[async_trait]
impl Write for Update {
    type Body = UpdateSession;
    type Prepared = ();

    fn route(&self) -> Route {
        documented(Route::patch(ONE), "updateSession", "Change the metadata of a session").extension()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<UpdateSession>) -> Result<Answer, Refusal> {
        let before = addressed(change, call).await?;
        let UpdateSession(body) = call.body()?;
        let after = operations::update_metadata(change, before, body.metadata.as_ref()).await?;
        Ok(shown(change, &after))
    }
}

/// `suspendSession`
pub(super) struct Suspend;

#[async_trait]
impl Write for Suspend {
    type Body = SessionAction;
    type Prepared = ();

    fn route(&self) -> Route {
        documented(Route::post(SUSPEND), "suspendSession", "Freeze a session, with those that clients have from it")
            .without_credit()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<SessionAction>) -> Result<Answer, Refusal> {
        let before = addressed(change, call).await?;
        let note = change.status_note(call.body()?.reason.clone(), None);
        let after = operations::suspend(change, before, note).await?;
        Ok(shown(change, &after))
    }
}

/// `reactivateSession`
pub(super) struct Reactivate;

#[async_trait]
impl Write for Reactivate {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        documented(Route::post(REACTIVATE), "reactivateSession", "Take the suspension of a session back")
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let before = addressed(change, call).await?;
        let note = change.status_note(None, None);
        let after = operations::reactivate(change, before, note).await?;
        Ok(shown(change, &after))
    }
}

/// `revokeSession`
pub(super) struct Revoke;

#[async_trait]
impl Write for Revoke {
    type Body = SessionAction;
    type Prepared = ();

    fn route(&self) -> Route {
        documented(Route::post(REVOKE), "revokeSession", "End a session for ever, with those that clients have from it")
            .without_credit()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<SessionAction>) -> Result<Answer, Refusal> {
        let before = addressed(change, call).await?;
        let note = change.status_note(call.body()?.reason.clone(), None);
        let after = operations::end(change, before, EndCause::Revoked, note).await?;
        Ok(shown(change, &after))
    }
}
