//! Users as answers show them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::id::{IssuerId, UserId};
use crate::metadata::Metadata;
use crate::timestamp::Timestamp;
use crate::user::model::{
    ApprovalRecord, DirectoryEntry, DirectoryStatus, User, UserDetails, UserStatus, UsernameHash, UsernameType,
};
use crate::web::members::Joined;

/// What the server knows of a user besides its details.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = User, description = "A user.")]
pub struct UserHead {
    id: UserId,
    issuer_id: IssuerId,
    status: UserStatus,
    status_at: Option<Timestamp>,
    status_reason: Option<String>,
    status_by: Option<String>,
    username_type: UsernameType,
    username: String,
    security: SecurityView,
    approval: Option<ApprovalRecord>,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// How well a user is protected.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = UserSecurity)]
pub struct SecurityView {
    mfa_enabled: bool,
    mfa_methods: Vec<String>,
    password_set: bool,
    password_changed_at: Option<Timestamp>,
    failed_attempts: u32,
    locked_until: Option<Timestamp>,
    last_login_at: Option<Timestamp>,
}

/// A user on the wire.
pub type UserView = Joined<UserHead, UserDetails>;

impl UserView {
    /// The user as it is at `now`.
    pub(super) fn at(now: Timestamp, user: User) -> Self {
        let (mfa_methods, security) = (user.security.mfa_methods(), &user.security);
        let first = UserHead {
            id: user.id,
            issuer_id: user.issuer_id,
            status: user.status.value,
            status_at: user.status.at,
            status_reason: user.status.reason,
            status_by: user.status.by,
            username_type: user.username.kind(),
            username: user.username.as_str().to_owned(),
            security: SecurityView {
                mfa_enabled: !mfa_methods.is_empty(),
                mfa_methods,
                password_set: security.password_changed_at().is_some(),
                password_changed_at: security.password_changed_at(),
                failed_attempts: security.failed_attempts(now),
                locked_until: security.locked_until(now),
                last_login_at: security.last_login_at,
            },
            approval: user.approval.map(Into::into),
            metadata: user.metadata,
            created_at: user.created_at,
            updated_at: user.updated_at,
        };
        Self { first, second: user.details }
    }
}

/// A user in a list: its entry in the directory, which has nothing personal.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IssuerUsersListItem {
    /// The same as `user_id`.
    id: UserId,
    user_id: UserId,
    issuer_id: IssuerId,
    /// Stands for the username: a hash under a key of the issuer, the same for every spelling.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    username_hash: UsernameHash,
    username_type: UsernameType,
    status: DirectoryStatus,
    store_id: String,
    region: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl IssuerUsersListItem {
    /// The cursor behind this item.
    pub(super) fn cursor(&self) -> String {
        self.user_id.to_string()
    }
}

impl From<DirectoryEntry> for IssuerUsersListItem {
    fn from(entry: DirectoryEntry) -> Self {
        Self {
            id: entry.user_id,
            user_id: entry.user_id,
            issuer_id: entry.issuer_id,
            username_hash: entry.username_hash,
            username_type: entry.username_type,
            status: entry.status,
            store_id: entry.store_id,
            region: entry.region,
            created_at: entry.created_at,
            updated_at: entry.updated_at,
        }
    }
}
