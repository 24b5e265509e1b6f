//! One request on its way through an operation: who calls, the path, and what is parsed only when it is asked for.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::HeaderMap;
use http::header::IF_MATCH;

use super::body::{Body, NoBody};
use super::caller::Caller;
use super::endpoint::Operation;
use super::headers::has_type;
use super::query::Query;
use super::request::BodyError;
use super::services::{Origin, Services};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::etag::IfMatch;
use crate::event::model::RequestContext;
use crate::hostname::Hostname;
use crate::id::{AccountId, Id, MemberId};
use crate::issuer::model::IssuerHead;
use crate::session::model::Location;
use crate::timestamp::Timestamp;

/// What is known of a request before its operation is asked.
pub struct CallHead {
    /// The operation.
    pub operation: Arc<Operation>,
    /// Everything that an operation may use besides the store.
    pub services: Arc<Services>,
    /// Who calls; `None` on public operations only.
    pub caller: Option<Caller>,
    /// Account in the path; the caller can act on it.
    pub account: Option<AccountId>,
    /// Issuer in the path; it belongs to the account and is not deleted.
    pub issuer: Option<IssuerHead>,
    /// The domain of an account that the request came by; none at the base.
    pub site: Option<Hostname>,
    /// Path parameters in order, decoded.
    pub path: Vec<(&'static str, String)>,
    /// Raw query.
    pub raw_query: Option<String>,
    /// Headers.
    pub headers: HeaderMap,
    /// Raw body.
    pub raw_body: Result<Bytes, BodyError>,
    /// Reference of the request.
    pub reference: String,
    /// Address of the client.
    pub address: IpAddr,
    /// Where that is.
    pub location: Location,
    /// Where it came from, as events state it.
    pub context: RequestContext,
    /// Time of the request.
    pub now: Timestamp,
}

/// A request for one operation whose body is a `B`, with what `prepare` made of it.
pub struct Call<B: Body = NoBody, P = ()> {
    head: CallHead,
    body: OnceLock<Result<B, FieldErrors>>,
    prepared: P,
}

impl<B: Body> Call<B> {
    /// Before `prepare`.
    pub fn new(head: CallHead) -> Self {
        Self { head, body: OnceLock::new(), prepared: () }
    }

    /// After `prepare`.
    pub fn with<P>(self, prepared: P) -> Call<B, P> {
        Call { head: self.head, body: self.body, prepared }
    }
}

impl<B: Body, P> Call<B, P> {
    /// What `prepare` made.
    pub fn prepared(&self) -> &P {
        &self.prepared
    }

    /// Everything besides the store.
    pub fn services(&self) -> &Arc<Services> {
        &self.head.services
    }

    /// Time of the request; a [`Change`](crate::store::Change) has its own.
    pub fn now(&self) -> Timestamp {
        self.head.now
    }

    /// Who calls.
    ///
    /// # Errors
    /// [`Refusal::Internal`] on a public operation.
    pub fn caller(&self) -> Result<&Caller, Refusal> {
        self.head.caller.as_ref().ok_or_else(|| Refusal::internal("a public operation asked for its caller"))
    }

    /// Names what the request orders elsewhere in its account: the same for a request that says it is the same, else
    /// another one each time. The reference would not do: requests of one trace share it.
    ///
    /// # Errors
    /// As [`Call::caller`] and [`Call::account`]; [`Refusal::Internal`] without randomness.
    pub fn order_key(&self) -> Result<String, Refusal> {
        let (account, caller) = (self.account()?.to_string(), self.caller()?.actor().name());
        let mut random = [0; 16];
        let parts: [&[u8]; 4] = if let Some(stated) = self.head.headers.get("idempotency-key") {
            [account.as_bytes(), caller.as_bytes(), b"stated", stated.as_bytes()]
        } else {
            self.head.services.entropy.fill(&mut random).map_err(Refusal::internal)?;
            [account.as_bytes(), caller.as_bytes(), b"random", &random]
        };
        Ok(crate::secret::hex(&self.head.services.keyring.peppers.digest("order-key", &parts)))
    }

    /// The account in the path.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the path has none.
    pub fn account(&self) -> Result<AccountId, Refusal> {
        self.head.account.ok_or_else(|| Refusal::internal("the path has no account"))
    }

    /// The issuer in the path, as it was when this attempt began.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the path has none.
    pub fn issuer(&self) -> Result<&IssuerHead, Refusal> {
        self.head.issuer.as_ref().ok_or_else(|| Refusal::internal("the path has no issuer"))
    }

    /// The path parameters behind the account, in order, as the ids they must be.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when one is no id of its kind.
    pub fn path<T: FromPath>(&self) -> Result<T, Refusal> {
        let values = self.head.path.iter().filter(|(name, _)| *name != "account_id").map(|(_, value)| value.as_str());
        T::from_path(values).ok_or(Refusal::NotFound)
    }

    /// The domain that the request came by; none at the base.
    pub fn site(&self) -> Option<&Hostname> {
        self.head.site.as_ref()
    }

