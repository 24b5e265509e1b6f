//! The end of sessions at the request of a client (OpenID Connect RP-Initiated Logout 1.0; idp §17).

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use subtle::ConstantTimeEq as _;

use super::authorization::{fault, hint, redirect, told, with_query};
use super::back_channel::current_iss;
use super::model::IdClaims;
use super::parked;
use crate::client::model::{Client, ClientStatus};
use crate::error::Refusal;
use crate::event::model::Actor;
use crate::id::{ClientId, SessionId};
use crate::login::browser;
use crate::login::model::BrowserSession;
use crate::oauth_error::OAuthError;
use crate::pages::html::Errors;
use crate::pages::html::decision::LogoutQuestion;
use crate::pages::html::fault::FaultKind;
use crate::pages::html::notice::{FrontChannelLogout, Notice, NoticeKind};
use crate::pages::html::parts::{self as pages, Account};
use crate::session::model::{EndCause, UserSession};
use crate::session::operations as sessions;
use crate::session::repository::SessionsOf;
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::cookies::CookieKind;
use crate::web::parameters::Parameters;
use crate::web::route::{FormParameter, RateClass, Route};
use crate::web::runtime::{IssuerCall, Runtime, Step};

/// Sessions of clients that the front channel tells at most: what a browser can load at once.
const TOLD: u32 = 50;

/// `logout` and `postLogout`
pub(super) struct Logout {
    /// GET or POST.
    pub method: Method,
}

/// A request to end a session.
pub(super) struct Ending {
    /// The session of the browser, frozen or not.
    op: Option<BrowserSession>,
    hint: Hint,
    /// Where the browser goes afterwards, when that is the client's to say.
    back: Option<String>,
    /// The client wanted it somewhere else.
    bad_return: bool,
    /// The person has said yes on our page.
    confirmed: bool,
    /// The request once more, for the page that asks.
    again: String,
    /// Languages that the client wishes for.
    ui_locales: Option<String>,
}

/// What the ID token of a request says.
enum Hint {
    /// There is none.
    None,
    /// It is worth nothing.
    Bad,
    /// It is a client's.
    Good(Box<(IdClaims, Client)>),
}

#[async_trait]
impl Runtime for Logout {
    type Prepared = Ending;

    fn route(&self) -> Route {
        let path = "/{issuer_id}/logout";
        let parameter = FormParameter::new;
        let route = if self.method == Method::GET {
            Route::get(path).named("logout", "End the session of a user")
        } else {
            Route::post(path).named("postLogout", "End the session of a user, by a form")
        };
        route
            .about("oauth", "session")
            .of_issuer(RateClass::Session)
            .tells_people()
            .form([
                parameter("id_token_hint", "An ID token of the session."),
                parameter("client_id", "Who asks."),
                parameter("post_logout_redirect_uri", "Where to go then: one of the client's."),
                parameter("state", "Goes there as it is."),
                parameter("ui_locales", "Languages, best first."),
            ])
            .also_answers(&[(200, "text/html"), (302, ""), (303, "")])
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Ending>, Refusal> {
        let op = browser::unended(call).await?;
        let confirmed = self.method == Method::POST && call.sends_form() && call.form()?.get("ticket").is_some();
        if self.method == Method::POST && !confirmed {
            // The parameters may stand in the query of a POST, too (D100); one that stands in both is repeated.
            return parked::turned(call, "logout", &call.raw_parameters()?).await.map(Step::Answer);
        }
        if confirmed && !is_ours(call, op.as_ref()).await? {
            let error = OAuthError::invalid_request("The page is too old. Try again.");
            return told(call, FaultKind::BadRequest, error).map(Step::Answer);
        }
        // A yes does nothing twice: with it, the session that it is for has ended.
        let parked = if confirmed {
            parked::asked(call, "logout", ASKED).await?
        } else {
            parked::opened(call, "logout").await?
        };
        let sent = match &parked {
            Some(parked) => parked,
            None => call.query()?,
        };
        sent.distinct()?;
        if call.prefers_json() && sent.get("id_token_hint").is_none() {
            return Err(OAuthError::invalid_request("id_token_hint is missing.").into());
        }
        let hint = hinted(call, sent).await?;
        let (back, bad_return) = wanted_return(&hint, sent);
        let names = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"];
        let known = names.iter().filter_map(|name| Some((*name, sent.get(name)?)));
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(known).finish();
        let again = parked::handle(call, "logout", form.as_bytes()).await?;
        let ui_locales = sent.get("ui_locales").map(str::to_owned);
        Ok(Step::Change(Ending { op, hint, back, bad_return, confirmed, again, ui_locales }))
    }

    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, ending: &Ending) -> Result<Answer, Refusal> {
        let session = ending.op.as_ref();
        let rp = match &ending.hint {
            Hint::Good(hint) => change.reads().sessions().find(call.issuer_id(), hint.0.sid).await?,
            Hint::None | Hint::Bad => None,
        };
        let is_own = |rp: &UserSession, op: &BrowserSession| {
            rp.user_id == op.user_id && rp.kind.rp().is_some_and(|rp| rp.op_session_id == op.id)
        };
        match session {
            Some(op) if ending.confirmed || rp.as_ref().is_some_and(|rp| is_own(rp, op)) => {
                ending.end_here(change, call, op, rp).await
            }
            Some(op) => ending.question(change, call, op).await,
            None => ending.end_elsewhere(change, call, rp).await,
        }
    }
}

