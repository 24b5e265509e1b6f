//! A browser: a jar of cookies, and the logins that it is in.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use authpi_core::Work;
use authpi_core::device::model::Fingerprint;
use authpi_core::error::Refusal;
use authpi_core::event::model::RequestContext;
use authpi_core::id::{AccountId, FlowId, IssuerId, OrganizationId, UserId};
use authpi_core::login::model::{
    BrowserSession, CookieKey, FlowCookie, LoginRequest, OpCookie, Question, Resumed, TrustTokens, Wants,
};
use authpi_core::login::operations::{self as logins, Visitor};
use authpi_core::outcome::InsertOutcome;
use authpi_core::session::model::{Location, SessionStatus, UserSession};
use authpi_core::sso::SsoDomain;
use authpi_core::store::Change;
use http::Method;
use serde_json::{Value, json};

use crate::caller::Call;
use crate::{App, Reply};

/// A browser at one issuer.
pub struct Browser<'a> {
    app: &'a App,
    place: (AccountId, IssuerId),
    jar: Mutex<BTreeMap<String, String>>,
    agent: String,
    host: Option<String>,
}

/// What is done in process: no endpoint of another room is asked.
enum Deed {
    Begin(Box<LoginRequest>),
    Ask(FlowId, Box<Question>),
    Resume(FlowId),
    ChangeAddress(UserId, String),
}

enum Done {
    Flow(FlowId),
    Resumed(Option<Box<Resumed>>),
    Nothing,
}

struct Job<'b, 'a> {
    browser: &'b Browser<'a>,
    deed: Deed,
}

#[async_trait]
impl Work for Job<'_, '_> {
    type Output = Done;

    fn account(&self) -> AccountId {
        self.browser.place.0
    }

    fn issuer(&self) -> Option<IssuerId> {
        Some(self.browser.place.1)
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<Done, Refusal> {
        let issuer = self.browser.place.1;
        let visitor = self.browser.visitor(change).await?;
        match &self.deed {
            Deed::Begin(request) => {
                let flow = logins::begin(change, issuer, &visitor, LoginRequest::clone(request)).await?;
                Ok(Done::Flow(flow.id))
            }
            Deed::Ask(id, question) => {
                let (flow, _) = logins::resume(change, issuer, *id, &visitor).await?.ok_or(Refusal::NotFound)?;
                logins::ask(change, flow, Question::clone(question)).await?;
                Ok(Done::Flow(*id))
            }
            Deed::Resume(id) => {
                let Some((flow, resumed)) = logins::resume(change, issuer, *id, &visitor).await? else {
                    return Ok(Done::Resumed(None));
                };
                logins::close(change, &flow).await?;
                Ok(Done::Resumed(Some(Box::new(resumed))))
            }
            Deed::ChangeAddress(user, address) => {
                logins::request_change(change, &visitor, issuer, *user, address).await?;
                Ok(Done::Nothing)
            }
        }
    }
}

/// A login, as the page in the browser has it.
pub struct Page<'b, 'a> {
    /// The browser.
    pub browser: &'b Browser<'a>,
    /// The login.
    pub id: String,
    /// Its ticket.
    pub ticket: String,
}

impl App {
    /// A new browser at the issuer whose Core API path is `issuer`.
    pub fn browser(&self, issuer: &str) -> Browser<'_> {
        let mut parts = issuer.trim_start_matches("/v1/accounts/").split("/issuers/");
        let place = (parts.next().unwrap().parse().unwrap(), parts.next().unwrap().parse().unwrap());
        let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0".to_owned();
        Browser { app: self, place, jar: Mutex::default(), agent, host: None }
    }

    /// A new browser at a domain that serves the issuer.
    pub fn browser_at(&self, host: &str, issuer: &str) -> Browser<'_> {
        Browser { host: Some(host.to_owned()), ..self.browser(issuer) }
    }
}

