//! What can be done with users.

mod deletion;
pub mod revocation;

pub use deletion::delete;

use serde_json::{Map, Value};

use super::events;
use super::model::{
    Approval, StatusStep, User, UserDetails, UserOrigin, UserSecurity, UserStatus, Username, UsernameHash,
    UsernameType, Verdict,
};
use super::repository::UserUpdateOutcome;
use crate::admission::Admitted;
use crate::error::{FieldCode, Refusal};
use crate::id::IssuerId;
use crate::mail::model::{Content, Notice, Template};
use crate::mail::operations::{NewMail, enqueue};
use crate::mailbox::Mailbox;
use crate::merge::{changed_fields, merged};
use crate::metadata::Metadata;
use crate::outcome::InsertOutcome;
use crate::session::model::EndCause;
use crate::session::operations as session;
use crate::status::{Status, StatusNote};
use crate::store::Change;
use crate::verifier::model::PasswordHash;
use crate::verifier::operations as verifiers;

/// A new user.
#[derive(Debug)]
pub struct NewUser {
    /// What it is called.
    pub username: Username,
    /// How it comes to be.
    pub entry: Entry,
    /// Who it is.
    pub details: UserDetails,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// Its password, hashed before the unit of work began.
    pub password: Option<PasswordHash>,
}

/// How a user comes to be.
#[derive(Debug)]
pub enum Entry {
    /// Somebody with the right to it makes it.
    Made {
        /// Where it begins.
        status: UserStatus,
    },
    /// It has signed up.
    SignedUp(Admitted),
}

impl Entry {
    const fn origin(&self) -> UserOrigin {
        match self {
            Self::Made { .. } => UserOrigin::Admin,
            Self::SignedUp(_) => UserOrigin::SignUp,
        }
    }

    const fn status(&self) -> UserStatus {
        match self {
            Self::Made { status } => *status,
            Self::SignedUp(admitted) if admitted.awaits_approval() => UserStatus::PendingApproval,
            Self::SignedUp(_) => UserStatus::Active,
        }
    }
}

/// What a PATCH asks for.
#[derive(Clone, Debug, Default)]
pub struct UserPatch {
    /// Another username.
    pub username: Option<Username>,
    /// The kind that the username must have.
    pub username_type: Option<UsernameType>,
    /// Members of [`UserDetails`] to merge.
    pub details: Map<String, Value>,
    /// Metadata to merge; `None` leaves it.
    pub metadata: Option<Value>,
    /// The status wanted, and what the caller says about it.
    pub status: Option<(StatusWish, StatusNote)>,
}

/// A status as callers ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusWish {
    /// This one.
    Is(UserStatus),
    /// Any but blocked: takes a block back, and leaves every other status alone.
    NotBlocked,
}

impl StatusWish {
    fn after(self, now: UserStatus) -> UserStatus {
        match self {
            Self::Is(status) => status,
            Self::NotBlocked if now == UserStatus::Blocked => UserStatus::Active,
            Self::NotBlocked => now,
        }
    }
}

/// Makes a user.
///
/// # Errors
/// [`Refusal::Conflict`] when the username is taken; [`Refusal::Fields`] for details that are not valid.
pub async fn create(change: &mut Change<'_>, issuer: IssuerId, new: NewUser) -> Result<User, Refusal> {
    let mut details = new.details.checked()?;
    let (origin, status) = (new.entry.origin(), new.entry.status());
    let definitions = change.reads().issuers().user_fields(issuer).await?;
    details.custom_fields = definitions.completed(details.custom_fields)?;
    let mut user = User {
        id: change.mint()?,
        issuer_id: issuer,
        status: Status::initial(status),
        username_hash: UsernameHash::of(change.root_of(issuer)?, new.username.as_str()),
        email_hash: None,
        username: new.username,
        details,
        metadata: new.metadata,
        origin,
        approval: (status == UserStatus::PendingApproval).then(|| Approval::requested(change.now())),
        security: UserSecurity::default(),
        created_at: change.now(),
        updated_at: change.now(),
    };
    user.email_hash = user.proven_email_hash(change.root_of(issuer)?);
    match change.unit().users().insert(&user).await? {
        InsertOutcome::Inserted => change.emit(events::created(change.account(), &user, origin))?,
        InsertOutcome::Taken => return Err(username_taken()),
    }
    if user.approval.is_some() {
        change.emit(events::approval_requested(change.account(), &user))?;
    }
    if let Some(hash) = new.password {
        verifiers::set_password(change, issuer, user.id, hash).await?;
        let found = change.reads().users().find(issuer, user.id).await?;
        user.security = found.ok_or(Refusal::NotFound)?.security;
    }
    Ok(user)
}

