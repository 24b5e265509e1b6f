//! Where a login stands.

use async_trait::async_trait;
use http::StatusCode;

use super::guard;
use super::pages::{Scene, own_page, see};
use super::problems;
use super::view::View;
use super::views::FlowView;
use crate::error::Refusal;
use crate::id::FlowId;
use crate::login::browser::Browser;
use crate::login::model::SealedFlow;
use crate::login::operations::expire;
use crate::pages::html::Errors;
use crate::pages::html::fault::FaultKind;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::route::{FormParameter, RateClass, Route};
use crate::web::runtime::{IssuerCall, Runtime, Step};

/// `getFlow`
pub(super) struct GetFlow;

#[async_trait]
impl Runtime for GetFlow {
    type Prepared = SealedFlow;

    fn route(&self) -> Route {
        Route::get("/{issuer_id}/flows/{flow_id}")
            .named("getFlow", "Get a login, with the ticket for its steps")
            .about("login flows", "flow")
            .of_issuer(RateClass::Proof)
            .may_refuse(&[403, 404])
            .shared_with_pages()
            .answers_bare::<FlowView>()
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<SealedFlow>, Refusal> {
        guard::same_origin(call)?;
        let browser = Browser::of(call).await?;
        let (id,): (FlowId,) = call.path()?;
        guard::limit(call, Some(id)).await?;
        let sealed = guard::own_flow(call, &browser, id).await?;
        if sealed.expires_at <= call.now() {
            return Ok(Step::Change(sealed));
        }
        let root = call.services().root_for(Some(sealed.issuer_id)).await?;
        let flow = sealed.opened(&root.key)?;
        let ticket = browser.ticket(flow.id);
        let view = FlowView::of(&flow, call.issuer(), &call.iss(), ticket.expose());
        Ok(Step::Answer(Answer::json(StatusCode::OK, &view)))
    }

    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, expired: &SealedFlow) -> Result<Answer, Refusal> {
        super::frame::expired(change, call, expired).await
    }
}

/// `showLogin`
pub(super) struct ShowLogin;

#[async_trait]
impl Runtime for ShowLogin {
    type Prepared = SealedFlow;

    fn route(&self) -> Route {
        Route::get("/{issuer_id}/login")
            .named("showLogin", "The page of a login")
            .about("login flows", "flow")
            .of_issuer(RateClass::Session)
            .tells_people()
            .form([
                FormParameter::new("flow", "The login.").required(),
                FormParameter::new("view", "Which page of its step, where it has several."),
            ])
            .may_refuse(&[400, 403, 404, 409, 429])
            .also_answers(&[(200, "text/html"), (303, "")])
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<SealedFlow>, Refusal> {
        let browser = Browser::of(call).await?;
        let id = call.query()?.get("flow").and_then(|id| id.parse().ok());
        let found = match id {
            Some(id) => guard::own_flow(call, &browser, id).await,
            None => Err(Refusal::NotFound),
        };
        let sealed = match found {
            Ok(sealed) => sealed,
            Err(refusal) => return problems::fault(call, refusal).map(Step::Answer),
        };
        if sealed.expires_at <= call.now() {
            return Ok(Step::Change(sealed));
        }
        let root = call.services().root_for(Some(sealed.issuer_id)).await?;
        let flow = sealed.opened(&root.key)?;
        let view = View::named(call.query()?.get("view"));
        if let Some(own) = own_page(call, &flow, view) {
            return Ok(Step::Answer(see(&own)));
        }
        let scene = Scene { call, browser: &browser, flow: &flow };
        scene.page(view, Errors::none()).map(Step::Answer)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, over: &SealedFlow) -> Result<Answer, Refusal> {
        expire(change, over).await?;
        problems::shown(call, FaultKind::FlowExpired, StatusCode::BAD_REQUEST, None)
    }
}
