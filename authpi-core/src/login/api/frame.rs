//! What every step has in common: who may take it, how often, and what is answered. A step itself knows nothing of JSON.

use async_trait::async_trait;
use http::StatusCode;
use serde_json::Value;

use super::guard::{self, Postage};
use super::pages::{self, Scene, see};
use super::problems::{self, told, told_fields};
use super::view::View;
use super::views::{StepView, redirect_to};
use crate::error::Refusal;
use crate::login::browser::Browser;
use crate::login::model::{Flow, Progress, SealedFlow};
use crate::login::operations::{self, StepError, StepResult, Stepped, Visitor};
use crate::oauth_error::OAuthError;
use crate::pages::html::fault::FaultKind;
use crate::store::Change;
use crate::user::model::User;
use crate::web::answer::Answer;
use crate::web::body::Body;
use crate::web::parameters::Parameters;
use crate::web::route::{RateClass, Route};
use crate::web::runtime::{IssuerCall, Runtime, Step};

/// One step of a login.
#[async_trait]
pub(super) trait FlowStep: Send + Sync + 'static {
    /// What it takes.
    type Body: Body;
    /// What `prepare` hands to `apply`.
    type Prepared: Default + Send + Sync + 'static;

    /// Method, path and documentation.
    fn route(&self) -> Route;

    /// It presents something that could be guessed: it takes its time, and is limited as such.
    fn presents(&self) -> bool {
        false
    }

    /// It sends mail.
    fn mails(&self) -> bool {
        false
    }

    /// It names somebody itself: it is not about whom the login is about, whose browser this may be.
    fn names_another(&self) -> bool {
        false
    }

    /// The mail that it sends, or seems to; `user` is whom the login is about.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    async fn postage(
        &self,
        _call: &IssuerCall,
        flow: &Flow,
        user: Option<&User>,
        _what: (&Self::Body, &Self::Prepared),
    ) -> Result<Option<Postage>, Refusal> {
        Ok(self.mails().then(|| postage_of(flow, user)))
    }

    /// What a form says; none when it says nothing: then the page asks again.
    fn of_form(&self, form: &Parameters, query: &Parameters) -> Option<Self::Body>;

    /// The page of the step that follows, where it has several.
    fn shows(&self) -> View {
        View::First
    }

    /// The page on which problems are told, where the step has several.
    fn asks(&self) -> View {
        View::First
    }

    /// Slow work, outside of the unit of work. `user` is whom the login is about; looked up only where the step presents or
    /// mails something and names nobody else.
    ///
    /// # Errors
    /// Whatever the caller is refused with.
    async fn prepare(
        &self,
        _call: &IssuerCall,
        _flow: &Flow,
        _user: Option<&User>,
        _body: &Self::Body,
    ) -> Result<Self::Prepared, Refusal> {
        Ok(Self::Prepared::default())
    }

    /// Takes the step.
    ///
    /// # Errors
    /// [`StepError`].
    async fn apply(
        &self,
        change: &mut Change<'_>,
        visitor: &Visitor,
        flow: Flow,
        body: &Self::Body,
        prepared: &Self::Prepared,
    ) -> StepResult;
}

/// A step as a JSON call, or as the form of a page.
pub(super) struct Json<S>(pub(super) S);

/// A step that may be taken, or a login whose time is over.
pub(super) enum Ready<S: FlowStep> {
    Expired(SealedFlow),
    Go(Box<Go<S>>),
}

pub(super) struct Go<S: FlowStep> {
    browser: Browser,
    body: S::Body,
    prepared: S::Prepared,
}

#[async_trait]
impl<S: FlowStep> Runtime for Json<S> {
    type Prepared = Ready<S>;

