//! Settings from the environment, or flags of the same names.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use authpi_core::network::Network;
use authpi_core::web::place::LocationHeaders;
use authpi_core::web::portal_secret::PortalSecret;
use axum::http::HeaderName;
use clap::{Parser, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::StartError;

/// An identity platform on one port: Core API at /v1, one OIDC issuer per tenant.
#[derive(Parser)]
#[command(version, about)]
pub(crate) struct Settings {
    /// Address to listen on.
    #[arg(long, env = "AUTHPI_LISTEN", default_value = "127.0.0.1:8787")]
    pub(crate) listen: SocketAddr,
    /// Base of both APIs as clients see it; http:// and the listen address when absent.
    #[arg(long, env = "AUTHPI_PUBLIC_URL")]
    public_url: Option<String>,
    /// sqlite:, postgres:, mysql: or mariadb: URL.
    #[arg(long, env = "AUTHPI_DATABASE_URL", default_value = "sqlite://authpi.db?mode=rwc", hide_env_values = true)]
    pub(crate) database_url: String,
    /// Databases of regions; refused until they are built.
    #[arg(long, env = "AUTHPI_REGIONAL_DATABASES", hide_env_values = true)]
    regional_databases: Option<String>,
    /// 32 bytes in base64.
    #[arg(long, env = "AUTHPI_MASTER_KEY", hide_env_values = true, conflicts_with = "master_key_file")]
    pub(crate) master_key: Option<String>,
    /// File that holds the master key.
    #[arg(long, env = "AUTHPI_MASTER_KEY_FILE")]
    pub(crate) master_key_file: Option<PathBuf>,
    /// Where the credentials of the first account are written at first start; without it they are printed once.
    #[arg(long, env = "AUTHPI_BOOTSTRAP_FILE")]
    pub(crate) bootstrap_file: Option<PathBuf>,
    /// Mail server, as smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host.
    #[arg(long, env = "AUTHPI_SMTP_URL", hide_env_values = true)]
    pub(crate) smtp_url: Option<String>,
    /// Folder that mail is written to, one .eml file each, where there is no mail server; behind a loopback URL
    /// ./mailbox when absent.
    #[arg(long, env = "AUTHPI_MAILBOX_DIR")]
    pub(crate) mailbox_dir: Option<PathBuf>,
    /// Address that mail comes from; no-reply at the host of the public URL when absent.
    #[arg(long, env = "AUTHPI_MAIL_FROM")]
    pub(crate) mail_from: Option<String>,
    /// Web framework that serves; both answer the same.
    #[arg(long, env = "AUTHPI_ADAPTER", default_value = "axum")]
    pub(crate) adapter: Adapter,
    /// Address of /metrics (Prometheus); none when absent.
    #[arg(long, env = "AUTHPI_METRICS_LISTEN")]
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Rate limits; off for load tests.
    #[arg(long, env = "AUTHPI_RATE_LIMIT", default_value = "on")]
    pub(crate) rate_limit: Switch,
    /// Usage is counted and charged by the published rate card; nobody can pay in.
    #[arg(long, env = "AUTHPI_BILLING", default_value = "off")]
    pub(crate) billing: Switch,
    /// Days that events are kept, 8 to 36500.
    #[arg(long, env = "AUTHPI_EVENT_RETENTION_DAYS", default_value = "90")]
    pub(crate) event_retention_days: u32,
    /// Proxies in front of the server, as addresses or networks (10.0.0.0/8), separated by commas; what their headers say
    /// of the client is believed, and nobody else's.
    #[arg(long, env = "AUTHPI_TRUSTED_PROXIES", value_delimiter = ',')]
    pub(crate) trusted_proxies: Vec<Network>,
    /// How many of them a request passes: the address of the client is counted from the right of X-Forwarded-For.
    #[arg(long, env = "AUTHPI_PROXY_HOPS", default_value = "1")]
    pub(crate) proxy_hops: usize,
    /// Header in which a trusted proxy says from which country the client comes (ISO 3166-1 alpha-2).
    #[arg(long, env = "AUTHPI_COUNTRY_HEADER")]
    country_header: Option<HeaderName>,
    /// The same for its region.
    #[arg(long, env = "AUTHPI_REGION_HEADER")]
    region_header: Option<HeaderName>,
    /// The same for its city.
    #[arg(long, env = "AUTHPI_CITY_HEADER")]
    city_header: Option<HeaderName>,
    /// Webhooks and identity providers may be http and private; for development.
    #[arg(long, env = "AUTHPI_ALLOW_PRIVATE_NETWORK", default_value = "off")]
    pub(crate) allow_private_network: Switch,
    /// What a portal that runs as a process of its own sends in the header Authpi-Portal; at least 32 characters.
    #[arg(long, env = "AUTHPI_PORTAL_SECRET", hide_env_values = true)]
    portal_secret: Option<String>,
    /// Tracing filter.
    #[arg(long, env = "AUTHPI_LOG", default_value = "info")]
    log: String,
    /// Form of log lines.
    #[arg(long, env = "AUTHPI_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
}

/// The frameworks that authpi mounts on.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Adapter {
    Axum,
    Actix,
}

/// `on` or `off`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

impl Switch {
    pub(crate) fn is_on(self) -> bool {
        self == Self::On
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl Settings {
    pub(crate) fn public_url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen))
    }

    /// # Errors
    /// Says that it is too short.
    pub(crate) fn portal_secret(&self) -> Result<Option<PortalSecret>, StartError> {
        let Some(text) = self.portal_secret.as_deref() else { return Ok(None) };
        let secret = PortalSecret::new(text).ok_or("AUTHPI_PORTAL_SECRET must have at least 32 characters")?;
        Ok(Some(secret))
    }

    pub(crate) fn location_headers(&self) -> LocationHeaders {
        let (country, region, city) = (&self.country_header, &self.region_header, &self.city_header);
        LocationHeaders { country: country.clone(), region: region.clone(), city: city.clone() }
    }

    /// Starts the log on standard error.
    pub(crate) fn start_log(&self) {
        let filter = EnvFilter::try_new(&self.log).unwrap_or_else(|_| EnvFilter::new("info"));
        let has_colours = std::io::stderr().is_terminal();
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(has_colours).with_writer(std::io::stderr);
        match self.log_format {
            LogFormat::Json => log.json().init(),
            LogFormat::Text => log.init(),
        }
    }

    /// # Errors
    /// Names a setting that would change where data lives and is not built.
    pub(crate) fn refuse_what_is_not_built(&self) -> Result<(), StartError> {
        if self.regional_databases.as_ref().is_some_and(|databases| !databases.is_empty()) {
            return Err("AUTHPI_REGIONAL_DATABASES is set, but regional databases are not built yet; \
                        unset it to keep all regions in the main database"
                .into());
        }
        Ok(())
    }
}
