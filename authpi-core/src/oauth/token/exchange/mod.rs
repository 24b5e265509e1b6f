//! Token exchange (RFC 8693) for agents that act for users (idp §26.1): under a record of what the user has delegated,
//! never beyond what the user holds, and for five minutes.

mod covering;
mod parties;

use covering::{agreed, allowed, chosen};
use parties::{ActingAgent, Subject, acting_agent, subject};

use super::{Selection, TokenResponse, require_grant};
use crate::client::model::GrantType;
use crate::delegation::model::{ACTIVE_LIMIT, Delegation, DelegationParty, DelegationState};
use crate::delegation::operations as delegations;
use crate::error::Refusal;
use crate::event::model::{Actor as EventActor, EventDraft, Subject as EventSubject};
use crate::id::{DelegationId, MemberId, OrganizationId};
use crate::key::model::Algorithm;
use crate::membership::repository::EffectiveMembership;
use crate::oauth::client_authentication::Requester;
use crate::oauth::gate::Leave;
use crate::oauth::minting::{AGENT_LIFETIME, access_token, new_jti, seconds};
use crate::oauth::model::{AccessClaims, Actor, Dat, OrganizationClaim, Resources, audience};
use crate::oauth::targets::resources_of_exchange;
use crate::oauth::{events, scopes};
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::scope::{Scope, Scopes};
use crate::store::Change;
use crate::web::answer::Answer;
use crate::web::parameters::Parameters;
use crate::web::runtime::{IssuerCall, Step};

/// `grant_type` (RFC 8693 §2.1).
pub(super) const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// The only type of token that is issued, and one that is taken (RFC 8693 §3).
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The id of a record in the place of a token: no secret, it works for the agent that it names alone.
pub(super) const DELEGATION: &str = "urn:authpi:params:oauth:token-type:delegation";

/// One wording for every record that is missing, over, or another agent's.
const UNCOVERED: OAuthError = OAuthError::invalid_grant("No delegation that is in force covers this.");

const UNREACHABLE: OAuthError = OAuthError::new(OAuthCode::AccessDenied, "The organization cannot be selected.");

/// A token with which an agent acts, and what is written when it is handed over.
pub(in crate::oauth) struct Exchange {
    delegation: DelegationId,
    given: Scopes,
    chain_depth: u32,
    actor: EventActor,
    issued: EventDraft,
    response: TokenResponse,
}

pub(super) async fn prepare(
    call: &IssuerCall,
    form: &Parameters,
    requester: Requester,
) -> Result<Step<Exchange>, Refusal> {
    if let Requester::Client(client) = &requester {
        require_grant(client, GrantType::TokenExchange)?;
    }
    if form.get("requested_token_type").is_some_and(|wanted| wanted != ACCESS_TOKEN) {
        return Err(OAuthError::invalid_request("Only access tokens are issued.").into());
    }
    let agent = acting_agent(call, form, requester).await?;
    let subject = subject(call, form).await?;
    let chain = chain(&agent, &subject)?;
    let organization = Selection::of(form).org.map(str::parse::<OrganizationId>).transpose();
    let wanted = agreed(organization.map_err(|_| UNREACHABLE)?, subject.organization()).ok_or(UNREACHABLE)?;
    let requested: Scopes = match Selection::of(form).scope {
        Some(text) => scopes::parse(text)?.into_iter().filter_map(|scope| scope.parse().ok()).collect(),
        None => agent.agent.details.scopes.clone(),
    };
    let delegation = covering(call, &agent, &subject, wanted, &requested).await?;
    let user = subject.user(call, &delegation).await?;
    let membership = match wanted.or(delegation.org_id) {
        Some(selected) => Some(membership(call, &subject, (MemberId::User(user.id), selected)).await?),
        None => None,
    };
    let held = membership.as_ref().map_or(&user.details.scopes, |membership| &membership.scopes);
    let presented = subject.bound();
    let ceilings: Vec<_> = [&delegation.scopes, held].into_iter().chain(presented.as_ref()).collect();
    let given = allowed(&requested, &agent.agent.details.scopes, &ceilings);
    if given.is_empty() {
        let rule = "Nothing of it is allowed to the agent, delegated, and held by the user.";
        return Err(OAuthError::new(OAuthCode::InvalidScope, rule).into());
    }
    let resources = resources_of_exchange(call, agent.client.as_deref(), form).await?;
    let leave = Leave::of_delegation(&delegation, &agent.agent, &user, subject.session(), call.now())?;
    let minting = Minting { call, leave, agent: &agent, subject: &subject, delegation: &delegation, given: &given };
    let claims = minting.claims(chain, membership.as_ref(), &resources)?;
    minting.signed(&claims).await.map(Step::Change)
}

/// Who acts for the user, the newest first. Two agents are the most, and none acts for itself (D169).
fn chain(agent: &ActingAgent, subject: &Subject) -> Result<Actor, OAuthError> {
    const TOO_DEEP: OAuthError = OAuthError::invalid_request("Too many agents, or one of them twice.");
    let before = subject.actor().cloned();
    if before.as_ref().is_some_and(|before| before.act.is_some() || before.sub == agent.agent.id) {
        return Err(TOO_DEEP);
    }
    Ok(Actor { sub: agent.agent.id, act: before.map(Box::new) })
}