impl Ending {
    /// Ends the session of this browser, and with it those that clients have from it.
    async fn end_here(
        &self,
        change: &mut Change<'_>,
        call: &IssuerCall,
        op: &BrowserSession,
        rp: Option<UserSession>,
    ) -> Result<Answer, Refusal> {
        change.act_as(Actor::user(op.user_id));
        let told = told_in_front(change, call, op.id).await?;
        for session in [change.reads().sessions().find(call.issuer_id(), op.id).await?, rp].into_iter().flatten() {
            // The second one has ended with the first, unless it is of another session.
            let found = change.reads().sessions().find(call.issuer_id(), session.id).await?;
            if let Some(session) = found {
                let note = change.status_note(Some(EndCause::Logout.as_str().to_owned()), None);
                sessions::end(change, session, EndCause::Logout, note).await?;
            }
        }
        let answer = self.done(call, told)?;
        let names = call.cookie_names();
        Ok(names.clear(names.clear(answer, CookieKind::Op), CookieKind::OpBrowserState))
    }

    /// An ID token is no secret: it ends the session of its client, and no other browser's sign-on (D102).
    async fn end_elsewhere(
        &self,
        change: &mut Change<'_>,
        call: &IssuerCall,
        rp: Option<UserSession>,
    ) -> Result<Answer, Refusal> {
        if let Some(rp) = rp {
            change.act_as(Actor::user(rp.user_id));
            let note = change.status_note(Some(EndCause::Logout.as_str().to_owned()), None);
            sessions::end(change, rp, EndCause::Logout, note).await?;
        }
        self.done(call, Vec::new())
    }

    fn done(&self, call: &IssuerCall, told_in_front: Vec<String>) -> Result<Answer, Refusal> {
        const BAD_RETURN: OAuthError =
            OAuthError::invalid_request("post_logout_redirect_uri is not one of the client.");
        if !told_in_front.is_empty() && !call.prefers_json() {
            let fault = self.bad_return.then(|| fault(call, FaultKind::BadLogoutReturn, BAD_RETURN));
            let status = if self.bad_return { StatusCode::BAD_REQUEST } else { StatusCode::OK };
            let page = FrontChannelLogout { frames: told_in_front, next: self.back.clone(), fault };
            return Answer::html(status, &call.frame(self.ui_locales.as_deref()), &page);
        }
        if self.bad_return {
            return told(call, FaultKind::BadLogoutReturn, BAD_RETURN);
        }
        if matches!(self.hint, Hint::Bad) && !self.confirmed {
            let error = OAuthError::invalid_request("id_token_hint is no ID token of an active client.");
            return told(call, FaultKind::BadLogoutHint, error);
        }
        if let Some(back) = &self.back {
            return Ok(redirect(call, back));
        }
        let page = Notice { kind: NoticeKind::SignedOut, about: None, app: None, next: None };
        Answer::html(StatusCode::OK, &call.frame(self.ui_locales.as_deref()), &page)
    }

