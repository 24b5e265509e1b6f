//! Links of mails, opened. Mail scanners open them, too: only a POST uses one, and only in the browser that asked.

use async_trait::async_trait;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{frame, guard};
use crate::error::Refusal;
use crate::login::browser::Browser;
use crate::login::model::{MailToken, ProofPurpose};
use crate::login::operations::{Redeemed, StepError, open_link};
use crate::oauth_error::OAuthError;
use crate::store::Change;
use crate::timestamp::Timestamp;
use crate::web::answer::Answer;
use crate::web::route::{FormParameter, RateClass, Route};
use crate::web::runtime::{IssuerCall, Runtime, Step};

/// A link of a mail, as its page shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenedLink)]
pub(super) struct LinkView {
    /// It did what it is for.
    verified: bool,
    /// The address that it proves; in the browser that asked only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    email: Option<String>,
    /// What to type where the mail was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    code: Option<String>,
    /// The application that asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    application: Option<String>,
    /// When it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    requested_at: Option<Timestamp>,
    /// With what.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    device: Option<String>,
    /// From which address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ip: Option<String>,
}

const DEAD: OAuthError = OAuthError::invalid_request("The link is not valid, was used, or its time is over.");

impl LinkView {
    const fn of(verified: bool, email: Option<String>) -> Self {
        let (code, application, device, ip) = (None, None, None, None);
        Self { verified, email, code, application, requested_at: None, device, ip }
    }
}

/// Who opens a link.
pub(super) struct Opening {
    browser: Browser,
    token: MailToken,
}

async fn opening(call: &IssuerCall, token: Option<&str>) -> Result<Opening, Refusal> {
    let browser = Browser::of(call).await?;
    guard::limits(call, None, true, None).await?;
    let token = token.and_then(MailToken::parse).ok_or(DEAD)?;
    Ok(Opening { browser, token })
}

/// What came of opening it.
async fn opened(
    change: &mut Change<'_>,
    call: &IssuerCall,
    opening: &Opening,
    purpose: ProofPurpose,
    confirmed: bool,
) -> Result<Answer, Refusal> {
    let visitor = &opening.browser.visitor;
    let link = (&opening.token, purpose);
    let view = match open_link(change, visitor, call.issuer_id(), link, confirmed).await {
        Ok(Redeemed::Done(stepped)) if purpose == ProofPurpose::LoginLink => {
            return Ok(frame::answer(call, &opening.browser, &stepped));
        }
        Ok(Redeemed::Done(stepped)) => {
            let answer = Answer::json(StatusCode::OK, &LinkView::of(stepped.problem.is_none(), None));
            return Ok(match &stepped.granted {
                Some(granted) => opening.browser.grant(call, answer, granted),
                None => answer,
            });
        }
        Ok(Redeemed::Verified { address }) => LinkView::of(confirmed, Some(address)),
        Ok(Redeemed::Elsewhere { content, asked_at, code }) => LinkView {
            code: Some(code.expose().to_owned()),
            application: content.application,
            requested_at: Some(asked_at),
            device: content.device,
            ip: content.ip,
            ..LinkView::of(false, None)
        },
        Ok(Redeemed::Dead) | Err(StepError::Replayed) => return Err(DEAD.into()),
        Err(StepError::Refusal(refusal)) => return Err(refusal),
    };
    Ok(Answer::json(StatusCode::OK, &view))
}

fn route(route: Route, name: &'static str, summary: &'static str) -> Route {
    route
        .named(name, summary)
        .about("login flows", "link")
        .of_issuer(RateClass::Proof)
        .takes_its_time()
        .may_refuse(&[400, 403])
}

/// `lookAtMagicLink`
pub(super) struct LookAtMagicLink;

#[async_trait]
impl Runtime for LookAtMagicLink {
    type Prepared = Opening;

    fn route(&self) -> Route {
        let summary = "Look at a link to sign in with: nothing is used up";
        route(Route::get("/{issuer_id}/magic/{token}"), "lookAtMagicLink", summary).answers_bare::<LinkView>()
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Opening>, Refusal> {
        opening(call, Some(call.segment("token"))).await.map(Step::Change)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, link: &Opening) -> Result<Answer, Refusal> {
        opened(change, call, link, ProofPurpose::LoginLink, false).await
    }
}

/// `useMagicLink`
pub(super) struct UseMagicLink;

#[async_trait]
impl Runtime for UseMagicLink {
    type Prepared = Opening;

    fn route(&self) -> Route {
        let summary = "Sign in by a link, in the browser that asked for it";
        route(Route::post("/{issuer_id}/magic/{token}"), "useMagicLink", summary)
            .answers_bare::<super::views::StepView>()
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Opening>, Refusal> {
        guard::same_origin(call)?;
        opening(call, Some(call.segment("token"))).await.map(Step::Change)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, link: &Opening) -> Result<Answer, Refusal> {
        opened(change, call, link, ProofPurpose::LoginLink, true).await
    }
}

fn token() -> [FormParameter; 1] {
    [FormParameter::new("token", "What the link carries.").required()]
}

/// `get_VerifyEmail`
pub(super) struct VerifyEmail;

#[async_trait]
impl Runtime for VerifyEmail {
    type Prepared = Opening;

    fn route(&self) -> Route {
        let summary = "Confirm an e-mail address, in the browser that asked for it";
        route(Route::get("/{issuer_id}/verify-email"), "get_VerifyEmail", summary)
            .form(token())
            .answers_bare::<LinkView>()
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Opening>, Refusal> {
        opening(call, call.query()?.get("token")).await.map(Step::Change)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, link: &Opening) -> Result<Answer, Refusal> {
        // A program asks for JSON, and no scanner of mails does.
        opened(change, call, link, ProofPurpose::VerifyEmail, call.prefers_json()).await
    }
}

/// `confirmEmail`
pub(super) struct ConfirmEmail;

#[async_trait]
impl Runtime for ConfirmEmail {
    type Prepared = Opening;

    fn route(&self) -> Route {
        let summary = "Confirm an e-mail address by its page";
        route(Route::post("/{issuer_id}/verify-email"), "confirmEmail", summary)
            .form(token())
            .answers_bare::<LinkView>()
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Opening>, Refusal> {
        guard::same_origin(call)?;
        opening(call, call.form()?.get("token")).await.map(Step::Change)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, link: &Opening) -> Result<Answer, Refusal> {
        opened(change, call, link, ProofPurpose::VerifyEmail, true).await
    }
}
