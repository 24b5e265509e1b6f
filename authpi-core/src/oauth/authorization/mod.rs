//! The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2): from a client's request to its code.

mod answers;
mod deciding;
pub(super) mod hint;
mod request;

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;

use answers::{back, login_page, refused};
pub(super) use answers::{fault, origin_of, redirect, session_state, told, with_query};
use deciding::{Known, Next, destination};
use request::{AuthorizationRequest, Faulty, checked};

use super::model::{ClaimsRequest, CodeBinding, GrantBinding, Resources};
use super::operations::{self, NewAuthorization};
use super::parked;
use crate::client::model::{Client, ClientStatus, GrantType};
use crate::error::Refusal;
use crate::event::model::Actor;
use crate::id::FlowId;
use crate::login::browser::Browser;
use crate::login::model::{AAL2, Application, BrowserSession, Decision, Flow, LoginRequest, Outcome, Wants};
use crate::login::operations as logins;
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::pages::html::fault::FaultKind;
use crate::session::model::{SessionStatus, UserSession};
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::route::{FormParameter, RateClass, Route};
use crate::web::runtime::{IssuerCall, Runtime, Step};

/// `authorize` and `postAuthorize`
pub(super) struct Authorize {
    /// GET or POST.
    pub method: Method,
}

/// What is to be authorized.
pub(super) struct Asked {
    browser: Browser,
    what: What,
}

enum What {
    /// A request that came just now.
    New(Box<(Client, AuthorizationRequest)>),
    /// One whose login has come to its end.
    Resumed(FlowId),
}

#[async_trait]
impl Runtime for Authorize {
    type Prepared = Asked;

    fn route(&self) -> Route {
        let path = "/{issuer_id}/authorize";
        let parameter = FormParameter::new;
        let route = if self.method == Method::GET {
            Route::get(path).named("authorize", "Ask a user for tokens")
        } else {
            Route::post(path).named("postAuthorize", "Ask a user for tokens, by a form")
        };
        route
            .about("oauth", "authorization")
            .of_issuer(RateClass::Session)
            .tells_people()
            .form([
                parameter("client_id", "Who asks.").required(),
                parameter("redirect_uri", "Where the answer goes: one of the client's.").required(),
                parameter("response_type", "`code`").required(),
                parameter("response_mode", "`query` or `form_post`"),
                parameter("scope", "Scopes, separated by spaces; all of the client's when absent."),
                parameter("state", "Comes back as it is."),
                parameter("nonce", "Stands in the ID token as it is."),
                parameter("code_challenge", "RFC 7636"),
                parameter("code_challenge_method", "`S256`"),
                parameter("prompt", "`none`, or some of `login`, `consent`, `select_account`."),
                parameter("max_age", "Seconds since the last login, at most."),
                parameter("acr_values", "Wanted classes of the login, best first."),
                parameter("claims", "Single claims, as JSON."),
                parameter("resource", "Whom the tokens are for (RFC 8707).").repeatable(),
                parameter("org", "Selects an organization."),
                parameter("login_hint", "Who it probably is."),
                parameter("id_token_hint", "Who it must be."),
                parameter("ui_locales", "Languages, best first."),
                parameter("flow", "A login that has come to its end."),
            ])
            .also_answers(&[(200, "text/html"), (302, ""), (303, "")])
    }

    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Asked>, Refusal> {
        if self.method == Method::POST {
            // From another site it brings no cookies: as a GET it does (D17).
            return parked::turned(call, "authorize", call.raw_form()?).await.map(Step::Answer);
        }
        let browser = Browser::of(call).await?;
        let is_request = call.query()?.get("client_id").is_some();
        if let Some(flow) = call.query()?.get("flow").filter(|_| !is_request) {
            let Ok(flow) = flow.parse() else { return lost(call).map(Step::Answer) };
            return Ok(Step::Change(Asked { browser, what: What::Resumed(flow) }));
        }
        let parked = if is_request { None } else { parked::opened(call, "authorize").await? };
        let sent = match &parked {
            Some(parked) => parked,
            None => call.query()?,
        };
        match checked(call, sent).await {
            Ok(found) => Ok(Step::Change(Asked { browser, what: What::New(Box::new(found)) })),
            Err(Faulty::Person(error)) => told(call, kind_of(error), error).map(Step::Answer),
            Err(Faulty::Client(to, error)) => refused(call, &to, error).map(Step::Answer),
            Err(Faulty::Refusal(refusal)) => Err(refusal),
        }
    }