    /// Nobody but the person ends the session of this browser: it is asked.
    async fn question(&self, change: &Change<'_>, call: &IssuerCall, op: &BrowserSession) -> Result<Answer, Refusal> {
        let bad_hint = matches!(self.hint, Hint::Bad);
        let status = if bad_hint { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        let user = change.reads().users().find(call.issuer_id(), op.user_id).await?;
        let page = LogoutQuestion {
            step: pages::Step { ticket: ticket(call, op).await?, app: None, errors: Errors::none(), cancel: None },
            action: format!("{}/logout?{}={}", call.iss(), parked::HANDLE, self.again),
            account: user.map(|user| Account {
                name: user.details.profile.display_name.clone(),
                identifier: user.username.as_str().to_owned(),
                change: None,
            }),
            bad_hint,
        };
        Answer::html(status, &call.frame(self.ui_locales.as_deref()), &page)
    }
}

/// How long the question waits for its answer.
const ASKED: Duration = Duration::from_mins(15);

/// What the page that asks carries, so that nobody else says yes: only this server makes it.
async fn ticket(call: &IssuerCall, op: &BrowserSession) -> Result<String, Refusal> {
    let root = call.services().root_for(Some(call.issuer_id())).await?;
    let about = format!("{}.{}", op.id, op.authenticated_at.as_millis());
    Ok(URL_SAFE_NO_PAD.encode(root.key.mac("logout-ticket", about.as_bytes())))
}

/// The yes of our own page, in this browser, for the session that it has.
async fn is_ours(call: &IssuerCall, op: Option<&BrowserSession>) -> Result<bool, Refusal> {
    let Some(op) = op else { return Ok(false) };
    let presented = call.form()?.get("ticket").unwrap_or_default();
    let is_it = ticket(call, op).await?.as_bytes().ct_eq(presented.as_bytes());
    Ok(call.require_same_origin().is_ok() && bool::from(is_it))
}

async fn hinted(call: &IssuerCall, sent: &Parameters) -> Result<Hint, Refusal> {
    let Some(text) = sent.get("id_token_hint") else { return Ok(Hint::None) };
    let Some(claims) = hint::genuine(call, text).await? else { return Ok(Hint::Bad) };
    let names_other = sent.get("client_id").is_some_and(|client| client != claims.aud);
    let client = match claims.aud.parse::<ClientId>() {
        Ok(id) => call.services().store.reads().clients().find(call.issuer_id(), id).await?,
        Err(_) => None,
    };
    let client = client.filter(|client| client.status.value == ClientStatus::Active && !names_other);
    Ok(client.map_or(Hint::Bad, |client| Hint::Good(Box::new((claims, client)))))
}

/// Where to go afterwards: only where the client of a good hint has registered it. The flag says that it has not.
fn wanted_return(hint: &Hint, sent: &Parameters) -> (Option<String>, bool) {
    let (Hint::Good(hint), Some(wanted)) = (hint, sent.get("post_logout_redirect_uri")) else { return (None, false) };
    if !hint.1.details.accepts_post_logout_redirect(wanted) {
        return (None, true);
    }
    let back = match sent.get("state") {
        Some(state) => with_query(wanted, &[("state", state.to_owned())]),
        None => wanted.to_owned(),
    };
    (Some(back), false)
}

/// Where the clients of a session want to be told in the browser that it has ended (OpenID Connect Front-Channel Logout
/// §2), with the session and the issuer by the name that its client knows.
async fn told_in_front(change: &Change<'_>, call: &IssuerCall, op: SessionId) -> Result<Vec<String>, Refusal> {
    let issuer = call.issuer_id();
    let sessions = change.reads().sessions().live(issuer, SessionsOf::Op(op), None, TOLD).await?;
    let clients: Vec<_> = sessions.iter().filter_map(|session| session.kind.rp()).map(|rp| rp.client_id).collect();
    let details = change.reads().clients().details_of(issuer, &clients).await?;
    let mut frames = Vec::new();
    for session in &sessions {
        let client = session.kind.rp().and_then(|rp| details.iter().find(|(id, _)| *id == rp.client_id));
        let uri = client.and_then(|(_, client)| client.settings.openid.frontchannel_logout_uri.as_deref());
        let Some(uri) = uri else { continue };
        let grant = change.reads().grants().grant(issuer, session.id).await?;
        let iss = grant.map(|grant| grant.binding.iss);
        let iss = current_iss(call.services(), change.reads(), issuer, iss).await?;
        frames.push(with_query(uri, &[("iss", iss), ("sid", session.id.to_string())]));
    }
    Ok(frames)
}
