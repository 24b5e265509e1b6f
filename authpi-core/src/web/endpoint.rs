//! What an endpoint implements: [`Read`] or [`Write`]. The pipeline does everything else.

use std::any::TypeId;
use std::sync::Arc;

use async_trait::async_trait;

use super::answer::Answer;
use super::body::{Body, BodyChecker, BodySchema, NoBody};
use super::call::{Call, CallHead};
use super::route::Route;
use super::runtime::{AnyRuntime, Runtime};
use crate::error::Refusal;
use crate::issuer::model::IssuerHead;
use crate::store::{Change, Reads};

/// An operation that changes nothing.
#[async_trait]
pub trait Read: Send + Sync + 'static {
    /// Its entry in the route table.
    fn route(&self) -> Route;

    /// Answers from committed state. Each question may see newer state than the last one: what must agree comes from
    /// one method.
    ///
    /// # Errors
    /// Whatever the caller is refused with.
    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal>;
}

/// An operation that changes nothing, and whose question is a body: too secret for a URL.
#[async_trait]
pub trait Ask: Send + Sync + 'static {
    /// What the body is parsed into.
    type Body: Body;

    /// Its entry in the route table; the body is added by the pipeline.
    fn route(&self) -> Route;

    /// Answers from committed state, anew each time: what was true once is not repeated for a key of the caller.
    ///
    /// # Errors
    /// Whatever the caller is refused with.
    async fn answer(&self, reads: &dyn Reads, call: &Call<Self::Body>) -> Result<Answer, Refusal>;
}

/// An operation that changes something: one unit of work, opened, committed and repeated by the pipeline.
#[async_trait]
pub trait Write: Send + Sync + 'static {
    /// What the body is parsed into.
    type Body: Body;
    /// What `prepare` hands to `apply`.
    type Prepared: Default + Send + Sync + 'static;

    /// Its entry in the route table; the body is added by the pipeline.
    fn route(&self) -> Route;

    /// Slow work that must not happen inside a unit of work: hashing a password, a key from the vault. It runs once and
    /// before existence and precondition are checked: what it cannot make of the request it leaves to `apply` to refuse.
    ///
    /// # Errors
    /// Whatever the caller is refused with.
    async fn prepare(&self, _call: &Call<Self::Body>) -> Result<Self::Prepared, Refusal> {
        Ok(Self::Prepared::default())
    }

    /// Reads, decides, writes and answers, in this order: existence, precondition, body, rule. May run several times.
    ///
    /// # Errors
    /// Whatever the caller is refused with; everything is undone then. A refusal that must leave a trace is an answer.
    async fn apply(&self, change: &mut Change<'_>, call: &Call<Self::Body, Self::Prepared>) -> Result<Answer, Refusal>;
}

/// An entry of the route table with its handler.
pub struct Operation {
    /// The entry.
    pub route: Route,
    /// Checks and parses the body.
    pub(super) checker: Option<BodyChecker>,
    pub(super) handler: Handler,
}

pub(super) enum Handler {
    Read(Box<dyn Read>),
    Ask(Box<dyn AnyAsk>),
    Write(Box<dyn AnyWrite>),
    Runtime(Box<dyn AnyRuntime>),
}

impl Operation {
    /// An operation that changes nothing.
    pub fn read(endpoint: impl Read) -> Arc<Self> {
        Arc::new(Self { route: endpoint.route(), checker: None, handler: Handler::Read(Box::new(endpoint)) })
    }

    /// An operation that changes nothing, and takes a body.
    ///
    /// # Panics
    /// As [`Operation::write`].
    pub fn ask<A: Ask>(endpoint: A) -> Arc<Self> {
        let mut route = endpoint.route().answered_anew();
        route.body = A::Body::schema();
        let checker = route.body.as_ref().and_then(compiled);
        Arc::new(Self { route, checker, handler: Handler::Ask(Box::new(endpoint)) })
    }

    /// An operation that changes something.
    ///
    /// # Panics
    /// When its body schema does not compile, in debug builds; in others the operation answers 500.
    pub fn write<W: Write>(endpoint: W) -> Arc<Self> {
        let mut route = endpoint.route();
        route.body = W::Body::schema();
        let checker = route.body.as_ref().and_then(compiled);
        Arc::new(Self { route, checker, handler: Handler::Write(Box::new(endpoint)) })
    }
}

impl Operation {
    /// An endpoint of an issuer.
    ///
    /// # Panics
    /// As [`Operation::write`].
    pub fn runtime(endpoint: impl Runtime) -> Arc<Self> {
        let route = endpoint.route();
        let checker = route.body.as_ref().and_then(compiled);
        Arc::new(Self { route, checker, handler: Handler::Runtime(Box::new(endpoint)) })
    }
}

fn compiled(schema: &BodySchema) -> Option<BodyChecker> {
    let told = |defect: &String| {
        tracing::error!(defect, "a body schema does not compile");
        // Every test that starts the platform finds it.
        debug_assert!(defect.is_empty(), "a body schema does not compile: {defect}");
    };
    BodyChecker::compile(schema).inspect_err(told).ok()
}

/// An [`Ask`] whose types are forgotten.
#[async_trait]
pub(super) trait AnyAsk: Send + Sync {
    async fn answer(&self, reads: &dyn Reads, head: CallHead) -> Result<Answer, Refusal>;
}

#[async_trait]
impl<A: Ask> AnyAsk for A {
    async fn answer(&self, reads: &dyn Reads, head: CallHead) -> Result<Answer, Refusal> {
        Ask::answer(self, reads, &Call::<A::Body>::new(head)).await
    }
}

/// A [`Write`] whose types are forgotten.
#[async_trait]
pub(super) trait AnyWrite: Send + Sync {
    /// There is slow work before the unit of work.
    fn prepares(&self) -> bool;

    async fn prepare<'e>(&'e self, head: CallHead) -> Result<Box<dyn Attempts + 'e>, Refusal>;
}

/// A prepared request: can be tried as often as it takes.
#[async_trait]
pub(super) trait Attempts: Send + Sync {
    fn head(&self) -> &CallHead;

    async fn apply(&mut self, issuer: Option<IssuerHead>, change: &mut Change<'_>) -> Result<Answer, Refusal>;
}

#[async_trait]
impl<W: Write> AnyWrite for W {
    fn prepares(&self) -> bool {
        TypeId::of::<W::Prepared>() != TypeId::of::<()>()
    }

    async fn prepare<'e>(&'e self, head: CallHead) -> Result<Box<dyn Attempts + 'e>, Refusal> {
        let call = Call::<W::Body>::new(head);
        if call.takes_body() {
            // Parsed before the unit of work, which holds locks; what is wrong with it is said in its turn.
            let _ = call.body();
        }
        let prepared = Write::prepare(self, &call).await?;
        Ok(Box::new(Prepared { endpoint: self, call: call.with(prepared) }))
    }
}

struct Prepared<'e, W: Write> {
    endpoint: &'e W,
    call: Call<W::Body, W::Prepared>,
}

#[async_trait]
impl<W: Write> Attempts for Prepared<'_, W> {
    fn head(&self) -> &CallHead {
        self.call.head()
    }

    async fn apply(&mut self, issuer: Option<IssuerHead>, change: &mut Change<'_>) -> Result<Answer, Refusal> {
        self.call.set_issuer(issuer);
        self.endpoint.apply(change, &self.call).await
    }
}

/// The call of a read.
pub(super) fn read_call(head: CallHead) -> Call {
    Call::<NoBody>::new(head)
}
