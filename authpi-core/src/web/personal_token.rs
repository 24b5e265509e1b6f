//! Personal tokens as credentials: verified, and watched for addresses they were never used from.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use super::services::Services;
use crate::error::Refusal;
use crate::event::model::{EventDraft, Subject};
use crate::id::{AccountId, IssuerId, TokenId, UserId};
use crate::key::model::{Jws, VerifyingKey};
use crate::network::rate_limit_group;
use crate::outcome::InsertOutcome;
use crate::retries::Retries;
use crate::scope::Scopes;
use crate::timestamp::Timestamp;
use crate::token::events;
use crate::token::model::{PREFIX, TYP, TokenAuthentication, TokenClaims};

/// Why a text is no personal token that one could ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidToken {
    /// Not of the form of one.
    Malformed,
    /// Not signed by the issuer that it names, or there is no such issuer.
    Signature,
    /// Signed by this issuer, and past its time.
    Expired {
        /// The issuer.
        issuer_id: IssuerId,
    },
    /// Signed, and deleted since.
    Unknown,
}

/// Whose key is to verify a token.
#[derive(Deserialize)]
struct Claimed {
    iss: String,
}

/// The token that a text is: signature first, then what is stored of it. What its status means is for the caller to say.
///
/// # Errors
/// [`Refusal::Store`] and [`Refusal::Internal`]; what is wrong with the text is an answer.
pub async fn genuine(services: &Services, text: &str) -> Result<Result<TokenAuthentication, InvalidToken>, Refusal> {
    let (issuer_id, claims) = match signed_claims(services, text).await? {
        Ok(signed) => signed,
        Err(invalid) => return Ok(Err(invalid)),
    };
    if claims.exp <= services.now().as_seconds() {
        return Ok(Err(InvalidToken::Expired { issuer_id }));
    }
    let found = services.store.reads().personal_tokens().authentication(claims.sub).await?;
    let found = found.filter(|found| found.token.issuer_id == issuer_id && claims.is_of(&found.token));
    Ok(found.ok_or(InvalidToken::Unknown))
}

/// What a token says, and the issuer that has signed it.
async fn signed_claims(
    services: &Services,
    text: &str,
) -> Result<Result<(IssuerId, TokenClaims), InvalidToken>, Refusal> {
    let Some(jws) = text.strip_prefix(PREFIX).and_then(|jwt| Jws::parse(jwt).ok()) else {
        return Ok(Err(InvalidToken::Malformed));
    };
    let (Some(TYP), Some(kid), Ok(claimed)) = (jws.typ(), jws.kid(), jws.unverified::<Claimed>()) else {
        return Ok(Err(InvalidToken::Malformed));
    };
    let Some(issuer) = services.issuer_named(&claimed.iss).await? else { return Ok(Err(InvalidToken::Signature)) };
    // Withdrawn keys, too: a token may live longer than any key is published (idp §13).
    let Some(key) = services.store.reads().signing_keys().find(issuer, kid).await? else {
        return Ok(Err(InvalidToken::Signature));
    };
    let key = VerifyingKey::new(&key.public).map_err(Refusal::internal)?;
    Ok(jws.verified(&key).map(|claims| (issuer, claims)).map_err(|_| InvalidToken::Signature))
}

/// A token in use, as its events tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUse {
    /// The token.
    pub token_id: TokenId,
    /// Whose it is.
    pub user_id: UserId,
    /// Where they live.
    pub issuer_id: IssuerId,
    /// Account of the issuer.
    pub account_id: AccountId,
    /// What it is cut to.
    pub scopes: Scopes,
    /// It had never been used from this address before.
    pub new_ip: bool,
}

impl TokenUse {
    /// `user.personal-token.verified`
    pub fn verified(&self, surface: &str) -> EventDraft {
        let subject = Subject::issuer(self.account_id, self.issuer_id).user(self.user_id).token(self.token_id);
        events::verified(subject, &self.scopes, surface, self.new_ip)
    }
}

/// Notes the use of an accepted token from an address, where that is known.
///
/// # Errors
/// [`Refusal::Store`], and [`Refusal::Internal`] without a root key.
pub async fn used(
    services: &Services,
    accepted: &TokenAuthentication,
    address: Option<IpAddr>,
) -> Result<TokenUse, Refusal> {
    let token = &accepted.token;
    let new_ip = match address {
        Some(address) => is_new(services, token.issuer_id, token.id, address).await?,
        None => false,
    };
    Ok(TokenUse {
        token_id: token.id,
        user_id: token.user_id,
        issuer_id: token.issuer_id,
        account_id: token.account_id,
        scopes: token.restrictions.scopes.clone(),
        new_ip,
    })
}

/// The token was never used from this address, or not among its last 100 (events-webhooks §14).
async fn is_new(services: &Services, issuer: IssuerId, token: TokenId, address: IpAddr) -> Result<bool, Refusal> {
    const PURPOSE: &str = "personal-token-address";
    let root = services.root(issuer).await?.ok_or_else(|| Refusal::internal("an issuer has no root key"))?;
    let hash = root.key.mac(PURPOSE, rate_limit_group(address).to_string().as_bytes());
    let now = services.now();
    if services.token_addresses.knows(token, &hash, now) {
        return Ok(false);
    }
    let mut retries = Retries::new();
    let outcome = loop {
        if let Some(ended) = retries.ended(remember(services, issuer, token, &hash).await) {
            break ended?;
        }
    };
    services.token_addresses.keep(token, hash, now);
    Ok(outcome == InsertOutcome::Inserted)
}

async fn remember(
    services: &Services,
    issuer: IssuerId,
    token: TokenId,
    hash: &[u8; 32],
) -> Result<InsertOutcome, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    let outcome = unit.personal_tokens().remember_address(issuer, token, hash).await?;
    unit.commit().await?;
    Ok(outcome)
}

/// Tokens of which addresses are held in memory.
const TOKENS: usize = 10_000;

/// Addresses of one token that are held in memory: what a token is normally used from.
const ADDRESSES: usize = 16;

/// The store is told so often that an address is still in use.
const TOLD_EVERY: Duration = Duration::from_hours(24);

/// Addresses that the store knows already, so that the use of a token need not ask it.
#[derive(Default)]
pub struct TokenAddresses(Mutex<HashMap<TokenId, HashMap<[u8; 32], Timestamp>>>);

impl TokenAddresses {
    fn knows(&self, token: TokenId, address: &[u8; 32], now: Timestamp) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told_at = known.get(&token).and_then(|addresses| addresses.get(address));
        told_at.is_some_and(|told_at| now.since(*told_at) < TOLD_EVERY)
    }

    fn keep(&self, token: TokenId, address: [u8; 32], now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= TOKENS && !known.contains_key(&token) {
            known.clear();
        }
        let addresses = known.entry(token).or_default();
        if addresses.len() >= ADDRESSES {
            addresses.clear();
        }
        addresses.insert(address, now);
    }
}
