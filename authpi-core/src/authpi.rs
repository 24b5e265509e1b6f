//! The engine: built once, cheap to clone, asked by the adapters and by the host.

mod instance_keys;
mod keys;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use futures_channel::oneshot;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use self::instance_keys::KeyringLoader;
use crate::error::{Refusal, StoreError, Unauthenticated};
use crate::event::aggregate;
use crate::event::catalogue::EventType;
use crate::event::model::Trigger;
use crate::id::{AccountId, IssuerId};
use crate::key::published::{Cache, KeyCache};
use crate::retries::Retries;
use crate::secret::hex;
use crate::store::{Change, ChangeContext, EventBuffer, EventListener, Store};
use crate::transport::{
    Clock, Entropy, EntropyUnavailable, Hooks, IdSource, KeyVault, SystemClock, SystemEntropy, Transport, VaultError,
};
use crate::urls::Urls;
use crate::web::access_token::{Liveness, liveness};
use crate::web::answer::Answer;
use crate::web::authentication::{bearer_token, identify_at_host};
use crate::web::bearer;
use crate::web::bells::Bells;
use crate::web::caller::Caller;
use crate::web::challenge::Challenge;
use crate::web::client_keys::ClientKeys;
use crate::web::deadline::Deadline;
use crate::web::idempotency::InFlight;
use crate::web::key_uses::KeyUses;
use crate::web::personal_token::TokenAddresses;
use crate::web::pipeline::Pipeline;
use crate::web::problem::defect;
use crate::web::rate_limit::RateLimits;
use crate::web::request::Request;
use crate::web::router::Router;
use crate::web::services::{Options, Origin, Services};
use crate::web::shares::Shares;
use crate::web::sites::Sites;
use crate::web::streams::Streams;
use crate::webhook::api::redeliveries;
use crate::worker::Workers;
use crate::{documents, routes};

/// An identity platform: everything behind one cheap handle.
#[derive(Clone)]
pub struct AuthPi(Arc<Engine>);

struct Engine {
    services: Arc<Services>,
    pipeline: Pipeline,
    metadata: Option<ResourceMetadata>,
}

/// The metadata of the host's API.
struct ResourceMetadata {
    url: Arc<str>,
    path: String,
    document: Value,
}

impl ResourceMetadata {
    fn of(services: &Services) -> Option<Self> {
        let (host, urls) = (&services.options.host, &services.urls);
        let url = host.metadata_url()?;
        Some(Self { path: url.path().to_owned(), document: host.metadata(urls)?, url: String::from(url).into() })
    }
}

impl AuthPi {
    /// Begins with the three things that have no default: where everything is kept, the key that protects it, and the
    /// public address.
    pub fn builder(store: impl Store + 'static, vault: impl KeyVault + 'static, urls: Urls) -> Builder {
        Builder {
            store: Arc::new(store),
            vault: Arc::new(vault),
            urls,
            transport: None,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            hooks: None,
            options: Options::default(),
        }
    }

    /// Answers a request. Runs as a task of its own: a caller who hangs up does not stop it.
    pub async fn handle(&self, request: Request) -> Answer {
        let (sender, receiver) = oneshot::channel();
        let engine = Arc::clone(&self.0);
        let task = async move {
            let answer = engine.pipeline.handle(request).await;
            // Nobody waits any more: the change is made all the same.
            let _ = sender.send(answer);
        };
        self.0.services.transport.executor.spawn(Box::pin(task));
        match receiver.await {
            Ok(answer) => answer,
            Err(oneshot::Canceled) => defect(""),
        }
    }

