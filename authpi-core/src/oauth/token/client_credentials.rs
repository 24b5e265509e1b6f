//! `client_credentials` (RFC 6749 §4.4): machines that work for themselves. No session, no refresh token.

use super::{Selection, TokenResponse, require_grant};
use crate::agent::model::Agent;
use crate::client::model::{Client, GrantType};
use crate::error::Refusal;
use crate::event::model::{EventDraft, Subject};
use crate::id::{MemberId, OrganizationId, VerifierId};
use crate::key::model::Algorithm;
use crate::oauth::client_authentication::Requester;
use crate::oauth::gate::Leave;
use crate::oauth::minting::{AGENT_LIFETIME, access_token, algorithm_of, lifetime as chosen, new_jti, seconds};
use crate::oauth::model::{AccessClaims, Dat, Resources, audience};
use crate::oauth::organizations::OrganizationsClaim;
use crate::oauth::targets::{resources_of_agent, resources_of_client};
use crate::oauth::{events, scopes};
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::web::answer::Answer;
use crate::web::parameters::Parameters;
use crate::web::runtime::IssuerCall;

/// Answers the grant. Its event is durable before the answer leaves.
pub(super) async fn answer(call: &IssuerCall, form: &Parameters, requester: Requester) -> Result<Answer, Refusal> {
    match &requester {
        Requester::Client(client) => of_client(call, form, &requester, client).await,
        Requester::Agent(agent, verifier) => of_agent(call, form, &requester, (agent, *verifier)).await,
    }
}

async fn of_client(
    call: &IssuerCall,
    form: &Parameters,
    requester: &Requester,
    client: &Client,
) -> Result<Answer, Refusal> {
    require_grant(client, GrantType::ClientCredentials)?;
    let leave = Leave::of_client(client)?;
    let selection = Selection::of(form);
    if selection.org.is_some() {
        return Err(OAuthError::invalid_request("Only agents select an organization here.").into());
    }
    let openid = &client.details.settings.openid;
    let granted = scopes::for_machine(selection.scope, &client.details.settings.scopes)?;
    let resources = resources_of_client(call.issuer(), client, form)?;
    let (id, now) = (client.id.to_string(), call.now().as_seconds());
    let lifetime = chosen(openid.access_token_ttl);
    let claims = AccessClaims {
        iss: call.iss(),
        sub: id.clone(),
        aud: audience(&resources, &Resources::default(), openid.audience.as_deref(), &id),
        exp: now + seconds(lifetime),
        iat: now,
        auth_time: now,
        jti: new_jti(call.services())?,
        sid: None,
        client_id: id,
        dat: None,
        act: None,
        scope: granted.join(" "),
        organizations: None,
        organizations_truncated: false,
        org_id: None,
        delegation_id: None,
        acr: None,
        amr: None,
    };
    let subject = Subject::issuer(call.issuer().issuer.account_id, call.issuer_id()).client(client.id);
    let issued = events::machine_token(subject, "client_credentials", &granted, lifetime);
    finish(call, requester, algorithm_of(client), (&claims, &leave, lifetime), issued).await
}

async fn of_agent(
    call: &IssuerCall,
    form: &Parameters,
    requester: &Requester,
    (agent, verifier): (&Agent, VerifierId),
) -> Result<Answer, Refusal> {
    let leave = Leave::of_agent(agent)?;
    let selection = Selection::of(form);
    let granted = scopes::for_machine(selection.scope, &agent.details.scopes)?;
    let resources = resources_of_agent(call, form).await?;
    let selected = selection.org.map(str::parse::<OrganizationId>).transpose().map_err(|_| UNKNOWN_ORGANIZATION)?;
    let reads = call.services().store.reads();
    let held = reads.memberships().effective_scopes(call.issuer_id(), MemberId::Agent(agent.id)).await?;
    let organizations = OrganizationsClaim::of_agent(held, selected).ok_or(UNKNOWN_ORGANIZATION)?;
    let (id, now) = (agent.id.to_string(), call.now().as_seconds());
    let claims = AccessClaims {
        iss: call.iss(),
        sub: id.clone(),
        aud: audience(&resources, &Resources::default(), None, &id),
        exp: now + seconds(AGENT_LIFETIME),
        iat: now,
        auth_time: now,
        jti: new_jti(call.services())?,
        sid: None,
        client_id: id,
        dat: Some(Dat::Agent),
        act: None,
        scope: granted.join(" "),
        organizations_truncated: organizations.truncated,
        organizations: Some(organizations.entries).filter(|entries| !entries.is_empty()),
        org_id: selected,
        delegation_id: None,
        acr: None,
        amr: None,
    };
    let mut subject = Subject::issuer(call.issuer().issuer.account_id, call.issuer_id()).agent(agent.id);
    if let Some(organization) = selected {
        subject = subject.organization(organization);
    }
    let issued = events::machine_token(subject, "client_credentials", &granted, AGENT_LIFETIME)
        .with("verifier_id", verifier.to_string());
    finish(call, requester, Algorithm::Es256, (&claims, &leave, AGENT_LIFETIME), issued).await
}

const UNKNOWN_ORGANIZATION: OAuthError =
    OAuthError::new(OAuthCode::AccessDenied, "The organization cannot be selected.");

/// Signs, writes the event, answers.
async fn finish(
    call: &IssuerCall,
    requester: &Requester,
    algorithm: Algorithm,
    (claims, leave, lifetime): (&AccessClaims, &Leave, u32),
    issued: EventDraft,
) -> Result<Answer, Refusal> {
    let token = access_token(call.services(), call.issuer_id(), algorithm, (claims, leave)).await?;
    call.services().append(call.origin(requester.actor()), call.issuer_id(), issued).await?;
    Ok(TokenResponse::access(token, lifetime, claims.scope.clone()).answer())
}
