//! Where a login stands.

use async_trait::async_trait;
use http::StatusCode;

use super::guard;
use super::views::FlowView;
use crate::error::Refusal;
use crate::login::browser::Browser;
use crate::login::model::SealedFlow;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::route::{RateClass, Route};
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
            .answers_bare::<FlowView>()
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<SealedFlow>, Refusal> {
        guard::same_origin(call)?;
        let browser = Browser::of(call).await?;
        let sealed = guard::own_flow(call, &browser).await?;
        guard::limits(call, Some(&sealed), false, None).await?;
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
