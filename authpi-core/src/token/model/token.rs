//! The aggregate: a token with everything that can be said about it.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Refusal;
use crate::event::model::ContextDetail;
use crate::id::{AccountId, IssuerId, TokenId, UserId};
use crate::metadata::Metadata;
use crate::network::Network;
use crate::scope::Scopes;
use crate::status::{Status, StatusNote};
use crate::timestamp::Timestamp;
use crate::words::words;

/// Tokens that a user has at most, active and blocked ones.
pub const UNEXPIRED_PER_USER: usize = 50;

/// How long a token lasts unless its maker says otherwise.
pub const DEFAULT_LIFETIME: Duration = Duration::from_hours(90 * 24);

/// How long a token can last.
pub const MAX_LIFETIME: Duration = Duration::from_hours(366 * 24);

/// A long-lived token that a user owns, for scripts and command lines. Its text is a JWT that is kept nowhere.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonalToken {
    /// Unique in the instance; `sub` of the JWT.
    pub id: TokenId,
    /// Account of the issuer.
    pub account_id: AccountId,
    /// Where the user lives.
    pub issuer_id: IssuerId,
    /// Whose it is.
    pub user_id: UserId,
    /// What was done to it.
    pub status: Status<TokenStatus>,
    /// What a caller writes.
    pub details: PersonalTokenDetails,
    /// What it may be used for, and from where: signed into it, or as good as that.
    pub restrictions: TokenRestrictions,
    /// After this it is refused.
    pub expires_at: Timestamp,
    /// `aud` of the JWT.
    pub audience: String,
    /// `jti` of the JWT.
    pub jti: String,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// State of the user, read along with the token and never written.
    pub owner: OwnerState,
    /// Somebody else than the user made it, such as an administrator: proof of the user's address does not take it away.
    pub by_another: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// The attributes that a caller writes; see core-api section 7.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PersonalTokenDetails {
    /// Display name, unique among the active tokens of the user.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Free text.
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// Words to find it by.
    #[schema(value_type = Option<Vec<Tag>>, max_items = 20)]
    pub tags: Vec<String>,
}

/// A word to find a token by.
#[derive(ToSchema)]
#[schema(as = PersonalTokenTag, min_length = 1, max_length = 50)]
#[allow(dead_code, reason = "states the schema only")]
struct Tag(String);

/// What a token may be used for, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = PersonalTokenRestrictions)]
pub struct TokenRestrictions {
    /// Scopes; a token without any authenticates and may do nothing.
    pub scopes: Scopes,
    /// IP addresses and CIDR blocks it may be used from; empty means any.
    #[schema(max_items = 256)]
    pub ip_allowlist: Vec<Network>,
}

/// What was done to a token. `expired` and `suspended` follow from time and user and are never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PersonalTokenStatus)]
pub enum TokenStatus {
    /// In use.
    Active,
    /// Out of use until it is unblocked.
    Blocked,
    /// Out of use for ever.
    Revoked,
}

impl TokenStatus {
    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Blocked => "blocked",
            Self::Revoked => "revoked",
        }
    }
}

/// State of the user who owns a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerState {
    /// May authenticate.
    Active,
    /// Is suspended.
    Suspended,
    /// Is blocked or disabled, or waits for an approval.
    Barred,
    /// Is gone.
    Gone,
}

/// What a token is good for at some moment, as answers show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PersonalTokenEffectiveStatus)]
pub enum EffectiveStatus {
    /// In use.
    Active,
    /// Out of use until it is unblocked.
    Blocked,
    /// Out of use for ever.
    Revoked,
    /// Past its time.
    Expired,
    /// Refused because of its user, who is not active.
    Suspended,
}

words!(EffectiveStatus: "active" => Self::Active, "blocked" => Self::Blocked, "revoked" => Self::Revoked, "expired" => Self::Expired, "suspended" => Self::Suspended);

impl PersonalToken {
    /// What it is good for at `now`. Revocation is for ever; then time decides, then a block, then the user.
    pub fn effective_status(&self, now: Timestamp) -> EffectiveStatus {
        match (self.status.value, self.owner) {
            (TokenStatus::Revoked, _) => EffectiveStatus::Revoked,
            _ if self.expires_at <= now => EffectiveStatus::Expired,
            (TokenStatus::Blocked, _) => EffectiveStatus::Blocked,
            (TokenStatus::Active, OwnerState::Active) => EffectiveStatus::Active,
            (TokenStatus::Active, OwnerState::Suspended | OwnerState::Barred | OwnerState::Gone) => {
                EffectiveStatus::Suspended
            }
        }
    }

    /// The word of the status that is shown at `now` in place of the stored one.
    pub fn derived_status(&self, now: Timestamp) -> Option<&'static str> {
        match self.effective_status(now) {
            EffectiveStatus::Expired => Some("expired"),
            EffectiveStatus::Suspended => Some("suspended"),
            _ => None,
        }
    }

    /// It takes a place among the active tokens of its user, whether or not the user is active.
    pub fn takes_a_place(&self, now: Timestamp) -> bool {
        self.status.value == TokenStatus::Active && self.expires_at > now
    }

    /// Blocks it, unless it is blocked.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] for a revoked token.
    pub fn blocked(self, now: Timestamp, note: StatusNote) -> Result<Self, Refusal> {
        self.switched(TokenStatus::Blocked, now, note)
    }

    /// Takes a block back, if there is one.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] for a revoked token.
    pub fn unblocked(self, now: Timestamp, note: StatusNote) -> Result<Self, Refusal> {
        self.switched(TokenStatus::Active, now, note)
    }

    fn switched(self, status: TokenStatus, now: Timestamp, note: StatusNote) -> Result<Self, Refusal> {
        match self.status.value {
            TokenStatus::Revoked => Err(Refusal::conflict("A revoked personal token stays revoked.")),
            _ => Ok(Self { status: self.status.moved_to(status, now, note), ..self }),
        }
    }

    /// Puts it out of use for ever, unless it is already.
    #[must_use]
    pub fn revoked(self, now: Timestamp, note: StatusNote) -> Self {
        Self { status: self.status.moved_to(TokenStatus::Revoked, now, note), ..self }
    }
}

