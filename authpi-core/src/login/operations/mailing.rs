//! Mails that somebody asks for in a login. Who has no account gets none, and cannot tell.

use std::time::Duration;

use super::advance::{barred, ground, has_own_way_in};
use super::password::named;
use super::{StepResult, Stepped, Visitor, login_method, save, scene};
use crate::error::Refusal;
use crate::id::{FlowId, IssuerId, UserId};
use crate::issuer::model::auth_method::AuthMethodKind;
use crate::login::model::{
    BrowserMark, Flow, MailProof, MailToken, Need, PendingUser, Progress, ProofContent, ProofPurpose, Step, device_name,
};
use crate::mail::model::{Content, FlowLetter, LinkToken, Template};
use crate::mail::operations::{NewMail, enqueue};
use crate::mailbox::Mailbox;
use crate::store::Change;
use crate::user::model::{User, UsernameType};

/// How long the link to a proof of an address lasts.
const VERIFICATION_LASTS: Duration = Duration::from_hours(24);

/// How long the link to a new password lasts.
const RESET_LASTS: Duration = Duration::from_mins(30);

/// How long a code that is mailed in between lasts, and how many digits it has.
const CODE: (Duration, u32) = (Duration::from_mins(10), 6);

/// How somebody wants to be mailed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailAs {
    /// A link to open.
    Link,
    /// A code to type.
    Code,
}

/// Something that is mailed, and to whom.
pub(super) struct Mailing {
    pub(super) purpose: ProofPurpose,
    pub(super) template: Template,
    /// The user whose mailbox it is; none when it only has to look as if.
    pub(super) user: Option<UserId>,
    /// Where it goes: the address on the record.
    pub(super) address: String,
    pub(super) pending: Option<PendingUser>,
    pub(super) lasts: Duration,
    pub(super) digits: u32,
    /// Nobody gets it: it only has to look as if.
    pub(super) is_decoy: bool,
}

/// Somebody asks for a link or a code, to sign in with or to prove an address with.
///
/// # Errors
/// [`StepError`](super::StepError); [`Refusal::NotFound`] when the issuer does not offer it.
pub async fn send(change: &mut Change<'_>, visitor: &Visitor, flow: Flow, how: MailAs) -> StepResult {
    flow.state.require(&[Step::FirstFactor, Step::VerifyEmail])?;
    match flow.state.progress().clone() {
        Progress::FirstFactor => send_login(change, visitor, flow, how).await,
        Progress::SignUp => send_again(change, visitor, flow).await,
        Progress::Proven { evidence, need } => {
            let user = change.reads().users().find(flow.issuer_id, evidence.user_id).await?.ok_or(Refusal::NotFound)?;
            let address = user.email().unwrap_or_default().to_owned();
            let (purpose, template, (lasts, digits)) = if need == Need::VerifyEmail {
                (ProofPurpose::VerifyEmail, Template::VerifyEmail, (VERIFICATION_LASTS, CODE.1))
            } else {
                (ProofPurpose::LoginCode, Template::EmailCode, CODE)
            };
            let user = Some(user.id);
            let mailing = Mailing { purpose, template, user, address, pending: None, lasts, digits, is_decoy: false };
            mailed(change, visitor, flow, mailing).await
        }
        _ => Err(Refusal::internal("a step without what led to it").into()),
    }
}

async fn send_login(change: &mut Change<'_>, visitor: &Visitor, flow: Flow, how: MailAs) -> StepResult {
    let kind = match how {
        MailAs::Link => AuthMethodKind::EmailLink,
        MailAs::Code => AuthMethodKind::EmailOtp,
    };
    let ground = ground(change, flow.issuer_id).await?;
    let method = login_method(&ground.methods, kind).ok_or(Refusal::NotFound)?;
    let settings = &method.details.settings;
    let lasts = Duration::from_secs(settings.ttl_seconds.unwrap_or(600).into());
    let user = match named(change, &flow).await? {
        Some(user) if takes_mail(change, &user).await? => Some(user),
        _ => None,
    };
    let (purpose, template, channel) = match how {
        MailAs::Link => (ProofPurpose::LoginLink, Template::EmailLink, "email-link"),
        MailAs::Code => (ProofPurpose::LoginCode, Template::EmailCode, "email-otp"),
    };
    if let Some(user) = &user {
        change.emit(scene(&flow).mail_requested(user.id, channel))?;
    }
    let typed = flow.state.identifier.clone().unwrap_or_default();
    let mailing = Mailing {
        purpose,
        template,
        is_decoy: user.is_none(),
        address: user.as_ref().and_then(User::email).map_or(typed, str::to_owned),
        user: user.map(|user| user.id),
        pending: None,
        lasts,
        digits: settings.length.unwrap_or(6),
    };
    mailed(change, visitor, flow, mailing).await
}