    async fn apply(&self, change: &mut Change<'_>, call: &IssuerCall, asked: &Asked) -> Result<Answer, Refusal> {
        let authorizing = Authorizing { call, browser: &asked.browser };
        match &asked.what {
            What::New(found) => {
                let (client, request) = found.as_ref();
                let session = asked.browser.visitor.session.clone();
                authorizing.go_on(change, (client, request), session, None).await
            }
            What::Resumed(flow) => authorizing.resume(change, *flow).await,
        }
    }
}

fn kind_of(error: OAuthError) -> FaultKind {
    if error.code == OAuthCode::UnauthorizedClient { FaultKind::AppDisabled } else { FaultKind::BadRequest }
}

/// The login of the request is over, or is another browser's.
fn lost(call: &IssuerCall) -> Result<Answer, Refusal> {
    told(call, FaultKind::FlowExpired, OAuthError::invalid_request("The login is over. Go back to the application."))
}

struct Authorizing<'a> {
    call: &'a IssuerCall,
    browser: &'a Browser,
}

impl Authorizing<'_> {
    /// Goes on where a login has ended.
    async fn resume(&self, change: &mut Change<'_>, id: FlowId) -> Result<Answer, Refusal> {
        let found = logins::resume(change, self.call.issuer_id(), id, &self.browser.visitor).await?;
        let Some((flow, resumed)) = found else { return lost(self.call) };
        let request: AuthorizationRequest = serde_json::from_str(&resumed.continuation).map_err(Refusal::internal)?;
        let client = change.reads().clients().find(self.call.issuer_id(), request.client_id).await?;
        // The client may have changed meanwhile.
        let client = client.filter(|client| {
            client.status.value == ClientStatus::Active
                && client.details.accepts_redirect(&request.back.redirect_uri)
                && client.details.grant_types().contains(&GrantType::AuthorizationCode)
        });
        let Some(client) = client else { return lost(self.call) };
        match resumed.outcome {
            Outcome::SignedIn { session, decisions } => {
                let flow = (flow, decisions);
                self.go_on(change, (&client, &request), Some(session), Some(flow)).await
            }
            Outcome::Aborted => {
                let error = OAuthError::new(OAuthCode::AccessDenied, "The user has ended the login.");
                self.end(change, Some(&flow)).await?;
                refused(self.call, &request.back, error)
            }
            Outcome::Refused(error) => {
                self.end(change, Some(&flow)).await?;
                refused(self.call, &request.back, error)
            }
        }
    }

    /// Decides what comes next, and does it.
    async fn go_on(
        &self,
        change: &mut Change<'_>,
        (client, request): (&Client, &AuthorizationRequest),
        session: Option<BrowserSession>,
        flow: Option<(Flow, Vec<Decision>)>,
    ) -> Result<Answer, Refusal> {
        let live = match &session {
            Some(session) => change.reads().sessions().find(self.call.issuer_id(), session.id).await?,
            None => None,
        };
        let live = live.filter(|live| live.status_at(change.now()) == SessionStatus::Active);
        let decisions = flow.as_ref().map(|(_, decisions)| decisions.as_slice());
        let signed_in_since = |flow: &Flow| {
            live.as_ref().is_some_and(|live| live.details.authentication.authenticated_at >= flow.created_at)
        };
        let clicked = flow.as_ref().is_some_and(|(flow, made)| !made.is_empty() || signed_in_since(flow));
        let stepped_up = flow
            .as_ref()
            .is_some_and(|(flow, _)| flow.state.request.wants.acr.first().is_some_and(|best| best == AAL2));
        let root = change.root_of(self.call.issuer_id())?;
        let (issuer, session_now) = (self.call.issuer(), live.as_ref());
        let now = change.now();
        let mut request = request.clone();
        request.org = request.org.or_else(|| decisions?.iter().find_map(Decision::organization));
        let mut known =
            Known { client, request, issuer, session: session_now, decisions, clicked, stepped_up, now, root };
        let next = known.next(change.reads()).await?;
        let (consented, audiences, claims) = (known.consented_scopes(), known.audiences(), known.claims());
        let request = &{ known.request };
        let flow = flow.map(|(flow, _)| flow);
        match next {
            Next::Refuse(error) => {
                self.end(change, flow.as_ref()).await?;
                refused(self.call, &request.back, error)
            }
            Next::Login(wants) => {
                self.end(change, flow.as_ref()).await?;
                let flow = self.begin(change, client, request, wants).await?;
                Ok(self.to_login(&flow))
            }
            Next::Ask(question) => {
                let flow = match flow {
                    Some(flow) => flow,
                    None => self.begin(change, client, request, Wants::default()).await?,
                };
                let flow = logins::ask(change, flow, question).await?;
                Ok(self.to_login(&flow))
            }
            Next::Grant { consented: given } => {
                let live = live.ok_or_else(|| Refusal::internal("a code without a session"))?;
                let user = live.user_id;
                change.act_as(Actor::user(user));
                if given {
                    let parties = (user, client.id);
                    let agreed = (consented.as_slice(), audiences.as_slice());
                    operations::consent(change, self.call.issuer_id(), parties, agreed).await?;
                }
                self.end(change, flow.as_ref()).await?;
                self.grant(change, (request, audiences, claims), live, session).await
            }
        }
    }

    async fn begin(
        &self,
        change: &mut Change<'_>,
        client: &Client,
        request: &AuthorizationRequest,
        wants: Wants,
    ) -> Result<Flow, Refusal> {
        let request = LoginRequest {
            client_id: Some(client.id),
            application: Some(Application {
                name: client.details.name.clone(),
                logo_url: client.details.logo_url.clone(),
                redirect_host: destination(&request.back.redirect_uri),
            }),
            continuation: serde_json::to_string(request).map_err(Refusal::internal)?,
            wants,
        };
        logins::begin(change, self.call.issuer_id(), &self.browser.visitor, request).await
    }

    fn to_login(&self, flow: &Flow) -> Answer {
        self.browser.remember(self.call, redirect(self.call, &login_page(self.call, flow.id)))
    }

    /// A login leads to one answer.
    async fn end(&self, change: &mut Change<'_>, flow: Option<&Flow>) -> Result<(), Refusal> {
        match flow {
            Some(flow) => logins::close(change, flow).await,
            None => Ok(()),
        }
    }

    async fn grant(
        &self,
        change: &mut Change<'_>,
        (request, resources, claims): (&AuthorizationRequest, Resources, Option<ClaimsRequest>),
        op: UserSession,
        browser: Option<BrowserSession>,
    ) -> Result<Answer, Refusal> {
        let settings = &self.call.issuer().issuer.details.settings;
        let origin = origin_of(&request.back.redirect_uri);
        let new = NewAuthorization {
            op,
            client_id: request.client_id,
            org_id: request.org,
            grant: GrantBinding {
                iss: self.call.iss(),
                scopes: request.scopes.clone(),
                resources: resources.clone(),
                claims,
            },
            code: CodeBinding {
                redirect_uri: request.back.redirect_uri.clone(),
                challenge: request.challenge.clone(),
                nonce: request.nonce.clone(),
                resources,
            },
            code_lifetime: Duration::from_secs(settings.security.authorization_code_ttl.into()),
            idle_timeout: settings.access.sessions.idle_timeout,
            extends: settings.access.sessions.extend_on_activity,
            origin: origin.clone(),
        };
        let authorized = operations::authorize(change, self.call.issuer_id(), new).await?;
        let mut members = vec![("code", authorized.code.expose().to_owned())];
        if let (Some(origin), Some(state)) = (origin, browser.and_then(|browser| browser.browser_state)) {
            let salt = URL_SAFE_NO_PAD.encode(*change.random::<16>()?);
            members.push(("session_state", session_state(request.client_id, &origin, &state, &salt)));
        }
        back(self.call, &request.back, members)
    }
}
