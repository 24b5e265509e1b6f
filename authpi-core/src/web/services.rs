//! Everything that operations and workers share besides the store's verbs: the engine's inside.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use futures_channel::oneshot;
use url::Url;
use zeroize::Zeroizing;

use super::bells::Bells;
use super::client_keys::ClientKeys;
use super::key_uses::KeyUses;
use super::permits::Permits;
use super::rate_limit::RateLimits;
use super::shares::Shares;
use super::sites::Sites;
use super::streams::Streams;
use crate::error::{Refusal, StoreError};
use crate::event::model::{Actor, ContextDetail, Event, EventDraft, RequestContext, Trigger};
use crate::id::{AccountId, IssuerId};
use crate::issuer::model::{Issuer, RuntimeIssuer};
use crate::issuer::operations::fault_of_page;
use crate::key::published::{Cache, Cached, KeyCache};
use crate::keyring::{IssuerRoot, Keyring, NewRoot};
use crate::seal::RootKey;
use crate::store::{ChangeContext, EventBuffer, Platform, Store};
use crate::timestamp::Timestamp;
use crate::transport::{
    Clock, Entropy, Hooks, HttpFailure, IdSource, IncomingAnswer, KeyVault, OutgoingRequest, Transport, VaultError,
};
use crate::urls::Urls;
use crate::web::idempotency::InFlight;
use crate::web::personal_token::TokenAddresses;

pub use super::options::Options;

/// How many unwrapped root keys are held; beyond that one is unwrapped anew.
const ROOT_CACHE: usize = 10_000;

/// The engine's inside.
pub struct Services {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Identifiers.
    pub ids: IdSource,
    /// Keys of the instance.
    pub keyring: Keyring,
    /// Unwraps root keys.
    pub vault: Arc<dyn KeyVault>,
    /// Tasks and CPU.
    pub transport: Transport,
    /// Public addresses.
    pub urls: Urls,
    /// Settings of the host.
    pub options: Options,
    /// Token buckets.
    pub limits: RateLimits,
    /// Uses of keys that have a limit of their own.
    pub key_uses: KeyUses,
    /// Per-request events on their way.
    pub buffer: EventBuffer,
    /// Published keys and ready key pairs.
    pub keys: KeyCache,
    /// Issuers as their endpoints see them.
    pub issuers: Cache<RuntimeIssuer>,
    /// Whom domains of accounts serve.
    pub sites: Sites,
    /// Keys that clients publish.
    pub client_keys: ClientKeys,
    /// Addresses that personal tokens are known to be used from.
    pub token_addresses: TokenAddresses,
    pub(crate) streams: Streams,
    /// Counts of events.
    pub(crate) counts: Permits,
    /// Deliveries that are attempted while somebody waits.
    pub(crate) redeliveries: Permits,
    pub(crate) shares: Shares,
    pub(crate) bells: Arc<Bells>,
    /// What the host wants to be called for.
    pub hooks: Option<Arc<dyn Hooks>>,
    pub(crate) in_flight: InFlight,
    pub(crate) roots: RwLock<HashMap<IssuerId, Arc<RootKey>>>,
    pub(crate) platform: RwLock<Option<Platform>>,
}

impl Services {
    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The platform, once the instance is bootstrapped.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn platform(&self) -> Result<Option<Platform>, StoreError> {
        let known = *self.platform.read().unwrap_or_else(PoisonError::into_inner);
        if known.is_some() {
            return Ok(known);
        }
        let found = self.store.reads().instance().platform().await?;
        if found.is_some() {
            *self.platform.write().unwrap_or_else(PoisonError::into_inner) = found;
        }
        Ok(found)
    }