/// A token, and what else decides about it: one read.
#[derive(Clone, Debug)]
pub struct TokenAuthentication {
    /// The token.
    pub token: PersonalToken,
    /// How much request context the events of its issuer keep.
    pub event_context: ContextDetail,
}

/// What became of a presented token whose signature is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Accepted,
    /// Blocked.
    Blocked,
    /// Revoked.
    Revoked,
    /// Past its time.
    Expired,
    /// Its user is suspended.
    OwnerSuspended,
    /// Its user is blocked or disabled, or waits for an approval.
    OwnerBarred,
    /// Its user is gone.
    OwnerGone,
    /// Used from an address that is not on its list.
    AddressRefused,
}

impl PersonalToken {
    /// Decides about it: the stored status, then the user, then the address, which is checked when it is known.
    pub fn verdict(&self, address: Option<IpAddr>, now: Timestamp) -> Verdict {
        match self.status.value {
            TokenStatus::Active => {}
            TokenStatus::Blocked => return Verdict::Blocked,
            TokenStatus::Revoked => return Verdict::Revoked,
        }
        if self.expires_at <= now {
            return Verdict::Expired;
        }
        match self.owner {
            OwnerState::Active => {}
            OwnerState::Suspended => return Verdict::OwnerSuspended,
            OwnerState::Barred => return Verdict::OwnerBarred,
            OwnerState::Gone => return Verdict::OwnerGone,
        }
        let allowlist = &self.restrictions.ip_allowlist;
        let is_listed = |address| allowlist.iter().any(|network| network.contains(address));
        if !allowlist.is_empty() && address.is_some_and(|address| !is_listed(address)) {
            return Verdict::AddressRefused;
        }
        Verdict::Accepted
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use uuid::Uuid;

    use super::*;
    use crate::id::Id;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn token() -> PersonalToken {
        PersonalToken {
            id: TokenId::from_uuid(Uuid::nil()),
            account_id: AccountId::from_uuid(Uuid::nil()),
            issuer_id: IssuerId::from_uuid(Uuid::nil()),
            user_id: UserId::from_uuid(Uuid::nil()),
            status: Status::initial(TokenStatus::Active),
            details: PersonalTokenDetails::default(),
            restrictions: TokenRestrictions {
                scopes: Scopes::default(),
                ip_allowlist: vec!["192.0.2.0/24".parse().unwrap()],
            },
            expires_at: NOW.plus(Duration::from_secs(1)),
            audience: String::new(),
            jti: String::new(),
            metadata: Metadata::default(),
            owner: OwnerState::Active,
            by_another: false,
            created_at: NOW,
            updated_at: NOW,
        }
    }

    fn verdict(token: &PersonalToken) -> Verdict {
        token.verdict(Some("198.51.100.1".parse().unwrap()), NOW)
    }

    #[test]
    fn revocation_goes_before_time_then_block_then_user_then_address() {
        let listed = Some("192.0.2.7".parse().unwrap());
        assert_eq!((token().verdict(listed, NOW), token().verdict(None, NOW)), (Verdict::Accepted, Verdict::Accepted));
        assert_eq!(
            (verdict(&token()), token().effective_status(NOW)),
            (Verdict::AddressRefused, EffectiveStatus::Active)
        );
        for (owner, expected) in [
            (OwnerState::Suspended, Verdict::OwnerSuspended),
            (OwnerState::Barred, Verdict::OwnerBarred),
            (OwnerState::Gone, Verdict::OwnerGone),
        ] {
            let theirs = PersonalToken { owner, ..token() };
            assert_eq!((verdict(&theirs), theirs.effective_status(NOW)), (expected, EffectiveStatus::Suspended));
        }
        let barred = PersonalToken { owner: OwnerState::Barred, ..token() };
        let blocked = barred.blocked(NOW, StatusNote::default()).unwrap();
        assert_eq!((verdict(&blocked), blocked.effective_status(NOW)), (Verdict::Blocked, EffectiveStatus::Blocked));
        let expired = PersonalToken { expires_at: NOW, ..blocked };
        assert_eq!(expired.effective_status(NOW), EffectiveStatus::Expired);
        assert_eq!(PersonalToken { expires_at: NOW, ..token() }.verdict(listed, NOW), Verdict::Expired);
        let revoked = expired.revoked(NOW, StatusNote::default());
        assert_eq!((verdict(&revoked), revoked.effective_status(NOW)), (Verdict::Revoked, EffectiveStatus::Revoked));
    }

    #[test]
    fn a_revoked_token_stays_revoked_and_takes_no_place() {
        let revoked = token().revoked(NOW, StatusNote::default());
        assert!(revoked.clone().blocked(NOW, StatusNote::default()).is_err());
        assert!(revoked.clone().unblocked(NOW, StatusNote::default()).is_err());
        let note = StatusNote { reason: Some("again".to_owned()), by: None };
        assert_eq!(revoked.clone().revoked(NOW.plus(MAX_LIFETIME), note), revoked);
        assert!(token().takes_a_place(NOW) && !revoked.takes_a_place(NOW));
        assert!(!token().takes_a_place(token().expires_at));
        assert!(!token().blocked(NOW, StatusNote::default()).unwrap().takes_a_place(NOW));
    }
}
