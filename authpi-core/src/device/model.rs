//! What a device is, and for how long one is remembered.

use std::fmt;
use std::time::Duration;

use crate::id::{DeviceId, IssuerId, UserId};
use crate::seal::RootKey;
use crate::secret::hex;
use crate::timestamp::Timestamp;

/// What the key of fingerprints is derived for.
const FINGERPRINT_PURPOSE: &str = "device-fingerprint";

/// Trusted devices of one user at most (conventions §5); one more drops the one that was trusted first.
pub const MAX_TRUSTED: usize = 20;

/// Known devices of one user at most (conventions §5); one more drops the one that was seen first of all the last time.
pub const MAX_KNOWN: usize = 50;

/// How long a known device is remembered after the last login from it (idp §18.4).
pub const REMEMBERED: Duration = Duration::from_hours(180 * 24);

/// What stands for a device: a hash under a key of the issuer, of the device cookie or of what an application calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// HMAC-SHA-256 of `value` under a key derived from the root key of the issuer.
    pub fn of(root: &RootKey, value: &str) -> Self {
        Self(root.mac(FINGERPRINT_PURPOSE, value.as_bytes()))
    }

    /// From storage.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For storage.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Lower-case hex.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// A device of a user: trusted, known, or both. One record stands for one fingerprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its id; the same whether it is trusted or known.
    pub id: DeviceId,
    /// Where the user lives.
    pub issuer_id: IssuerId,
    /// Whose it is.
    pub user_id: UserId,
    /// What stands for it; the user has no other device with it.
    pub fingerprint: Fingerprint,
    /// What people call it.
    pub name: Option<String>,
    /// `User-Agent` of the last time.
    pub user_agent: Option<String>,
    /// ISO 3166-1 alpha-2, of the last time.
    pub country: Option<String>,
    /// Since when and for how long it replaces a second factor; also when that time is over.
    pub trust: Option<Trust>,
    /// The logins from it; `None` when there was none.
    pub sightings: Option<Sightings>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// The user trusts a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Since.
    pub at: Timestamp,
    /// Until.
    pub expires_at: Timestamp,
    /// The last login for which it replaced the second factor.
    pub last_used_at: Option<Timestamp>,
}

/// Logins from a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sightings {
    /// The first one.
    pub first_at: Timestamp,
    /// The last one.
    pub last_at: Timestamp,
    /// How many there were.
    pub logins: u32,
}

impl Device {
    /// The trust in it, if it is in force at `now`.
    pub fn trusted_at(&self, now: Timestamp) -> Option<Trust> {
        self.trust.filter(|trust| trust.expires_at > now)
    }

    /// The logins from it, if they are remembered at `now`.
    pub fn known_at(&self, now: Timestamp) -> Option<Sightings> {
        self.sightings.filter(|sightings| sightings.last_at.plus(REMEMBERED) > now)
    }

    /// From when on nothing about it is remembered.
    pub fn forgotten_at(&self) -> Timestamp {
        let trusted_until = self.trust.map(|trust| trust.expires_at);
        let known_until = self.sightings.map(|sightings| sightings.last_at.plus(REMEMBERED));
        trusted_until.max(known_until).unwrap_or(self.created_at)
    }
}

/// Whoever must go to make room for one more: all but `most - 1` of them, by the order they are in.
pub fn surplus(mut devices: Vec<Device>, most: usize) -> Vec<Device> {
    let room = most.saturating_sub(1);
    devices.truncate(devices.len().saturating_sub(room));
    devices
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test fails by panicking")]

    use uuid::Uuid;

    use super::*;
    use crate::id::Id;

    fn device(trust: Option<u64>, seen: Option<u64>) -> Device {
        let day = |day: u64| Timestamp::EPOCH.plus(Duration::from_hours(24 * day));
        Device {
            id: DeviceId::from_uuid(Uuid::nil()),
            issuer_id: IssuerId::from_uuid(Uuid::nil()),
            user_id: UserId::from_uuid(Uuid::nil()),
            fingerprint: Fingerprint::from_bytes([0; 32]),
            name: None,
            user_agent: None,
            country: None,
            trust: trust.map(|last| Trust { at: day(0), expires_at: day(last), last_used_at: None }),
            sightings: seen.map(|last| Sightings { first_at: day(0), last_at: day(last), logins: 1 }),
            created_at: day(0),
            updated_at: day(0),
        }
    }

    #[test]
    fn a_device_is_remembered_as_long_as_it_is_trusted_or_known() {
        let day = |day: u64| Timestamp::EPOCH.plus(Duration::from_hours(24 * day));
        let remembered = |trust, seen| device(trust, seen).forgotten_at();
        assert_eq!(remembered(Some(30), None), day(30));
        assert_eq!(remembered(None, Some(1)), day(181));
        assert_eq!((remembered(Some(30), Some(1)), remembered(Some(300), Some(1))), (day(181), day(300)));
        let both = device(Some(30), Some(1));
        assert!(both.trusted_at(day(29)).is_some() && both.trusted_at(day(30)).is_none());
        assert!(both.known_at(day(180)).is_some() && both.known_at(day(181)).is_none());
    }

    #[test]
    fn room_is_made_for_one_more() {
        let some = |number| vec![device(Some(1), None); number];
        assert_eq!(surplus(some(19), 20).len(), 0);
        assert_eq!(surplus(some(20), 20).len(), 1);
        assert_eq!(surplus(some(22), 20).len(), 3);
    }

    #[test]
    fn a_fingerprint_depends_on_the_issuer_and_shows_as_hex() {
        let (one, other) = (RootKey::new([1; 32]), RootKey::new([2; 32]));
        assert_eq!(Fingerprint::of(&one, "a"), Fingerprint::of(&one, "a"));
        assert_ne!(Fingerprint::of(&one, "a"), Fingerprint::of(&one, "b"));
        assert_ne!(Fingerprint::of(&one, "a"), Fingerprint::of(&other, "a"));
        let shown = Fingerprint::of(&one, "a").to_string();
        assert_eq!((shown.len(), &shown[..2]), (64, hex(&Fingerprint::of(&one, "a").as_bytes()[..1]).as_str()));
    }
}