/// Notes that the address of a user was proven; one that was is left alone.
///
/// # Errors
/// [`Refusal::Stale`] when the user has changed meanwhile.
pub async fn verify_address(change: &mut Change<'_>, before: User) -> Result<User, Refusal> {
    if before.details.profile.email_verified {
        return Ok(before);
    }
    let mut after = User { updated_at: before.updated_at.next_version(change.now()), ..before.clone() };
    after.details.profile.email_verified = true;
    after.email_hash = after.proven_email_hash(change.root_of(before.issuer_id)?);
    match change.unit().users().update(&after, &before).await? {
        UserUpdateOutcome::Done => {}
        UserUpdateOutcome::Stale | UserUpdateOutcome::UsernameTaken => return Err(Refusal::Stale),
    }
    let hash = after.email().map(|email| change.root_of(after.issuer_id).map(|root| UsernameHash::of(root, email)));
    if let Some(hash) = hash.transpose()? {
        change.emit(events::email_verified(change.account(), &after, hash))?;
    }
    Ok(after)
}

/// Puts an address that was proven in the place of the one there is: that is the username, unless the profile has one.
/// Who has the former address is told.
///
/// # Errors
/// [`Refusal::Conflict`] when another user has the name; [`Refusal::Stale`] when the user has changed meanwhile.
pub async fn change_address(change: &mut Change<'_>, before: User, address: &str) -> Result<User, Refusal> {
    let mut after = User { updated_at: before.updated_at.next_version(change.now()), ..before.clone() };
    let is_username = before.username.kind() == UsernameType::Email && before.details.profile.email.is_none();
    let root = change.root_of(before.issuer_id)?;
    let hash = UsernameHash::of(root, address);
    let old = before.email().map(|email| UsernameHash::of(root, email));
    if is_username {
        after.username = Username::new(Some(UsernameType::Email), address)
            .map_err(|invalid| Refusal::field("email", invalid.code(), invalid.to_string()))?;
        after.username_hash = UsernameHash::of(root, after.username.as_str());
    } else {
        after.details.profile.email = Some(address.to_owned());
    }
    after.details.profile.email_verified = true;
    after.email_hash = after.proven_email_hash(root);
    match change.unit().users().update(&after, &before).await? {
        UserUpdateOutcome::Done => {}
        UserUpdateOutcome::Stale => return Err(Refusal::Stale),
        UserUpdateOutcome::UsernameTaken => return Err(username_taken()),
    }
    change.emit(events::email_changed(change.account(), &after, old, hash))?;
    change.emit(events::email_verified(change.account(), &after, hash))?;
    tell_former_address(change, &before, &after).await?;
    Ok(after)
}

/// Decides about a sign-up.
///
/// # Errors
/// [`Refusal::Conflict`] when the user does not wait for it; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn decide(
    change: &mut Change<'_>,
    before: User,
    verdict: Verdict,
    reason: Option<String>,
) -> Result<User, Refusal> {
    let note = StatusNote { reason, by: Some(change.actor().name()) };
    let mut after = before.clone().decided(verdict, change.now(), note)?;
    after.updated_at = before.updated_at.next_version(change.now());
    match change.unit().users().update(&after, &before).await? {
        UserUpdateOutcome::Done => {}
        UserUpdateOutcome::Stale | UserUpdateOutcome::UsernameTaken => return Err(Refusal::Stale),
    }
    change.emit(events::approval_decided(change.account(), &after, verdict))?;
    Ok(after)
}

fn username_taken() -> Refusal {
    Refusal::not_unique("username", "Another user of the issuer has this username.")
}

/// Merges a patch into a user. A patch that changes nothing leaves version and events alone.
///
/// # Errors
/// [`Refusal::Conflict`] when the username is taken, and for a status that does not follow from this one;
/// [`Refusal::Fields`] when the merged whole is not valid; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn update(change: &mut Change<'_>, before: User, patch: UserPatch) -> Result<User, Refusal> {
    let (after, step) = patched(change, &before, patch)?;
    if after.details.custom_fields != before.details.custom_fields {
        let definitions = change.reads().issuers().user_fields(before.issuer_id).await?;
        definitions.followed(&before.details.custom_fields, &after.details.custom_fields)?;
    }
    let after = User { updated_at: before.updated_at.next_version(change.now()), ..after };
    let changes = changed(&before, &after)?;
    if changes.is_empty() && step.is_none() {
        return Ok(before);
    }
    match change.unit().users().update(&after, &before).await? {
        UserUpdateOutcome::Done => {}
        UserUpdateOutcome::Stale => return Err(Refusal::Stale),
        UserUpdateOutcome::UsernameTaken => return Err(username_taken()),
    }
    emit_changes(change, &before, &after, changes, step)?;
    tell_former_address(change, &before, &after).await?;
    follow(change, &after, step).await?;
    Ok(after)
}

