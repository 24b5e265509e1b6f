//! What every request passes, in this order (conventions §9): authenticate, rate limit, account access, scope,
//! idempotency record, existence, precondition, body, rule. The last three are the endpoint's, which asks for them in
//! this order.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join;
use http::Method;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, IF_NONE_MATCH, ORIGIN};

use super::admission::{Placed, admit};
use super::answer::Answer;
use super::authentication::announce;
use super::call::CallHead;
use super::challenge::Challenge;
use super::cookies::expire_all;
use super::deadline::Deadline;
use super::endpoint::{AnyAsk, AnyWrite, Attempts, Handler, Read, read_call};
use super::faults::Reader;
use super::headers::{combined, if_changed, preflight_answer, secured, shared, shared_with_all, trace_id};
use super::idempotency::{InFlightGuard, RETENTION, Ticket};
use super::lockout::needs_credit;
use super::metrics::Measured;
use super::origins::{PageCall, preflight};
use super::problem::{answer_of_issuer, answer_to, defect};
use super::request::{HEADER_LIMIT, Request};
use super::route::Access;
use super::router::{Matched, Router};
use super::runtime::{AnyRuntime, IssuerCall};
use super::services::{Origin, Services};
use crate::billing::operations as billing;
use crate::error::Refusal;
use crate::event::model::{Actor, Trigger};
use crate::id::{AccountId, IssuerId};
use crate::issuer::model::{IssuerHead, IssuerStatus};
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::retries::Retries;
use crate::secret::hex;
use crate::store::{Change, ChangeContext, Claim};

/// How long an answer takes at least that must not tell by its time (D164).
const LEAST: Duration = Duration::from_millis(250);

/// Answers requests.
pub struct Pipeline {
    services: Arc<Services>,
    router: Router,
}

impl Pipeline {
    /// Over a route table.
    pub fn new(services: Arc<Services>, router: Router) -> Self {
        Self { services, router }
    }

    /// Answers a request; also when the endpoint panics.
    pub async fn handle(&self, mut request: Request) -> Answer {
        let origin = request.headers.get(ORIGIN).cloned();
        let is_head = request.method == Method::HEAD;
        let asks_first =
            request.method == Method::OPTIONS && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let mut deadline = Deadline::begin(self.services.transport.executor.as_ref());
        let matched = match deadline.answered(self.services.place(&mut request)).await {
            Ok(site) => self.router.find(&request.method, &request.path).map(|matched| Placed { matched, site }),
            Err(refusal) => Err(refusal),
        };
        let route = matched.as_ref().ok().map(|placed| &placed.matched.operation.route);
        let reference = self.reference(&request, route.is_some_and(|route| route.access == Access::Issuer));
        let name = route.map(|route| route.name);
        let measured = Measured::begin(name, self.services.now());
        let realm = matched.as_ref().ok().and_then(|placed| realm_of(&placed.matched));
        let challenge = Challenge::new(&request.headers, None);
        let is_open = route.is_some_and(|route| route.access == Access::Public);
        let page = matched.as_ref().ok().and_then(|placed| PageCall::of(&self.services, &request, &placed.matched));
        let reader = matched.as_ref().ok().and_then(|placed| Reader::of(&request, placed));
        let of_client = if asks_first {
            let preflight = pin!(preflight(&self.services, &self.router, &request, origin.as_ref()));
            deadline.within(preflight).await.flatten()
        } else {
            None
        };
        let answer = if let Some(answer) = of_client {
            answer
        } else if asks_first && self.allows(origin.as_ref()) {
            preflight_answer()
        } else {
            let answered = AssertUnwindSafe(deadline.answered(self.answer(request, matched, &reference)));
            let answered = answered.catch_unwind().await;
            match answered {
                Ok(Ok(answer)) => answer,
                Ok(Err(refusal)) => match realm {
                    Some(realm) => answer_of_issuer(&refusal, &realm, &reference),
                    None => challenge.answer(&refusal, &reference),
                },
                Err(panic) => {
                    tracing::error!(reference, panic = panic_text(panic.as_ref()), "a request panicked");
                    defect(&reference)
                }
            }
        };
        measured.finish(answer.status, self.services.now());
        let page = page.filter(|_| !asks_first);
        let answer = self.readable(&mut deadline, (reader, page), answer, &reference).await;
        let answer = if is_head { Answer { body: answer.body.unsent(), ..answer } } else { answer };
        self.finished(answer, origin.as_ref(), is_open, &reference)
    }

