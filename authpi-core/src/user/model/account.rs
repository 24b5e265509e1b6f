//! A user, and the entry that stands for it in the directory.

use serde::{Deserialize, Serialize};

use super::approval::{Approval, NotWaiting, Verdict};
use super::details::UserDetails;
use super::security::UserSecurity;
use super::status::{DirectoryStatus, IllegalTransition, StatusStep, UserStatus};
use super::username::{Username, UsernameHash, UsernameType, folded};
use crate::folding::address_hash;
use crate::id::{IssuerId, UserId};
use crate::metadata::Metadata;
use crate::seal::RootKey;
use crate::status::{Status, StatusNote};
use crate::timestamp::Timestamp;

/// The store that holds the records of all users when there is one database (idp.md §28).
pub const STORE_ID: &str = "default";

/// A person who signs in at an issuer: the directory entry and the record together.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Never reused.
    pub id: UserId,
    /// Where it lives.
    pub issuer_id: IssuerId,
    /// Where it stands in its life cycle.
    pub status: Status<UserStatus>,
    /// What it is called; unique in the issuer.
    pub username: Username,
    /// What stands for that in the directory.
    pub username_hash: UsernameHash,
    /// What stands there for the e-mail address, once it is proven.
    pub email_hash: Option<UsernameHash>,
    /// What a caller writes.
    pub details: UserDetails,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// How it came to be; never changes.
    pub origin: UserOrigin,
    /// The decision about a sign-up that has to be approved; `None` where none was needed.
    pub approval: Option<Approval>,
    /// How well it is protected. Follows from its credentials and logins, and is not written with it.
    pub security: UserSecurity,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

impl User {
    /// The user in the status that is wanted, and the step it took; `None` when it was there.
    ///
    /// # Errors
    /// [`IllegalTransition`].
    pub fn moved_to(
        self,
        wanted: UserStatus,
        now: Timestamp,
        note: StatusNote,
    ) -> Result<(Self, Option<StatusStep>), IllegalTransition> {
        let step = self.status.value.step_to(wanted)?;
        if step.is_none() {
            return Ok((self, None));
        }
        // Nobody waits any more for a decision about a user who is out for ever: that was it.
        let approval = match (self.status.value, self.approval) {
            (UserStatus::PendingApproval, Some(asked)) => Some(asked.decided(Verdict::Rejected, now, note.clone())),
            (_, known) => known,
        };
        Ok((Self { status: Status::changed(wanted, now, note), approval, ..self }, step))
    }

    /// The user after the decision about their sign-up.
    ///
    /// # Errors
    /// [`NotWaiting`] for one who does not wait for it.
    pub fn decided(self, verdict: Verdict, now: Timestamp, note: StatusNote) -> Result<Self, NotWaiting> {
        if self.status.value != UserStatus::PendingApproval {
            return Err(NotWaiting);
        }
        let asked = self.approval.unwrap_or_else(|| Approval::requested(self.created_at));
        let status = Status::changed(verdict.user_status(), now, note.clone());
        Ok(Self { status, approval: Some(asked.decided(verdict, now, note)), ..self })
    }

    /// The e-mail address that `profile.email_verified` is about.
    pub fn email(&self) -> Option<&str> {
        self.details.profile.email.as_deref().or_else(|| self.username_of(UsernameType::Email))
    }

    /// What stands for the e-mail address in the directory: nothing until it is proven.
    pub fn proven_email_hash(&self, root: &RootKey) -> Option<UsernameHash> {
        let proven = self.email().filter(|_| self.details.profile.email_verified);
        proven.map(|email| address_hash(root, email).into())
    }

    /// The telephone number that `profile.phone_verified` is about.
    pub fn phone(&self) -> Option<&str> {
        self.details.profile.phone.as_deref().or_else(|| self.username_of(UsernameType::Phone))
    }

    /// Both have the same e-mail address, in whatever spelling.
    pub fn has_email_of(&self, other: &Self) -> bool {
        self.email().map(folded) == other.email().map(folded)
    }

    /// Both have the same telephone number.
    pub fn has_phone_of(&self, other: &Self) -> bool {
        self.phone() == other.phone()
    }

    /// Names and addresses of the user that others know: what no password should be made of.
    pub fn known_about(&self) -> Vec<String> {
        let profile = &self.details.profile;
        let names = [&profile.first_name, &profile.middle_name, &profile.last_name, &profile.display_name];
        let others = [&profile.nickname, &profile.preferred_username, &profile.email, &profile.phone];
        names.into_iter().chain(others).flatten().cloned().collect()
    }

    fn username_of(&self, kind: UsernameType) -> Option<&str> {
        (self.username.kind() == kind).then(|| self.username.as_str())
    }
}

/// How a user came to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum UserOrigin {
    /// Made through the management API.
    #[default]
    #[serde(rename = "admin")]
    Admin,
    /// Signed up.
    #[serde(rename = "signup")]
    SignUp,
}

impl UserOrigin {
    /// The value in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::SignUp => "signup",
        }
    }
}

/// A user as the directory knows it: nothing personal, and still there until the deleted are purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The user.
    pub user_id: UserId,
    /// Where it lives.
    pub issuer_id: IssuerId,
    /// Kind of its username.
    pub username_type: UsernameType,
    /// What stands for its username.
    pub username_hash: UsernameHash,
    /// Where it stands.
    pub status: DirectoryStatus,
    /// The store of its record.
    pub store_id: String,
    /// Where that is; `None` when all regions share it.
    pub region: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}