    /// The query, checked.
    ///
    /// # Errors
    /// [`Refusal::Fields`] with all problems of it.
    pub fn query(&self) -> Result<Query, Refusal> {
        Query::parse(self.head.raw_query.as_deref(), &self.head.operation.route.query)
    }

    /// The body, checked and parsed, once. Ask for it after existence and precondition (conventions §9).
    ///
    /// # Errors
    /// [`Refusal::Fields`] with all problems of it; 408, 413 and 415 as their variants.
    pub fn body(&self) -> Result<&B, Refusal> {
        let bytes = self.raw_body()?;
        if !bytes.is_empty() && !self.is_json() {
            return Err(Refusal::UnsupportedMediaType);
        }
        let checker = self.head.operation.checker.as_ref();
        let checker = checker.ok_or_else(|| Refusal::internal("the operation takes no body"))?;
        self.body.get_or_init(|| checker.parse(bytes)).as_ref().map_err(|errors| Refusal::Fields(errors.clone()))
    }

    /// The operation takes a body.
    pub(super) fn takes_body(&self) -> bool {
        self.head.operation.checker.is_some()
    }

    fn raw_body(&self) -> Result<&Bytes, Refusal> {
        raw_body(&self.head.raw_body)
    }

    fn is_json(&self) -> bool {
        has_type(&self.head.headers, "application/json")
    }

    /// Compares `If-Match` with the version of the resource that the call is about.
    ///
    /// # Errors
    /// [`Refusal::PreconditionFailed`]; [`Refusal::Fields`] when the header is malformed.
    pub fn precondition(&self, current: Timestamp) -> Result<(), Refusal> {
        let malformed = || Refusal::field("If-Match", FieldCode::InvalidFormat, "must be quoted entity tags or *");
        let lines: Vec<_> = self.head.headers.get_all(IF_MATCH).iter().collect();
        if lines.is_empty() {
            return Ok(());
        }
        let texts: Option<Vec<_>> = lines.into_iter().map(|line| line.to_str().ok()).collect();
        let condition = IfMatch::parse(&texts.ok_or_else(malformed)?.join(",")).map_err(|_| malformed())?;
        if condition.matches(current) {
            Ok(())
        } else {
            Err(Refusal::PreconditionFailed { kind: self.head.operation.route.resource, current })
        }
    }

    /// Who and where this request comes from, as an event of the caller's own tenant states it.
    ///
    /// # Errors
    /// As [`Call::caller`].
    pub fn origin(&self) -> Result<Origin, Refusal> {
        Ok(self.caller()?.origin(Some(self.head.reference.clone()), self.head.context.clone()))
    }

    pub(super) fn head(&self) -> &CallHead {
        &self.head
    }

    pub(super) fn set_issuer(&mut self, issuer: Option<IssuerHead>) {
        self.head.issuer = issuer;
    }
}

/// The bytes of a body, or why there are none.
///
/// # Errors
/// 408 and 413 as their variants; [`Refusal::Malformed`] for a broken connection.
pub fn raw_body(body: &Result<Bytes, BodyError>) -> Result<&Bytes, Refusal> {
    body.as_ref().map_err(|error| match error {
        BodyError::TooLarge => Refusal::PayloadTooLarge,
        BodyError::TooSlow => Refusal::RequestTimeout,
        BodyError::Broken => Refusal::Malformed("the body could not be read"),
    })
}

/// One path parameter.
pub trait FromSegment: Sized {
    /// Parses it.
    fn from_segment(segment: &str) -> Option<Self>;
}

impl<I: Id> FromSegment for I {
    fn from_segment(segment: &str) -> Option<Self> {
        segment.parse().ok()
    }
}

impl FromSegment for Hostname {
    fn from_segment(segment: &str) -> Option<Self> {
        segment.parse().ok()
    }
}

impl FromSegment for MemberId {
    fn from_segment(segment: &str) -> Option<Self> {
        segment.parse().ok()
    }
}

/// The parameters of a path, typed.
pub trait FromPath: Sized {
    /// Parses them; `None` when one does not parse or the number is another.
    fn from_path<'p>(segments: impl Iterator<Item = &'p str>) -> Option<Self>;
}

impl<A: FromSegment> FromPath for (A,) {
    fn from_path<'p>(mut segments: impl Iterator<Item = &'p str>) -> Option<Self> {
        let parsed = (A::from_segment(segments.next()?)?,);
        segments.next().is_none().then_some(parsed)
    }
}

impl<A: FromSegment, B: FromSegment> FromPath for (A, B) {
    fn from_path<'p>(mut segments: impl Iterator<Item = &'p str>) -> Option<Self> {
        let parsed = (A::from_segment(segments.next()?)?, B::from_segment(segments.next()?)?);
        segments.next().is_none().then_some(parsed)
    }
}

impl<A: FromSegment, B: FromSegment, C: FromSegment> FromPath for (A, B, C) {
    fn from_path<'p>(mut segments: impl Iterator<Item = &'p str>) -> Option<Self> {
        let parsed = (
            A::from_segment(segments.next()?)?,
            B::from_segment(segments.next()?)?,
            C::from_segment(segments.next()?)?,
        );
        segments.next().is_none().then_some(parsed)
    }
}