impl<'a> Browser<'a> {
    async fn visitor(&self, change: &Change<'_>) -> Result<Visitor, Refusal> {
        let issuer = self.place.1;
        let root = change.root_of(issuer)?;
        let known = change.reads().issuers().runtime(issuer).await?.ok_or(Refusal::NotFound)?;
        let key = CookieKey::of(root, known.cookie_keys);
        let cookie = FlowCookie::parse(&self.flow_cookie()).unwrap();
        let op = self.cookie("op").and_then(|text| OpCookie::parse(&key, &text));
        let session = match op {
            Some(op) => change.reads().sessions().find_op(issuer, op.session).await?,
            None => None,
        };
        let active = |session: &UserSession| session.status_at(change.now()) == SessionStatus::Active;
        let session = session.filter(|(session, _)| active(session)).map(|(session, _)| BrowserSession {
            id: session.id,
            user_id: session.user_id,
            authenticated_at: session.details.authentication.authenticated_at,
            amr: session.details.authentication.amr,
            acr: session.details.authentication.acr,
            method: session.details.authentication.method,
            browser_state: self.cookie("opbs"),
        });
        Ok(Visitor {
            mark: cookie.mark(&key),
            session,
            fingerprint: self.cookie("dv").map(|device| Fingerprint::of(root, &device)),
            trusted: self.cookie("td").map(|text| TrustTokens::parse(&key, &text)).unwrap_or_default(),
            context: RequestContext::default(),
            location: Location::default(),
            is_withheld: false,
            is_uninvited: false,
            is_turned_away: !known.issuer.details.settings.portals.login.enabled,
            site: None,
        })
    }

    /// The cookie that names the browser; made when it is missing.
    fn flow_cookie(&self) -> String {
        let mut jar = self.jar.lock().unwrap();
        let made = || FlowCookie::new(&std::array::from_fn(|_| rand_byte())).text().to_owned();
        jar.entry("flow".to_owned()).or_insert_with(made).clone()
    }

    /// A cookie of the issuer, by the word that its name begins with.
    pub fn cookie(&self, word: &str) -> Option<String> {
        let name = if word == "flow" { word.to_owned() } else { format!("{word}.{}", self.place.1) };
        self.jar.lock().unwrap().get(&name).cloned()
    }

    /// Puts a cookie into the jar, or takes it out.
    pub fn set_cookie(&self, word: &str, value: Option<String>) {
        let name = if word == "flow" { word.to_owned() } else { format!("{word}.{}", self.place.1) };
        let mut jar = self.jar.lock().unwrap();
        match value {
            Some(value) => jar.insert(name, value),
            None => jar.remove(&name),
        };
    }

    /// Begins a login.
    pub async fn begin(&self, request: LoginRequest) -> Page<'_, 'a> {
        let deed = Deed::Begin(Box::new(request));
        let Done::Flow(id) = self.app.authpi.run(&Job { browser: self, deed }).await.unwrap() else {
            panic!("a login that began has a flow")
        };
        let mut page = Page { browser: self, id: id.to_string(), ticket: String::new() };
        page.state().await["ticket"].as_str().unwrap().clone_into(&mut page.ticket);
        page
    }

    /// Begins a login in which people prove anew who they are.
    pub async fn login(&self) -> Page<'_, 'a> {
        let wants = Wants { fresh: true, ..Wants::default() };
        self.begin(LoginRequest { wants, ..LoginRequest::default() }).await
    }

    /// A user wants another address, and says so in this browser.
    ///
    /// # Errors
    /// As the operation has them.
    pub async fn request_address(&self, user: &str, address: &str) -> Result<(), Refusal> {
        let deed = Deed::ChangeAddress(user.parse().unwrap(), address.to_owned());
        self.app.authpi.run(&Job { browser: self, deed }).await.map(|_| ())
    }

    /// A call below the issuer, with the cookies of the jar.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let cookies: Vec<_> = self.jar.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let call = match &self.host {
            Some(host) => self.app.anonymous().call(method, path).header("host", host),
            None => self.app.anonymous().call(method, &format!("/{}{path}", self.place.1)),
        };
        call.header("cookie", &cookies.join("; ")).header("user-agent", &self.agent)
    }

    /// The page of a login that was begun over HTTP.
    pub async fn page(&self, id: &str) -> Page<'_, 'a> {
        let mut page = Page { browser: self, id: id.to_owned(), ticket: String::new() };
        page.state().await["ticket"].as_str().unwrap().clone_into(&mut page.ticket);
        page
    }

    /// Sends a call, and keeps the cookies that it brings.
    pub async fn send(&self, call: Call) -> Reply {
        let reply = call.send().await;
        let mut jar = self.jar.lock().unwrap();
        for line in reply.headers.get_all("set-cookie") {
            let (pair, attributes) = line.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        drop(jar);
        reply
    }
}

