//! Bearers of tokens: access tokens and personal tokens, at the Core API and at the host's own routes (conventions §2).

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::access_token::{self, AccessToken, Liveness};
use super::caller::{AccessUse, AccountAccess, Caller, Credential, OrganizationAccess};
use super::personal_token;
use super::services::Services;
use super::strength::Strength;
use crate::client::model::ClientType;
use crate::error::{Refusal, Unauthenticated};
use crate::id::{ClientId, IssuerId, MemberId, UserId};
use crate::issuer::model::{IssuerStatus, RuntimeIssuer};
use crate::membership::repository::EffectiveMembership;
use crate::oauth::model::{AccessClaims, Dat};
use crate::page::{Limit, MAX_LIMIT, PageRequest};
use crate::rights::Rights;
use crate::scope::{Reading, Scopes};
use crate::token::model::{PREFIX, Verdict};

/// Where a credential is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The Core API.
    Core,
    /// The host's own routes.
    Host,
}

/// The token is not accepted, for whatever reason.
const REFUSED: Refusal = Refusal::Unauthenticated(Unauthenticated::Bearer);

/// Who bears a token. Its prefix tells the kind.
///
/// # Errors
/// [`Refusal::Unauthenticated`]; [`Refusal::AccessDenied`] for an address outside the token's allowlist, and for machines
/// at the Core API.
pub(super) async fn caller(services: &Services, text: &str, address: IpAddr, place: Place) -> Result<Caller, Refusal> {
    if text.starts_with(PREFIX) {
        return by_personal_token(services, text, address).await;
    }
    let token = AccessToken::of(services, text).await?.ok_or(REFUSED)?;
    let claims = token.claims(services).await?.ok_or(REFUSED)?;
    match place {
        Place::Core => in_core(services, token.issuer(), claims).await,
        Place::Host => {
            let issuer = services.runtime_issuer(token.issuer()).await?.ok_or(REFUSED)?;
            at_host(services, &issuer, claims).ok_or(REFUSED)
        }
    }
}

/// Who bears an access token at the host's own routes, by what this process holds: neither the store is asked nor a task
/// begun. `None` for whatever is not accepted, or not known well enough.
pub fn at_once(services: &Services, text: &str) -> Option<Caller> {
    let token = AccessToken::at_once(services, text)?;
    let look = services.keys.look(token.issuer(), services.now());
    let issuer = services.issuers.find(token.issuer()).filter(|known| known.is_true_at(look))?;
    at_host(services, &issuer, token.claims_at_once(services)?)
}

/// Who bears a genuine access token at the host's own routes: what they may do is what the token says.
fn at_host(services: &Services, of: &RuntimeIssuer, claims: AccessClaims) -> Option<Caller> {
    let issuer = &of.issuer;
    if issuer.status.value != IssuerStatus::Active || !services.options.host.takes(issuer.id, &claims) {
        return None;
    }
    let token = AccessUse::new(claims)?;
    let organizations = token.claims.organizations.iter().flatten().map(|held| OrganizationAccess {
        org_id: held.id,
        scopes: held.scopes.iter().filter_map(|scope| scope.parse().ok()).collect(),
    });
    Some(Caller {
        tenant: issuer.account_id,
        issuer_id: issuer.id,
        event_context: issuer.details.settings.event_context(),
        limited_key: None,
        accounts: Vec::new(),
        organizations: organizations.collect(),
        credential: Credential::AccessToken(Box::new(token)),
    })
}

