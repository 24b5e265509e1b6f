//! Who has tried too often (D160). Strangers must not lock a user out: a browser that is known for the user has a count
//! of its own, and a name that nobody has is counted like any other.

use std::time::Duration;

use super::{Problem, Visitor};
use crate::error::Refusal;
use crate::id::{IssuerId, UserId};
use crate::issuer::model::security::LockoutPolicy;
use crate::login::model::{TRIES_KEPT, Tries, TriesKey};
use crate::store::Change;
use crate::timestamp::Timestamp;
use crate::user::model::{User, UsernameHash};
use crate::verifier::model::{Attempts, VerifierKind};

/// Methods that are counted and begin a login.
const METHODS: [&str; 2] = ["password", "email-otp"];

/// Methods that are counted and come second: by the names of credentials.
const SECOND: [&str; 2] = [VerifierKind::Totp.as_str(), VerifierKind::BackupCodes.as_str()];

/// The counts that an attempt meets: locked until the end of the unit of work.
pub(super) struct Counted {
    issuer: IssuerId,
    policy: LockoutPolicy,
    own: TriesKey,
    strangers: Option<TriesKey>,
    /// As they stand now.
    pub(super) tries: Tries,
    is_stranger: bool,
}

impl Counted {
    /// Takes the count of a name for a method, as this browser meets it.
    pub(super) async fn take(
        change: &mut Change<'_>,
        visitor: &Visitor,
        (issuer, policy): (IssuerId, LockoutPolicy),
        name: &str,
        user: Option<&User>,
        method: &'static str,
    ) -> Result<Self, Refusal> {
        let name = UsernameHash::of(change.root_of(issuer)?, name);
        let set_at = set_at(user, method);
        let browser = match user {
            Some(user) => known_browser(change, visitor, issuer, user.id).await?,
            None => None,
        };
        let root = change.root_of(issuer)?;
        let strangers = TriesKey::of(root, name.as_bytes(), method, set_at, None);
        let own = browser.map(|browser| TriesKey::of(root, name.as_bytes(), method, set_at, Some(&browser)));
        let key = own.unwrap_or(strangers);
        let now = change.now();
        let tries = change.unit().logins().lock_tries(issuer, key).await?.at(now);
        let is_stranger = own.is_none();
        Ok(Self { issuer, policy, own: key, strangers: own.map(|_| strangers), tries, is_stranger })
    }

    /// It is that of all browsers that are not known for the user.
    pub(super) const fn is_stranger(&self) -> bool {
        self.is_stranger
    }

    /// Nothing is accepted now.
    pub(super) fn problem(&self, change: &Change<'_>) -> Option<Problem> {
        if self.is_stranger && self.tries.is_exhausted() {
            return Some(Problem::Locked { retry_after: None });
        }
        let until = self.tries.locked_until?;
        Some(Problem::locked_until(until, change.now()))
    }

    /// Counts a failure.
    pub(super) async fn fail(&mut self, change: &mut Change<'_>) -> Result<(), Refusal> {
        let lock = Duration::from_secs(self.policy.duration_seconds.into());
        self.tries = self.tries.failed_at(change.now(), self.policy.max_attempts, lock);
        let keep = change.now().plus(TRIES_KEPT);
        Ok(change.unit().logins().write_tries(self.issuer, self.own, self.tries, keep).await?)
    }

    /// Forgets failures: the credential was accepted. Strangers may try again, but stay locked for as long as they are.
    pub(super) async fn succeed(self, change: &mut Change<'_>) -> Result<(), Refusal> {
        let strangers = self.strangers;
        let issuer = self.issuer;
        self.forget(change).await?;
        let_try_again(change, issuer, strangers.as_slice()).await
    }

    /// What events tell of it.
    pub(super) const fn attempts(&self) -> Attempts {
        Attempts { failed: self.tries.failed, locked_until: self.tries.locked_until }
    }

    /// Forgets failures of this browser, or of all strangers if it is one.
    pub(super) async fn forget(self, change: &mut Change<'_>) -> Result<(), Refusal> {
        if self.tries == Tries::default() {
            return Ok(());
        }
        let now = change.now();
        Ok(change.unit().logins().write_tries(self.issuer, self.own, Tries::default(), now).await?)
    }
}

/// When the credential was set: another one is counted anew. What is mailed is none.
fn set_at(user: Option<&User>, method: &str) -> i64 {
    user.and_then(|user| user.security.set_at(method)).map_or(0, Timestamp::as_millis)
}

async fn known_browser(
    change: &Change<'_>,
    visitor: &Visitor,
    issuer: IssuerId,
    user: UserId,
) -> Result<Option<[u8; 32]>, Refusal> {
    let Some(fingerprint) = visitor.fingerprint else { return Ok(None) };
    let now = change.now();
    let devices = change.reads().devices().of_user(issuer, user).await?;
    let known = devices.iter().any(|device| device.fingerprint == fingerprint && device.known_at(now).is_some());
    Ok(known.then(|| *fingerprint.as_bytes()))
}

/// Somebody came in by another method, or read a mail: strangers may try again at all of them.
pub(super) async fn forgive(change: &mut Change<'_>, user: &User) -> Result<(), Refusal> {
    let keys = of_strangers(change, user, METHODS)?;
    let_try_again(change, user.issuer_id, &keys).await
}

/// Somebody came in by a second factor: strangers may try again at all of them. Not by what comes first: whoever has the
/// password may not have more.
pub(super) async fn forgive_second(change: &mut Change<'_>, user: &User) -> Result<(), Refusal> {
    let keys = of_strangers(change, user, SECOND)?;
    let_try_again(change, user.issuer_id, &keys).await
}

fn of_strangers(change: &Change<'_>, user: &User, methods: [&str; 2]) -> Result<[TriesKey; 2], Refusal> {
    let root = change.root_of(user.issuer_id)?;
    let name = UsernameHash::of(root, user.username.as_str());
    Ok(methods.map(|method| TriesKey::of(root, name.as_bytes(), method, set_at(Some(user), method), None)))
}

/// The failures in a row under these keys are forgotten; locks last as long as they do.
async fn let_try_again(change: &mut Change<'_>, issuer: IssuerId, keys: &[TriesKey]) -> Result<(), Refusal> {
    let now = change.now();
    for key in change.reads().logins().failed_in_a_row(issuer, keys).await? {
        let before = change.unit().logins().lock_tries(issuer, key).await?.at(now);
        let after = Tries { in_a_row: 0, ..before };
        change.unit().logins().write_tries(issuer, key, after, now.plus(TRIES_KEPT)).await?;
    }
    Ok(())
}
