//! What each mail is told.

use fluent_bundle::FluentArgs;

use super::PageError;
use super::layout::{Action, Body, Brand, Fact};
use crate::calendar::utc_minutes;
use crate::pages::inert::{line_without_links, paragraphs_without_links};
use crate::pages::language::Language;
use crate::timestamp::Timestamp;

/// Everything that a mail can be about.
#[derive(Clone, Debug)]
pub enum MailContext {
    /// To whom is invited.
    Invitation(InvitationMail),
    /// To whoever decides about an invitation.
    ApprovalRequest(ApprovalRequestMail),
    /// Something happened.
    Notice(NoticeMail),
    /// Something to go on with a login.
    Flow(FlowMail),
}

/// `invitation`
#[derive(Clone, Debug)]
pub struct InvitationMail {
    /// What the organization is called; anybody may have typed it.
    pub organization: Option<String>,
    /// Who invites; anybody may have typed it.
    pub inviter: Option<String>,
    /// What they say; anybody may have typed it.
    pub message: Option<String>,
    /// Opens the invitation.
    pub link: String,
    /// Until then.
    pub expires_at: Timestamp,
}

/// `invitation_approval`
#[derive(Clone, Debug)]
pub struct ApprovalRequestMail {
    /// What the organization is called.
    pub organization: Option<String>,
    /// Who is to be invited.
    pub invitee: String,
    /// What they would hold.
    pub scopes: Vec<String>,
    /// Where it is decided.
    pub link: Option<String>,
}

/// All other mails.
#[derive(Clone, Debug)]
pub struct NoticeMail {
    /// What happened.
    pub kind: NoticeKind,
    /// To what, by whom and from where.
    pub facts: Facts,
    /// Where it can be looked at and undone.
    pub link: Option<String>,
}

/// A mail that somebody asked for in a login.
#[derive(Clone, Debug)]
pub struct FlowMail {
    /// What it is for.
    pub kind: FlowMailKind,
    /// The application that asked; its maker typed it.
    pub application: Option<String>,
    /// When, from where and with what it was asked for.
    pub facts: Facts,
    /// What to open.
    pub link: Option<String>,
    /// What to type.
    pub code: Option<String>,
    /// From then on it is worth nothing.
    pub expires_at: Option<Timestamp>,
}

/// What a mail in a login is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowMailKind {
    /// `verify_email`
    VerifyEmail,
    /// `email_change`
    EmailChange,
    /// `email_link`
    EmailLink,
    /// `email_code`
    EmailCode,
    /// `password_reset`
    PasswordReset,
    /// `account_exists`
    AccountExists,
}

impl FlowMailKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::VerifyEmail,
        Self::EmailChange,
        Self::EmailLink,
        Self::EmailCode,
        Self::PasswordReset,
        Self::AccountExists,
    ];

    /// Its message in the catalogues.
    const fn message(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify-email",
            Self::EmailChange => "email-change",
            Self::EmailLink => "email-link",
            Self::EmailCode => "email-code",
            Self::PasswordReset => "password-reset",
            Self::AccountExists => "account-exists",
        }
    }
}

/// What a notice tells of an event.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The given name of what it is about.
    pub name: Option<String>,
    /// When.
    pub at: Timestamp,
    /// From which address.
    pub ip: Option<String>,
    /// In which country.
    pub country: Option<String>,
    /// With what.
    pub device: Option<String>,
    /// Somebody else than the reader did it.
    pub by_another: bool,
    /// The same happened that many times more.
    pub folded: u32,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// `approval_approved`
    ApprovalApproved,
    /// `approval_rejected`
    ApprovalRejected,
    /// `password_changed`
    PasswordChanged,
    /// `mfa_changed`
    MfaChanged,
    /// `sign_in_method_changed`
    SignInMethodChanged,
    /// `email_changed`
    EmailChanged,
    /// `new_device`
    NewDevice,
    /// `session_compromised`
    SessionCompromised,
    /// `personal_token_created`
    PersonalTokenCreated,
    /// `personal_token_new_ip`
    PersonalTokenNewIp,
    /// `personal_token_revoked`
    PersonalTokenRevoked,
    /// `delegation_granted`
    DelegationGranted,
    /// `api_key_rate_limit`
    ApiKeyRateLimit,
    /// `webhook_disabled`
    WebhookDisabled,
}

