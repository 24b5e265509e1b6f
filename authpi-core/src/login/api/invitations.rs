//! The link of an invitation, opened: a page that asks first, in a login that leads nowhere else.

use async_trait::async_trait;
use http::StatusCode;

use super::guard;
use super::pages::Scene;
use super::problems;
use super::view::View;
use crate::error::Refusal;
use crate::login::browser::Browser;
use crate::login::model::{LoginRequest, Step as At, Wants};
use crate::login::operations::{begin, behind_link};
use crate::oauth_error::OAuthError;
use crate::pages::html::Errors;
use crate::pages::html::fault::FaultKind;
use crate::secret::Secret;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::route::{FormParameter, RateClass, Route};
use crate::web::runtime::{IssuerCall, Runtime, Step};

const DEAD: OAuthError = OAuthError::invalid_request("The invitation is not valid, was answered, or its time is over.");

/// `showInvitation`
pub(super) struct ShowInvitation;

/// Who opens which link.
pub(super) struct Opening {
    browser: Browser,
    token: Secret,
}

#[async_trait]
impl Runtime for ShowInvitation {
    type Prepared = Opening;

    fn route(&self) -> Route {
        Route::get("/{issuer_id}/invitation")
            .named("showInvitation", "The page on which an invitation is accepted or declined")
            .about("login flows", "link")
            .of_issuer(RateClass::Proof)
            .takes_its_time()
            .tells_people()
            .form([FormParameter::new("token", "What the link carries.").required()])
            .may_refuse(&[400, 403])
            .also_answers(&[(200, "text/html")])
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Opening>, Refusal> {
        guard::limit(call, None).await?;
        guard::limit_proof(call, None, None).await?;
        let browser = Browser::of(call).await?;
        let token = Secret::new(call.query()?.get("token").unwrap_or_default());
        Ok(Step::Change(Opening { browser, token }))
    }

    /// Who is signed in here goes on as that, if the invitation is theirs.
    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, opening: &Opening) -> Result<Answer, Refusal> {
        let (issuer, visitor) = (call.issuer_id(), &opening.browser.visitor);
        let Some(invited) = behind_link(change, issuer, opening.token.expose()).await? else {
            return problems::shown(call, FaultKind::LinkInvalid, StatusCode::BAD_REQUEST, Some(DEAD));
        };
        let here = match &visitor.session {
            Some(session) => change.reads().users().find(issuer, session.user_id).await?,
            None => None,
        };
        let root = change.root_of(issuer)?;
        let is_theirs = |user: &crate::user::model::User| {
            user.proven_email_hash(root).is_some_and(|hash| *hash.as_bytes() == invited.invitation.address_hash)
        };
        let here = here.filter(is_theirs);
        let wants = Wants { fresh: here.is_none(), ..Wants::default() };
        let flow = begin(change, issuer, visitor, LoginRequest { wants, ..LoginRequest::default() }).await?;
        let scene = Scene { call, browser: &opening.browser, flow: &flow };
        if flow.state.step() == At::Done && here.is_none() {
            return scene.page(View::First, Errors::none());
        }
        let name = here.map(|user| user.username.as_str().to_owned());
        let answer = scene.invitation(invited, name, opening.token.expose())?;
        Ok(opening.browser.remember(call, answer))
    }
}
