//! The request that tells a client that a session of its has ended (OpenID Connect Back-Channel Logout 1.0 §2.5).

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method};
use url::Url;

use super::minting::{algorithm_of, logout_token, new_jti};
use super::model::{LogoutClaims, LogoutEvents};
use crate::client::model::ClientStatus;
use crate::error::Refusal;
use crate::id::IssuerId;
use crate::logout::model::{LogoutNotice, TIMEOUT};
use crate::store::Reads;
use crate::transport::OutgoingRequest;
use crate::web::services::Services;

/// How long a logout token is good, in seconds.
const LIFETIME: i64 = 120;

/// Bytes of the answer that are read, to be dropped.
const ANSWER_LIMIT: usize = 64 * 1024;

/// The request, with a token of its own; `None` when the client is gone, disabled, or does not want to be told any more.
///
/// # Errors
/// [`Refusal::Store`]; [`Refusal::Internal`] when a stored value does not fit into a request; as
/// [`signer`](crate::web::issuer_keys::signer).
pub async fn request(services: &Services, notice: &LogoutNotice) -> Result<Option<OutgoingRequest>, Refusal> {
    let (reads, issuer) = (services.store.reads(), notice.issuer_id);
    let client = reads.clients().find(issuer, notice.client_id).await?;
    let Some(client) = client.filter(|client| client.status.value == ClientStatus::Active) else { return Ok(None) };
    let Some(uri) = client.details.settings.openid.backchannel_logout_uri.as_deref() else { return Ok(None) };
    let url = Url::parse(uri).map_err(Refusal::internal)?;
    let grant = reads.grants().grant(issuer, notice.session_id).await?;
    let now = services.now().as_seconds();
    let claims = LogoutClaims {
        iss: current_iss(services, reads, issuer, grant.map(|grant| grant.binding.iss)).await?,
        sub: notice.user_id.to_string(),
        aud: notice.client_id.to_string(),
        exp: now + LIFETIME,
        iat: now,
        jti: new_jti(services)?,
        sid: notice.session_id,
        events: LogoutEvents::default(),
    };
    let token = match logout_token(services, issuer, algorithm_of(&client), &claims).await {
        Ok(token) => token,
        // The issuer is being deleted: nothing is signed in its name any more.
        Err(Refusal::NotFound) => return Ok(None),
        Err(refusal) => return Err(refusal),
    };
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    Ok(Some(OutgoingRequest {
        method: Method::POST,
        url,
        headers: HeaderMap::from_iter([(CONTENT_TYPE, form)]),
        // A token is of characters that stand in a form as they are.
        body: Bytes::from(format!("logout_token={token}")),
        timeout: TIMEOUT,
        answer_limit: ANSWER_LIMIT,
    }))
}

/// The name under which a session began, unless that is another issuer's by now (D3).
pub(super) async fn current_iss(
    services: &Services,
    reads: &dyn Reads,
    issuer: IssuerId,
    iss: Option<String>,
) -> Result<String, Refusal> {
    match iss {
        Some(iss) if services.issuer_named_in(reads, &iss).await? == Some(issuer) => Ok(iss),
        _ => Ok(services.urls.issuer(issuer)),
    }
}
