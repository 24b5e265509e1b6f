//! Links of mails, opened. Mail scanners open them, too: only a POST uses one, and only in the browser that asked.

use async_trait::async_trait;
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::pages::{self, see};
use super::problems;
use super::view::View;
use super::views::redirect_to;
use super::{frame, guard};
use crate::error::Refusal;
use crate::login::browser::Browser;
use crate::login::model::{MailToken, ProofPurpose, TypedCode};
use crate::login::operations::{Problem, Redeemed, StepError, Stepped, enter_change, open_link};
use crate::oauth_error::OAuthError;
use crate::pages::html::fault::FaultKind;
use crate::pages::html::link::{LinkConfirm, LinkPurpose, OpenedElsewhere};
use crate::pages::html::notice::{Notice, NoticeKind};
use crate::pages::html::parts::{App, RequestFacts, Step as PageStep};
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
    /// Where that is: city and country.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    place: Option<String>,
}

const DEAD: OAuthError = OAuthError::invalid_request("The link is not valid, was used, or its time is over.");

impl LinkView {
    const fn of(verified: bool, email: Option<String>) -> Self {
        let (code, application, device, ip, place) = (None, None, None, None, None);
        Self { verified, email, code, application, requested_at: None, device, ip, place }
    }
}

/// Who opens a link.
pub(super) struct Opening {
    pub(super) browser: Browser,
    pub(super) token: MailToken,
}

pub(super) async fn opening(call: &IssuerCall, token: Option<&str>) -> Result<Step<Opening>, Refusal> {
    guard::limit(call, None).await?;
    guard::limit_proof(call, None, None).await?;
    let browser = Browser::of(call).await?;
    match token.and_then(MailToken::parse) {
        Some(token) => Ok(Step::Change(Opening { browser, token })),
        None => dead(call).map(Step::Answer),
    }
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
    match open_link(change, visitor, call.issuer_id(), link, confirmed).await {
        Ok(redeemed) if is_page(call) => page(call, opening, purpose, confirmed, redeemed),
        Ok(redeemed) => told(call, opening, purpose, confirmed, redeemed),
        Err(StepError::Replayed) => dead(call),
        Err(StepError::Uninvited) => {
            call.note_uninvited();
            Err(Refusal::Stale)
        }
        Err(StepError::Refusal(refusal)) => Err(refusal),
    }
}

/// A person looks at it, not a program.
fn is_page(call: &IssuerCall) -> bool {
    !call.prefers_json() && (call.sends_form() || *call.method() == Method::GET)
}

pub(super) fn dead(call: &IssuerCall) -> Result<Answer, Refusal> {
    if is_page(call) {
        return problems::shown(call, FaultKind::LinkInvalid, StatusCode::BAD_REQUEST, Some(DEAD));
    }
    Ok(call.refusal(DEAD))
}

/// The mail was good for once, and what it was good for is gone.
fn proves_nothing(stepped: &Stepped) -> bool {
    matches!(stepped.problem, Some(Problem::Expired))
}

fn told(
    call: &IssuerCall,
    opening: &Opening,
    purpose: ProofPurpose,
    confirmed: bool,
    redeemed: Redeemed,
) -> Result<Answer, Refusal> {
    let view = match redeemed {
        Redeemed::Done { stepped, .. } if purpose == ProofPurpose::LoginLink => {
            return Ok(frame::answer(call, &opening.browser, &stepped));
        }
        Redeemed::Done { stepped, .. } if proves_nothing(&stepped) => return dead(call),
        Redeemed::Done { stepped, address } => {
            let answer = Answer::json(StatusCode::OK, &LinkView::of(true, Some(address)));
            return Ok(frame::with_cookies(call, &opening.browser, answer, &stepped));
        }
        Redeemed::Verified { address } => LinkView::of(confirmed, Some(address)),
        Redeemed::Elsewhere { content, asked_at, code } => LinkView {
            code: Some(code.expose().to_owned()),
            application: content.application,
            requested_at: Some(asked_at),
            device: content.device,
            ip: content.ip,
            place: content.place,
            ..LinkView::of(false, None)
        },
        Redeemed::Dead => return dead(call),
    };
    Ok(Answer::json(StatusCode::OK, &view))
}

