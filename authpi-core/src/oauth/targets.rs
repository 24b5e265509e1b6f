//! Which resources a caller may name (idp §9).

use super::model::Resources;
use crate::client::model::Client;
use crate::error::Refusal;
use crate::issuer::model::RuntimeIssuer;
use crate::issuer::model::security::ResourcePolicy;
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::web::parameters::Parameters;
use crate::web::runtime::IssuerCall;

const INVALID: OAuthError = OAuthError::new(OAuthCode::InvalidTarget, "A resource is malformed or not allowed.");

/// The resources of a client's request.
///
/// # Errors
/// `invalid_target` for one that the client may not name, and for none where the client must name one.
pub(super) fn resources_of_client(
    issuer: &RuntimeIssuer,
    client: &Client,
    parameters: &Parameters,
) -> Result<Resources, OAuthError> {
    let resources = Resources::parse(parameters.all("resource")).map_err(|_| INVALID)?;
    let openid = &client.details.settings.openid;
    let listed = issuer.issuer.details.settings.security.resources == ResourcePolicy::Listed;
    let is_free = openid.allowed_resources.is_empty() && !listed;
    if !is_free && !resources.are_among(&openid.allowed_resources) {
        return Err(INVALID);
    }
    if resources.is_empty() && openid.require_resource {
        return Err(OAuthError::new(OAuthCode::InvalidTarget, "The client must name a resource."));
    }
    Ok(resources)
}

/// The resources of an agent's request: where the issuer wants them listed, what some client of it lists.
///
/// # Errors
/// `invalid_target`; [`Refusal::Store`].
pub(super) async fn resources_of_agent(call: &IssuerCall, parameters: &Parameters) -> Result<Resources, Refusal> {
    let resources = Resources::parse(parameters.all("resource")).map_err(|_| INVALID)?;
    let listed = call.issuer().issuer.details.settings.security.resources == ResourcePolicy::Listed;
    if listed && !resources.is_empty() {
        let clients = call.services().store.reads().clients().active_details(call.issuer_id()).await?;
        let known: Vec<_> = clients.into_iter().flat_map(|client| client.settings.openid.allowed_resources).collect();
        if !resources.are_among(&known) {
            return Err(INVALID.into());
        }
    }
    Ok(resources)
}
