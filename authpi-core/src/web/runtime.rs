//! Endpoints of an issuer: what clients, browsers and bearers of tokens call (idp §2). Each of them asks itself who
//! calls, by the rules of its protocol; the pipeline finds the issuer, limits, opens units of work, commits and repeats.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use http::header::HeaderName;
use http::{HeaderMap, Method};

use super::answer::Answer;
use super::body::Body;
use super::call::{CallHead, FromPath, raw_body};
use super::cookies::{CookieKind, CookieNames};
use super::headers::{FORM, accepts_first, has_type};
use super::origins::Sharing;
use super::parameters::Parameters;
use super::problem::answer_of_issuer;
use super::rate_limit::{BucketKey, Overflow};
use super::route::{RateClass, Route};
use super::services::{Origin, Services};
use crate::error::{FieldErrors, Refusal};
use crate::event::model::{Actor, RequestContext, Trigger};
use crate::hostname::Hostname;
use crate::id::{Id as _, IssuerId};
use crate::issuer::model::RuntimeIssuer;
use crate::key::published::Cached;
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::session::model::Location;
use crate::store::{Change, ChangeContext};
use crate::timestamp::Timestamp;

/// An endpoint of an issuer.
#[async_trait]
pub trait Runtime: Send + Sync + 'static {
    /// What `prepare` hands to `apply`.
    type Prepared: Send + Sync + 'static;

    /// Its entry in the route table.
    fn route(&self) -> Route;

    /// Finds out who calls and does slow work, from committed state and outside of any unit of work: comparing secrets,
    /// signing, asking other servers. An answer ends the matter here.
    ///
    /// # Errors
    /// Whatever the caller is refused with.
    async fn prepare(&self, call: &IssuerCall) -> Result<Step<Self::Prepared>, Refusal>;

    /// Decides and writes in one unit of work, by what the store holds now: state may have changed since `prepare`.
    /// [`Refusal::Stale`] has both done again.
    ///
    /// # Errors
    /// Whatever the caller is refused with; everything is undone then. A refusal that must leave a trace is an answer.
    async fn apply(
        &self,
        change: &mut Change<'_>,
        call: &IssuerCall,
        prepared: &Self::Prepared,
    ) -> Result<Answer, Refusal>;
}

/// How `prepare` ended.
pub enum Step<P> {
    /// Nothing is to be changed.
    Answer(Answer),
    /// A unit of work is to be opened.
    Change(P),
}

impl<P> Step<P> {
    /// The same with another preparation.
    pub fn map<Q>(self, wrap: impl FnOnce(P) -> Q) -> Step<Q> {
        match self {
            Self::Answer(answer) => Step::Answer(answer),
            Self::Change(prepared) => Step::Change(wrap(prepared)),
        }
    }
}

/// A [`Runtime`] whose types are forgotten.
#[async_trait]
pub(super) trait AnyRuntime: Send + Sync {
    async fn attempt(&self, context: &ChangeContext<'_>, call: &IssuerCall) -> Result<Answer, Refusal>;
}

#[async_trait]
impl<R: Runtime> AnyRuntime for R {
    async fn attempt(&self, context: &ChangeContext<'_>, call: &IssuerCall) -> Result<Answer, Refusal> {
        call.attempts.fetch_add(1, Ordering::Relaxed);
        let prepared = match self.prepare(call).await? {
            Step::Answer(answer) => return Ok(answer),
            Step::Change(prepared) => prepared,
        };
        let services = call.services();
        let mut change = Change::new(services.store.begin(services.now()).await?, context);
        let answer = self.apply(&mut change, call, &prepared).await?;
        if call.undone.get().is_some() {
            return Ok(answer);
        }
        change.into_unit().await?.commit().await?;
        Ok(answer)
    }
}

/// A request to an endpoint of an issuer.
pub struct IssuerCall {
    pub(super) head: CallHead,
    issuer: Arc<Cached<RuntimeIssuer>>,
    query: OnceLock<Result<Parameters, OAuthError>>,
    form: OnceLock<Result<Parameters, OAuthError>>,
    pub(super) shared: OnceLock<Sharing>,
    attempts: AtomicU32,
    proven: OnceLock<()>,
    undone: OnceLock<()>,
    withheld: OnceLock<bool>,
    uninvited: OnceLock<()>,
}

impl IssuerCall {
    pub(super) fn new(head: CallHead, issuer: Arc<Cached<RuntimeIssuer>>) -> Self {
        Self {
            head,
            issuer,
            query: OnceLock::new(),
            form: OnceLock::new(),
            shared: OnceLock::new(),
            proven: OnceLock::new(),
            undone: OnceLock::new(),
            withheld: OnceLock::new(),
            uninvited: OnceLock::new(),
            attempts: AtomicU32::new(0),
        }
    }