    /// The answer as those who are there can read it: people as a page, and pages of other sites at all.
    async fn readable(
        &self,
        deadline: &mut Deadline,
        (reader, page): (Option<Reader>, Option<PageCall>),
        mut answer: Answer,
        reference: &str,
    ) -> Answer {
        if let Some(reader) = reader {
            let page = deadline.within(pin!(reader.page(&self.services, &answer, reference))).await;
            answer = page.flatten().unwrap_or(answer);
        }
        if let Some(page) = page
            && deadline.within(pin!(page.may_read(&self.services, &answer))).await == Some(true)
        {
            answer = page.shared(answer);
        }
        answer
    }

    async fn answer(
        &self,
        request: Request,
        matched: Result<Placed, Refusal>,
        reference: &str,
    ) -> Result<Answer, Refusal> {
        if header_bytes(&request) > HEADER_LIMIT {
            // A browser that other issuers have flooded with cookies recovers (idp §1.7).
            return Ok(expire_all(answer_to(&Refusal::HeadersTooLarge, reference), &request.headers));
        }
        let matched = matched?;
        let head = admit(&self.services, request, matched, reference).await?;
        let operation = Arc::clone(&head.operation);
        if let Some(caller) = head.caller.as_ref().filter(|_| !operation.route.verifies) {
            let (trace, context) = (Some(head.reference.clone()), head.context.clone());
            announce(&self.services, caller, "core", trace, context).await?;
        }
        match &operation.handler {
            Handler::Read(endpoint) => self.read(endpoint.as_ref(), head).await,
            Handler::Ask(endpoint) => self.ask(endpoint.as_ref(), head).await,
            Handler::Write(endpoint) => self.write(endpoint.as_ref(), head).await,
            Handler::Runtime(endpoint) => self.run(endpoint.as_ref(), head).await,
        }
    }

    /// Asks an endpoint of an issuer, as often as it takes.
    async fn run(&self, endpoint: &dyn AnyRuntime, head: CallHead) -> Result<Answer, Refusal> {
        let id = head.path.first().and_then(|(_, id)| id.parse().ok()).ok_or(Refusal::NotFound)?;
        let cached = self.services.runtime_issuer(id).await?.ok_or(Refusal::NotFound)?;
        if cached.issuer.status.value != IssuerStatus::Active {
            return Err(OAuthError::new(OAuthCode::AccessDenied, "The issuer is not active.").into());
        }
        let call = IssuerCall::new(head, cached);
        call.share_with_pages();
        let root = self.services.root_for(Some(id)).await?;
        let context = self.services.change_context(call.origin(Actor::Anonymous), root);
        let attempts = async {
            let mut retries = Retries::new();
            loop {
                if let Some(ended) = retries.ended(endpoint.attempt(&context, &call).await) {
                    let answer = ended.unwrap_or_else(|refusal| call.refused(&refusal));
                    return Ok(call.finished(answer));
                }
            }
        };
        if !call.takes_its_time() {
            return attempts.await;
        }
        join(attempts, self.services.transport.executor.sleep(self.least())).await.0
    }

    /// How long an answer takes at least that must not tell by its time: a quarter of a second, and a little more.
    fn least(&self) -> Duration {
        let mut random = [0];
        // Without randomness it takes the same time each time.
        let _ = self.services.entropy.fill(&mut random);
        let [jitter] = random;
        LEAST + Duration::from_millis(u64::from(jitter) / 4)
    }

    async fn ask(&self, endpoint: &dyn AnyAsk, mut head: CallHead) -> Result<Answer, Refusal> {
        self.find_issuer(&mut head).await?;
        endpoint.answer(self.services.store.reads(), head).await
    }

    async fn find_issuer(&self, head: &mut CallHead) -> Result<(), Refusal> {
        if let (Some(account), Some(issuer)) = (head.account, issuer_of(head)?) {
            let found = self.services.store.reads().issuers().head(account, issuer).await?;
            head.issuer = Some(found.ok_or(Refusal::NotFound)?);
        }
        Ok(())
    }