    /// Who presents the credential in these headers, for the host's own routes.
    ///
    /// # Errors
    /// [`Refusal`], which [`refuse`] turns into the documented answer.
    pub async fn caller(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Result<Caller, Refusal> {
        if let Some(caller) = bearer_token(headers).and_then(|token| bearer::at_once(&self.0.services, token)) {
            return Ok(caller);
        }
        let services = Arc::clone(&self.0.services);
        let headers = headers.clone();
        self.on_engine(async move { identify_at_host(&services, &headers, peer).await }).await
    }

    /// Makes sure that all that the credential of a caller stands for is alive now. What was verified by signature alone
    /// is looked up: session, user, client, agent, delegation and revocation; of an agent that acts for a user in an
    /// organization, also that organization and the membership of the user there.
    ///
    /// # Errors
    /// [`Refusal::Unauthenticated`] when it is not; [`Refusal::Store`]; [`Refusal::Overloaded`] after 20 seconds.
    pub async fn check_live(&self, caller: &Caller) -> Result<(), Refusal> {
        let Some(claims) = caller.claims().cloned() else { return Ok(()) };
        let (services, issuer) = (Arc::clone(&self.0.services), caller.issuer_id);
        let liveness = self.on_engine(async move { liveness(&services, issuer, &claims).await }).await?;
        match liveness {
            Liveness::Alive => Ok(()),
            Liveness::SessionEnded => Err(Refusal::Unauthenticated(Unauthenticated::SessionEnded)),
            Liveness::Dead => Err(Refusal::Unauthenticated(Unauthenticated::Bearer)),
        }
    }

    /// What a refused request with these headers to a route of the host is told.
    pub fn challenge(&self, headers: &HeaderMap) -> Challenge {
        Challenge::new(headers, self.0.metadata.as_ref().map(|metadata| Arc::clone(&metadata.url)))
    }

    /// The path of the metadata of the host's API (RFC 9728), and what is answered there; there are none unless the
    /// audience in [`Options::host`] is a URL.
    pub fn resource_metadata(&self) -> Option<(&str, Answer)> {
        let metadata = self.0.metadata.as_ref()?;
        let answer = Answer::json(StatusCode::OK, &metadata.document);
        let answer = answer.header(CACHE_CONTROL, "public, max-age=300").header(ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        Some((&metadata.path, answer))
    }

    /// Does work of a route of the host on the engine's own runtime, in time: no worker of the host owns a database
    /// connection.
    async fn on_engine<T, W>(&self, work: W) -> Result<T, Refusal>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        let executor = &self.0.services.transport.executor;
        let mut deadline = Deadline::begin(executor.as_ref());
        let (sender, receiver) = oneshot::channel();
        let task = async move {
            // Nobody waits any more: the answer is of no use.
            let _ = sender.send(deadline.answered(work).await);
        };
        executor.spawn(Box::pin(task));
        receiver.await.unwrap_or_else(|_| Err(Refusal::internal("the work of a route was cancelled")))
    }

    /// Starts the background workers; stop them before the process ends.
    pub fn start(&self) -> Workers {
        Workers::start(Arc::clone(&self.0.services))
    }

    /// Ends the answers that are made while they are sent, which would otherwise hold up a server that waits for what is
    /// running: call it when the server begins to stop. Their clients go on where they were.
    pub fn end_streams(&self) {
        self.0.services.streams.end();
    }

    /// The engine's inside, for operations that a host calls in process.
    pub fn services(&self) -> &Arc<Services> {
        &self.0.services
    }

    /// Does work in one unit, in process: commits what `work` does, or nothing, and repeats it when it was overtaken.
    ///
    /// # Errors
    /// What `work` refuses with, or [`Refusal::Store`].
    pub async fn run<W: Work>(&self, work: &W) -> Result<W::Output, Refusal> {
        let services = &self.0.services;
        let root = services.root_for(work.issuer()).await?;
        let origin = Origin::of_instance(work.account(), Trigger::System);
        let context = services.change_context(origin, root);
        let mut retries = Retries::new();
        loop {
            if let Some(ended) = retries.ended(attempt(services, &context, work).await) {
                if let Some(issuer) = work.issuer() {
                    services.keys.forget(issuer);
                }
                return ended;
            }
        }
    }
}

/// One unit of work, from its beginning to the commit.
async fn attempt<W: Work>(services: &Services, context: &ChangeContext<'_>, work: &W) -> Result<W::Output, Refusal> {
    let mut change = Change::new(services.store.begin(services.now()).await?, context);
    let output = work.apply(&mut change).await?;
    change.into_unit().await?.commit().await?;
    Ok(output)
}

/// The documented answer to a refusal, for the host's own routes.
pub fn refuse(refusal: &Refusal) -> Answer {
    refuse_with(refusal, &Challenge::default())
}

/// The same for a request that [`AuthPi::challenge`] has looked at: it is told how to do better.
pub fn refuse_with(refusal: &Refusal, challenge: &Challenge) -> Answer {
    let mut random = [0; 16];
    // Without randomness the reference is zeros; the answer is the same.
    let _ = SystemEntropy.fill(&mut random);
    challenge.answer(refusal, &hex(&random))
}

/// A unit of work of the host. It may run several times: nothing in it may reach outside.
#[async_trait]
pub trait Work: Send + Sync {
    /// What it results in.
    type Output: Send;

