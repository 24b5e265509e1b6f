//! The tokens of a user: access, ID and refresh token of one grant, as all that they depend on stands now.

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::gate::Leave;
use super::minting::{access_token, algorithm_of, id_token, lifetime, new_jti, refresh_token, seconds};
use super::model::{AccessClaims, ClaimsRequest, Dat, Grant, IdClaims, RefreshClaims, Resources, TokenUse, audience};
use super::organizations::OrganizationsClaim;
use super::token::TokenResponse;
use super::{profile, scopes};
use crate::client::model::{AccessTokenAuthTime, Client, ClientType, GrantType, IdTokenClaims};
use crate::error::Refusal;
use crate::id::MemberId;
use crate::key::model::Algorithm;
use crate::membership::repository::EffectiveMembership;
use crate::oauth_error::OAuthError;
use crate::session::model::UserSession;
use crate::user::model::User;
use crate::web::runtime::IssuerCall;
use crate::web::strength::Strength;

/// What tokens are issued for.
pub(super) struct Issuance<'g> {
    /// To whom.
    pub client: &'g Client,
    /// The session of the client.
    pub session: &'g UserSession,
    /// The one at the issuer that it comes from.
    pub op: &'g UserSession,
    /// What was granted.
    pub grant: &'g Grant,
    /// Scopes of this access token: all of the grant's, or fewer.
    pub scopes: &'g [String],
    /// Resources of this request.
    pub resources: &'g Resources,
    /// Of the authorization request, for the first ID token.
    pub nonce: Option<&'g str>,
}

/// What was issued.
pub(super) struct Issued {
    /// The answer.
    pub response: TokenResponse,
    /// `jti` of the refresh token, and the key that has signed it.
    pub refresh: Option<(String, Uuid)>,
}

/// Signs the tokens of a grant.
///
/// # Errors
/// `invalid_grant` when the user may not sign in, a session has ended, or the user is no active member of the selected
/// organization any more.
pub(super) async fn issue(call: &IssuerCall, of: &Issuance<'_>) -> Result<Issued, Refusal> {
    let (issuer, reads) = (call.issuer_id(), call.services().store.reads());
    let user = reads.users().find(issuer, of.session.user_id).await?;
    let user = user.ok_or(OAuthError::invalid_grant("The user may not sign in."))?;
    let leave = Leave::of_user(&user, of.client, (of.session, of.op), call.now())?;
    let held = reads.memberships().effective_scopes(issuer, MemberId::User(user.id)).await?;
    let selected = of.session.kind.rp().and_then(|rp| rp.org_id);
    let membership = held.iter().find(|held| Some(held.org_id) == selected).cloned();
    let restriction = &of.client.details.settings.organizations;
    let organizations = OrganizationsClaim::of_user(held, restriction, Strength::of(of.session), selected);
    let organizations = organizations.ok_or(OAuthError::invalid_grant("The organization cannot be selected."))?;
    let (ceiling, own) = (&of.client.details.settings.scopes, &user.details.scopes);
    let granted = scopes::for_user(of.scopes, ceiling, own, membership.as_ref().map(scopes_of));
    let minting = Minting { call, of, leave: &leave, user: &user, organizations: &organizations, granted: &granted };
    minting.all().await
}

fn scopes_of(held: &EffectiveMembership) -> &crate::scope::Scopes {
    &held.scopes
}

struct Minting<'m, 'g> {
    call: &'m IssuerCall,
    of: &'m Issuance<'g>,
    leave: &'m Leave,
    user: &'m User,
    organizations: &'m OrganizationsClaim,
    granted: &'m [String],
}

impl Minting<'_, '_> {
    async fn all(&self) -> Result<Issued, Refusal> {
        let (services, issuer) = (self.call.services(), self.call.issuer_id());
        let algorithm = algorithm_of(self.of.client);
        let access = access_token(services, issuer, algorithm, (&self.access_claims()?, self.leave)).await?;
        let expires_in = lifetime(self.of.client.details.settings.openid.access_token_ttl);
        let mut response = TokenResponse::access(access, expires_in, self.granted.join(" "));
        let may_know_who = self.of.client.details.settings.scopes.iter().any(|scope| scope.as_str() == "openid");
        if may_know_who && self.of.grant.binding.has("openid") {
            let claims = self.id_claims(half_hash(algorithm, &response.access_token))?;
            response.id_token = Some(id_token(services, issuer, algorithm, (&claims, self.leave)).await?);
        }
        let mut refresh = None;
        if self.of.client.details.grant_types().contains(&GrantType::RefreshToken) {
            let claims = self.refresh_claims()?;
            let (token, kid) = refresh_token(services, issuer, algorithm, (&claims, self.leave)).await?;
            response.refresh_token = Some(token);
            refresh = Some((claims.jti, kid));
        }
        Ok(Issued { response, refresh })
    }

