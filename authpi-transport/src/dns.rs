//! DNS look-ups: bounded in time, fresh on every question.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use authpi_core::transport::{DnsFailure, DnsResolver};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RData;

/// For one question, all name servers and repetitions included.
const QUESTION: Duration = Duration::from_secs(5);

/// For one try at one name server.
const TRY: Duration = Duration::from_secs(2);

/// TXT records of one name that are looked at.
const MOST_RECORDS: usize = 100;

/// Asks name servers: those of the machine, or others.
#[derive(Clone)]
pub(crate) struct Resolver(Option<TokioResolver>);

impl Resolver {
    /// Asks `servers`; when there are none, those that the system is configured with.
    pub(crate) fn new(servers: &[SocketAddr]) -> Self {
        let mut builder = if servers.is_empty() {
            match TokioResolver::builder_tokio() {
                Ok(builder) => builder,
                Err(error) => {
                    tracing::warn!(%error, "the system names no usable name servers; no name will resolve");
                    return Self(None);
                }
            }
        } else {
            let mut config = ResolverConfig::default();
            for server in servers {
                config.add_name_server(name_server(*server));
            }
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        bound(builder.options_mut());
        match builder.build() {
            Ok(resolver) => Self(Some(resolver)),
            Err(error) => {
                tracing::warn!(%error, "no resolver could be made; no name will resolve");
                Self(None)
            }
        }
    }

    /// All addresses of a name.
    ///
    /// # Errors
    /// [`DnsFailure`] when there are none, or the question could not be answered.
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, DnsFailure> {
        let resolver = self.0.as_ref().ok_or(DnsFailure)?;
        let found = tokio::time::timeout(QUESTION, resolver.lookup_ip(absolute(name))).await;
        let addresses: Vec<_> = found.map_err(|_| DnsFailure)?.map_err(|_| DnsFailure)?.iter().collect();
        if addresses.is_empty() { Err(DnsFailure) } else { Ok(addresses) }
    }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

fn bound(options: &mut ResolverOpts) {
    options.timeout = TRY;
    options.attempts = 2;
    // Whoever has just added a record asks at once whether it is seen.
    options.cache_size = 0;
}

/// The name as it is: no search domain of the machine is tried behind it.
fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

#[async_trait]
impl DnsResolver for Resolver {
    async fn txt(&self, name: &str) -> Result<Vec<String>, DnsFailure> {
        let resolver = self.0.as_ref().ok_or(DnsFailure)?;
        let found = tokio::time::timeout(QUESTION, resolver.txt_lookup(absolute(name))).await;
        match found.map_err(|_| DnsFailure)? {
            Ok(lookup) => {
                let texts = lookup.answers().iter().filter_map(|record| match &record.data {
                    RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
                    _ => None,
                });
                Ok(texts.take(MOST_RECORDS).collect())
            }
            Err(error) if is_absent(&error) => Ok(Vec::new()),
            Err(_) => Err(DnsFailure),
        }
    }
}

/// The name servers have answered that there is no such name or record.
fn is_absent(error: &NetError) -> bool {
    let NetError::Dns(DnsError::NoRecordsFound(answer)) = error else { return false };
    matches!(answer.response_code, ResponseCode::NoError | ResponseCode::NXDomain)
}