    /// Everything besides the store's verbs.
    pub fn services(&self) -> &Arc<Services> {
        &self.head.services
    }

    /// It was tried before, and overtaken: what an attempt may do once only was done.
    pub fn is_repeated(&self) -> bool {
        self.attempts.load(Ordering::Relaxed) > 1
    }

    /// An answer must not tell anything by its time.
    pub(super) fn takes_its_time(&self) -> bool {
        self.head.operation.route.takes_its_time
    }

    /// Time of the request; a [`Change`] has its own.
    pub fn now(&self) -> Timestamp {
        self.head.now
    }

    /// The issuer in the path, at most a second old.
    pub fn issuer(&self) -> &RuntimeIssuer {
        &self.issuer
    }

    /// Its id.
    pub fn issuer_id(&self) -> IssuerId {
        self.issuer.issuer.id
    }

    /// The domain that the request came by; none at the base.
    pub fn site(&self) -> Option<&Hostname> {
        self.head.site.as_ref()
    }

    /// `iss` of what is issued for this request.
    pub fn iss(&self) -> String {
        self.services().urls.issuer_at(self.site(), self.issuer_id())
    }

    /// Method.
    pub fn method(&self) -> &Method {
        &self.head.operation.route.method
    }

    /// Headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The one value of a header; one that stands twice, or is no text, is none.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        let mut lines = self.head.headers.get_all(name).iter();
        let line = lines.next()?;
        if lines.next().is_some() { None } else { line.to_str().ok() }
    }

    /// The path parameters behind the issuer, in order.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when one is not of its form.
    pub fn path<T: FromPath>(&self) -> Result<T, Refusal> {
        let values = self.head.path.iter().filter(|(name, _)| *name != "issuer_id").map(|(_, value)| value.as_str());
        T::from_path(values).ok_or(Refusal::NotFound)
    }