/// A user who can come in by a mail: the address is the name, or is proven.
pub(super) async fn takes_mail(change: &Change<'_>, user: &User) -> Result<bool, Refusal> {
    let is_own = user.username.kind() == UsernameType::Email && user.details.profile.email.is_none();
    let is_addressed = user.email().and_then(Mailbox::parse).is_some();
    let is_open = barred(user.status.value).is_none();
    Ok(is_open
        && is_addressed
        && (is_own || user.details.profile.email_verified)
        && !has_own_way_in(change, user).await?)
}

/// The same sign-up, in another mail.
async fn send_again(change: &mut Change<'_>, visitor: &Visitor, flow: Flow) -> StepResult {
    let Some(id) = flow.state.mail else { return Err(Refusal::NotFound.into()) };
    let Some(before) = change.reads().logins().proof(flow.issuer_id, id).await? else {
        return Ok(Stepped::not(flow, super::Problem::Expired));
    };
    let content = before.content(change.root_of(flow.issuer_id)?)?;
    change.unit().logins().replace_proof(flow.issuer_id, id).await?.required()?;
    let is_decoy = content.pending.is_none();
    let mailing = Mailing {
        purpose: ProofPurpose::VerifyEmail,
        template: Template::VerifyEmail,
        user: None,
        address: content.address,
        pending: content.pending,
        lasts: VERIFICATION_LASTS,
        digits: CODE.1,
        is_decoy,
    };
    mailed(change, visitor, flow, mailing).await
}

async fn mailed(change: &mut Change<'_>, visitor: &Visitor, mut flow: Flow, mailing: Mailing) -> StepResult {
    let proof = post(change, visitor, Errand::of(&flow), mailing).await?;
    flow.state.mail = Some(proof.id);
    flow.wait_for(&proof);
    save(change, &mut flow).await?;
    Ok(Stepped::to(flow))
}

/// A mail of a sign-up.
pub(super) fn sign_up_mail(address: String, pending: Option<PendingUser>) -> Mailing {
    Mailing {
        purpose: ProofPurpose::VerifyEmail,
        template: Template::VerifyEmail,
        user: None,
        address,
        is_decoy: pending.is_none(),
        pending,
        lasts: VERIFICATION_LASTS,
        digits: CODE.1,
    }
}

/// A mail to the address that is to take the place of the one there is.
pub(super) fn change_mail(user: UserId, address: String, is_decoy: bool) -> Mailing {
    Mailing {
        purpose: ProofPurpose::EmailChange,
        template: Template::EmailChange,
        user: Some(user),
        address,
        pending: None,
        lasts: VERIFICATION_LASTS,
        digits: CODE.1,
        is_decoy,
    }
}

/// A mail with a link to a new password; without a user it only has to look as if.
pub(super) fn reset_mail(user: Option<&User>, typed: String) -> Mailing {
    Mailing {
        purpose: ProofPurpose::PasswordReset,
        template: Template::PasswordReset,
        user: user.map(|user| user.id),
        address: user.and_then(User::email).map_or(typed, str::to_owned),
        pending: None,
        lasts: RESET_LASTS,
        digits: CODE.1,
        is_decoy: user.is_none(),
    }
}

/// What a mail is asked for in.
pub(super) struct Errand {
    pub(super) issuer: IssuerId,
    pub(super) flow: Option<FlowId>,
    pub(super) application: Option<String>,
}

