//! Settings of single sign-on as a part of changing an organization: the identity provider is asked who it is first.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue};
use http::{HeaderMap, Method};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::view::SsoSent;
use crate::connection::model::Discovery;
use crate::connection::operations::{self, ConnectionPatch};
use crate::error::Refusal;
use crate::id::{AccountId, IssuerId, OrganizationId};
use crate::secret::Secret;
use crate::store::Change;
use crate::transport::{IncomingAnswer, OutgoingRequest};
use crate::web::services::Services;

/// For the whole request (idp §30).
const TIMEOUT: Duration = Duration::from_secs(5);

/// Longest document (idp §30).
const LIMIT: usize = 1 << 20;

/// Where an issuer describes itself (OpenID Connect Discovery 1.0 §4).
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Asks the identity provider whose issuer URL was sent, if it is another than the one known; for `prepare`.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn discovered(
    services: &Services,
    account: AccountId,
    issuer: IssuerId,
    organization: Option<OrganizationId>,
    sent: &SsoSent,
) -> Result<Discovery, Refusal> {
    let Some(wanted) = sent.issuer_url() else { return Ok(Discovery::Unasked) };
    let reads = services.store.reads();
    if reads.issuers().head(account, issuer).await?.is_none() {
        return Ok(Discovery::Unasked);
    }
    if let Some(organization) = organization {
        let known = reads.connections().find(issuer, organization).await?;
        if known.is_none_or(|known| known.sso.settings.issuer_url.as_deref() == Some(wanted)) {
            return Ok(Discovery::Unasked);
        }
    }
    Ok(Discovery::Asked { issuer_url: wanted.to_owned(), problem: problem(services, wanted).await })
}

/// What is wrong with an identity provider: nothing, when its document names the very URL as its issuer.
async fn problem(services: &Services, issuer_url: &str) -> Option<String> {
    let Ok(url) = Url::parse(issuer_url) else { return Some("must be an absolute URL".to_owned()) };
    if url.query().is_some() {
        return Some("must not have a query".to_owned());
    }
    if let Err(problem) = services.check_outgoing(&url) {
        return Some(problem.to_owned());
    }
    match issuer_of(services, issuer_url).await {
        Ok(found) if found == issuer_url => None,
        Ok(_) => Some("discovery failed: issuer_mismatch".to_owned()),
        Err(class) => Some(format!("discovery failed: {class}")),
    }
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
}

async fn issuer_of(services: &Services, issuer_url: &str) -> Result<String, String> {
    let address = format!("{}{WELL_KNOWN}", issuer_url.trim_end_matches('/'));
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let request = OutgoingRequest {
        method: Method::GET,
        url: Url::parse(&address).map_err(|_| "blocked_address".to_owned())?,
        headers,
        body: Bytes::new(),
        timeout: TIMEOUT,
        answer_limit: LIMIT,
    };
    let answer = services.send(request).await.and_then(IncomingAnswer::whole);
    let (status, body) = answer.map_err(|class| class.to_string())?;
    if status != 200 {
        return Err(format!("http_{status}"));
    }
    let document: Document = serde_json::from_slice(&body).map_err(|_| "malformed_document".to_owned())?;
    Ok(document.issuer)
}

/// Writes what was sent of single sign-on; tells whether there was anything.
///
/// # Errors
/// As [`operations::update`].
pub async fn written(
    change: &mut Change<'_>,
    place: (IssuerId, OrganizationId),
    sent: &SsoSent,
    discovery: &Discovery,
) -> Result<bool, Refusal> {
    let Some(sso) = &sent.sso else { return Ok(false) };
    let before = change.reads().connections().find(place.0, place.1).await?.ok_or(Refusal::NotFound)?;
    let mut settings = sso.as_object().cloned();
    let mut secret = None;
    if let Some(settings) = &mut settings {
        secret = settings.remove("client_secret").map(|secret| match secret {
            Value::String(text) => Some(Secret::new(text)),
            _ => None,
        });
        for read_only in ["client_secret_hint", "domains"] {
            settings.remove(read_only);
        }
    }
    let patch = ConnectionPatch { settings, secret, discovery: discovery.clone() };
    operations::update(change, before, patch).await?;
    Ok(true)
}
