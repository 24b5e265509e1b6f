//! What a mail is until it is handed over, and when it is tried again.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::Refusal;
use crate::id::{AccountId, EventId, InvitationId, IssuerId, MailId, OrganizationId, UserId};
use crate::mailbox::Mailbox;
use crate::seal::{RootKey, Sealed};
use crate::secret::Secret;
use crate::timestamp::Timestamp;
use crate::words::words;

/// Pauses before the second to the fifth attempt: 24 h in all (events-webhooks §14).
const PAUSES: [Duration; 4] =
    [Duration::from_mins(5), Duration::from_mins(30), Duration::from_hours(3), Duration::from_mins(20 * 60 + 25)];

/// Leases that may run out in a row before that counts as a failed attempt: something in this mail ends the process.
const LOST_LEASES: u32 = 5;

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
    /// A link to sign in with.
    EmailLink,
    /// A code to sign in with.
    EmailCode,
    /// A link to a new password.
    PasswordReset,
    /// Somebody signed up with the address of an account.
    AccountExists,
}

words!(Template: "invitation" => Self::Invitation, "invitation_approval" => Self::InvitationApproval, "approval_approved" => Self::ApprovalApproved, "approval_rejected" => Self::ApprovalRejected, "password_changed" => Self::PasswordChanged, "mfa_changed" => Self::MfaChanged, "sign_in_method_changed" => Self::SignInMethodChanged, "email_changed" => Self::EmailChanged, "new_device" => Self::NewDevice, "session_compromised" => Self::SessionCompromised, "personal_token_created" => Self::PersonalTokenCreated, "personal_token_new_ip" => Self::PersonalTokenNewIp, "personal_token_revoked" => Self::PersonalTokenRevoked, "delegation_granted" => Self::DelegationGranted, "api_key_rate_limit" => Self::ApiKeyRateLimit, "webhook_disabled" => Self::WebhookDisabled, "verify_email" => Self::VerifyEmail, "email_link" => Self::EmailLink, "email_code" => Self::EmailCode, "password_reset" => Self::PasswordReset, "account_exists" => Self::AccountExists);

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

/// A mail that waits to be handed over. It is gone once that has happened, or was given up.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Names it over all attempts.
    pub id: MailId,
    /// Tenant of its events.
    pub account_id: AccountId,
    /// Whose looks it has, and whose root key seals it.
    pub issuer_id: IssuerId,
    /// The user it goes to.
    pub user_id: Option<UserId>,
    /// The organization it is about.
    pub org_id: Option<OrganizationId>,
    /// The invitation it is about.
    pub invitation_id: Option<InvitationId>,
    /// Which mail it is.
    pub template: Template,
    /// The event it tells of.
    pub cause: Option<EventId>,
    /// Stands for the recipient in events.
    pub recipient_hash: [u8; 32],
    /// [`Letter`], under the root key of the issuer.
    pub sealed: Sealed,
    /// Attempts that failed.
    pub attempts: u32,
    /// Leases taken since the last attempt that ended.
    pub claims: u32,
    /// When it is tried next; while somebody tries, when their lease ends.
    pub due_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What of a mail is personal or secret: sealed until it is sent.
#[derive(Debug, Serialize, Deserialize)]
pub struct Letter {
    /// Recipient, as it stands on the record.
    pub to: Address,
    /// What it says beyond what can be asked for when it is rendered.
    pub content: Content,
}

/// A recipient inside a [`Letter`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(pub Mailbox);

/// What a mail says beyond what can be asked for when it is rendered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Content {
    /// The link of an invitation.
    Link {
        /// What opens it.
        token: LinkToken,
    },
    /// Something happened.
    Notice(Notice),
    /// Something to go on with a login.
    Flow(FlowLetter),
}

/// What a mail says that somebody asked for in a login: one link, or one code, and how it came to be.
#[derive(Debug, Serialize, Deserialize)]
pub struct FlowLetter {
    /// What the link carries.
    pub token: Option<LinkToken>,
    /// What is typed.
    pub code: Option<LinkToken>,
    /// The application that asked.
    pub application: Option<String>,
    /// When it was asked for.
    pub at: Timestamp,
    /// From which address.
    pub ip: Option<String>,
    /// In which country.
    pub country: Option<String>,
    /// With what.
    pub device: Option<String>,
    /// From then on it is worth nothing.
    pub expires_at: Option<Timestamp>,
}

/// The clear token of a link: nowhere else, and gone with the mail.
pub struct LinkToken(pub Secret);

/// What a notice tells of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The given name of the token, agent, key or webhook.
    pub name: Option<String>,
    /// When it happened.
    pub at: Timestamp,
    /// Address it came from; known and told only when the user acted.
    pub ip: Option<String>,
    /// Country of the address.
    pub country: Option<String>,
    /// What it was done with.
    pub device: Option<String>,
    /// Somebody else than the user did it: an administrator or an application.
    pub by_another: bool,
    /// The same happened that many times more, and was not told by mails of their own.
    pub folded: u32,
}

impl Mail {
    /// The place that the sealed part is bound to.
    pub fn seal_context(id: MailId) -> String {
        format!("mail:{id}")
    }

    /// Opens the sealed part.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when it does not open.
    pub fn letter(&self, root: &RootKey) -> Result<Letter, Refusal> {
        let plain = root.open(&Self::seal_context(self.id), &self.sealed).map_err(Refusal::internal)?;
        // What serde says about a text may repeat a part of it.
        serde_json::from_slice(&plain).map_err(|_| Refusal::internal("a sealed mail cannot be understood"))
    }

