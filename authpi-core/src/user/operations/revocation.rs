//! Takes away what a user is signed in with (core-api 21.3).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::delegation::model::{DelegationParty, EndCause as DelegationEnd};
use crate::delegation::operations as delegation;
use crate::device::operations as device;
use crate::error::Refusal;
use crate::id::{IssuerId, UserId};
use crate::session::model::EndCause;
use crate::session::operations as session;
use crate::store::Change;
use crate::token::operations as token;

/// What goes with the sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RevokeAllAlso)]
pub enum Also {
    /// No browser stands in for a second factor any more.
    TrustedDevices,
    /// Personal tokens, blocked ones included.
    PersonalTokens,
    /// No agent acts for the user any more.
    Delegations,
}

/// What was revoked, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    /// Sessions at the issuer and of clients.
    pub sessions: u32,
    /// Trusted devices.
    pub devices: u32,
    /// Personal tokens.
    pub tokens: u32,
    /// Delegations.
    pub delegations: u32,
}

/// Ends all sessions of a user, and whatever is named besides: all in one commit.
///
/// # Errors
/// [`Refusal::NotFound`] for no such user; [`Refusal::Stale`] when something has changed meanwhile.
pub async fn revoke_all(
    change: &mut Change<'_>,
    issuer: IssuerId,
    user: UserId,
    reason: Option<String>,
    also: &[Also],
) -> Result<Revoked, Refusal> {
    // A login that is under way is seen, or comes after.
    change.unit().users().lock(issuer, user).await?.ok_or(Refusal::NotFound)?;
    let mut revoked = Revoked {
        sessions: session::end_all(change, issuer, user, EndCause::Revoked, reason).await?,
        ..Revoked::default()
    };
    if also.contains(&Also::TrustedDevices) {
        revoked.devices = device::revoke_all(change, issuer, user).await?;
    }
    if also.contains(&Also::PersonalTokens) {
        revoked.tokens = token::revoke_all(change, issuer, user).await?;
    }
    if also.contains(&Also::Delegations) {
        let given = DelegationParty::User(user);
        revoked.delegations = delegation::end_all(change, issuer, given, DelegationEnd::RevokedAll).await?;
    }
    Ok(revoked)
}

/// Ends what a user has got at by themselves: all sessions, all trust in browsers, and those tokens and delegations that
/// nobody else gave. The caller sees to credentials.
///
/// # Errors
/// As [`revoke_all`].
pub async fn revoke_own(change: &mut Change<'_>, issuer: IssuerId, user: UserId, reason: &str) -> Result<(), Refusal> {
    change.unit().users().lock(issuer, user).await?.ok_or(Refusal::NotFound)?;
    session::end_all(change, issuer, user, EndCause::Revoked, Some(reason.to_owned())).await?;
    device::revoke_all(change, issuer, user).await?;
    token::revoke_own(change, issuer, user).await?;
    delegation::end_own(change, issuer, user).await
}
