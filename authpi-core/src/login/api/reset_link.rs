//! The link of a mail about a forgotten password, opened: the page for a new one.

use async_trait::async_trait;
use http::StatusCode;

use super::links::{Opening, dead, opening, token};
use super::pages::{Scene, see};
use super::view::View;
use crate::error::Refusal;
use crate::login::model::{Flow, LoginRequest, Step as At, Wants};
use crate::login::operations::{begin, find, reset_subject};
use crate::pages::html::Errors;
use crate::pages::html::password::NewPasswordReason;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::route::{RateClass, Route};
use crate::web::runtime::{IssuerCall, Runtime, Step};

/// `showPasswordReset`
pub(super) struct ShowPasswordReset;

#[async_trait]
impl Runtime for ShowPasswordReset {
    type Prepared = Opening;

    fn route(&self) -> Route {
        let summary = "The page on which a forgotten password is replaced, or the way to the issuer's own";
        let route = Route::get("/{issuer_id}/password-reset").named("showPasswordReset", summary);
        route
            .about("login flows", "link")
            .of_issuer(RateClass::Proof)
            .takes_its_time()
            .tells_people()
            .form(token())
            .may_refuse(&[400, 403])
            .also_answers(&[(200, "text/html"), (303, "")])
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Opening>, Refusal> {
        opening(call, call.query()?.get("token")).await
    }

    /// In the login that asked for it, where that goes on in this browser; else in one that leads nowhere else.
    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, opening: &Opening) -> Result<Answer, Refusal> {
        let (issuer, token) = (call.issuer_id(), &opening.token);
        let peppers = &change.keyring().peppers;
        if reset_subject(change.reads(), peppers, issuer, token, change.now()).await?.is_none() {
            return dead(call);
        }
        let visitor = &opening.browser.visitor;
        let proof = change.reads().logins().proof(issuer, token.id).await?;
        let asked = match proof.and_then(|proof| proof.flow_id) {
            Some(id) => find(change, issuer, id).await?,
            None => None,
        };
        let is_open = |at: At| matches!(at, At::Identify | At::FirstFactor);
        let here = asked.filter(|flow| flow.browser.is(&visitor.mark) && is_open(flow.state.step()));
        let flow = if let Some(flow) = here {
            flow
        } else {
            let wants = Wants { fresh: true, ..Wants::default() };
            begin(change, issuer, visitor, LoginRequest { wants, ..LoginRequest::default() }).await?
        };
        Ok(opening.browser.remember(call, reset_page(call, opening, &flow)?))
    }
}

/// The issuer's own page gets what it needs to take the step: a login of this browser, and the token.
fn reset_page(call: &IssuerCall, opening: &Opening, flow: &Flow) -> Result<Answer, Refusal> {
    let scene = Scene { call, browser: &opening.browser, flow };
    if flow.state.step() == At::Done {
        return scene.page(View::First, Errors::none());
    }
    let token = opening.token.text();
    let page = &call.issuer().issuer.details.settings.portals.password_reset;
    if let Some(own) = page.own(&[("flow", &flow.id.to_string()), ("token", token.expose())]) {
        return Ok(see(&own));
    }
    let step = format!("password-reset/complete?token={}", token.expose());
    let page = scene.new_password(NewPasswordReason::Reset, &step, Errors::none());
    Answer::html(StatusCode::OK, &call.frame(None), &page)
}