/// The record under which the agent acts.
async fn covering(
    call: &IssuerCall,
    agent: &ActingAgent,
    subject: &Subject,
    wanted: Option<OrganizationId>,
    requested: &Scopes,
) -> Result<Delegation, Refusal> {
    let (issuer, reads) = (call.issuer_id(), call.services().store.reads());
    let candidates = match subject {
        Subject::Standing(id) => reads.delegations().find(issuer, *id).await?.into_iter().collect(),
        Subject::Token(token) => {
            let of = DelegationParty::User(token.user.id);
            reads.delegations().active(issuer, of, call.now(), ACTIVE_LIMIT).await?
        }
    };
    let through = match subject {
        Subject::Standing(_) => agent.client.as_ref().map(|client| client.id),
        Subject::Token(token) => token.claims.client_id.parse().ok(),
    };
    let in_force = candidates.into_iter().filter(|known| known.state(call.now()) == DelegationState::Active);
    let found = chosen(in_force.collect(), (agent.agent.id, through, wanted), requested);
    found.ok_or_else(|| UNCOVERED.into())
}

/// What the user is in the selected organization, as far as the client and the login that it comes from may show it.
async fn membership(
    call: &IssuerCall,
    subject: &Subject,
    (user, selected): (MemberId, OrganizationId),
) -> Result<EffectiveMembership, Refusal> {
    let held = call.services().store.reads().memberships().effective_scopes(call.issuer_id(), user).await?;
    let found = held.into_iter().find(|held| held.org_id == selected);
    Ok(found.filter(|held| held.is_in_force() && subject.shows(held)).ok_or(UNREACHABLE)?)
}

struct Minting<'m> {
    call: &'m IssuerCall,
    leave: Leave,
    agent: &'m ActingAgent,
    subject: &'m Subject,
    delegation: &'m Delegation,
    given: &'m Scopes,
}

impl Minting<'_> {
    fn claims(
        &self,
        chain: Actor,
        membership: Option<&EffectiveMembership>,
        resources: &Resources,
    ) -> Result<AccessClaims, Refusal> {
        let (id, now) = (self.agent.agent.id.to_string(), self.call.now().as_seconds());
        let default = self.agent.client.as_ref().and_then(|client| client.details.settings.openid.audience.as_deref());
        let mut shown: Vec<_> = self.given.iter().map(|scope| scope.as_str().to_owned()).collect();
        shown.sort_unstable();
        // Whoever reads the claim sees no more than was delegated.
        let organization = membership.map(|membership| OrganizationClaim {
            id: membership.org_id,
            title: membership.title.clone(),
            scopes: shown,
            joined_at: membership.joined_at.as_seconds(),
        });
        Ok(AccessClaims {
            iss: self.call.iss(),
            sub: self.delegation.user_id.to_string(),
            aud: audience(resources, &Resources::default(), default, &id),
            exp: now + seconds(AGENT_LIFETIME),
            iat: now,
            auth_time: now,
            jti: new_jti(self.call.services())?,
            sid: self.subject.session(),
            client_id: id,
            dat: Some(Dat::Agent),
            act: Some(chain),
            scope: self.given.iter().map(Scope::as_str).collect::<Vec<_>>().join(" "),
            organizations: organization.map(|organization| vec![organization]),
            organizations_truncated: false,
            org_id: membership.map(|membership| membership.org_id),
            delegation_id: Some(self.delegation.id),
            acr: None,
            amr: None,
        })
    }

    async fn signed(&self, claims: &AccessClaims) -> Result<Exchange, Refusal> {
        let (call, user_id) = (self.call, self.delegation.user_id);
        let token = access_token(call.services(), call.issuer_id(), Algorithm::Es256, (claims, &self.leave)).await?;
        let mut response = TokenResponse::access(token, AGENT_LIFETIME, claims.scope.clone());
        response.issued_token_type = Some(ACCESS_TOKEN);
        let mut about = EventSubject::issuer(call.issuer().issuer.account_id, call.issuer_id())
            .agent(self.agent.agent.id)
            .user(user_id)
            .delegation(self.delegation.id);
        if let Some(organization) = claims.org_id {
            about = about.organization(organization);
        }
        let given: Vec<_> = self.given.iter().map(|scope| scope.as_str().to_owned()).collect();
        let mut issued = events::machine_token(about, GRANT, &given, AGENT_LIFETIME);
        if let Some(verifier) = self.agent.verifier {
            issued = issued.with("verifier_id", verifier.to_string());
        }
        let actor = match &self.agent.client {
            Some(client) => EventActor::Client { client_id: client.id },
            None => EventActor::Agent {
                agent_id: self.agent.agent.id,
                user_id: Some(user_id),
                delegation_id: Some(self.delegation.id),
            },
        };
        let chain_depth = if claims.act.as_ref().is_some_and(|act| act.act.is_some()) { 2 } else { 1 };
        let (delegation, given) = (self.delegation.id, self.given.clone());
        Ok(Exchange { delegation, given, chain_depth, actor, issued, response })
    }
}

pub(super) async fn apply(change: &mut Change<'_>, call: &IssuerCall, made: &Exchange) -> Result<Answer, Refusal> {
    let found = change.reads().delegations().find(call.issuer_id(), made.delegation).await?;
    // It may have been taken back while the token was being signed.
    let found = found.filter(|found| found.state(change.now()) == DelegationState::Active).ok_or(UNCOVERED)?;
    change.act_as(made.actor.clone());
    delegations::used(change, &found, &made.given, made.chain_depth).await?;
    change.emit(made.issued.clone())?;
    Ok(made.response.answer())
}