    fn route(&self) -> Route {
        let route = self.0.route().of_issuer(RateClass::Proof).takes::<S::Body>().answers_bare::<StepView>();
        let route =
            route.may_refuse(&[401, 403, 404, 409]).also_answers(&[(303, "")]).shared_with_pages().tells_people();
        if self.0.presents() || self.0.mails() { route.takes_its_time() } else { route }
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Ready<S>>, Refusal> {
        problems::prepared(call, self.ready(call).await)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, prepared: &Ready<S>) -> Result<Answer, Refusal> {
        let go = match prepared {
            Ready::Expired(flow) => return expired(change, call, flow).await,
            Ready::Go(go) => go,
        };
        let (id,) = call.path()?;
        let found = operations::find(change, call.issuer_id(), id).await?;
        let flow = found.ok_or(Refusal::NotFound)?;
        let before = flow.clone();
        let scene = Scene { call, browser: &go.browser, flow: &before };
        match self.0.apply(change, &go.browser.visitor, flow, &go.body, &go.prepared).await {
            Ok(stepped) => self.answer(call, &go.browser, &stepped),
            // Somebody took the same step at the same moment, or the browser sent its form twice: not again, and no harm
            // done.
            Err(StepError::Replayed) if call.is_repeated() || call.sends_form() => {
                self.answer(call, &go.browser, &Stepped::to(before))
            }
            Err(StepError::Replayed) => replayed(change, call, &before).await,
            Err(StepError::Uninvited) => {
                call.note_uninvited();
                Err(Refusal::Stale)
            }
            // On a page, and as without: something may have been written before.
            Err(StepError::Refusal(Refusal::Fields(fields) | Refusal::Conflict { fields, .. }))
                if call.sends_form() && !fields.is_empty() =>
            {
                call.undo();
                let least = call.issuer().issuer.details.settings.security.password.min_length;
                scene.page(self.0.asks(), told_fields(&fields, least))
            }
            Err(StepError::Refusal(refusal @ Refusal::Conflict { .. })) if call.sends_form() => {
                call.undo();
                problems::fault(call, refusal)
            }
            Err(StepError::Refusal(refusal)) => Err(refusal),
        }
    }
}

impl<S: FlowStep> Json<S> {
    async fn ready(&self, call: &IssuerCall) -> Result<Step<Ready<S>>, Refusal> {
        guard::same_origin(call)?;
        let mut browser = Browser::of(call).await?;
        let (id,) = call.path()?;
        guard::limit(call, Some(id)).await?;
        let sealed = guard::own_flow(call, &browser, id).await?;
        guard::ticket(call, &browser, &sealed)?;
        let root = call.services().root_for(Some(sealed.issuer_id)).await?;
        let flow = sealed.clone().opened(&root.key)?;
        let is_costly = self.0.presents() || self.0.mails();
        let is_about_holder = is_costly && !self.0.names_another();
        let user = if is_about_holder { guard::holder(call, &flow).await? } else { None };
        let known = guard::known(call, &browser, user.as_ref()).await?;
        if self.0.presents() {
            guard::limit_proof(call, Some(id), known).await?;
        }
        if sealed.expires_at <= call.now() {
            return Ok(Step::Change(Ready::Expired(sealed)));
        }
        let body = if call.sends_form() {
            match self.0.of_form(call.form()?, call.query()?) {
                Some(body) => body,
                None => return Ok(Step::Answer(asked_again(call, &flow)?)),
            }
        } else {
            parsed(call)?
        };
        let prepared = self.0.prepare(call, &flow, user.as_ref(), &body).await?;
        if let Some(postage) = self.0.postage(call, &flow, user.as_ref(), (&body, &prepared)).await? {
            browser.visitor.is_withheld = guard::charge(call, &sealed, &postage, known).await?;
        }
        Ok(Step::Change(Ready::Go(Box::new(Go { browser, body, prepared }))))
    }

