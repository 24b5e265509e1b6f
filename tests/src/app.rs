//! The platform under test.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use authpi_core::billing::model::BillingConfig;
use authpi_core::store::Store;
use authpi_core::timestamp::Timestamp;
use authpi_core::transport::{
    Clock, Compute, Entropy, Mailer, ManualClock, MasterKey, PaymentProvider, SystemEntropy, Transport,
};
use authpi_core::urls::Urls;
use authpi_core::web::services::Options;
use authpi_core::{AuthPi, Bootstrap};
use authpi_transport::{OutgoingOptions, TokioOptions};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::caller::Caller;
use crate::dns::Dns;
use crate::payments::PlayMoney;

/// Which adapter serves the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// `authpi-axum`, mounted at the root.
    Axum,
    /// `authpi-actix`, mounted at the root.
    Actix,
}

/// A running platform with its first account.
pub struct App {
    /// The engine, for what a test does in process.
    pub authpi: AuthPi,
    /// The clock of the engine.
    pub clock: Arc<ManualClock>,
    /// The first account.
    pub account: String,
    /// Id and secret of its key, which holds `*:**`.
    pub key: (String, String),
    /// `http://127.0.0.1:port`
    pub base: String,
    /// Where the database is; gone with the app.
    pub folder: TempDir,
    running: Running,
}

enum Running {
    Axum(JoinHandle<()>),
    Actix(ServerHandle),
}

impl Drop for App {
    fn drop(&mut self) {
        match &self.running {
            Running::Axum(task) => task.abort(),
            Running::Actix(handle) => drop(handle.stop(false)),
        }
    }
}

impl App {
    /// Starts the platform on a SQLite file of its own, without rate limits.
    pub async fn start(driver: Driver) -> Self {
        Self::start_with(driver, Options { rate_limits: false, ..Options::default() }).await
    }

    /// Starts the platform with billing, with play money.
    pub async fn start_billing(driver: Driver, billing: BillingConfig) -> Self {
        let payments: Arc<dyn PaymentProvider> = Arc::new(PlayMoney);
        let options =
            Options { rate_limits: false, billing: Some(billing), payments: Some(payments), ..Options::default() };
        Self::start_with(driver, options).await
    }

    /// Starts the platform with other options.
    pub async fn start_with(driver: Driver, options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
        let store = authpi_storage::connect(&url).await.unwrap();
        Self::start_on(driver, options, store, folder).await
    }

    /// Starts the platform on a SQLite file of its own, without rate limits, with somebody who takes its mail. It
    /// reaches servers on loopback.
    pub async fn start_mailing(driver: Driver, mailer: Arc<dyn Mailer>) -> Self {
        let options = Options { rate_limits: false, ..Options::default() };
        Self::start_mailing_with(driver, mailer, options).await
    }

    /// The same with other options.
    pub async fn start_mailing_with(driver: Driver, mailer: Arc<dyn Mailer>, options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
        let store = authpi_storage::connect(&url).await.unwrap();
        let outgoing = OutgoingOptions { allow_private_network: true, ..OutgoingOptions::default() };
        let transport = authpi_transport::tokio_with(TokioOptions { outgoing, ..TokioOptions::default() }).unwrap();
        Self::start_in(driver, options, store, folder, Transport { mailer: Some(mailer), ..transport }).await
    }

    /// Starts the platform on a SQLite file of its own, without rate limits, with another pool for heavy work.
    pub async fn start_computing(driver: Driver, with: impl FnOnce(Arc<dyn Compute>) -> Arc<dyn Compute>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
        let store = authpi_storage::connect(&url).await.unwrap();
        let options = Options { rate_limits: false, ..Options::default() };
        let transport = authpi_transport::tokio().unwrap();
        let transport = Transport { compute: with(Arc::clone(&transport.compute)), ..transport };
        Self::start_in(driver, options, store, folder, transport).await
    }

    /// Starts the platform on a store.
    pub async fn start_on(driver: Driver, options: Options, store: impl Store + 'static, folder: TempDir) -> Self {
        Self::start_in(driver, options, store, folder, authpi_transport::tokio().unwrap()).await
    }