impl Errand {
    pub(super) fn of(flow: &Flow) -> Self {
        let application = flow.state.request.application.as_ref().map(|application| application.name.clone());
        Self { issuer: flow.issuer_id, flow: Some(flow.id), application }
    }
}

/// Who and where a proof is of.
fn new_proof(
    change: &Change<'_>,
    (issuer, flow, mark): (IssuerId, Option<FlowId>, BrowserMark),
    mailing: &Mailing,
    content: &ProofContent,
    token: &MailToken,
) -> Result<MailProof, Refusal> {
    let (root, peppers, now) = (change.root_of(issuer)?, &change.keyring().peppers, change.now());
    Ok(MailProof {
        id: token.id,
        issuer_id: issuer,
        flow_id: flow,
        user_id: mailing.user,
        purpose: mailing.purpose,
        browser: mark,
        token: token.hash(peppers),
        code: token.code(root, mailing.digits).hash(peppers, token.id),
        failed: 0,
        sealed: content.sealed(root, token.id)?,
        expires_at: now.plus(mailing.lasts),
        created_at: now,
    })
}

/// Queues a mail, and keeps what it proves.
pub(super) async fn post(
    change: &mut Change<'_>,
    visitor: &Visitor,
    errand: Errand,
    mailing: Mailing,
) -> Result<MailProof, Refusal> {
    let Errand { issuer, flow, application } = errand;
    let token = MailToken::new(change.mint()?, change.secret()?);
    let device = visitor.context.user_agent.as_deref().and_then(device_name);
    let content = ProofContent {
        address: mailing.address.clone(),
        application: application.clone(),
        device: device.clone(),
        ip: visitor.context.ip.clone(),
        place: visitor.location.shown(),
        pending: mailing.pending.clone(),
    };
    let proof = new_proof(change, (issuer, flow, visitor.mark), &mailing, &content, &token)?;
    change.unit().logins().insert_proof(&proof).await?;
    let is_sent = !mailing.is_decoy && !visitor.is_withheld;
    let Some(to) = Mailbox::parse(&mailing.address).filter(|_| is_sent) else { return Ok(proof) };
    let code = token.code(change.root_of(issuer)?, mailing.digits);
    let is_code = mailing.template == Template::EmailCode;
    let letter = FlowLetter {
        token: (!is_code).then(|| LinkToken(token.text())),
        code: is_code.then(|| LinkToken(crate::secret::Secret::new(code.expose()))),
        application,
        at: change.now(),
        ip: visitor.context.ip.clone(),
        country: visitor.context.country.clone(),
        device,
        expires_at: Some(proof.expires_at),
        site: visitor.site.clone(),
    };
    enqueue(change, new_mail(issuer, mailing.template, mailing.user, to, letter)).await?;
    Ok(proof)
}

pub(super) const fn new_mail(
    issuer: IssuerId,
    template: Template,
    user: Option<UserId>,
    to: Mailbox,
    letter: FlowLetter,
) -> NewMail {
    NewMail {
        issuer_id: issuer,
        template,
        user_id: user,
        org_id: None,
        invitation_id: None,
        cause: None,
        to,
        content: Content::Flow(letter),
    }
}

/// Tells whoever has an account that somebody tried to sign up with its address; nothing can be done with the mail.
pub(super) async fn tell_of_account(
    change: &mut Change<'_>,
    visitor: &Visitor,
    errand: Errand,
    user: &User,
) -> Result<(), Refusal> {
    let Some(to) = user.email().and_then(Mailbox::parse).filter(|_| !visitor.is_withheld) else { return Ok(()) };
    let letter = FlowLetter {
        token: None,
        code: None,
        application: errand.application,
        at: change.now(),
        ip: visitor.context.ip.clone(),
        country: visitor.context.country.clone(),
        device: visitor.context.user_agent.as_deref().and_then(device_name),
        expires_at: None,
        site: visitor.site.clone(),
    };
    enqueue(change, new_mail(errand.issuer, Template::AccountExists, Some(user.id), to, letter)).await
}
