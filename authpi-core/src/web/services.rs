//! Everything that operations and workers share besides the store's verbs: the engine's inside.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_channel::oneshot;
use url::Url;
use zeroize::Zeroizing;

use super::bells::Bells;
use super::client_keys::ClientKeys;
use super::host_api::HostApi;
use super::key_uses::KeyUses;
use super::portal_secret::PortalSecret;
use super::rate_limit::RateLimits;
use super::shares::Shares;
use super::sites::Sites;
use super::streams::Streams;
use crate::billing::model::BillingConfig;
use crate::error::{Refusal, StoreError};
use crate::event::model::{Actor, ContextDetail, Event, EventDraft, RequestContext, Trigger};
use crate::id::{AccountId, IssuerId};
use crate::issuer::model::{Issuer, RuntimeIssuer};
use crate::key::published::{Cache, Cached, KeyCache};
use crate::keyring::{IssuerRoot, Keyring, NewRoot};
use crate::network::Network;
use crate::seal::RootKey;
use crate::store::{ChangeContext, EventBuffer, Platform, Store};
use crate::timestamp::Timestamp;
use crate::transport::{
    Clock, Entropy, Hooks, HttpFailure, IdSource, IncomingAnswer, KeyVault, OutgoingRequest, PaymentProvider,
    Transport, VaultError,
};
use crate::urls::Urls;
use crate::web::idempotency::InFlight;
use crate::web::personal_token::TokenAddresses;

/// How many unwrapped root keys are held; beyond that one is unwrapped anew.
const ROOT_CACHE: usize = 10_000;

/// What a host can set; every field has a default.
#[derive(Clone, Debug)]
pub struct Options {
    /// `source` of events.
    pub event_source: String,
    /// What `source` of delivered events begins with; the id of the webhook follows.
    pub webhook_source: String,
    /// Token buckets of conventions §11 are enforced.
    pub rate_limits: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// How many trusted proxies stand in front, counted from the right of `X-Forwarded-For`.
    pub proxy_hops: usize,
    /// Origins of consoles that may call the Core API from a browser.
    pub console_origins: Vec<String>,
    /// Most per-request events that wait for their batch.
    pub event_buffer: usize,
    /// RSA keys that are kept ready for new issuers.
    pub rsa_pool: usize,
    /// What use costs; without it nothing is counted and nothing costs anything (core-api section 25).
    pub billing: Option<BillingConfig>,
    /// Collects money; without it nobody can pay in.
    pub payments: Option<Arc<dyn PaymentProvider>>,
    /// Days that events are kept; per-request types 30 at the most.
    pub event_retention_days: u32,
    /// How long an identical request for a refresh gets the same answer again, at most 30 seconds; zero by default: a second
    /// use of a refresh token ends its session.
    pub refresh_grace: Duration,
    /// Where breached passwords are looked up by the first five characters of their SHA-1 hash (k-anonymity); without
    /// one, only the built-in list of common ones is looked at.
    pub breach_service: Option<Url>,
    /// What the host's own routes take.
    pub host: HostApi,
    /// What a portal that runs as a process of its own proves itself with (idp §20); without one, no such portal is let in.
    pub portal_secret: Option<PortalSecret>,
    /// Requests under any other name than that of the base, or of a domain that serves an issuer, are answered with 421
    /// (RFC 9110 §15.5.20). By default they are answered as the base, which is what health checks by address need.
    pub refuse_other_hosts: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            event_source: crate::event::model::DEFAULT_SOURCE.to_owned(),
            webhook_source: "com.authpi.webhooks/v1".to_owned(),
            rate_limits: true,
            trusted_proxies: Vec::new(),
            proxy_hops: 0,
            console_origins: Vec::new(),
            event_buffer: 100_000,
            rsa_pool: 4,
            billing: None,
            payments: None,
            event_retention_days: 90,
            refresh_grace: Duration::ZERO,
            breach_service: None,
            host: HostApi::default(),
            portal_secret: None,
            refuse_other_hosts: false,
        }
    }
}

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

    /// Takes the pages in the place of ours away that lie on no domain of the account by now: that was checked when they
    /// were saved, and a domain that was given up since may be somebody else's (D183).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_own_pages(&self, issuer: &mut Issuer) -> Result<(), StoreError> {
        let portals = &mut issuer.details.settings.portals;
        if portals.has_own() {
            let domains = self.store.reads().domains().of_accounts(&[issuer.account_id]).await?;
            portals.keep_own(|host| domains.iter().any(|domain| domain.vouches_for(host)));
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
