//! Which resources a caller may name (idp §9).

use super::model::{InvalidResources, Resources};
use crate::client::model::Client;
use crate::error::Refusal;
use crate::issuer::model::RuntimeIssuer;
use crate::issuer::model::security::ResourcePolicy;
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::web::parameters::Parameters;
use crate::web::runtime::IssuerCall;

const INVALID: OAuthError = OAuthError::new(OAuthCode::InvalidTarget, "A resource is malformed or not allowed.");

const fn wrong(invalid: InvalidResources) -> OAuthError {
    match invalid {
        InvalidResources::Malformed => INVALID,
        // A limit of requests, as others are (D23).
        InvalidResources::TooMany => OAuthError::invalid_request("There are too many resources."),
    }
}

/// The resources of a client's request.
///
/// # Errors
/// `invalid_target` for one that the client may not name, and for none where the client must name one; `invalid_request`
/// for too many.
pub(super) fn resources_of_client(
    issuer: &RuntimeIssuer,
    client: &Client,
    parameters: &Parameters,
) -> Result<Resources, OAuthError> {
    let resources = Resources::parse(parameters.all("resource")).map_err(wrong)?;
    check_client(issuer, client, &resources)?;
    Ok(resources)
}

/// The resources of an agent's request: where the issuer wants them listed, what some client of it lists.
///
/// # Errors
/// `invalid_target`; [`Refusal::Store`].
pub(super) async fn resources_of_agent(call: &IssuerCall, parameters: &Parameters) -> Result<Resources, Refusal> {
    let resources = Resources::parse(parameters.all("resource")).map_err(wrong)?;
    check_agent(call, &resources).await?;
    Ok(resources)
}

/// The resources of an exchange, where `audience` is one more of them (RFC 8693 §2.1): what whoever calls may name.
///
/// # Errors
/// `invalid_target`; [`Refusal::Store`].
pub(super) async fn resources_of_exchange(
    call: &IssuerCall,
    client: Option<&Client>,
    parameters: &Parameters,
) -> Result<Resources, Refusal> {
    let named = parameters.all("resource").chain(parameters.all("audience"));
    let resources = Resources::parse(named).map_err(wrong)?;
    match client {
        Some(client) => check_client(call.issuer(), client, &resources)?,
        None => check_agent(call, &resources).await?,
    }
    Ok(resources)
}

fn check_client(issuer: &RuntimeIssuer, client: &Client, resources: &Resources) -> Result<(), OAuthError> {
    let openid = &client.details.settings.openid;
    let is_free = openid.allowed_resources.is_empty() && !wants_them_listed(issuer);
    if !is_free && !resources.are_among(&openid.allowed_resources) {
        return Err(INVALID);
    }
    if resources.is_empty() && openid.require_resource {
        return Err(OAuthError::new(OAuthCode::InvalidTarget, "The client must name a resource."));
    }
    Ok(())
}

async fn check_agent(call: &IssuerCall, resources: &Resources) -> Result<(), Refusal> {
    if wants_them_listed(call.issuer()) && !resources.is_empty() {
        let clients = call.services().store.reads().clients().active_details(call.issuer_id()).await?;
        let known: Vec<_> = clients.into_iter().flat_map(|client| client.settings.openid.allowed_resources).collect();
        if !resources.are_among(&known) {
            return Err(INVALID.into());
        }
    }
    Ok(())
}

fn wants_them_listed(issuer: &RuntimeIssuer) -> bool {
    issuer.issuer.details.settings.security.resources == ResourcePolicy::Listed
}