    /// Where the login stands, for who asks: a program, or a browser, which goes on with a GET.
    fn answer(&self, call: &IssuerCall, browser: &Browser, stepped: &Stepped) -> Result<Answer, Refusal> {
        if !call.sends_form() {
            return Ok(answer(call, browser, stepped));
        }
        let scene = Scene { call, browser, flow: &stepped.flow };
        let shown = match stepped.problem {
            Some(problem) if stepped.granted.is_none() => scene.page(self.0.asks(), told(problem))?,
            _ if !stepped.backup_codes.is_empty() => {
                scene.backup_codes(stepped.backup_codes.iter().map(|code| code.expose().to_owned()).collect())?
            }
            _ => match redirect_to(&stepped.flow, &call.iss()) {
                Some(to) => see(&to),
                None => see(&pages::address(call, &stepped.flow, self.0.shows())),
            },
        };
        Ok(with_cookies(call, browser, shown, stepped))
    }
}

/// The mail that a login waits for next.
fn postage_of(flow: &Flow, user: Option<&User>) -> Postage {
    let real = user.and_then(User::email).map(str::to_owned);
    let typed = flow.state.identifier.clone().unwrap_or_default();
    match flow.state.progress() {
        // Nobody types an address any more: it goes to that of the user.
        Progress::Proven { .. } => {
            let is_stranger = user.is_some_and(|user| !user.details.profile.email_verified);
            Postage { typed: real.unwrap_or(typed), real: None, is_stranger }
        }
        Progress::SignUp => Postage { typed, real, is_stranger: true },
        _ => Postage { typed, real, is_stranger: false },
    }
}

/// A form that says nothing asks for another page of the step.
fn asked_again(call: &IssuerCall, flow: &Flow) -> Result<Answer, Refusal> {
    let wanted = call.form()?.get("method").or(call.query()?.get("method"));
    let view = match wanted {
        Some("totp" | "done") => View::First,
        Some("password") => View::Password,
        Some("backup") => View::Backup,
        _ => View::Identify,
    };
    Ok(see(&pages::address(call, flow, view)))
}

/// With the cookies of a browser that is new, or whose user has come in.
pub(super) fn with_cookies(call: &IssuerCall, browser: &Browser, answer: Answer, stepped: &Stepped) -> Answer {
    let answer = browser.remember(call, answer);
    match &stepped.granted {
        Some(granted) => browser.grant(call, answer, granted),
        None => answer,
    }
}

fn parsed<B: Body>(call: &IssuerCall) -> Result<B, Refusal> {
    if B::schema().is_some() {
        return call.json();
    }
    serde_json::from_str("{}").map_err(Refusal::internal)
}

/// The time of a login is over: it is gone, and leaves a trace.
pub(super) async fn expired(change: &mut Change<'_>, call: &IssuerCall, flow: &SealedFlow) -> Result<Answer, Refusal> {
    operations::expire(change, flow).await?;
    Ok(refused(call, OAuthError::invalid_request("The time of the login is over."), None))
}

/// A step was taken twice: the login is over.
async fn replayed(change: &mut Change<'_>, call: &IssuerCall, flow: &Flow) -> Result<Answer, Refusal> {
    operations::kill(change, flow, "state").await?;
    Ok(refused(call, OAuthError::invalid_request("The step was taken before; the login is over."), None))
}

/// Where a login stands after a step, with the cookies of somebody who has come in.
pub(super) fn answer(call: &IssuerCall, browser: &Browser, stepped: &Stepped) -> Answer {
    let iss = call.iss();
    let answer = if let Progress::Refused { reason } = stepped.flow.state.progress() {
        refused(call, reason.error(), redirect_to(&stepped.flow, &iss))
    } else {
        Answer::json(StatusCode::OK, &StepView::after(stepped, call.issuer(), &iss))
    };
    with_cookies(call, browser, answer, stepped)
}

/// A refusal that leaves a trace, and so is an answer. The page learns where to go on.
fn refused(call: &IssuerCall, error: OAuthError, redirect_to: Option<String>) -> Answer {
    if call.sends_form() {
        let page = problems::shown(call, FaultKind::FlowReplayed, StatusCode::BAD_REQUEST, Some(error));
        return page.unwrap_or_else(|_| call.refusal(error));
    }
    let answer = call.refusal(error);
    let Ok(Value::Object(mut body)) = serde_json::from_slice(answer.body.bytes()) else { return answer };
    body.insert("step".to_owned(), "done".into());
    if let Some(redirect_to) = redirect_to {
        body.insert("redirect_to".to_owned(), redirect_to.into());
    }
    Answer { headers: answer.headers, ..Answer::json(answer.status, &body) }
}