impl NoticeKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::ApprovalApproved,
        Self::ApprovalRejected,
        Self::PasswordChanged,
        Self::MfaChanged,
        Self::SignInMethodChanged,
        Self::EmailChanged,
        Self::NewDevice,
        Self::SessionCompromised,
        Self::PersonalTokenCreated,
        Self::PersonalTokenNewIp,
        Self::PersonalTokenRevoked,
        Self::DelegationGranted,
        Self::ApiKeyRateLimit,
        Self::WebhookDisabled,
    ];

    /// Its message in the catalogues.
    const fn message(self) -> &'static str {
        match self {
            Self::ApprovalApproved => "approval-approved",
            Self::ApprovalRejected => "approval-rejected",
            Self::PasswordChanged => "password-changed",
            Self::MfaChanged => "mfa-changed",
            Self::SignInMethodChanged => "sign-in-method-changed",
            Self::EmailChanged => "email-changed",
            Self::NewDevice => "new-device",
            Self::SessionCompromised => "session-compromised",
            Self::PersonalTokenCreated => "personal-token-created",
            Self::PersonalTokenNewIp => "personal-token-new-ip",
            Self::PersonalTokenRevoked => "personal-token-revoked",
            Self::DelegationGranted => "delegation-granted",
            Self::ApiKeyRateLimit => "api-key-rate-limit",
            Self::WebhookDisabled => "webhook-disabled",
        }
    }

    /// What its name is the name of.
    const fn name_label(self) -> &'static str {
        match self {
            Self::PersonalTokenCreated | Self::PersonalTokenNewIp | Self::PersonalTokenRevoked => "fact-token",
            Self::DelegationGranted => "fact-agent",
            Self::ApiKeyRateLimit => "fact-key",
            Self::WebhookDisabled => "fact-webhook",
            _ => "fact-name",
        }
    }
}

/// The texts of one message.
struct Texts<'a> {
    language: Language,
    message: &'static str,
    arguments: FluentArgs<'a>,
}

impl<'a> Texts<'a> {
    fn new(language: Language, message: &'static str, brand: &'a Brand) -> Self {
        let mut arguments = FluentArgs::new();
        arguments.set("issuer", brand.name.as_str());
        Self { language, message, arguments }
    }

    fn with(mut self, name: &'static str, value: &'a str) -> Self {
        self.arguments.set(name, value);
        self
    }

    fn get(&self, attribute: &str) -> Result<String, PageError> {
        self.language.text(self.message, Some(attribute), Some(&self.arguments))
    }

    /// The attribute if the message has it.
    fn optional(&self, attribute: &str) -> Result<Option<String>, PageError> {
        self.language.has(self.message, attribute).then(|| self.get(attribute)).transpose()
    }

    fn shared(&self, message: &str) -> Result<String, PageError> {
        self.language.text(message, None, Some(&self.arguments))
    }

    fn fact(&self, label: &str, value: Option<String>) -> Result<Option<Fact>, PageError> {
        value.map(|value| Ok(Fact { label: self.shared(label)?, value })).transpose()
    }
}

impl MailContext {
    /// What the mail says, in `language`.
    pub(super) fn body(&self, language: Language, brand: &Brand) -> Result<Body, PageError> {
        match self {
            Self::Invitation(mail) => mail.body(language, brand),
            Self::ApprovalRequest(mail) => mail.body(language, brand),
            Self::Notice(mail) => mail.body(language, brand),
            Self::Flow(mail) => mail.body(language, brand),
        }
    }
}

impl InvitationMail {
    fn body(&self, language: Language, brand: &Brand) -> Result<Body, PageError> {
        // What a stranger typed stands in a mail to somebody who has not asked for it.
        let organization = self.organization.as_deref().and_then(line_without_links);
        let inviter = self.inviter.as_deref().and_then(line_without_links);
        let texts = Texts::new(language, "invitation", brand)
            .with("organization", organization.as_deref().unwrap_or(&brand.name))
            .with("inviter", inviter.as_deref().unwrap_or_default());
        let text = if inviter.is_some() { "text-inviter" } else { "text" };
        Ok(Body {
            subject: texts.get("subject")?,
            heading: texts.get("heading")?,
            paragraphs: vec![texts.get(text)?],
            quote: self.message.as_deref().map(paragraphs_without_links).unwrap_or_default(),
            facts: texts.fact("fact-expires", Some(utc_minutes(self.expires_at)))?.into_iter().collect(),
            action: Some(Action { label: texts.get("action")?, url: self.link.clone() }),
            hints: vec![texts.get("hint")?],
            reason: texts.shared("reason-invited")?,
        })
    }
}

