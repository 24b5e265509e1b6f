//! Endpoints of an issuer that need no credential: discovery and keys (idp §3 and §13).

use std::sync::Arc;

use async_trait::async_trait;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{Method, StatusCode};
use utoipa::ToSchema;

use super::authorization::Authorize;
use super::check_session::{Check, Frame};
use super::consents::RevokeConsent;
use super::discovery::OpenIdConfiguration;
use super::introspection::Introspect;
use super::keyinfo::GetKeyInfo;
use super::logout::Logout;
use super::revocation::Revoke;
use super::token::Token;
use super::userinfo::UserInfo;
use crate::error::Refusal;
use crate::hostname::Hostname;
use crate::id::IssuerId;
use crate::key::published::{Cached, Configuration, Document};
use crate::store::Reads;
use crate::timestamp::Timestamp;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::{Operation, Read};
use crate::web::issuer_keys::key_set;
use crate::web::route::{RateClass, Route};
use crate::web::services::Services;

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    let documents = [
        Discovery {
            path: "/{issuer_id}/.well-known/openid-configuration",
            name: "getOpenIdConfiguration",
            summary: "Get the discovery document",
        },
        Discovery {
            path: "/{issuer_id}/.well-known/oauth-authorization-server",
            name: "getAuthorizationServerMetadata",
            summary: "Get the discovery document, as RFC 8414 names it",
        },
        Discovery {
            path: "/.well-known/oauth-authorization-server/{issuer_id}",
            name: "getAuthorizationServerMetadataAtRoot",
            summary: "Get the discovery document, where RFC 8414 looks for it",
        },
    ];
    let mut routes: Vec<_> = documents.into_iter().map(Operation::read).collect();
    routes.extend([Operation::read(Jwks), Operation::runtime(Token)]);
    routes.extend([Operation::runtime(Introspect), Operation::runtime(Revoke), Operation::runtime(RevokeConsent)]);
    routes.extend([Method::GET, Method::POST].map(|method| Operation::runtime(UserInfo { method })));
    routes.extend([Method::GET, Method::POST].map(|method| Operation::runtime(Authorize { method })));
    routes.extend([Method::GET, Method::POST].map(|method| Operation::runtime(Logout { method })));
    routes.extend([Operation::runtime(Frame), Operation::runtime(Check), Operation::runtime(GetKeyInfo)]);
    routes
}

fn open(path: &'static str) -> Route {
    Route::get(path).public().rate(RateClass::Discovery).conditional()
}

fn published(document: &Document, cache_control: &str) -> Answer {
    let mut answer = Answer::empty(StatusCode::OK);
    answer.body = document.body.clone().into();
    answer.header(CONTENT_TYPE, "application/json").header(ETAG, &document.etag).header(CACHE_CONTROL, cache_control)
}

/// `getOpenIdConfiguration` and its two other names
struct Discovery {
    path: &'static str,
    name: &'static str,
    summary: &'static str,
}

#[async_trait]
impl Read for Discovery {
    fn route(&self) -> Route {
        open(self.path)
            .named(self.name, self.summary)
            .about("discovery", "document")
            .answers_bare::<OpenIdConfiguration>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer,) = call.path()?;
        let configuration = configuration(call.services(), reads, issuer).await?;
        let Some(site) = call.site() else { return Ok(published(&configuration.document, CACHED)) };
        if let Some(known) = configuration.at(site) {
            return Ok(published(&known, CACHED));
        }
        let (_, document) = document(call.services(), reads, issuer, Some(site)).await?;
        configuration.keep_at(site.clone(), document.clone());
        Ok(published(&document, CACHED))
    }
}

/// Clients keep discovery documents (D19).
const CACHED: &str = "public, max-age=3600, stale-while-revalidate=86400";

/// The discovery document, serialized once per version and URL of the issuer. An issuer that nobody uses gets no keys by it.
async fn configuration(
    services: &Services,
    reads: &dyn Reads,
    issuer: IssuerId,
) -> Result<Arc<Cached<Configuration>>, Refusal> {
    let configurations = services.keys.configurations();
    let look = services.keys.look(issuer, services.now());
    let known = configurations.find(issuer);
    if let Some(configuration) = known.as_ref().filter(|known| known.is_true_at(look)) {
        return Ok(Arc::clone(configuration));
    }
    let Some(version) = reads.signing_keys().version(issuer).await? else {
        configurations.remove(issuer);
        return Err(Refusal::NotFound);
    };
    if let Some(configuration) = known.filter(|known| known.issuer_updated_at == version.issuer_updated_at) {
        configuration.confirm(look);
        return Ok(configuration);
    }
    let (issuer_updated_at, document) = document(services, reads, issuer, None).await?;
    Ok(configurations.keep(issuer, Configuration::new(issuer_updated_at, document), look))
}

/// The document as it is at the base, or at a domain, with the version of the issuer.
async fn document(
    services: &Services,
    reads: &dyn Reads,
    issuer: IssuerId,
    site: Option<&Hostname>,
) -> Result<(Timestamp, Document), Refusal> {
    let found = reads.issuers().public(issuer).await?.ok_or(Refusal::NotFound)?;
    let document = Document::of(&OpenIdConfiguration::new(&found, &services.urls.issuer_at(site, issuer)));
    Ok((found.updated_at, document.map_err(Refusal::internal)?))
}

/// The public signing keys of an issuer, as RFC 7517 writes them.
#[derive(ToSchema)]
#[schema(as = IssuerJWKS)]
#[allow(dead_code, reason = "states the schema only")]
struct IssuerJwks {
    /// In no order that means anything.
    keys: Vec<IssuerJwk>,
}

/// A public signing key: `crv`, `x` and, for `EC`, `y`; or `n` and `e`.
#[derive(ToSchema)]
#[schema(as = IssuerJWK)]
#[allow(dead_code, reason = "states the schema only")]
struct IssuerJwk {
    #[schema(inline)]
    kty: KeyType,
    #[schema(inline)]
    alg: KeyAlgorithm,
    /// `sig`
    #[schema(rename = "use")]
    usage: String,
    /// Opaque, matched exactly.
    #[schema(value_type = String, format = "uuid")]
    kid: uuid::Uuid,
    /// `P-256` or `Ed25519`
    #[schema(nullable = false)]
    crv: Option<String>,
    #[schema(nullable = false)]
    x: Option<String>,
    #[schema(nullable = false)]
    y: Option<String>,
    #[schema(nullable = false)]
    n: Option<String>,
    #[schema(nullable = false)]
    e: Option<String>,
    ext: bool,
}

#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
enum KeyType {
    #[schema(rename = "EC")]
    Ec,
    #[schema(rename = "OKP")]
    Okp,
    #[schema(rename = "RSA")]
    Rsa,
}

#[derive(ToSchema)]
#[allow(dead_code, reason = "states the schema only")]
enum KeyAlgorithm {
    #[schema(rename = "ES256")]
    Es256,
    #[schema(rename = "EdDSA")]
    EdDsa,
    #[schema(rename = "RS256")]
    Rs256,
}

/// `getJwks`
struct Jwks;

#[async_trait]
impl Read for Jwks {
    fn route(&self) -> Route {
        open("/{issuer_id}/jwks.json")
            .named("getJwks", "Get the public signing keys")
            .about("discovery", "document")
            .answers_bare::<IssuerJwks>()
    }

    async fn answer(&self, _reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer,) = call.path()?;
        let set = key_set(call.services(), issuer).await?;
        Ok(published(set.document(), "public, max-age=300, stale-while-revalidate=3600"))
    }
}