impl Page<'_, '_> {
    /// Where the login stands, as its page sees it.
    pub async fn state(&self) -> Value {
        let call = self.browser.call(Method::GET, &format!("/flows/{}", self.id));
        let reply = self.browser.send(call).await;
        assert_eq!(reply.status, 200, "{reply}");
        reply.body
    }

    /// A call of a step that is not sent yet.
    pub fn call(&self, step: &str, body: Value) -> Call {
        let call = self.browser.call(Method::POST, &format!("/flows/{}/{step}", self.id));
        call.header("authpi-portal", &self.ticket).json(body)
    }

    /// Takes a step.
    pub async fn post(&self, step: &str, body: Value) -> Reply {
        self.browser.send(self.call(step, body)).await
    }

    /// Takes a step that goes well; returns the step after it, or why nothing was accepted.
    #[track_caller]
    pub fn step(&self, step: &str, body: Value) -> impl Future<Output = String> {
        let place = std::panic::Location::caller();
        async move {
            let reply = self.post(step, body).await;
            assert_eq!(reply.status, 200, "at {place}: {reply}");
            reply.body["error"].as_str().or(reply.body["step"].as_str()).unwrap().to_owned()
        }
    }

    /// Says who is here, and presents a password.
    pub async fn password(&self, identifier: &str, password: &str) -> String {
        assert_eq!(self.step("identify", json!({ "identifier": identifier })).await, "first_factor");
        self.step("password", json!({ "password": password })).await
    }

    /// Asks something of whoever has signed in.
    pub async fn ask(&self, question: Question) {
        let deed = Deed::Ask(self.id.parse().unwrap(), Box::new(question));
        self.browser.app.authpi.run(&Job { browser: self.browser, deed }).await.unwrap();
    }

    /// Goes on with the login, as the application would; none when it cannot be.
    pub async fn resume(&self) -> Option<Resumed> {
        let deed = Deed::Resume(self.id.parse().unwrap());
        match self.browser.app.authpi.run(&Job { browser: self.browser, deed }).await.unwrap() {
            Done::Resumed(resumed) => resumed.map(|resumed| *resumed),
            Done::Flow(_) | Done::Nothing => panic!("a flow that resumes begins none"),
        }
    }
}

/// Makes single sign-on the only way into an organization for the addresses of a domain.
struct SsoOnly {
    place: (AccountId, IssuerId),
    organization: OrganizationId,
    domain: String,
}

#[async_trait]
impl Work for SsoOnly {
    type Output = ();

    fn account(&self) -> AccountId {
        self.place.0
    }

    fn issuer(&self) -> Option<IssuerId> {
        Some(self.place.1)
    }

    async fn apply(&self, change: &mut Change<'_>) -> Result<(), Refusal> {
        let found = change.reads().connections().find(self.place.1, self.organization).await?;
        let before = found.ok_or(Refusal::NotFound)?;
        let mut after = before.clone();
        (after.sso.settings.enabled, after.sso.settings.sso_only) = (true, true);
        after.sso.domains.push(SsoDomain {
            domain: self.domain.parse().map_err(Refusal::internal)?,
            token: String::new(),
            created_at: change.now(),
            verified_at: Some(change.now()),
        });
        after.updated_at = before.updated_at.next_version(change.now());
        let domain = self.domain.parse().map_err(Refusal::internal)?;
        if change.unit().connections().claim(self.place.1, self.organization, &domain).await? == InsertOutcome::Taken {
            return Err(Refusal::conflict("The domain is taken."));
        }
        change.unit().connections().update(&after, before.updated_at).await?.required()
    }
}

impl App {
    /// Leaves the organization at a path no way in but its own identity provider, for addresses of a domain.
    pub async fn sso_only(&self, organization: &str, domain: &str) {
        let mut parts = organization.trim_start_matches("/v1/accounts/").split('/');
        let account = parts.next().unwrap().parse().unwrap();
        let issuer = parts.nth(1).unwrap().parse().unwrap();
        let organization = parts.nth(1).unwrap().parse().unwrap();
        let work = SsoOnly { place: (account, issuer), organization, domain: domain.to_owned() };
        self.authpi.run(&work).await.unwrap();
    }
}

fn rand_byte() -> u8 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Any value is as good as another, as long as two browsers have different ones.
    NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()[0]
}
