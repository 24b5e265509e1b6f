//! What the cookies of a request say about the browser that sends it (idp §18.2).

use super::model::{BrowserSession, CookieKey, FlowCookie, OpCookie, TrustTokens};
use super::operations::{Granted, Visitor};
use crate::device::model::Fingerprint;
use crate::error::Refusal;
use crate::keyring::IssuerRoot;
use crate::session::model::SessionStatus;
use crate::web::answer::Answer;
use crate::web::cookies::CookieKind;
use crate::web::runtime::IssuerCall;

/// Longest device cookie that is looked at: ours have 43 characters.
const DEVICE_COOKIE: usize = 64;

/// A browser, by its cookies.
pub struct Browser {
    /// What operations need of it.
    pub visitor: Visitor,
    cookie: FlowCookie,
    is_new: bool,
    key: CookieKey,
}

/// The live session behind the cookie of the browser; none for anything else.
///
/// # Errors
/// [`Refusal::Store`] and [`Refusal::Overloaded`] as they come.
pub async fn current(call: &IssuerCall) -> Result<Option<BrowserSession>, Refusal> {
    let root = call.services().root_for(Some(call.issuer_id())).await?;
    live_session(call, &CookieKey::of(&root.key, call.issuer().cookie_keys)).await
}

/// The same, also for a session that is frozen: whoever signs out of it ends it, and nobody thaws it later.
///
/// # Errors
/// As [`current`].
pub async fn unended(call: &IssuerCall) -> Result<Option<BrowserSession>, Refusal> {
    let root = call.services().root_for(Some(call.issuer_id())).await?;
    session_in(call, &CookieKey::of(&root.key, call.issuer().cookie_keys), |status| !status.is_final()).await
}

async fn live_session(call: &IssuerCall, key: &CookieKey) -> Result<Option<BrowserSession>, Refusal> {
    session_in(call, key, |status| status == SessionStatus::Active).await
}

async fn session_in(
    call: &IssuerCall,
    key: &CookieKey,
    accepts: impl Fn(SessionStatus) -> bool,
) -> Result<Option<BrowserSession>, Refusal> {
    let Some(cookie) = call.cookie(CookieKind::Op).and_then(|text| OpCookie::parse(key, text)) else {
        return Ok(None);
    };
    let services = call.services();
    let found = services.store.reads().sessions().find_op(call.issuer_id(), cookie.session).await?;
    let Some((session, hash)) = found else { return Ok(None) };
    let peppers = &services.keyring.peppers;
    let is_proven = peppers.verify(OpCookie::HASH_PURPOSE, cookie.secret.expose().as_bytes(), &hash);
    if !is_proven || !accepts(session.status_at(call.now())) {
        return Ok(None);
    }
    let authentication = session.details.authentication;
    Ok(Some(BrowserSession {
        id: session.id,
        user_id: session.user_id,
        authenticated_at: authentication.authenticated_at,
        amr: authentication.amr,
        acr: authentication.acr,
        method: authentication.method,
        browser_state: call.cookie(CookieKind::OpBrowserState).map(str::to_owned),
    }))
}

impl Browser {
    /// That which sends the request. One that has no cookie gets one with the answer.
    ///
    /// # Errors
    /// As [`current`]; [`Refusal::Internal`] when the source of randomness fails.
    pub async fn of(call: &IssuerCall) -> Result<Self, Refusal> {
        let root: IssuerRoot = call.services().root_for(Some(call.issuer_id())).await?;
        let key = CookieKey::of(&root.key, call.issuer().cookie_keys);
        let sent = call.cookie(CookieKind::Flow).and_then(FlowCookie::parse);
        let is_new = sent.is_none();
        let cookie = if let Some(cookie) = sent {
            cookie
        } else {
            let mut random = zeroize::Zeroizing::new([0; 32]);
            call.services().entropy.fill(random.as_mut()).map_err(Refusal::internal)?;
            FlowCookie::new(&random)
        };
        let recognizes = call.issuer().issuer.details.settings.access.device_fingerprinting;
        let device = call.cookie(CookieKind::Device).filter(|text| recognizes && text.len() <= DEVICE_COOKIE);
        let visitor = Visitor {
            mark: cookie.mark(&key),
            session: live_session(call, &key).await?,
            fingerprint: device.map(|device| Fingerprint::of(&root.key, device)),
            trusted: call
                .cookie(CookieKind::TrustedDevice)
                .map(|text| TrustTokens::parse(&key, text))
                .unwrap_or_default(),
            context: call.context().clone(),
            location: call.location().clone(),
            is_withheld: call.is_withheld().unwrap_or_default(),
            is_uninvited: call.is_uninvited(),
            is_turned_away: !call.issuer().issuer.details.settings.portals.login.enabled,
            site: call.site().cloned(),
        };
        Ok(Self { visitor, cookie, is_new, key })
    }

    /// It sent no cookie that names it: nothing that was begun is its.
    pub const fn is_new(&self) -> bool {
        self.is_new
    }

    /// The ticket of a flow in this browser.
    pub fn ticket(&self, flow: crate::id::FlowId) -> crate::secret::Secret {
        self.cookie.ticket(&self.key, flow)
    }

    /// Compares a ticket in constant time.
    pub fn is_ticket(&self, flow: crate::id::FlowId, presented: &str) -> bool {
        self.cookie.is_ticket(&self.key, flow, presented)
    }

    /// Has the browser remember its name.
    #[must_use]
    pub fn remember(&self, call: &IssuerCall, answer: Answer) -> Answer {
        if self.is_new { call.cookie_names().set(answer, CookieKind::Flow, self.cookie.text()) } else { answer }
    }

    /// Hands the cookies of somebody over who has come in.
    #[must_use]
    pub fn grant(&self, call: &IssuerCall, answer: Answer, granted: &Granted) -> Answer {
        let names = call.cookie_names();
        let secret = crate::secret::Secret::new(granted.secret.expose());
        let op = OpCookie { session: granted.session, secret }.text(&self.key);
        let mut answer = names.set(answer, CookieKind::Op, op.expose());
        answer = names.set(answer, CookieKind::OpBrowserState, granted.browser_state.expose());
        if let Some(device) = &granted.device {
            answer = names.set(answer, CookieKind::Device, device.expose());
        }
        if let Some(token) = granted.trusted {
            let tokens = self.visitor.trusted.clone().with(token);
            answer = names.set(answer, CookieKind::TrustedDevice, &tokens.text(&self.key));
        }
        answer
    }
}