impl ApprovalRequestMail {
    fn body(&self, language: Language, brand: &Brand) -> Result<Body, PageError> {
        let organization = self.organization.as_deref().and_then(line_without_links);
        let texts = Texts::new(language, "invitation-approval", brand)
            .with("organization", organization.as_deref().unwrap_or(&brand.name));
        let scopes = (!self.scopes.is_empty()).then(|| self.scopes.join(", "));
        let facts = [texts.fact("fact-invitee", Some(self.invitee.clone()))?, texts.fact("fact-scopes", scopes)?];
        Ok(Body {
            subject: texts.get("subject")?,
            heading: texts.get("heading")?,
            paragraphs: vec![texts.get("text")?],
            quote: Vec::new(),
            facts: facts.into_iter().flatten().collect(),
            action: action(&texts, self.link.as_deref())?,
            hints: Vec::new(),
            reason: texts.shared("reason-account")?,
        })
    }
}

impl NoticeMail {
    fn body(&self, language: Language, brand: &Brand) -> Result<Body, PageError> {
        let mut texts = Texts::new(language, self.kind.message(), brand);
        let facts = &self.facts;
        texts.arguments.set("count", facts.folded);
        let mut paragraphs = vec![texts.get("text")?];
        if facts.by_another {
            paragraphs.push(texts.shared("by-another")?);
        }
        if facts.folded > 0 {
            paragraphs.push(texts.shared("folded")?);
        }
        let told = |value: &Option<String>| value.as_deref().and_then(line_without_links);
        let shown = [
            texts.fact(self.kind.name_label(), told(&facts.name))?,
            texts.fact("fact-time", Some(utc_minutes(facts.at)))?,
            texts.fact("fact-place", told(&facts.country))?,
            // Ours, not typed by anybody, and no link in any mail program that reads it as one.
            texts.fact("fact-ip", facts.ip.clone())?,
            texts.fact("fact-device", told(&facts.device))?,
        ];
        Ok(Body {
            subject: texts.get("subject")?,
            heading: texts.get("heading")?,
            paragraphs,
            quote: Vec::new(),
            facts: shown.into_iter().flatten().collect(),
            action: action(&texts, self.link.as_deref())?,
            hints: texts.optional("hint")?.into_iter().collect(),
            reason: texts.shared("reason-account")?,
        })
    }
}

impl FlowMail {
    fn body(&self, language: Language, brand: &Brand) -> Result<Body, PageError> {
        let texts = Texts::new(language, self.kind.message(), brand);
        let facts = &self.facts;
        let told = |value: &Option<String>| value.as_deref().and_then(line_without_links);
        let shown = [
            texts.fact("fact-code", self.code.clone())?,
            texts.fact("fact-expires", self.expires_at.map(utc_minutes))?,
            texts.fact("fact-application", told(&self.application))?,
            texts.fact("fact-time", Some(utc_minutes(facts.at)))?,
            texts.fact("fact-place", told(&facts.country))?,
            texts.fact("fact-ip", facts.ip.clone())?,
            texts.fact("fact-device", told(&facts.device))?,
        ];
        let action = match &self.link {
            Some(url) => Some(Action { label: texts.get("action")?, url: url.clone() }),
            None => None,
        };
        Ok(Body {
            subject: texts.get("subject")?,
            heading: texts.get("heading")?,
            paragraphs: vec![texts.get("text")?],
            quote: Vec::new(),
            facts: shown.into_iter().flatten().collect(),
            action,
            hints: vec![texts.get("hint")?],
            reason: texts.shared("reason-asked")?,
        })
    }
}

fn action(texts: &Texts<'_>, link: Option<&str>) -> Result<Option<Action>, PageError> {
    link.map(|url| Ok(Action { label: texts.shared("manage")?, url: url.to_owned() })).transpose()
}