    /// One path parameter as it stands there, decoded.
    pub fn segment(&self, name: &str) -> &str {
        self.head.path.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// The query.
    ///
    /// # Errors
    /// `invalid_request` when it is malformed.
    pub fn query(&self) -> Result<&Parameters, OAuthError> {
        let raw = self.head.raw_query.as_deref().unwrap_or_default();
        self.query.get_or_init(|| Parameters::parse(raw.as_bytes())).as_ref().map_err(|error| *error)
    }

    /// The raw query, as long as it may be.
    pub fn raw_query(&self) -> Option<&str> {
        self.head.raw_query.as_deref()
    }

    /// The form in the body.
    ///
    /// # Errors
    /// 415 `invalid_content_type` for another content type, `invalid_request` for a malformed form; 408 and 413 as
    /// their variants.
    pub fn form(&self) -> Result<&Parameters, Refusal> {
        let bytes = raw_body(&self.head.raw_body)?;
        if !self.has_type(FORM) {
            let rule = "The body must be sent as application/x-www-form-urlencoded.";
            return Err(OAuthError::new(OAuthCode::InvalidContentType, rule).into());
        }
        Ok(self.form.get_or_init(|| Parameters::parse(bytes)).as_ref().map_err(|error| *error)?)
    }

    /// The form in the body as it came.
    ///
    /// # Errors
    /// As [`IssuerCall::form`].
    pub fn raw_form(&self) -> Result<&[u8], Refusal> {
        self.form()?;
        Ok(raw_body(&self.head.raw_body)?)
    }

    /// The query and the form in the body as one, as they came: for endpoints that take their parameters from either.
    /// Where there is no body, it needs no type.
    ///
    /// # Errors
    /// As [`IssuerCall::form`].
    pub fn raw_parameters(&self) -> Result<Vec<u8>, Refusal> {
        let form: &[u8] = if raw_body(&self.head.raw_body)?.is_empty() { &[] } else { self.raw_form()? };
        let query = self.raw_query().unwrap_or_default().as_bytes();
        Ok([query, form].join(&b'&'))
    }

    /// The JSON body, checked and parsed by what the route says it is.
    ///
    /// # Errors
    /// [`Refusal::Fields`] with all problems of it; 408, 413 and 415 as their variants.
    pub fn json<B: Body>(&self) -> Result<B, Refusal> {
        let bytes = raw_body(&self.head.raw_body)?;
        if !bytes.is_empty() && !self.has_type("application/json") {
            return Err(Refusal::UnsupportedMediaType);
        }
        let checker = self.head.operation.checker.as_ref();
        let checker = checker.ok_or_else(|| Refusal::internal("the operation takes no body"))?;
        checker.parse(bytes).map_err(|errors: FieldErrors| Refusal::Fields(errors))
    }

    /// The body is of this media type.
    pub fn has_type(&self, media: &str) -> bool {
        has_type(&self.head.headers, media)
    }

    /// The body is a form: a page of ours posts.
    pub fn sends_form(&self) -> bool {
        self.has_type(FORM)
    }

    /// A program asks: the first type that it accepts is JSON.
    pub fn prefers_json(&self) -> bool {
        accepts_first(&self.head.headers, "application/json")
    }

    /// The names of the issuer's cookies.
    pub fn cookie_names(&self) -> CookieNames {
        // Domains are reached over TLS alone.
        let is_secure = self.site().is_some() || self.services().urls.is_secure();
        CookieNames { is_secure, issuer: self.issuer_id() }
    }

    /// The value of a cookie.
    pub fn cookie(&self, kind: CookieKind) -> Option<&str> {
        self.cookie_names().read(&self.head.headers, kind)
    }

    /// Address of the client.
    pub fn address(&self) -> IpAddr {
        self.head.address
    }

    /// Where the client is.
    pub fn location(&self) -> &Location {
        &self.head.location
    }

    /// Where the request came from, as events state it.
    pub fn context(&self) -> &RequestContext {
        &self.head.context
    }

    /// Reference of the request.
    pub fn reference(&self) -> &str {
        &self.head.reference
    }

    /// The answer of a refusal that leaves a trace.
    pub fn refusal(&self, error: OAuthError) -> Answer {
        self.refused(&Refusal::OAuth(error))
    }

    /// The answer of any refusal.
    pub(super) fn refused(&self, refusal: &Refusal) -> Answer {
        answer_of_issuer(refusal, &self.issuer_id().to_string(), self.reference())
    }

    /// Notes that the request has used what it brought that is good once: `prepare` may run again, and must not ask for it
    /// twice.
    pub fn note_proven(&self) {
        let _ = self.proven.set(());
    }

    /// Has everything undone that `apply` wrote, although it answers: a page tells of a refusal.
    pub fn undo(&self) {
        let _ = self.undone.set(());
    }

    /// The request has used what it brought that is good once.
    pub fn is_proven(&self) -> bool {
        self.proven.get().is_some()
    }

    /// Notes whether the mail of this request goes nowhere: `prepare` may run again, and must not draw on a bucket twice.
    pub fn note_withheld(&self, is_withheld: bool) {
        let _ = self.withheld.set(is_withheld);
    }

    /// Whether the mail of this request goes nowhere, once that is known.
    pub fn is_withheld(&self) -> Option<bool> {
        self.withheld.get().copied()
    }

    /// Notes that the invitation of this request could not be accepted: it is done again without.
    pub fn note_uninvited(&self) {
        let _ = self.uninvited.set(());
    }

    /// The invitation of this request could not be accepted.
    pub fn is_uninvited(&self) -> bool {
        self.uninvited.get().is_some()
    }

    /// Who and where an event outside of a unit of work comes from.
    pub fn origin(&self, actor: Actor) -> Origin {
        Origin {
            account_id: self.issuer.issuer.account_id,
            actor,
            trigger: Trigger::Idp,
            trace: Some(self.head.reference.clone()),
            request: self.head.context.clone(),
            detail: self.issuer.issuer.details.settings.event_context(),
        }
    }

    /// Draws on the bucket of the address and a client, or of the address and the issuer.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn limit(&self, class: RateClass, id: uuid::Uuid) -> Result<(), Overflow> {
        if self.is_repeated() {
            return Ok(());
        }
        self.services().limits.take(class, BucketKey::of_address_and(self.address(), id))
    }

    /// Draws on the bucket of the address at this issuer.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn limit_proof(&self) -> Result<(), Overflow> {
        self.limit(RateClass::Proof, self.issuer_id().uuid())
    }
}