/// What a step does to the sessions of the user (idp §27): who is out for long loses them, who is out for a while finds
/// them again.
async fn follow(change: &mut Change<'_>, user: &User, step: Option<StatusStep>) -> Result<(), Refusal> {
    let (issuer, id) = (user.issuer_id, user.id);
    match step {
        Some(StatusStep::Blocked | StatusStep::Disabled) => {
            let reason = user.status.reason.clone();
            session::end_all(change, issuer, id, EndCause::UserStatus, reason).await.map(|_| ())
        }
        Some(StatusStep::Suspended) => session::freeze_all(change, issuer, id).await,
        Some(StatusStep::Reactivated) => session::thaw_all(change, issuer, id).await,
        Some(StatusStep::Unblocked) | None => Ok(()),
    }
}

/// Who has the address that was proven so far learns that another took its place (events-webhooks §14).
async fn tell_former_address(change: &mut Change<'_>, before: &User, after: &User) -> Result<(), Refusal> {
    let former = before.email().filter(|_| before.details.profile.email_verified && !after.has_email_of(before));
    let Some(to) = former.and_then(Mailbox::parse) else { return Ok(()) };
    let by_another = change.actor().user_id() != Some(before.id);
    let notice = Notice { at: change.now(), by_another, ..Notice::default() };
    let mail = NewMail {
        issuer_id: before.issuer_id,
        template: Template::EmailChanged,
        user_id: Some(before.id),
        org_id: None,
        invitation_id: None,
        cause: None,
        to,
        content: Content::Notice(notice),
    };
    enqueue(change, mail).await
}

/// The user as the patch wants it, and the step it takes through the life cycle.
fn patched(change: &Change<'_>, before: &User, patch: UserPatch) -> Result<(User, Option<StatusStep>), Refusal> {
    let mut after = User {
        username: patch.username.unwrap_or_else(|| before.username.clone()),
        details: merged(&before.details, &patch.details)?.checked()?,
        metadata: before.metadata.patched(patch.metadata.as_ref())?,
        ..before.clone()
    };
    if patch.username_type.is_some_and(|wanted| wanted != after.username.kind()) {
        let message = "does not fit the form of the username";
        return Err(Refusal::field("username_type", FieldCode::InvalidFormat, message));
    }
    after.username_hash = UsernameHash::of(change.root_of(before.issuer_id)?, after.username.as_str());
    forget_proofs(before, &mut after, &patch.details);
    after.email_hash = after.proven_email_hash(change.root_of(before.issuer_id)?);
    match patch.status {
        None => Ok((after, None)),
        Some((wish, note)) => Ok(after.moved_to(wish.after(before.status.value), change.now(), note)?),
    }
}

/// An address that changes is not proven any more, unless the patch says that it is: nobody may come to own an account
/// by an address that was another's.
fn forget_proofs(before: &User, after: &mut User, patch: &Map<String, Value>) {
    let states = |name| patch.get("profile").is_some_and(|profile| profile.get(name).is_some());
    if !after.has_email_of(before) && !states("email_verified") {
        after.details.profile.email_verified = false;
    }
    if !after.has_phone_of(before) && !states("phone_verified") {
        after.details.profile.phone_verified = false;
    }
}

/// The names of the fields that differ, besides the status.
fn changed(before: &User, after: &User) -> Result<Vec<String>, Refusal> {
    let mut changes = changed_fields(&before.details, &after.details)?;
    let others = [
        ("metadata", before.metadata != after.metadata),
        ("username", before.username.as_str() != after.username.as_str()),
        ("username_type", before.username.kind() != after.username.kind()),
    ];
    changes.extend(others.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()));
    Ok(changes)
}

/// A new address and a new status have events of their own; `user.updated` tells what is left.
fn emit_changes(
    change: &mut Change<'_>,
    before: &User,
    after: &User,
    mut changes: Vec<String>,
    step: Option<StatusStep>,
) -> Result<(), Refusal> {
    let (account, was) = (change.account(), before.status.value);
    if let Some(address) = after.email().filter(|_| !after.has_email_of(before)) {
        if after.details.profile.email.is_none() {
            changes.retain(|name| name != "username" && name != "username_type");
        }
        let root = change.root_of(after.issuer_id)?;
        let (old, new) = (before.email().map(|old| UsernameHash::of(root, old)), UsernameHash::of(root, address));
        change.emit(events::email_changed(account, after, old, new))?;
    }
    if matches!(step, Some(StatusStep::Suspended | StatusStep::Reactivated)) {
        return change.emit(events::suspension_changed(account, after, was, changes));
    }
    if !changes.is_empty() {
        change.emit(events::updated(account, after, changes))?;
    }
    match step {
        Some(StatusStep::Blocked | StatusStep::Disabled) => change.emit(events::blocked(account, after, was)),
        Some(StatusStep::Unblocked) => change.emit(events::unblocked(account, after, was)),
        Some(StatusStep::Suspended | StatusStep::Reactivated) | None => Ok(()),
    }
}
