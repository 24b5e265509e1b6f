//! Sign-ups. With a taken address they end like any other, and the mail says so.

use serde_json::{Map, Value};

use super::admission::{Glance, admit, mails_proof, may_come};
use super::advance::{Ground, advance, ground};
use super::mailing::{Errand, post, sign_up_mail, tell_of_account};
use super::{StepResult, Stepped, Visitor, save};
use crate::admission::Admitted;
use crate::custom_fields::FieldDefinition;
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::event::model::Actor;
use crate::id::IssuerId;
use crate::issuer::model::RuntimeIssuer;
use crate::login::model::{Evidence, FirstFactor, Flow, InvitationInFlow, PendingUser, Progress, Reason, Step};
use crate::mailbox::Mailbox;
use crate::membership::model::MembershipOrigin;
use crate::merge::merged;
use crate::metadata::Metadata;
use crate::organization::operations::{self as organizations, NewOrganization};
use crate::store::Change;
use crate::user::model::{User, UserDetails, Username, UsernameHash, UsernameType};
use crate::user::operations::{self as users, Entry, NewUser};
use crate::verifier::model::{InvalidPassword, PasswordHash};

/// Somebody who wants to become a user.
#[derive(Clone)]
pub struct SignUp {
    /// Their address, which becomes the name.
    pub address: String,
    /// Members of the profile.
    pub profile: Map<String, Value>,
    /// Custom fields.
    pub custom_fields: Map<String, Value>,
    /// The password, looked at and hashed, or what is wrong with it.
    pub password: Option<Result<PasswordHash, InvalidPassword>>,
    /// The invitation that they came by.
    pub invitation: Option<String>,
    /// They accept the terms; not said where nobody asked.
    pub terms: Option<bool>,
}

/// Somebody signs up.
///
/// # Errors
/// [`StepError`](super::StepError); [`Refusal::Fields`] for what may not be said of oneself; [`Refusal::Conflict`] for a taken address
/// where addresses are not proven.
pub async fn sign_up(change: &mut Change<'_>, visitor: &Visitor, mut flow: Flow, new: SignUp) -> StepResult {
    if !matches!(flow.state.progress(), Progress::SignUp) {
        flow.state.require(&[Step::Identify, Step::FirstFactor])?;
    }
    let ground = ground(change, flow.issuer_id).await?;
    let (typed, new) = (new.address.clone(), brought(&flow, new));
    let glance = Glance::of(change, flow.issuer_id)?;
    let (address, pending) = checked(glance, &ground, new).await?;
    if !may_come(glance, &ground, &address, &pending).await? {
        flow.state.refused(Reason::NotAdmitted)?;
        save(change, &mut flow).await?;
        return Ok(Stepped::to(flow));
    }
    let access = &ground.issuer.details.settings.access;
    let answer = (address.as_str(), pending.password.is_some());
    if mails_proof(glance, access, answer, pending.invitation.as_deref()).await? {
        return ask_for_proof(change, visitor, flow, &typed, pending).await;
    }
    let Some(admitted) = admit(glance, &ground, &address, false, &pending).await? else {
        return Err(Refusal::internal("who may come may not").into());
    };
    let made = create(change, flow.issuer_id, &typed, &pending, admitted).await?;
    let user = made.ok_or_else(|| Refusal::not_unique("email", "The address has an account."))?;
    flow.state.invitation = acceptance(&pending);
    let evidence = if pending.password.is_some() {
        Evidence::of_password(user.id, FirstFactor::Password, user.security.password_changed_at(), change.now())
    } else {
        Evidence::new(user.id, FirstFactor::EmailLink, change.now())
    };
    advance(change, visitor, flow, evidence).await
}

/// Whether a sign-up would be answered by a mail: with nothing wrong in it, by somebody who may come.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn mails_at_sign_up(
    glance: Glance<'_>,
    issuer: &RuntimeIssuer,
    flow: &Flow,
    new: SignUp,
) -> Result<bool, Refusal> {
    let ground = Ground { issuer: issuer.issuer.clone(), methods: issuer.methods.clone() };
    let (address, pending) = match checked(glance, &ground, brought(flow, new)).await {
        Ok(checked) => checked,
        Err(Refusal::Fields(_)) => return Ok(false),
        Err(other) => return Err(other),
    };
    let access = &ground.issuer.details.settings.access;
    let answer = (address.as_str(), pending.password.is_some());
    Ok(may_come(glance, &ground, &address, &pending).await?
        && mails_proof(glance, access, answer, pending.invitation.as_deref()).await?)
}

/// With the invitation that the login came by, where none is named.
fn brought(flow: &Flow, new: SignUp) -> SignUp {
    let brought = flow.state.invitation.as_ref().map(|invitation| invitation.token.clone());
    SignUp { invitation: new.invitation.or(brought), ..new }
}