    async fn read(&self, endpoint: &dyn Read, mut head: CallHead) -> Result<Answer, Refusal> {
        let reads = self.services.store.reads();
        self.find_issuer(&mut head).await?;
        let if_none_match = combined(&head.headers, &IF_NONE_MATCH);
        let answer = endpoint.answer(reads, &read_call(head)).await?;
        Ok(if_changed(answer, if_none_match.as_deref()))
    }

    async fn write(&self, endpoint: &dyn AnyWrite, head: CallHead) -> Result<Answer, Refusal> {
        let ticket = Ticket::of(&head)?;
        let _running = match &ticket {
            Some(ticket) => Some(self.enter(ticket)?),
            None => None,
        };
        if let Some(ticket) = &ticket {
            let known = if head.operation.route.reaches_out {
                self.recorded(ticket).await?
            } else if endpoint.prepares() {
                self.remembered(ticket).await?
            } else {
                None
            };
            if let Some(answer) = known {
                return Ok(answer);
            }
        }
        let issuer = issuer_of(&head)?;
        let caller = head.caller.as_ref().ok_or_else(|| Refusal::internal("a write without a caller"))?;
        let origin = Origin {
            account_id: head.account.ok_or_else(|| Refusal::internal("a write without an account"))?,
            actor: caller.actor(),
            trigger: Trigger::Api,
            trace: Some(head.reference.clone()),
            request: head.context.clone(),
            detail: caller.event_context,
        };
        let root = self.services.root_for(issuer).await?;
        let context = self.services.change_context(origin, root);
        let mut prepared = endpoint.prepare(head).await?;
        let mut retries = Retries::new();
        loop {
            let outcome = self.attempt(prepared.as_mut(), &context, issuer, ticket.as_ref()).await;
            if let Some(ended) = retries.ended(outcome) {
                // Also after a failure of the store: a commit that broke off may have been one.
                let may_have_changed = matches!(ended, Ok(_) | Err(Refusal::Store(_)));
                if let Some(issuer) = issuer.filter(|_| may_have_changed) {
                    self.services.keys.forget(issuer);
                }
                return ended;
            }
        }
    }

    /// The answer that is recorded for a key already: asked before anything happens outside. The claim that settles it
    /// is made again in the unit of work.
    async fn recorded(&self, ticket: &Ticket) -> Result<Option<Answer>, Refusal> {
        let now = self.services.now();
        let mut unit = self.services.store.begin(now).await?;
        match unit.idempotency().claim(ticket.account_id, &ticket.key, now.plus(RETENTION)).await? {
            Claim::Fresh => Ok(None),
            Claim::Completed(record) => ticket.replay(&self.services.keyring, &record).map(Some),
            Claim::Running => Err(Refusal::InFlight),
        }
    }

    /// The same from committed state alone, where all that a request too many would cost is work.
    async fn remembered(&self, ticket: &Ticket) -> Result<Option<Answer>, Refusal> {
        let records = self.services.store.reads().idempotency();
        let record = records.find(ticket.account_id, &ticket.key, self.services.now()).await?;
        record.map(|record| ticket.replay(&self.services.keyring, &record)).transpose()
    }

    fn enter(&self, ticket: &Ticket) -> Result<InFlightGuard, Refusal> {
        self.services.in_flight.enter(ticket.key).ok_or(Refusal::InFlight)
    }