    fn access_claims(&self) -> Result<AccessClaims, Refusal> {
        let openid = &self.of.client.details.settings.openid;
        let (id, now) = (self.of.client.id.to_string(), self.call.now().as_seconds());
        let login = &self.of.session.details.authentication;
        let shows_login = openid.access_token_auth_time == AccessTokenAuthTime::Login;
        let granted = &self.of.grant.binding.resources;
        // What somebody else's client is set up for was agreed to with the grant, or not at all.
        let is_own = self.of.client.details.kind == ClientType::Internal;
        let default = openid.audience.as_deref().filter(|_| is_own);
        Ok(AccessClaims {
            iss: self.of.grant.binding.iss.clone(),
            sub: self.user.id.to_string(),
            aud: audience(self.of.resources, granted, default, &id),
            exp: now + seconds(lifetime(openid.access_token_ttl)),
            iat: now,
            auth_time: if shows_login { login.authenticated_at.as_seconds() } else { now },
            jti: new_jti(self.call.services())?,
            sid: Some(self.of.session.id),
            client_id: id,
            dat: Some(Dat::Identity),
            act: None,
            scope: self.granted.join(" "),
            organizations: Some(self.organizations.entries.clone()),
            organizations_truncated: self.organizations.truncated,
            org_id: self.of.session.kind.rp().and_then(|rp| rp.org_id),
            delegation_id: None,
            acr: login.acr.clone().filter(|_| shows_login),
            amr: Some(login.amr.clone()).filter(|_| shows_login),
        })
    }

    fn id_claims(&self, at_hash: String) -> Result<IdClaims, Refusal> {
        let openid = &self.of.client.details.settings.openid;
        let now = self.call.now().as_seconds();
        let login = &self.of.session.details.authentication;
        Ok(IdClaims {
            iss: self.of.grant.binding.iss.clone(),
            sub: self.user.id.to_string(),
            aud: self.of.client.id.to_string(),
            exp: now + seconds(lifetime(openid.id_token_ttl)),
            iat: now,
            jti: new_jti(self.call.services())?,
            auth_time: login.authenticated_at.as_seconds(),
            nonce: self.of.nonce.map(str::to_owned),
            sid: self.of.session.id,
            at_hash: Some(at_hash),
            amr: login.amr.clone(),
            acr: login.acr.clone(),
            more: self.more_id_claims(),
        })
    }

    /// What the scope `email` gives, the organizations, and what the `claims` parameter asks for.
    fn more_id_claims(&self) -> Map<String, Value> {
        let settings = &self.of.client.details.settings;
        let none = ClaimsRequest::default();
        let asked = &self.of.grant.binding.claims.as_ref().unwrap_or(&none).id_token;
        let is_full = settings.openid.id_token_claims == IdTokenClaims::Default;
        let email: Vec<String> = self.granted.iter().filter(|scope| is_full && *scope == "email").cloned().collect();
        let mut more = profile::selected(&profile::standard(self.user), &email, asked, &settings.scopes);
        if is_full || asked.contains_key("organizations") {
            let entries = serde_json::to_value(&self.organizations.entries).unwrap_or_default();
            more.insert("organizations".to_owned(), entries);
            if self.organizations.truncated {
                more.insert("organizations_truncated".to_owned(), true.into());
            }
        }
        if let Some(selected) = self.of.session.kind.rp().and_then(|rp| rp.org_id)
            && (is_full || asked.contains_key("org_id"))
        {
            more.insert("org_id".to_owned(), selected.to_string().into());
        }
        more
    }

    fn refresh_claims(&self) -> Result<RefreshClaims, Refusal> {
        let iss = self.of.grant.binding.iss.clone();
        let now = self.call.now().as_seconds();
        let refresh_lifetime = seconds(lifetime(self.of.client.details.settings.openid.refresh_token_ttl));
        Ok(RefreshClaims {
            sub: self.user.id.to_string(),
            aud: iss.clone(),
            iss,
            exp: (now + refresh_lifetime).min(self.of.session.lifetime.expires_at.as_seconds()),
            iat: now,
            jti: new_jti(self.call.services())?,
            sid: self.of.session.id,
            client_id: self.of.client.id.to_string(),
            scope: self.of.grant.binding.scopes.join(" "),
            org_id: self.of.session.kind.rp().and_then(|rp| rp.org_id),
            token_use: TokenUse::Refresh,
        })
    }
}

/// The left half of the hash that belongs to the signature (OpenID Connect Core §3.1.3.6).
fn half_hash(algorithm: Algorithm, token: &str) -> String {
    let hash = match algorithm {
        Algorithm::Es256 | Algorithm::Rs256 => digest(&SHA256, token.as_bytes()),
        Algorithm::EdDsa => digest(&SHA512, token.as_bytes()),
    };
    let bytes = hash.as_ref();
    URL_SAFE_NO_PAD.encode(bytes.get(..bytes.len() / 2).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_access_token_hash_is_that_of_the_standard() {
        // OpenID Connect Core A.3: an RS256-signed ID token beside this access token.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(half_hash(Algorithm::Rs256, token), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(half_hash(Algorithm::EdDsa, token).len(), 43);
    }
}