/// Who bears a genuine access token at the Core API: a user of the platform, with what they hold now. Machines use API
/// keys there. A client that is not the platform's own must have asked for the Core API, and its tokens are good for
/// their scopes alone: signing in to some application does not hand it one's accounts.
async fn in_core(services: &Services, issuer: IssuerId, claims: AccessClaims) -> Result<Caller, Refusal> {
    let token = AccessUse::new(claims).ok_or(REFUSED)?;
    let claims = &token.claims;
    let Some(user) = token.user().filter(|_| claims.dat == Some(Dat::Identity) && claims.act.is_none()) else {
        return Err(Refusal::AccessDenied("Machines use API keys at this API."));
    };
    let platform = services.platform().await?.filter(|platform| platform.issuer_id == issuer).ok_or(REFUSED)?;
    let of = services.runtime_issuer(platform.issuer_id).await?.ok_or(REFUSED)?;
    let client: ClientId = claims.client_id.parse().map_err(|_| REFUSED)?;
    let client = services.store.reads().clients().find(issuer, client).await?.ok_or(REFUSED)?;
    let is_own = client.details.kind == ClientType::Internal;
    if !is_own && !claims.aud.names(services.urls.base()) {
        return Err(REFUSED);
    }
    match access_token::liveness(services, issuer, claims).await? {
        Liveness::Alive => {}
        Liveness::SessionEnded => return Err(Refusal::Unauthenticated(Unauthenticated::SessionEnded)),
        Liveness::Dead => return Err(REFUSED),
    }
    let sessions = services.store.reads().sessions();
    let session = sessions.find(issuer, claims.sid.ok_or(REFUSED)?).await?.ok_or(REFUSED)?;
    let strength = Strength::of(&session);
    let restriction = &client.details.settings.organizations;
    let shows = |held: &EffectiveMembership| restriction.shows(claims.org_id, held.org_id) && strength.satisfies(held);
    let held = services.store.reads().memberships().effective_scopes(issuer, MemberId::User(user)).await?;
    let held = held.into_iter().filter(shows).collect();
    let token = if is_own { token.unbound() } else { token };
    let (accounts, organizations) = memberships(services, issuer, held, token.bound()).await?;
    Ok(Caller {
        tenant: of.issuer.account_id,
        issuer_id: issuer,
        event_context: of.issuer.details.settings.event_context(),
        limited_key: None,
        accounts,
        organizations,
        credential: Credential::AccessToken(Box::new(token)),
    })
}

async fn by_personal_token(services: &Services, text: &str, address: IpAddr) -> Result<Caller, Refusal> {
    let Ok(found) = personal_token::genuine(services, text).await? else { return Err(REFUSED) };
    match found.token.verdict(Some(address), services.now()) {
        Verdict::Accepted => {}
        Verdict::AddressRefused => return Err(Refusal::AccessDenied("The token may not be used from this address.")),
        _ => return Err(REFUSED),
    }
    let token = &found.token;
    let holder: UserId = token.user_id;
    let held = services.store.reads().memberships().effective_scopes(token.issuer_id, MemberId::User(holder)).await?;
    let limit = Some(&token.restrictions.scopes);
    let (accounts, organizations) = memberships(services, token.issuer_id, held, limit).await?;
    Ok(Caller {
        tenant: token.account_id,
        issuer_id: token.issuer_id,
        event_context: found.event_context,
        limited_key: None,
        accounts,
        organizations,
        credential: Credential::PersonalToken(personal_token::used(services, &found, Some(address)).await?),
    })
}

/// Organizations that are asked about at a time.
const AT_A_TIME: usize = MAX_LIMIT as usize;

/// What memberships come to, as far as a limit lets them. Only organizations of the platform issuer can be those of
/// accounts.
///
/// # Security
/// Of somebody who is a member of more than
/// [`EFFECTIVE_MEMBERSHIPS`](crate::membership::repository::EFFECTIVE_MEMBERSHIPS) organizations the first by id count,
/// and the token gives nothing in the others: what one request loads has a bound.
async fn memberships(
    services: &Services,
    issuer: IssuerId,
    held: Vec<EffectiveMembership>,
    limit: Option<&Scopes>,
) -> Result<(Vec<AccountAccess>, Vec<OrganizationAccess>), Refusal> {
    let reads = services.store.reads();
    let platform = services.platform().await?.filter(|platform| platform.issuer_id == issuer);
    let mut of_accounts = BTreeSet::new();
    for some in held.chunks(AT_A_TIME).filter(|_| platform.is_some()) {
        let among: Vec<_> = some.iter().map(|held| held.org_id.account()).collect();
        let page = PageRequest { limit: Limit::new(MAX_LIMIT).unwrap_or_default(), after: None };
        let found = reads.accounts().list(&among, &page).await?;
        of_accounts.extend(found.items.iter().map(|account| account.id.organization()));
    }
    let (mut accounts, mut organizations) = (Vec::new(), Vec::new());
    for EffectiveMembership { org_id, scopes, .. } in held.into_iter().filter(EffectiveMembership::is_in_force) {
        if of_accounts.contains(&org_id) {
            let all = Rights::of_member(&scopes);
            let rights = limit.map_or(all.clone(), |limit| all.within(limit));
            organizations.push(OrganizationAccess { org_id, scopes: rights.to_scopes() });
            accounts.push(AccountAccess { account_id: org_id.account(), rights });
        } else {
            let scopes = limit.map_or(scopes.clone(), |limit| scopes.meet(limit, Reading::Application));
            organizations.push(OrganizationAccess { org_id, scopes });
        }
    }
    Ok((accounts, organizations))
}