    /// As somebody who tries it until `until` holds it.
    #[must_use]
    pub fn claimed(self, until: Timestamp) -> Self {
        Self { due_at: until, claims: self.claims.saturating_add(1), ..self }
    }

    /// So many leases ran out that this counts as a failed attempt.
    pub const fn lost_too_often(&self) -> bool {
        self.claims > LOST_LEASES
    }

    /// As it is after another failure; `None` when it is given up.
    #[must_use]
    pub fn failed(self, now: Timestamp) -> Option<Self> {
        let pause = PAUSES.get(usize::try_from(self.attempts).ok()?)?;
        Some(Self { due_at: now.plus(*pause), attempts: self.attempts + 1, claims: 0, ..self })
    }
}

impl Letter {
    /// Seals it as the letter of the mail `id`.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the seal fails.
    pub fn sealed(&self, root: &RootKey, id: MailId) -> Result<Sealed, Refusal> {
        let plain = Zeroizing::new(serde_json::to_vec(self).map_err(Refusal::internal)?);
        root.seal(&Mail::seal_context(id), &plain).map_err(Refusal::internal)
    }
}

impl Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Mailbox::parse(&text).map(Self).ok_or_else(|| serde::de::Error::custom("not a mailbox"))
    }
}

impl Serialize for LinkToken {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for LinkToken {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(..)")
    }
}

/// How often one notice about one and the same thing was sent lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// When the day began, with the first of them.
    pub started_at: Timestamp,
    /// Sent since then.
    pub sent: u32,
    /// Not sent since the last one that was.
    pub folded: u32,
}

impl Tally {
    /// How long a tally counts.
    pub const WINDOW: Duration = Duration::from_hours(24);

    /// The tally after one more, and how many the mail about it speaks of besides; `None` when there is to be none.
    #[must_use]
    pub fn counted(self, now: Timestamp, most: u32) -> (Self, Option<u32>) {
        let current = if self.sent == 0 || now.since(self.started_at) >= Self::WINDOW {
            Self { started_at: now, sent: 0, ..self }
        } else {
            self
        };
        if current.sent < most {
            (Self { sent: current.sent + 1, folded: 0, ..current }, Some(current.folded))
        } else {
            (Self { folded: current.folded.saturating_add(1), ..current }, None)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use uuid::Uuid;

    use super::*;
    use crate::id::Id;

    fn mail() -> Mail {
        Mail {
            id: MailId::from_uuid(Uuid::nil()),
            account_id: AccountId::from_uuid(Uuid::nil()),
            issuer_id: IssuerId::from_uuid(Uuid::nil()),
            user_id: None,
            org_id: None,
            invitation_id: None,
            template: Template::Invitation,
            cause: None,
            recipient_hash: [0; 32],
            sealed: Sealed::from_bytes(Vec::new()),
            attempts: 0,
            claims: 0,
            due_at: Timestamp::EPOCH,
            created_at: Timestamp::EPOCH,
        }
    }

    #[test]
    fn five_attempts_are_made_within_a_day() {
        let mut now = Timestamp::EPOCH;
        let mut current = mail();
        let mut attempts = 1;
        while let Some(next) = current.claimed(now).failed(now) {
            assert_eq!(next.claims, 0);
            now = next.due_at;
            current = next;
            attempts += 1;
        }
        assert_eq!((attempts, now.since(Timestamp::EPOCH)), (5, Duration::from_hours(24)));
    }

    #[test]
    fn a_sixth_lost_lease_counts_as_a_failure() {
        let mut current = mail();
        for _ in 0..5 {
            current = current.claimed(Timestamp::EPOCH);
            assert!(!current.lost_too_often());
        }
        assert!(current.claimed(Timestamp::EPOCH).lost_too_often());
    }

    #[test]
    fn beyond_the_limit_of_a_day_notices_are_folded_into_the_next() {
        let at = |hours| Timestamp::EPOCH.plus(Duration::from_hours(hours));
        let mut tally = Tally::default();
        let mut told = Vec::new();
        for hour in [1, 2, 3, 4, 25, 26, 27] {
            let (next, speaks_of) = tally.counted(at(hour), 2);
            tally = next;
            told.push(speaks_of);
        }
        assert_eq!(told, [Some(0), Some(0), None, None, Some(2), Some(0), None]);
    }

    #[test]
    fn every_template_has_one_word_everywhere() {
        for word in Template::WORDS {
            let template: Template = word.parse().unwrap();
            assert_eq!((template.as_str(), serde_json::to_value(template).unwrap()), (*word, (*word).into()));
        }
    }

    #[test]
    fn a_letter_opens_as_that_of_its_own_mail_only() {
        let root = RootKey::new([7; 32]);
        let token = LinkToken(Secret::new("token"));
        let to = Address(Mailbox::parse("a@example.com").unwrap());
        let letter = Letter { to, content: Content::Link { token } };
        assert!(!format!("{letter:?}").contains("token\""));
        let sealed = letter.sealed(&root, mail().id).unwrap();
        let own = Mail { sealed: sealed.clone(), ..mail() };
        assert!(matches!(own.letter(&root).unwrap().content, Content::Link { token } if token.0.expose() == "token"));
        let other = Mail { id: MailId::from_uuid(Uuid::from_u128(1)), sealed, ..mail() };
        assert!(other.letter(&root).is_err());
    }
}
