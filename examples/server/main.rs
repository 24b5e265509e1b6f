//! The example server: the library with a `main`. `cargo run` starts it on an embedded SQLite file.

mod banner;
mod bootstrap;
mod mail;
mod master_key;
mod metrics;
mod serve;
mod settings;

use std::process::ExitCode;

use authpi_core::AuthPi;
use authpi_core::billing::model::BillingConfig;
use authpi_core::urls::Urls;
use authpi_core::web::services::Options;
use authpi_transport::{OutgoingOptions, TokioOptions};
use clap::Parser;
use settings::Settings;

/// Anything that keeps the server from starting, with what to do about it.
type StartError = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::parse();
    settings.start_log();
    match run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> Result<(), StartError> {
    settings.refuse_what_is_not_built()?;
    let public_url = settings.public_url();
    let urls = Urls::under(&public_url).map_err(|error| format!("AUTHPI_PUBLIC_URL {public_url}: {error}"))?;
    let listener = serve::bind(settings.listen).await?;
    if let Some(address) = settings.metrics_listen {
        metrics::serve(address).await?;
    }
    let store = authpi_storage::connect(&settings.database_url).await?;
    let master_key = master_key::load(&settings, &urls)?;
    let outgoing =
        OutgoingOptions { allow_private_network: settings.allow_private_network.is_on(), ..OutgoingOptions::default() };
    let mut transport = authpi_transport::tokio_with(TokioOptions { outgoing, ..TokioOptions::default() })?;
    let billing = settings.billing.is_on().then(BillingConfig::default);
    let options = Options {
        rate_limits: settings.rate_limit.is_on(),
        billing,
        event_retention_days: settings.event_retention_days,
        portal_secret: settings.portal_secret()?,
        trusted_proxies: settings.trusted_proxies.clone(),
        proxy_hops: settings.proxy_hops,
        location: settings.location_headers(),
        ..Options::default()
    };
    transport.mailer = mail::mailer(&settings, &urls)?;
    let authpi = AuthPi::builder(store, master_key, urls).transport(transport).options(options).build().await?;
    let first = bootstrap::run(&authpi, settings.bootstrap_file.as_deref()).await?;
    let workers = authpi.start();
    banner::show(&settings, &public_url, &first);
    let served = serve::until_stopped(listener, settings.adapter, &authpi).await;
    workers.stop().await;
    Ok(served?)
}