    /// Starts the platform so that it reaches servers on loopback, and asks `dns` for names.
    pub async fn start_reaching(driver: Driver, dns: &Dns) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
        let store = authpi_storage::connect(&url).await.unwrap();
        let options = Options { rate_limits: false, ..Options::default() };
        Self::start_in(driver, options, store, folder, Self::reaching(dns)).await
    }

    /// A way out to servers on loopback, which asks `dns` for names.
    pub fn reaching(dns: &Dns) -> Transport {
        let outgoing = OutgoingOptions { allow_private_network: true, ..OutgoingOptions::default() };
        let transport = TokioOptions { outgoing, name_servers: vec![dns.address], ..TokioOptions::default() };
        authpi_transport::tokio_with(transport).unwrap()
    }

    /// Starts the platform on a store, with this way out.
    pub async fn start_in(
        driver: Driver,
        options: Options,
        store: impl Store + 'static,
        folder: TempDir,
        transport: Transport,
    ) -> Self {
        Self::started(driver, options, store, folder, (transport, SystemEntropy)).await
    }

    /// Starts the platform on a SQLite file of its own, without rate limits, with another source of randomness.
    pub async fn start_drawing(driver: Driver, entropy: impl Entropy + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
        let store = authpi_storage::connect(&url).await.unwrap();
        let options = Options { rate_limits: false, ..Options::default() };
        let transport = authpi_transport::tokio().unwrap();
        Self::started(driver, options, store, folder, (transport, entropy)).await
    }

    async fn started(
        driver: Driver,
        options: Options,
        store: impl Store + 'static,
        folder: TempDir,
        (transport, entropy): (Transport, impl Entropy + 'static),
    ) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let authpi = AuthPi::builder(store, MasterKey::new([42; 32]), Urls::under(&base).unwrap())
            .transport(transport)
            .clock(Arc::clone(&clock))
            .entropy(entropy)
            .options(options)
            .build()
            .await
            .unwrap();
        let Bootstrap::Pending(pending) = authpi.bootstrap("Main").await.unwrap() else {
            panic!("a fresh database was bootstrapped already");
        };
        let credentials = pending.commit().await.unwrap();
        let running = match driver {
            Driver::Axum => serve_axum(listener, &authpi),
            Driver::Actix => serve_actix(listener, &authpi),
        };
        Self {
            account: credentials.account_id.to_string(),
            key: (credentials.key_id.to_string(), credentials.key_secret.expose().to_owned()),
            authpi,
            clock,
            base,
            folder,
            running,
        }
    }

    /// The key of the first account, which may do everything.
    pub fn root(&self) -> Caller {
        self.with_key(&self.key.0, &self.key.1)
    }

    /// Another key.
    pub fn with_key(&self, id: &str, secret: &str) -> Caller {
        Caller::new(&self.base, Some((id.to_owned(), secret.to_owned())))
    }

    /// A bearer token.
    pub fn with_bearer(&self, token: &str) -> Caller {
        self.anonymous().bearing(token)
    }

    /// No credential.
    pub fn anonymous(&self) -> Caller {
        Caller::new(&self.base, None)
    }

    /// A path below the first account.
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/accounts/{}{rest}", self.account)
    }

    /// Moves the clock.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Now, in milliseconds.
    pub fn now(&self) -> i64 {
        self.clock.now().as_millis()
    }
}

fn serve_axum(listener: TcpListener, authpi: &AuthPi) -> Running {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let app = authpi_axum::routes::<()>(authpi).into_make_service_with_connect_info::<SocketAddr>();
    Running::Axum(tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }))
}

/// Longer than any test leaves a connection alone: one that is closed while a request is on its way is nobody's fault.
const KEEP_ALIVE: Duration = Duration::from_mins(5);

fn serve_actix(listener: TcpListener, authpi: &AuthPi) -> Running {
    let authpi = authpi.clone();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server =
                actix_web::HttpServer::new(move || actix_web::App::new().configure(authpi_actix::configure(&authpi)));
            let server = server.workers(1).keep_alive(KEEP_ALIVE).disable_signals().listen(listener).unwrap().run();
            sender.send(server.handle()).unwrap();
            server.await.unwrap();
        });
    });
    Running::Actix(receiver.recv().unwrap())
}