    /// The tenant it belongs to.
    fn account(&self) -> AccountId;

    /// The issuer it is about, where it is about one.
    fn issuer(&self) -> Option<IssuerId>;

    /// Calls operations on the change.
    ///
    /// # Errors
    /// What an operation refuses with; everything is undone then.
    async fn apply(&self, change: &mut Change<'_>) -> Result<Self::Output, Refusal>;
}

/// Builds an [`AuthPi`]. Required decisions are made already; the rest has defaults.
pub struct Builder {
    store: Arc<dyn Store>,
    vault: Arc<dyn KeyVault>,
    urls: Urls,
    transport: Option<Transport>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    hooks: Option<Arc<dyn Hooks>>,
    options: Options,
}

/// Wakes workers when events are committed, and says which of them wait for the host.
struct Listener {
    bells: Arc<Bells>,
    hooks: Option<Arc<dyn Hooks>>,
}

impl EventListener for Listener {
    fn wants(&self, kind: EventType) -> bool {
        self.hooks.as_ref().is_some_and(|hooks| hooks.wants(kind))
    }

    fn committed(&self) {
        self.bells.events.ring();
        self.bells.hooks.ring();
    }
}

/// Why no engine could be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No runtime was given.
    #[error("no transport was given; see authpi_transport::tokio()")]
    NoTransport,
    /// An option is out of its range.
    #[error("{0}")]
    Option(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vault did not give the instance keys.
    #[error("the instance keys cannot be unwrapped: {0}")]
    Vault(#[from] VaultError),
    /// The source of randomness failed.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
    /// The route table contradicts itself.
    #[error("the route table is not valid: {0}")]
    Routes(String),
}

impl Builder {
    /// The runtime to work on.
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Another clock than the machine's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// What the host wants to be called for.
    #[must_use]
    pub fn hooks(mut self, hooks: impl Hooks + 'static) -> Self {
        self.hooks = Some(Arc::new(hooks));
        self
    }

    /// Another source of randomness than the operating system's.
    #[must_use]
    pub fn entropy(mut self, entropy: impl Entropy + 'static) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Everything else.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Loads the instance keys, or makes them in an empty store, and puts the engine together.
    ///
    /// # Errors
    /// [`BuildError`].
    pub async fn build(self) -> Result<AuthPi, BuildError> {
        let transport = self.transport.ok_or(BuildError::NoTransport)?;
        self.options.check().map_err(BuildError::Option)?;
        let store = self.store;
        let loader =
            KeyringLoader { store: &*store, vault: &*self.vault, clock: &*self.clock, entropy: &*self.entropy };
        let keyring = loader.load().await?;
        let bells = Arc::new(Bells::default());
        store.on_events(Arc::new(Listener { bells: Arc::clone(&bells), hooks: self.hooks.clone() }));
        let services = Arc::new(Services {
            bells,
            hooks: self.hooks,
            ids: IdSource::new(Arc::clone(&self.entropy)),
            keyring,
            limits: RateLimits::new(Arc::clone(&self.clock), self.options.rate_limits),
            key_uses: KeyUses::default(),
            buffer: EventBuffer::new(self.options.event_buffer),
            keys: KeyCache::default(),
            issuers: Cache::default(),
            sites: Sites::default(),
            client_keys: ClientKeys::default(),
            token_addresses: TokenAddresses::default(),
            streams: Streams::default(),
            counts: aggregate::permits(),
            redeliveries: redeliveries(),
            shares: Shares::default(),
            in_flight: InFlight::default(),
            roots: RwLock::new(HashMap::new()),
            platform: RwLock::new(None),
            store,
            clock: self.clock,
            entropy: self.entropy,
            vault: self.vault,
            transport,
            urls: self.urls,
            options: self.options,
        });
        let mut operations = routes::table();
        operations.extend(documents::routes(&operations, &services.urls));
        let router = Router::new(&operations).map_err(BuildError::Routes)?;
        let pipeline = Pipeline::new(Arc::clone(&services), router);
        let metadata = ResourceMetadata::of(&services);
        Ok(AuthPi(Arc::new(Engine { services, pipeline, metadata })))
    }
}
