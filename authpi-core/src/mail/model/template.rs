//! The mails there are.

use serde::{Deserialize, Serialize};

use crate::words::words;

/// Which mail it is: `data.template` of its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Template {
    /// Somebody is invited into an organization.
    Invitation,
    /// An invitation waits for approval.
    InvitationApproval,
    /// A sign-up was approved.
    ApprovalApproved,
    /// A sign-up was rejected.
    ApprovalRejected,
    /// The password is another.
    PasswordChanged,
    /// A second factor was added or removed.
    MfaChanged,
    /// A passkey or an outside identity was added or removed.
    SignInMethodChanged,
    /// Another address is in force; goes to the one before.
    EmailChanged,
    /// A login from a device that was never seen.
    NewDevice,
    /// A refresh token was used twice.
    SessionCompromised,
    /// A personal token was made.
    PersonalTokenCreated,
    /// A personal token was used from a new address.
    PersonalTokenNewIp,
    /// A personal token was revoked, blocked or deleted.
    PersonalTokenRevoked,
    /// An agent may act for the user.
    DelegationGranted,
    /// A key came near its own rate limit.
    ApiKeyRateLimit,
    /// A webhook was disabled because its receiver is gone.
    WebhookDisabled,
    /// An address has to be proven.
    VerifyEmail,
    /// An address is to take the place of another.
    EmailChange,
    /// A link to sign in with.
    EmailLink,
    /// A code to sign in with.
    EmailCode,
    /// A link to a new password.
    PasswordReset,
    /// Somebody signed up with the address of an account.
    AccountExists,
}

words!(Template: "invitation" => Self::Invitation, "invitation_approval" => Self::InvitationApproval, "approval_approved" => Self::ApprovalApproved, "approval_rejected" => Self::ApprovalRejected, "password_changed" => Self::PasswordChanged, "mfa_changed" => Self::MfaChanged, "sign_in_method_changed" => Self::SignInMethodChanged, "email_changed" => Self::EmailChanged, "new_device" => Self::NewDevice, "session_compromised" => Self::SessionCompromised, "personal_token_created" => Self::PersonalTokenCreated, "personal_token_new_ip" => Self::PersonalTokenNewIp, "personal_token_revoked" => Self::PersonalTokenRevoked, "delegation_granted" => Self::DelegationGranted, "api_key_rate_limit" => Self::ApiKeyRateLimit, "webhook_disabled" => Self::WebhookDisabled, "verify_email" => Self::VerifyEmail, "email_change" => Self::EmailChange, "email_link" => Self::EmailLink, "email_code" => Self::EmailCode, "password_reset" => Self::PasswordReset, "account_exists" => Self::AccountExists);

/// The switch of an issuer that a notice hangs on (`settings.security.notifications`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeSwitch {
    /// `new_device`
    NewDevice,
    /// `personal_tokens`
    PersonalTokens,
    /// `credentials`
    Credentials,
    /// `delegations`
    Delegations,
}

impl Template {
    /// The value in events and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::InvitationApproval => "invitation_approval",
            Self::ApprovalApproved => "approval_approved",
            Self::ApprovalRejected => "approval_rejected",
            Self::PasswordChanged => "password_changed",
            Self::MfaChanged => "mfa_changed",
            Self::SignInMethodChanged => "sign_in_method_changed",
            Self::EmailChanged => "email_changed",
            Self::NewDevice => "new_device",
            Self::SessionCompromised => "session_compromised",
            Self::PersonalTokenCreated => "personal_token_created",
            Self::PersonalTokenNewIp => "personal_token_new_ip",
            Self::PersonalTokenRevoked => "personal_token_revoked",
            Self::DelegationGranted => "delegation_granted",
            Self::ApiKeyRateLimit => "api_key_rate_limit",
            Self::WebhookDisabled => "webhook_disabled",
            Self::VerifyEmail => "verify_email",
            Self::EmailChange => "email_change",
            Self::EmailLink => "email_link",
            Self::EmailCode => "email_code",
            Self::PasswordReset => "password_reset",
            Self::AccountExists => "account_exists",
        }
    }

    /// What turns it off; `None` for what is always sent.
    pub const fn switch(self) -> Option<NoticeSwitch> {
        match self {
            Self::NewDevice => Some(NoticeSwitch::NewDevice),
            Self::PersonalTokenCreated | Self::PersonalTokenNewIp | Self::PersonalTokenRevoked => {
                Some(NoticeSwitch::PersonalTokens)
            }
            Self::PasswordChanged | Self::MfaChanged | Self::SignInMethodChanged | Self::EmailChanged => {
                Some(NoticeSwitch::Credentials)
            }
            Self::DelegationGranted => Some(NoticeSwitch::Delegations),
            _ => None,
        }
    }

    /// Goes to whoever owns the account, about something of the account itself.
    pub const fn is_of_account(self) -> bool {
        matches!(self, Self::ApiKeyRateLimit | Self::WebhookDisabled)
    }

    /// How many of them about one and the same thing are sent within a day; more are folded into the next.
    pub const fn daily_limit(self) -> Option<u32> {
        match self {
            Self::ApiKeyRateLimit => Some(1),
            Self::PersonalTokenNewIp => Some(5),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn every_template_has_one_word_everywhere() {
        for word in Template::WORDS {
            let template: Template = word.parse().unwrap();
            assert_eq!((template.as_str(), serde_json::to_value(template).unwrap()), (*word, (*word).into()));
        }
    }
}
