//! From a queued mail to one that can be handed over: with the names, looks and languages of the moment it is sent.

use crate::error::Refusal;
use crate::hostname::Hostname;
use crate::id::{AccountId, IssuerId, UserId};
use crate::invitation::model::{Invitation, InvitationStatus};
use crate::issuer::model::Issuer;
use crate::mail::model::{Content, FlowLetter, Letter, Mail, Notice, NoticeSwitch, Template};
use crate::organization::model::Organization;
use crate::pages::language::Language;
use crate::pages::mail::{
    ApprovalRequestMail, Brand, Facts, FlowMail, FlowMailKind, InvitationMail, MailContext, NoticeKind, NoticeMail,
    render,
};
use crate::store::Reads;
use crate::transport::OutgoingMail;
use crate::user::model::User;
use crate::web::services::Services;

/// The mail, rendered; `None` when what it is about is gone, or nobody wants it any more.
pub(super) async fn rendered(services: &Services, mail: &Mail) -> Result<Option<OutgoingMail>, Refusal> {
    let reads = services.store.reads();
    let Some(issuer) = issuer(services, mail.account_id, mail.issuer_id).await? else { return Ok(None) };
    let Some(root) = services.root(mail.issuer_id).await? else { return Ok(None) };
    if mail.template.switch().is_some_and(|switch| !is_on(&issuer, switch)) {
        return Ok(None);
    }
    let user = match mail.user_id {
        None => None,
        Some(id) => match reader(services, mail.issuer_id, id).await? {
            None => return Ok(None),
            found => found,
        },
    };
    let letter = mail.letter(&root.key)?;
    let to = letter.to.0.on_the_wire();
    let scene = Scene { services, reads, mail, issuer: &issuer };
    let Some(context) = scene.context(&root.key, letter).await? else { return Ok(None) };
    let language = language(&issuer, user.as_ref());
    let branding = &issuer.details.settings.branding;
    let brand = Brand {
        name: branding.display_name.clone().unwrap_or_else(|| issuer.details.name.clone()),
        logo_url: branding.logo_url.clone(),
        color: branding.primary_color.clone(),
    };
    let page = render(language, &brand, &context).map_err(Refusal::internal)?;
    Ok(Some(OutgoingMail {
        message_id: format!("{}@{}", mail.id, services.urls.mail_domain()),
        date: mail.created_at,
        from_name: brand.name,
        reply_to: None,
        to,
        subject: page.subject,
        text: page.text,
        html: page.html,
        language: language.tag().to_owned(),
    }))
}

/// The issuer whose looks a mail has: one of the account, or the platform's.
async fn issuer(services: &Services, account: AccountId, id: IssuerId) -> Result<Option<Issuer>, Refusal> {
    let platform = services.platform().await?.filter(|platform| platform.issuer_id == id);
    let account = platform.map_or(account, |platform| platform.account_id);
    let mut found = services.store.reads().issuers().find(account, id).await?;
    if let Some(issuer) = &mut found {
        services.keep_own_pages(issuer).await?;
    }
    Ok(found)
}

/// The user a mail goes to: of the issuer, or of the account team.
async fn reader(services: &Services, issuer: IssuerId, id: UserId) -> Result<Option<User>, Refusal> {
    let users = services.store.reads().users();
    if let Some(user) = users.find(issuer, id).await? {
        return Ok(Some(user));
    }
    match services.platform().await? {
        Some(platform) => Ok(users.find(platform.issuer_id, id).await?),
        None => Ok(None),
    }
}

const fn is_on(issuer: &Issuer, switch: NoticeSwitch) -> bool {
    let switches = &issuer.details.settings.security.notifications;
    match switch {
        NoticeSwitch::NewDevice => switches.new_device,
        NoticeSwitch::PersonalTokens => switches.personal_tokens,
        NoticeSwitch::Credentials => switches.credentials,
        NoticeSwitch::Delegations => switches.delegations,
    }
}

/// The user's own language if there are texts in it, else the issuer's first.
fn language(issuer: &Issuer, user: Option<&User>) -> Language {
    let details = user.map(|user| &user.details);
    let preferred = details.and_then(|details| details.preferences.locale.as_deref());
    let own = details.and_then(|details| details.profile.locale.as_deref());
    let of_issuer = issuer.details.settings.branding.locales.iter().map(String::as_str);
    Language::first_of(preferred.into_iter().chain(own).chain(of_issuer))
}

/// What a mail is looked at with.
struct Scene<'a> {
    services: &'a Services,
    reads: &'a dyn Reads,
    mail: &'a Mail,
    issuer: &'a Issuer,
}