/// What people may say of themselves; everything that is wrong with it is said at once, and of a taken address, too.
async fn checked(glance: Glance<'_>, ground: &Ground, new: SignUp) -> Result<(Mailbox, PendingUser), Refusal> {
    let mut errors = FieldErrors::new();
    let address = Mailbox::parse(&new.address);
    if address.is_none() {
        errors.add("email", FieldCode::InvalidFormat, "must be an e-mail address");
    }
    for name in ["email", "email_verified", "phone_verified"] {
        if new.profile.contains_key(name) {
            errors.add(format!("profile.{name}"), FieldCode::NotAllowed, "cannot be set here");
        }
    }
    let definitions = &ground.issuer.details.settings.users.custom_fields;
    for name in new.custom_fields.keys() {
        if !definitions.get(name).is_some_and(FieldDefinition::is_asked_at_sign_up) {
            errors.add(format!("custom_fields.{name}"), FieldCode::NotAllowed, "cannot be set here");
        }
    }
    if new.terms == Some(false) && ground.issuer.details.links.terms_of_service.is_some() {
        errors.add("terms", FieldCode::Required, "must be accepted");
    }
    let password = match new.password {
        Some(Ok(hash)) => Some(hash.as_phc().to_owned()),
        Some(Err(invalid)) => {
            errors.add("password", invalid.code(), invalid.to_string());
            None
        }
        None => None,
    };
    let pending = PendingUser {
        profile: new.profile,
        custom_fields: new.custom_fields,
        password,
        invitation: new.invitation,
        terms_accepted_at: (new.terms == Some(true)).then_some(glance.now),
    };
    let fields = glance.reads.issuers().user_fields(ground.issuer.id).await?;
    if let Some(details) = errors.absorb(details(&pending).and_then(UserDetails::checked))? {
        errors.absorb(fields.completed(details.custom_fields))?;
    }
    match (address, errors.into_result()) {
        (Some(address), Ok(())) => Ok((address, pending)),
        (_, Err(refusal)) => Err(refusal),
        (None, Ok(())) => Err(Refusal::internal("no address, and nothing wrong with it")),
    }
}

/// Nobody becomes a user before the address is proven: so nothing of a stranger's waits in somebody else's account.
async fn ask_for_proof(
    change: &mut Change<'_>,
    visitor: &Visitor,
    mut flow: Flow,
    address: &str,
    pending: PendingUser,
) -> StepResult {
    let issuer = flow.issuer_id;
    if let Some(before) = flow.state.mail.take() {
        // Another mail takes its place, whether or not it was used up meanwhile.
        let _ = change.unit().logins().replace_proof(issuer, before).await?;
    }
    let hash = UsernameHash::of(change.root_of(issuer)?, address);
    let owner = change.reads().users().find_by_username_hash(issuer, &hash).await?;
    let pending = match &owner {
        Some(owner) => {
            tell_of_account(change, visitor, Errand::of(&flow), owner).await?;
            None
        }
        None => Some(pending),
    };
    let proof = post(change, visitor, Errand::of(&flow), sign_up_mail(address.to_owned(), pending)).await?;
    flow.state.signing_up(address.to_owned(), proof.id)?;
    flow.wait_for(&proof);
    save(change, &mut flow).await?;
    Ok(Stepped::to(flow))
}

fn details(pending: &PendingUser) -> Result<UserDetails, Refusal> {
    let members = [
        ("profile".to_owned(), Value::Object(pending.profile.clone())),
        ("custom_fields".to_owned(), Value::Object(pending.custom_fields.clone())),
    ];
    let mut details: UserDetails = merged(&UserDetails::default(), &Map::from_iter(members))?;
    details.compliance.terms_accepted_at = pending.terms_accepted_at;
    Ok(details)
}

/// Makes a user of somebody who was admitted; none when the address has an account.
pub(super) async fn create(
    change: &mut Change<'_>,
    issuer: IssuerId,
    address: &str,
    pending: &PendingUser,
    admitted: Admitted,
) -> Result<Option<User>, Refusal> {
    let username = Username::new(Some(UsernameType::Email), address)
        .map_err(|invalid| Refusal::field("email", invalid.code(), invalid.to_string()))?;
    let hash = UsernameHash::of(change.root_of(issuer)?, username.as_str());
    if change.reads().users().find_by_username_hash(issuer, &hash).await?.is_some() {
        return Ok(None);
    }
    let address_verified = admitted.address_verified();
    let new = NewUser {
        username,
        entry: Entry::SignedUp(admitted),
        details: details(pending)?,
        metadata: Metadata::default(),
        password: pending.password.clone().map(PasswordHash::from_phc),
    };
    let user = match users::create(change, issuer, new).await {
        Ok(user) => user,
        // Made at the same moment, or its purge is yet to come.
        Err(Refusal::Conflict { .. }) => return Ok(None),
        Err(other) => return Err(other),
    };
    change.act_as(Actor::user(user.id));
    let user = if address_verified { users::verify_address(change, user).await? } else { user };
    found_organization(change, issuer, &user).await?;
    Ok(Some(user))
}

/// Each new user gets an organization where the issuer wants that (`settings.access.signup.create_org`).
async fn found_organization(change: &mut Change<'_>, issuer: IssuerId, user: &User) -> Result<(), Refusal> {
    let found = change.reads().issuers().find(change.account(), issuer).await?.ok_or(Refusal::NotFound)?;
    if !found.details.settings.access.signup.create_org {
        return Ok(());
    }
    let name = user.details.profile.display_name.clone();
    let mut new = name.map_or_else(NewOrganization::default, NewOrganization::named);
    new.first_member = Some((user.id, MembershipOrigin::SignUp));
    organizations::create(change, issuer, new).await.map(|_| ())
}

/// The invitation that somebody signed up by is accepted with the first login.
pub(super) fn acceptance(pending: &PendingUser) -> Option<InvitationInFlow> {
    pending.invitation.clone().map(|token| InvitationInFlow { token })
}
