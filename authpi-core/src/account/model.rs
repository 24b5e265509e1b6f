//! What an account is.

use crate::id::{AccountId, OrganizationId, UserId};
use crate::metadata::Metadata;
use crate::timestamp::Timestamp;

/// A customer of the platform. What it is called and whether it is active is said by its organization, which has the
/// same UUID and moves the account's version with its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Never reused.
    pub id: AccountId,
    /// The member who owns it.
    pub owner_user_id: Option<UserId>,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Its version: changes whenever the account or its organization does.
    pub updated_at: Timestamp,
}

/// Most custom hosts of an account.
pub const MAX_DOMAINS: u32 = 20;

/// Most accounts that one user owns.
pub const MAX_OWNED: u64 = 5;

/// Most webhooks of an account.
pub const MAX_WEBHOOKS: u32 = 20;

impl Account {
    /// The organization behind it.
    pub const fn organization_id(&self) -> OrganizationId {
        self.id.organization()
    }
}
