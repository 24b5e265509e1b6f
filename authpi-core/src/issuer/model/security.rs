//! `settings.security`: how well people prove who they are, and what is kept about it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::event::model::ContextDetail;

/// How well people prove who they are, and what is kept about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecuritySettings {
    /// Second factor.
    pub mfa: MfaPolicy,
    /// Passwords; there are no composition rules.
    pub password: PasswordPolicy,
    /// What failed attempts lead to.
    pub lockout: LockoutPolicy,
    /// Seconds that a device stays trusted; 0: devices cannot be trusted.
    #[schema(maximum = 31_536_000)]
    pub trusted_device_ttl: u32,
    /// Seconds in which an authorization code is exchanged.
    #[schema(minimum = 30, maximum = 600)]
    pub authorization_code_ttl: u32,
    /// Which resources tokens can be asked for.
    pub resources: ResourcePolicy,
    /// How much request context events keep; `full`, with a pinned residency `truncated`, unless it is set.
    #[schema(value_type = ContextDetail, required = false)]
    pub event_context: Option<ContextDetail>,
    /// Mails that tell users of what happens to their sign-in.
    pub notifications: NotificationSettings,
    /// What ends when a refresh token is used twice.
    pub on_token_reuse: ReusePolicy,
}

impl Default for SecuritySettings {
    fn default() -> Self {
        Self {
            mfa: MfaPolicy::Optional,
            password: PasswordPolicy::default(),
            lockout: LockoutPolicy::default(),
            trusted_device_ttl: 2_592_000,
            authorization_code_ttl: 60,
            resources: ResourcePolicy::Any,
            event_context: None,
            notifications: NotificationSettings::default(),
            on_token_reuse: ReusePolicy::SessionFamily,
        }
    }
}

/// Second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MfaPolicy {
    /// Not offered.
    Off,
    /// Asked of users who have one.
    Optional,
    /// Asked of everybody.
    Required,
}

/// Rules for passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordPolicy {
    /// Shortest password, in code points.
    #[schema(minimum = 8, maximum = 64)]
    pub min_length: u32,
    /// Passwords that are known to be breached are refused.
    pub check_breached: bool,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_length: 10, check_breached: true }
    }
}

/// What failed attempts lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LockoutPolicy {
    /// Failures that lock a credential.
    #[schema(minimum = 1, maximum = 100)]
    pub max_attempts: u32,
    /// Seconds it stays locked.
    #[schema(minimum = 1, maximum = 86_400)]
    pub duration_seconds: u32,
}

impl Default for LockoutPolicy {
    fn default() -> Self {
        Self { max_attempts: 5, duration_seconds: 900 }
    }
}

/// Which resources tokens can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResourcePolicy {
    /// Any.
    Any,
    /// Those that the client lists.
    Listed,
}

/// Mails that tell users of what happens to their sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own on the wire")]
pub struct NotificationSettings {
    /// A login from a device that was never seen.
    pub new_device: bool,
    /// Personal tokens.
    pub personal_tokens: bool,
    /// Passwords, passkeys and other credentials.
    pub credentials: bool,
    /// Agents that may act for the user.
    pub delegations: bool,
}

impl Default for NotificationSettings {
    fn default() -> Self {
        Self { new_device: true, personal_tokens: true, credentials: true, delegations: true }
    }
}

/// What ends when a refresh token is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReusePolicy {
    /// The session that the token belongs to.
    SessionFamily,
    /// All sessions of the user.
    User,
}
