//! A change in the making: the unit of work, and everything that an operation may draw on inside it.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{Reads, UnitOfWork};
use crate::error::Refusal;
use crate::event::model::{
    Actor, ContextDetail, ContextRecord, Event, EventDraft, RequestContext, SaltedContext, SealedContext, Trigger,
    context_seal,
};
use crate::id::{AccountId, EventId, Id, IssuerId};
use crate::keyring::{IssuerRoot, Keyring};
use crate::seal::RootKey;
use crate::secret::{Secret, hex};
use crate::status::StatusNote;
use crate::timestamp::Timestamp;
use crate::transport::{Entropy, IdSource};
use crate::urls::Urls;

/// Who makes a change, on whose behalf, and with which keys: the same on every attempt.
pub struct ChangeContext<'a> {
    /// Tenant that the change and its events belong to.
    pub account_id: AccountId,
    /// Who acts.
    pub actor: Actor,
    /// Where the action came in.
    pub trigger: Trigger,
    /// Reference of the request.
    pub trace: Option<String>,
    /// Where the request came from.
    pub request: RequestContext,
    /// How much of that the events keep.
    pub detail: ContextDetail,
    /// Root key of the issuer in question; of the platform issuer where there is none.
    pub root: IssuerRoot,
    /// `source` of events.
    pub source: &'a str,
    /// Where the deployment is reached.
    pub urls: &'a Urls,
    /// Keys of the instance.
    pub keyring: &'a Keyring,
    /// Mints identifiers.
    pub ids: &'a IdSource,
    /// Makes secrets.
    pub entropy: &'a dyn Entropy,
}

/// Where an event stands among those of its change.
#[derive(Debug)]
pub struct EventPlace(EventId);

/// One attempt at a change. Operations read, decide and write through it and say what happened; whoever opened it
/// commits. It may run more than once: nothing in it may reach outside.
pub struct Change<'a> {
    unit: Box<dyn UnitOfWork>,
    context: &'a ChangeContext<'a>,
    actor: Actor,
    detail: ContextDetail,
    events: Vec<Event>,
}

impl<'a> Change<'a> {
    /// Begins in an open unit of work.
    pub fn new(unit: Box<dyn UnitOfWork>, context: &'a ChangeContext<'a>) -> Self {
        Self { unit, context, actor: context.actor.clone(), detail: context.detail, events: Vec::new() }
    }

    /// Who acts from here on: somebody who has proven who they are in the course of this change.
    pub fn act_as(&mut self, actor: Actor) {
        self.actor = actor;
    }

    /// How much of the request context the events of this change keep from here on.
    pub fn keep_context(&mut self, detail: ContextDetail) {
        self.detail = detail;
    }

    /// The time of everything in this change.
    pub fn now(&self) -> Timestamp {
        self.unit.now()
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The tenant.
    pub fn account(&self) -> AccountId {
        self.context.account_id
    }

    /// Where the deployment is reached.
    pub fn urls(&self) -> &'a Urls {
        self.context.urls
    }