    /// The root key of an issuer, unwrapped at its first use; `None` when there is no such issuer.
    ///
    /// # Errors
    /// [`Refusal::Store`]; [`Refusal::Overloaded`] when the vault does not answer; [`Refusal::Internal`] when it refuses.
    pub async fn root(&self, issuer: IssuerId) -> Result<Option<IssuerRoot>, Refusal> {
        let cached = self.roots.read().unwrap_or_else(PoisonError::into_inner).get(&issuer).cloned();
        if let Some(key) = cached {
            return Ok(Some(IssuerRoot { issuer_id: issuer, key }));
        }
        let Some(wrapped) = self.store.reads().issuers().root_key(issuer).await? else { return Ok(None) };
        let plain = self.vault.unwrap(&root_context(issuer), &wrapped).await.map_err(no_key)?;
        let bytes: [u8; 32] = plain.as_slice().try_into().map_err(Refusal::internal)?;
        let key = Arc::new(RootKey::new(bytes));
        let mut roots = self.roots.write().unwrap_or_else(PoisonError::into_inner);
        if roots.len() >= ROOT_CACHE {
            roots.clear();
        }
        roots.insert(issuer, Arc::clone(&key));
        Ok(Some(IssuerRoot { issuer_id: issuer, key }))
    }

    /// The root key that seals the event contexts of a request: the path's issuer's, else the platform issuer's.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when the instance is not bootstrapped; otherwise as [`Services::root`].
    pub async fn root_for(&self, issuer: Option<IssuerId>) -> Result<IssuerRoot, Refusal> {
        if let Some(issuer) = issuer
            && let Some(root) = self.root(issuer).await?
        {
            return Ok(root);
        }
        let platform = self.platform().await?.ok_or(Refusal::NotFound)?;
        self.root(platform.issuer_id).await?.ok_or_else(|| Refusal::internal("the platform issuer has no root key"))
    }

    /// Id and root key of an issuer that is about to be made; for `prepare`, as the vault may be far away.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] when the vault does not answer; [`Refusal::Internal`] when it refuses, or when the source
    /// of randomness fails.
    pub async fn new_root(&self) -> Result<NewRoot, Refusal> {
        let issuer_id = self.ids.mint(self.now()).map_err(Refusal::internal)?;
        let mut bytes = Zeroizing::new([0; 32]);
        self.entropy.fill(bytes.as_mut()).map_err(Refusal::internal)?;
        let wrapped = self.vault.wrap(&root_context(issuer_id), bytes.as_ref()).await.map_err(no_key)?;
        Ok(NewRoot { issuer_id, key: Arc::new(RootKey::new(*bytes)), wrapped })
    }