    /// One unit of work, from the claim of the idempotency key to the commit.
    async fn attempt(
        &self,
        prepared: &mut dyn Attempts,
        context: &ChangeContext<'_>,
        issuer: Option<IssuerId>,
        ticket: Option<&Ticket>,
    ) -> Result<Answer, Refusal> {
        let keyring = &self.services.keyring;
        let now = self.services.now();
        let mut change = Change::new(self.services.store.begin(now).await?, context);
        if let Some(ticket) = ticket {
            let claim = change.unit().idempotency().claim(ticket.account_id, &ticket.key, now.plus(RETENTION)).await?;
            match claim {
                Claim::Fresh => {}
                Claim::Completed(record) => return ticket.replay(keyring, &record),
                Claim::Running => return Err(Refusal::InFlight),
            }
        }
        let issuer = existing(&change, context.account_id, issuer).await?;
        if let Some(issuer) = &issuer {
            change.keep_context(issuer.event_context);
        }
        self.require_credit(&change, prepared.head()).await?;
        let answer = prepared.apply(issuer, &mut change).await?;
        let documented = prepared.head().operation.route.status;
        debug_assert!(!answer.status.is_success() || answer.status.as_u16() == documented, "an undocumented success");
        let mut unit = change.into_unit().await?;
        if let Some(ticket) = ticket {
            if answer.status.is_success() {
                let record = ticket.record(keyring, &answer)?;
                unit.idempotency().complete(ticket.account_id, &ticket.key, &record).await?;
            } else {
                unit.idempotency().release(ticket.account_id, &ticket.key).await?;
            }
        }
        unit.commit().await?;
        Ok(answer)
    }

    /// An account that pays in advance needs credit for what it writes, save for what gives it credit or locks someone out.
    async fn require_credit(&self, change: &Change<'_>, head: &CallHead) -> Result<(), Refusal> {
        let options = &self.services.options;
        let Some(config) = options.billing.as_ref().filter(|_| needs_credit(head)) else { return Ok(()) };
        match billing::require_credit(change, config).await {
            Err(Refusal::PaymentRequired { amount, .. }) => {
                let terms = options.payments.as_ref().map(|provider| provider.terms(change.account(), amount));
                Err(Refusal::PaymentRequired { amount, terms: terms.unwrap_or_default() })
            }
            outcome => outcome,
        }
    }

    /// The trace id of a W3C `traceparent`, else 16 random bytes; 32 hex characters either way. At an issuer anybody calls, and
    /// could pass for a part of somebody else's request: only a trusted proxy is believed there (conventions §8).
    fn reference(&self, request: &Request, is_at_issuer: bool) -> String {
        let proxies = &self.services.options.trusted_proxies;
        let is_proxy = || request.peer.is_some_and(|peer| proxies.iter().any(|network| network.contains(peer)));
        let traceparent = request.headers.get("traceparent").filter(|_| !is_at_issuer || is_proxy());
        traceparent.and_then(|value| value.to_str().ok()).and_then(trace_id).unwrap_or_else(|| {
            let mut random = [0; 16];
            if self.services.entropy.fill(&mut random).is_err() {
                tracing::error!("no randomness for a request reference");
            }
            hex(&random)
        })
    }

    fn allows(&self, origin: Option<&HeaderValue>) -> bool {
        origin.is_some_and(|origin| self.services.options.console_origins.iter().any(|known| known == origin))
    }

    fn finished(&self, answer: Answer, origin: Option<&HeaderValue>, is_open: bool, reference: &str) -> Answer {
        let answer = secured(answer, reference, self.services.urls.is_secure());
        match origin {
            _ if is_open => shared_with_all(answer),
            Some(origin) if self.allows(Some(origin)) => shared(answer, origin),
            _ => answer,
        }
    }
}

async fn existing(
    change: &Change<'_>,
    account: AccountId,
    issuer: Option<IssuerId>,
) -> Result<Option<IssuerHead>, Refusal> {
    match issuer {
        None => Ok(None),
        Some(issuer) => Ok(Some(change.reads().issuers().head(account, issuer).await?.ok_or(Refusal::NotFound)?)),
    }
}

/// The issuer of an endpoint of its own: what its answers call the protected space.
fn realm_of(matched: &Matched) -> Option<String> {
    let is_issuers = matched.operation.route.access == Access::Issuer;
    matched.path.first().filter(|_| is_issuers).map(|(_, issuer)| issuer.clone())
}

/// The issuer in the path below an account.
fn issuer_of(head: &CallHead) -> Result<Option<IssuerId>, Refusal> {
    let named = head.path.iter().find(|(name, _)| *name == "issuer_id" && head.account.is_some());
    named.map(|(_, value)| value.parse().map_err(|_| Refusal::NotFound)).transpose()
}

fn header_bytes(request: &Request) -> usize {
    let headers: usize = request.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    headers + request.path.len() + request.query.as_ref().map_or(0, String::len)
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no text)")
}