    /// Keys of the instance.
    pub fn keyring(&self) -> &'a Keyring {
        self.context.keyring
    }

    /// The verbs of storage.
    pub fn unit(&mut self) -> &mut dyn UnitOfWork {
        self.unit.as_mut()
    }

    /// The questions to storage, answered inside the transaction.
    pub fn reads(&self) -> &dyn Reads {
        self.unit.reads()
    }

    /// A new identifier.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the source of randomness fails.
    pub fn mint<I: Id>(&self) -> Result<I, Refusal> {
        self.context.ids.mint(self.now()).map_err(Refusal::internal)
    }

    /// A new secret: 32 random bytes in base64url.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the source of randomness fails.
    pub fn secret(&self) -> Result<Secret, Refusal> {
        Ok(Secret::from_random(&*self.random()?))
    }

    /// Random bytes fit for secrets.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the source of randomness fails.
    pub fn random<const N: usize>(&self) -> Result<Zeroizing<[u8; N]>, Refusal> {
        let mut random = Zeroizing::new([0; N]);
        self.context.entropy.fill(random.as_mut()).map_err(Refusal::internal)?;
        Ok(random)
    }

    /// The root key of `issuer`, which must be the one this change is about.
    ///
    /// # Errors
    /// [`Refusal::Internal`] for another issuer.
    pub fn root_of(&self, issuer: IssuerId) -> Result<&RootKey, Refusal> {
        let root = &self.context.root;
        if root.issuer_id == issuer {
            Ok(&root.key)
        } else {
            Err(Refusal::internal(format!("the root key of {issuer} was not prepared")))
        }
    }

    /// What a caller said about a status change, completed by who the caller is.
    pub fn status_note(&self, reason: Option<String>, by: Option<String>) -> StatusNote {
        StatusNote { reason, by: Some(by.unwrap_or_else(|| self.actor().name())) }
    }

    /// Notes what happened. Events of one change have increasing ids in this order and are written with it.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the source of randomness or the seal fails.
    pub fn emit(&mut self, draft: EventDraft) -> Result<(), Refusal> {
        let place = self.place()?;
        self.emit_at(place, draft)
    }

    /// Keeps the place of an event that cannot be told yet, because it says what it led to: what is emitted from here on
    /// comes behind it.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the source of randomness fails.
    pub fn place(&self) -> Result<EventPlace, Refusal> {
        self.mint().map(EventPlace)
    }

    /// Notes what happened where a place was kept for it.
    ///
    /// # Errors
    /// As [`Change::emit`].
    #[allow(clippy::needless_pass_by_value, reason = "a place is taken once")]
    pub fn emit_at(&mut self, place: EventPlace, draft: EventDraft) -> Result<(), Refusal> {
        let EventPlace(id) = place;
        let event = self.context.event_as(id, draft, &self.actor, self.now(), self.detail)?;
        let index = self.events.partition_point(|known| known.id < id);
        self.events.insert(index, event);
        Ok(())
    }

    /// Writes the events and gives the unit of work back, ready to be completed and committed.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn into_unit(mut self) -> Result<Box<dyn UnitOfWork>, Refusal> {
        if !self.events.is_empty() {
            self.unit.events().append(&self.events).await?;
        }
        Ok(self.unit)
    }
}

/// Bytes of the `data` of an event at most (events-webhooks §2).
const LARGEST_DATA: usize = 64 * 1024;

/// Characters of a text that is kept of `data` which is too large: those of ids and words.
const SHORT: usize = 64;

/// What is too large is cut to ids, words and numbers, and says so.
fn capped(data: Map<String, Value>) -> Map<String, Value> {
    // Nearly all are a few hundred bytes.
    let size = serde_json::to_vec(&data).map_or(usize::MAX, |text| text.len());
    if size <= LARGEST_DATA {
        return data;
    }
    let is_short = |value: &Value| match value {
        Value::String(text) => text.len() <= SHORT,
        Value::Array(_) | Value::Object(_) => false,
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    };
    let mut kept: Map<_, _> = data.into_iter().filter(|(_, value)| is_short(value)).collect();
    kept.insert("truncated".to_owned(), true.into());
    kept
}

impl ChangeContext<'_> {
    /// The complete record of something that happened at `now`.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the source of randomness or the seal fails.
    pub fn event(
        &self,
        draft: EventDraft,
        actor: &Actor,
        now: Timestamp,
        detail: ContextDetail,
    ) -> Result<Event, Refusal> {
        let id = self.ids.mint(now).map_err(Refusal::internal)?;
        self.event_as(id, draft, actor, now, detail)
    }

    fn event_as(
        &self,
        id: EventId,
        draft: EventDraft,
        actor: &Actor,
        now: Timestamp,
        detail: ContextDetail,
    ) -> Result<Event, Refusal> {
        Ok(Event {
            id,
            kind: draft.kind,
            source: self.source.to_owned(),
            trigger: self.trigger,
            trace: self.trace.clone(),
            actor: actor.clone(),
            subject: draft.subject,
            timestamp: self.ids.steady(now),
            data: capped(draft.data),
            context: self.context_record(id, detail)?,
        })
    }

    fn context_record(&self, event: EventId, detail: ContextDetail) -> Result<ContextRecord, Refusal> {
        let context = self.request.reduced(detail);
        if context.is_empty() {
            return Ok(ContextRecord::NONE);
        }
        let mut salt = [0; 32];
        self.entropy.fill(&mut salt).map_err(Refusal::internal)?;
        let canonical = serde_json::to_string(&context).map_err(Refusal::internal)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&salt).map_err(Refusal::internal)?;
        mac.update(canonical.as_bytes());
        let salted = SaltedContext { salt: hex(&salt), context };
        let plain = serde_json::to_vec(&salted).map_err(Refusal::internal)?;
        let sealed = self.root.key.seal(&context_seal(event), &plain).map_err(Refusal::internal)?;
        Ok(ContextRecord {
            hash: mac.finalize().into_bytes().into(),
            sealed: Some(SealedContext { root: self.root.issuer_id, sealed }),
        })
    }
}