    /// Whether a URL that a tenant supplies may be called: by the guard's rules for writing, and not one of our own.
    ///
    /// # Errors
    /// What is wrong with it, in words for the caller.
    pub fn check_outgoing(&self, url: &Url) -> Result<(), &'static str> {
        if self.urls.covers(url) {
            return Err("must not lead to this deployment");
        }
        self.transport.http.check(url)
    }

    /// Sends a request to a URL that a tenant has supplied.
    ///
    /// # Errors
    /// [`HttpFailure`].
    pub async fn send(&self, request: OutgoingRequest) -> Result<IncomingAnswer, HttpFailure> {
        if self.urls.covers(&request.url) {
            return Err(HttpFailure::Blocked);
        }
        self.transport.http.send(request).await
    }

    /// Drops the root key of a deleted issuer from memory. Call it again once the issuer is removed: a request that was
    /// under way may have unwrapped it anew.
    pub fn forget_root(&self, issuer: IssuerId) {
        self.roots.write().unwrap_or_else(PoisonError::into_inner).remove(&issuer);
    }

    /// The context of a change.
    pub fn change_context(&self, origin: Origin, root: IssuerRoot) -> ChangeContext<'_> {
        ChangeContext {
            account_id: origin.account_id,
            actor: origin.actor,
            trigger: origin.trigger,
            trace: origin.trace,
            request: origin.request,
            detail: origin.detail,
            root,
            source: &self.options.event_source,
            urls: &self.urls,
            keyring: &self.keyring,
            ids: &self.ids,
            entropy: self.entropy.as_ref(),
        }
    }

    /// Buffers an event of a request that changes nothing else.
    ///
    /// # Errors
    /// [`Refusal`] when the record cannot be made.
    pub async fn record(&self, origin: Origin, issuer: Option<IssuerId>, draft: EventDraft) -> Result<(), Refusal> {
        let root = self.root_for(issuer).await?;
        self.buffer.push(self.event(origin, root, draft)?);
        Ok(())
    }

    /// Writes an event of a request that changes nothing else, durable when this returns.
    ///
    /// # Errors
    /// [`Refusal`] when the record cannot be made or kept.
    pub async fn append(&self, origin: Origin, issuer: IssuerId, draft: EventDraft) -> Result<(), Refusal> {
        let root = self.root_for(Some(issuer)).await?;
        let event = self.event(origin, root, draft)?;
        Ok(self.store.append(vec![event]).await?)
    }

    fn event(&self, origin: Origin, root: IssuerRoot, draft: EventDraft) -> Result<Event, Refusal> {
        let (detail, actor) = (origin.detail, origin.actor.clone());
        self.change_context(origin, root).event(draft, &actor, self.now(), detail)
    }

    /// An issuer as its endpoints see it, at most a second old; none once its deletion was accepted. Pages in the place of
    /// ours are those on domains that the account has now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn runtime_issuer(&self, issuer: IssuerId) -> Result<Option<Arc<Cached<RuntimeIssuer>>>, StoreError> {
        if let Some(known) = self.known_issuer(issuer) {
            return Ok(Some(known));
        }
        let look = self.keys.look(issuer, self.now());
        let Some(mut found) = self.store.reads().issuers().runtime(issuer).await? else {
            self.issuers.remove(issuer);
            return Ok(None);
        };
        self.keep_own_pages(&mut found.issuer).await?;
        Ok(Some(self.issuers.keep(issuer, found, look)))
    }

    /// The same without the store: as far as this process knows it, at most a second old.
    pub fn known_issuer(&self, issuer: IssuerId) -> Option<Arc<Cached<RuntimeIssuer>>> {
        let look = self.keys.look(issuer, self.now());
        self.issuers.find(issuer).filter(|known| known.is_true_at(look))
    }

    /// Takes the pages in the place of ours away that lie on no domain of the account by now, or lead back to us: that was
    /// checked when they were saved. A domain that was given up since may be somebody else's (D183), and one that serves an
    /// issuer since has our pages alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_own_pages(&self, issuer: &mut Issuer) -> Result<(), StoreError> {
        let portals = &mut issuer.details.settings.portals;
        if portals.has_own() {
            let domains = self.store.reads().domains().of_accounts(&[issuer.account_id]).await?;
            portals.keep_own(|url| fault_of_page(url, &self.urls, &domains).is_none());
        }
        Ok(())
    }

    /// Runs CPU-heavy work for an issuer, as [`Services::compute`] does: one issuer fills at most half of the queue, and
    /// the logins of others go on (D188).
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] when the queue, or the issuer's part of it, is full; [`Refusal::Internal`] when the job
    /// dies.
    pub async fn compute_for<T: Send + 'static>(
        &self,
        issuer: IssuerId,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let _share = self.shares.enter(issuer, self.transport.compute.capacity() / 2)?;
        self.compute(job).await
    }

    /// Runs CPU-heavy work on the bounded pool and waits for it.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] when the queue is full; [`Refusal::Internal`] when the job dies.
    pub async fn compute<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let (sender, receiver) = oneshot::channel();
        let queued = self.transport.compute.run(Box::new(move || {
            // Nobody waits any more: the result is of no use.
            let _ = sender.send(job());
        }));
        queued.map_err(|_| Refusal::Overloaded("the cpu pool"))?;
        receiver.await.map_err(|_| Refusal::internal("a job on the cpu pool died"))
    }
}

/// Who and where a change or an event comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Tenant.
    pub account_id: AccountId,
    /// Who acts.
    pub actor: Actor,
    /// Where the action came in.
    pub trigger: Trigger,
    /// Reference of the request.
    pub trace: Option<String>,
    /// Where the request came from.
    pub request: RequestContext,
    /// How much of that is kept.
    pub detail: ContextDetail,
}

impl Origin {
    /// The instance itself, for the tenant whose things it moves on.
    pub fn of_instance(account_id: AccountId, trigger: Trigger) -> Self {
        Self {
            account_id,
            actor: Actor::System,
            trigger,
            trace: None,
            request: RequestContext::default(),
            detail: ContextDetail::None,
        }
    }
}

/// What the vault binds the root key of an issuer to.
pub fn root_context(issuer: IssuerId) -> String {
    format!("issuer-root:{issuer}")
}

/// A vault that is only out of reach may answer the same request later.
fn no_key(error: VaultError) -> Refusal {
    match error {
        VaultError::Unavailable => Refusal::Overloaded("the key vault"),
        other => Refusal::internal(other),
    }
}