impl Scene<'_> {
    async fn context(&self, root: &crate::seal::RootKey, letter: Letter) -> Result<Option<MailContext>, Refusal> {
        match (self.mail.template, letter.content) {
            (Template::Invitation, Content::Link { token }) => {
                let found = self.about(InvitationStatus::Pending).await?;
                let Some((invitation, organization)) = found else { return Ok(None) };
                let invitee = invitation.invitee(root)?.unwrap_or_default();
                let base = self.services.urls.issuer(self.mail.issuer_id);
                Ok(Some(MailContext::Invitation(InvitationMail {
                    organization: organization.details.name,
                    inviter: invitee.inviter_name,
                    message: invitee.message.or(organization.details.invitation_message),
                    link: format!("{base}/invitation?token={}", token.0.expose()),
                    expires_at: invitation.expires_at,
                })))
            }
            (Template::InvitationApproval, Content::Notice(_)) => {
                let found = self.about(InvitationStatus::PendingApproval).await?;
                let Some((invitation, organization)) = found else { return Ok(None) };
                let Some(invitee) = invitation.invitee(root)? else { return Ok(None) };
                let roles = invitation.grant.roles.iter().cloned();
                let scopes = invitation.grant.scopes.iter().map(ToString::to_string);
                Ok(Some(MailContext::ApprovalRequest(ApprovalRequestMail {
                    organization: organization.details.name,
                    invitee: invitee.email,
                    scopes: roles.chain(scopes).collect(),
                    link: self.portal(),
                })))
            }
            (template, Content::Flow(letter)) => self.flow(template, letter).await.map(Some),
            (template, Content::Notice(notice)) => Ok(kind(template).map(|kind| self.notice(kind, notice))),
            // Written by a later version.
            (_, Content::Link { .. }) => Err(Refusal::internal("a link in a mail that has none")),
        }
    }

    /// What somebody asked for in a login. One that is worth nothing any more is sent all the same: it says so.
    async fn flow(&self, template: Template, letter: FlowLetter) -> Result<MailContext, Refusal> {
        let (kind, path) = match template {
            Template::VerifyEmail => (FlowMailKind::VerifyEmail, "verify-email?token="),
            Template::EmailChange => (FlowMailKind::EmailChange, "verify-email?token="),
            Template::EmailLink => (FlowMailKind::EmailLink, "magic/"),
            Template::EmailCode => (FlowMailKind::EmailCode, ""),
            Template::PasswordReset => (FlowMailKind::PasswordReset, "password-reset?token="),
            Template::AccountExists => (FlowMailKind::AccountExists, ""),
            _ => return Err(Refusal::internal("a notice with the letter of a login")),
        };
        let base = self.base(letter.site.as_ref()).await?;
        let facts =
            Facts { at: letter.at, ip: letter.ip, country: letter.country, device: letter.device, ..Facts::default() };
        Ok(MailContext::Flow(FlowMail {
            kind,
            application: letter.application,
            facts,
            link: letter.token.map(|token| format!("{base}/{path}{}", token.0.expose())),
            code: letter.code.map(|code| code.0.expose().to_owned()),
            expires_at: letter.expires_at,
        }))
    }

    /// Where a link leads: to where it was asked for, as the cookies are there, unless another tenant has the domain now.
    async fn base(&self, site: Option<&Hostname>) -> Result<String, Refusal> {
        let issuer = self.mail.issuer_id;
        let serves = match site {
            Some(host) => self.services.issuer_at(host).await? == Some(issuer),
            None => false,
        };
        Ok(self.services.urls.issuer_at(site.filter(|_| serves), issuer))
    }

    fn notice(&self, kind: NoticeKind, notice: Notice) -> MailContext {
        let facts = Facts {
            name: notice.name,
            at: notice.at,
            ip: notice.ip,
            country: notice.country,
            device: notice.device,
            by_another: notice.by_another,
            folded: notice.folded,
        };
        // An account is managed elsewhere.
        let link = if self.mail.template.is_of_account() { None } else { self.portal() };
        MailContext::Notice(NoticeMail { kind, facts, link })
    }

    /// The invitation that the mail is about, in the status in which there is such a mail, with its organization.
    async fn about(&self, status: InvitationStatus) -> Result<Option<(Invitation, Organization)>, Refusal> {
        let (Some(organization), Some(invitation)) = (self.mail.org_id, self.mail.invitation_id) else {
            return Ok(None);
        };
        let issuer = self.mail.issuer_id;
        let Some(organization) = self.reads.organizations().find(issuer, organization).await? else {
            return Ok(None);
        };
        let found = self.reads.invitations().find(issuer, organization.id, invitation).await?;
        let found = found.filter(|invitation| invitation.status(self.services.now()) == status);
        Ok(found.map(|invitation| (invitation, organization)))
    }

    /// Where users manage what is theirs: on a page of the issuer's, if it has one. There is none of ours, and no mail leads
    /// to what is not there.
    fn portal(&self) -> Option<String> {
        let page = &self.issuer.details.settings.portals.profile;
        page.url.clone().filter(|_| page.enabled)
    }
}

const fn kind(template: Template) -> Option<NoticeKind> {
    Some(match template {
        Template::Invitation
        | Template::InvitationApproval
        | Template::VerifyEmail
        | Template::EmailChange
        | Template::EmailLink
        | Template::EmailCode
        | Template::PasswordReset
        | Template::AccountExists => return None,
        Template::ApprovalApproved => NoticeKind::ApprovalApproved,
        Template::ApprovalRejected => NoticeKind::ApprovalRejected,
        Template::PasswordChanged => NoticeKind::PasswordChanged,
        Template::MfaChanged => NoticeKind::MfaChanged,
        Template::SignInMethodChanged => NoticeKind::SignInMethodChanged,
        Template::EmailChanged => NoticeKind::EmailChanged,
        Template::NewDevice => NoticeKind::NewDevice,
        Template::SessionCompromised => NoticeKind::SessionCompromised,
        Template::PersonalTokenCreated => NoticeKind::PersonalTokenCreated,
        Template::PersonalTokenNewIp => NoticeKind::PersonalTokenNewIp,
        Template::PersonalTokenRevoked => NoticeKind::PersonalTokenRevoked,
        Template::DelegationGranted => NoticeKind::DelegationGranted,
        Template::ApiKeyRateLimit => NoticeKind::ApiKeyRateLimit,
        Template::WebhookDisabled => NoticeKind::WebhookDisabled,
    })
}