fn page(
    call: &IssuerCall,
    opening: &Opening,
    purpose: ProofPurpose,
    confirmed: bool,
    redeemed: Redeemed,
) -> Result<Answer, Refusal> {
    let (shown, path) = match purpose {
        ProofPurpose::LoginLink => (LinkPurpose::SignIn, "magic/"),
        _ => (LinkPurpose::VerifyEmail, "verify-email?token="),
    };
    let frame = call.frame(None);
    match redeemed {
        Redeemed::Done { stepped, .. } if proves_nothing(&stepped) => dead(call),
        Redeemed::Done { stepped, .. } => {
            let to = redirect_to(&stepped.flow, &call.iss());
            let to = to.unwrap_or_else(|| pages::address(call, &stepped.flow, View::First));
            Ok(frame::with_cookies(call, &opening.browser, see(&to), &stepped))
        }
        Redeemed::Verified { address } if confirmed => verified(call, address),
        Redeemed::Verified { address } => {
            let action = format!("{}/{path}{}", call.iss(), opening.token.text().expose());
            let confirm = LinkConfirm { step: PageStep::default(), purpose: shown, action, address };
            Answer::html(StatusCode::OK, &frame, &confirm)
        }
        Redeemed::Elsewhere { content, asked_at, code } => {
            let elsewhere = OpenedElsewhere {
                purpose: shown,
                app: content.application.map(|name| App { name, logo_url: None }),
                request: RequestFacts { at: asked_at, place: content.place, device: content.device, ip: content.ip },
                code: code.expose().to_owned(),
            };
            Answer::html(StatusCode::OK, &frame, &elsewhere)
        }
        Redeemed::Dead => dead(call),
    }
}

fn verified(call: &IssuerCall, address: String) -> Result<Answer, Refusal> {
    let notice = Notice { kind: NoticeKind::EmailVerified, about: Some(address), app: None, next: None };
    Answer::html(StatusCode::OK, &call.frame(None), &notice)
}

fn route(route: Route, name: &'static str, summary: &'static str) -> Route {
    route
        .named(name, summary)
        .about("login flows", "link")
        .of_issuer(RateClass::Proof)
        .takes_its_time()
        .tells_people()
        .may_refuse(&[400, 403])
        .also_answers(&[(200, "text/html"), (303, "")])
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
        opening(call, Some(call.segment("token"))).await
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
        let opening = async {
            guard::same_origin(call)?;
            opening(call, Some(call.segment("token"))).await
        };
        problems::prepared(call, opening.await)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, link: &Opening) -> Result<Answer, Refusal> {
        opened(change, call, link, ProofPurpose::LoginLink, true).await
    }
}

pub(super) fn token() -> [FormParameter; 1] {
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
        opening(call, call.query()?.get("token")).await
    }

    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, link: &Opening) -> Result<Answer, Refusal> {
        // A program asks for JSON, and no scanner of mails does.
        opened(change, call, link, ProofPurpose::VerifyEmail, call.prefers_json()).await
    }
}

/// What confirms an address.
pub(super) enum Confirming {
    /// The link of its mail.
    Link(Opening),
    /// The code that the link has shown in another browser.
    Code(Browser, TypedCode),
}

async fn confirming(call: &IssuerCall) -> Result<Step<Confirming>, Refusal> {
    guard::same_origin(call)?;
    let form = call.form()?;
    let Some(code) = form.get("code") else {
        let opening = opening(call, form.get("token").or(call.query()?.get("token"))).await?;
        return Ok(opening.map(Confirming::Link));
    };
    guard::limit(call, None).await?;
    guard::limit_proof(call, None, None).await?;
    Ok(Step::Change(Confirming::Code(Browser::of(call).await?, TypedCode::typed(code))))
}

/// `confirmEmail`
pub(super) struct ConfirmEmail;

#[async_trait]
impl Runtime for ConfirmEmail {
    type Prepared = Confirming;

    fn route(&self) -> Route {
        let summary = "Confirm an e-mail address by its page, or by the code that its link has shown elsewhere";
        route(Route::post("/{issuer_id}/verify-email"), "confirmEmail", summary)
            .form([
                FormParameter::new("token", "What the link carries."),
                FormParameter::new(
                    "code",
                    "What the link has shown: of whoever is signed in here and wants the address.",
                ),
            ])
            .answers_bare::<LinkView>()
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Confirming>, Refusal> {
        problems::prepared(call, confirming(call).await)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, sent: &Confirming) -> Result<Answer, Refusal> {
        let (browser, code) = match sent {
            Confirming::Link(link) => return opened(change, call, link, ProofPurpose::VerifyEmail, true).await,
            Confirming::Code(browser, code) => (browser, code),
        };
        match enter_change(change, &browser.visitor, call.issuer_id(), code).await? {
            Redeemed::Verified { address } if call.prefers_json() => {
                Ok(Answer::json(StatusCode::OK, &LinkView::of(true, Some(address))))
            }
            Redeemed::Verified { address } => verified(call, address),
            _ => dead(call),
        }
    }
}
