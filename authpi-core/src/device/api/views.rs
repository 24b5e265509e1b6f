//! Devices as answers show them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::device::model::{Device, Fingerprint, Sightings, Trust};
use crate::id::DeviceId;
use crate::timestamp::Timestamp;

/// A trusted device on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = TrustedDevice)]
pub(super) struct TrustedDeviceView {
    id: DeviceId,
    /// A hash of what was stated.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    fingerprint: String,
    name: Option<String>,
    user_agent: Option<String>,
    trusted_at: Timestamp,
    expires_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

impl TrustedDeviceView {
    pub(super) fn of(device: Device, trust: Trust) -> Self {
        Self {
            id: device.id,
            fingerprint: Fingerprint::to_string(&device.fingerprint),
            name: device.name,
            user_agent: device.user_agent,
            trusted_at: trust.at,
            expires_at: trust.expires_at,
            last_used_at: trust.last_used_at,
        }
    }
}

/// A device that a user signed in from, on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = KnownDevice)]
pub(super) struct KnownDeviceView {
    /// The same when the device is trusted.
    id: DeviceId,
    /// A hash of the device cookie.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    fingerprint: String,
    name: Option<String>,
    user_agent: Option<String>,
    /// ISO 3166-1 alpha-2.
    country: Option<String>,
    first_seen_at: Timestamp,
    last_seen_at: Timestamp,
    login_count: u32,
    trusted: bool,
}

impl KnownDeviceView {
    pub(super) fn of(device: Device, sightings: Sightings, now: Timestamp) -> Self {
        Self {
            id: device.id,
            fingerprint: Fingerprint::to_string(&device.fingerprint),
            trusted: device.trusted_at(now).is_some(),
            name: device.name,
            user_agent: device.user_agent,
            country: device.country,
            first_seen_at: sightings.first_at,
            last_seen_at: sightings.last_at,
            login_count: sightings.logins,
        }
    }
}

/// What trusting a device led to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct UserTrustedDevicesCreateResponse {
    pub(super) device_id: DeviceId,
    pub(super) expires_at: Timestamp,
}

/// What revoking all led to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct UserTrustedDevicesRevokeAllResponse {
    pub(super) revoked_count: u32,
}
