//! What can be done with devices.

use std::time::Duration;

use super::events;
use super::model::{Device, Fingerprint, MAX_KNOWN, MAX_TRUSTED, Sightings, Trust, surplus};
use crate::error::Refusal;
use crate::id::{DeviceId, IssuerId, UserId};
use crate::outcome::InsertOutcome;
use crate::store::Change;
use crate::timestamp::Timestamp;

/// A device that a user trusts from now on.
#[derive(Clone, Debug)]
pub struct NewTrust {
    /// What stands for it.
    pub fingerprint: Fingerprint,
    /// What people call it; `None` leaves the name it has.
    pub name: Option<String>,
    /// Its `User-Agent`; `None` leaves the one it has.
    pub user_agent: Option<String>,
    /// For how long; the issuer's setting when absent.
    pub ttl: Option<Duration>,
}

/// A login from a device.
#[derive(Clone, Debug)]
pub struct Login {
    /// What stands for the device.
    pub fingerprint: Fingerprint,
    /// What to call it, unless it has a name.
    pub name: Option<String>,
    /// Its `User-Agent`.
    pub user_agent: Option<String>,
    /// Where it is: ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// The device that stood in for the second factor: this one, unless the browser has lost what it is known by.
    pub vouching: Option<DeviceId>,
}

/// What a login from a device meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The device.
    pub device: Device,
    /// There was no login from it that is remembered.
    pub is_new: bool,
}

/// Trusts a device: from now on it replaces a second factor. One that is trusted already is trusted anew; of too many
/// the one trusted first is dropped.
///
/// # Errors
/// [`Refusal::NotFound`] when there is no such user; [`Refusal::Conflict`] when the issuer lets no device be trusted.
pub async fn trust(
    change: &mut Change<'_>,
    issuer: IssuerId,
    user: UserId,
    new: NewTrust,
) -> Result<(Device, Trust), Refusal> {
    let now = change.now();
    let longest = trusted_for(change, issuer).await?;
    let trust = Trust { at: now, expires_at: now.plus(new.ttl.unwrap_or(longest)), last_used_at: None };
    let devices = locked_devices(change, issuer, user).await?;
    let (known, mut others): (Vec<_>, Vec<_>) =
        devices.into_iter().partition(|device| device.fingerprint == new.fingerprint);
    others.retain(|device| device.trusted_at(now).is_some());
    others.sort_by_key(|device| (device.trust.map(|trust| trust.at), device.id));
    let device = if let Some(before) = known.into_iter().next() {
        let after = Device {
            name: new.name.or_else(|| before.name.clone()),
            user_agent: new.user_agent.or_else(|| before.user_agent.clone()),
            trust: Some(trust),
            updated_at: before.updated_at.next_version(now),
            ..before.clone()
        };
        change.unit().devices().update(&after, before.updated_at).await?.required()?;
        after
    } else {
        let device = Device {
            name: new.name,
            user_agent: new.user_agent,
            trust: Some(trust),
            ..unknown(change, issuer, user, new.fingerprint)?
        };
        insert(change, &device).await?;
        device
    };
    change.emit(events::trusted(change.account(), &device, trust))?;
    for oldest in surplus(others, MAX_TRUSTED) {
        distrust(change, &oldest).await?;
    }
    Ok((device, trust))
}

/// How long a device stays trusted (`settings.security.trusted_device_ttl`).
async fn trusted_for(change: &Change<'_>, issuer: IssuerId) -> Result<Duration, Refusal> {
    let found = change.reads().issuers().find(change.account(), issuer).await?.ok_or(Refusal::NotFound)?;
    match found.details.settings.security.trusted_device_ttl {
        0 => {
            Err(Refusal::conflict("The issuer lets no device be trusted (settings.security.trusted_device_ttl is 0)."))
        }
        seconds => Ok(Duration::from_secs(seconds.into())),
    }
}

/// Takes the trust in a device back.
///
/// # Errors
/// [`Refusal::NotFound`] when it is not trusted; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn revoke(change: &mut Change<'_>, device: &Device) -> Result<(), Refusal> {
    device.trusted_at(change.now()).ok_or(Refusal::NotFound)?;
    distrust(change, device).await
}

/// Takes the trust in all devices of a user back, with one event for each, and tells how many there were: at most
/// [`MAX_TRUSTED`]. Whoever changes a password or a second factor calls this.
///
/// # Errors
/// [`Refusal::Stale`] when one of them has changed meanwhile.
pub async fn revoke_all(change: &mut Change<'_>, issuer: IssuerId, user: UserId) -> Result<u32, Refusal> {
    if change.unit().users().lock(issuer, user).await?.is_none() {
        return Ok(0);
    }
    let now = change.now();
    let mut revoked = 0;
    for device in change.reads().devices().of_user(issuer, user).await? {
        if device.trusted_at(now).is_some() {
            distrust(change, &device).await?;
            revoked += 1;
        }
    }
    Ok(revoked)
}

/// Records a login from a device; of too many that are known the one not seen for longest is dropped. A login is no
/// change of the device: its version stays.
///
/// # Errors
/// [`Refusal::NotFound`] when there is no such user.
pub async fn seen(change: &mut Change<'_>, issuer: IssuerId, user: UserId, login: Login) -> Result<Seen, Refusal> {
    let now = change.now();
    let mut devices = locked_devices(change, issuer, user).await?;
    if let Some(vouching) = devices.iter_mut().find(|device| Some(device.id) == login.vouching) {
        vouching.trust = vouching.trust.map(|trust| Trust { last_used_at: Some(now), ..trust });
        // The login itself writes its own device.
        if vouching.fingerprint != login.fingerprint {
            change.unit().devices().update(vouching, vouching.updated_at).await?.required()?;
        }
    }
    let (same, mut others): (Vec<_>, Vec<_>) =
        devices.into_iter().partition(|device| device.fingerprint == login.fingerprint);
    let before = same.into_iter().next();
    let remembered = before.as_ref().and_then(|device| device.known_at(now));
    let sightings = Sightings {
        first_at: remembered.map_or(now, |known| known.first_at),
        last_at: now,
        logins: remembered.map_or(1, |known| known.logins.saturating_add(1)),
    };
    if remembered.is_none() {
        others.retain(|device| device.known_at(now).is_some());
        others.sort_by_key(|device| (device.sightings.map(|known| known.last_at), device.id));
        for stalest in surplus(others, MAX_KNOWN) {
            forget(change, &stalest).await?;
        }
    }
    let is_known_row = before.is_some();
    let device = match before {
        Some(device) => device,
        None => unknown(change, issuer, user, login.fingerprint)?,
    };
    let after = Device {
        name: device.name.clone().or(login.name),
        user_agent: login.user_agent,
        country: login.country,
        sightings: Some(sightings),
        ..device.clone()
    };
    if is_known_row {
        change.unit().devices().update(&after, device.updated_at).await?.required()?;
    } else {
        insert(change, &after).await?;
    }
    Ok(Seen { device: after, is_new: remembered.is_none() })
}

/// Records that the trust in a device stood in for the second factor, where nothing else is remembered of logins. Its
/// version stays.
///
/// # Errors
/// [`Refusal::NotFound`] when there is no such user; [`Refusal::Stale`] when the device has changed meanwhile.
pub async fn vouched(change: &mut Change<'_>, issuer: IssuerId, user: UserId, device: DeviceId) -> Result<(), Refusal> {
    let now = change.now();
    let found = locked_devices(change, issuer, user).await?.into_iter().find(|known| known.id == device);
    let Some((device, trust)) = found.and_then(|device| Some((device.clone(), device.trust?))) else { return Ok(()) };
    let after = Device { trust: Some(Trust { last_used_at: Some(now), ..trust }), ..device };
    change.unit().devices().update(&after, after.updated_at).await?.required()
}

/// Locks the user and gives its devices: what adds one counts them.
async fn locked_devices(change: &mut Change<'_>, issuer: IssuerId, user: UserId) -> Result<Vec<Device>, Refusal> {
    if change.unit().users().lock(issuer, user).await?.is_none() {
        return Err(Refusal::NotFound);
    }
    Ok(change.reads().devices().of_user(issuer, user).await?)
}

fn unknown(change: &Change<'_>, issuer: IssuerId, user: UserId, fingerprint: Fingerprint) -> Result<Device, Refusal> {
    let now: Timestamp = change.now();
    Ok(Device {
        id: change.mint()?,
        issuer_id: issuer,
        user_id: user,
        fingerprint,
        name: None,
        user_agent: None,
        country: None,
        trust: None,
        sightings: None,
        created_at: now,
        updated_at: now,
    })
}

async fn insert(change: &mut Change<'_>, device: &Device) -> Result<(), Refusal> {
    match change.unit().devices().insert(device).await? {
        InsertOutcome::Inserted => Ok(()),
        // The user was locked, and had no such device.
        InsertOutcome::Taken => Err(Refusal::Stale),
    }
}

/// A device that is known stays so.
async fn distrust(change: &mut Change<'_>, device: &Device) -> Result<(), Refusal> {
    if device.known_at(change.now()).is_some() {
        let updated_at = device.updated_at.next_version(change.now());
        let after = Device { trust: None, updated_at, ..device.clone() };
        change.unit().devices().update(&after, device.updated_at).await?.required()?;
    } else {
        change.unit().devices().remove(device).await?.required()?;
    }
    change.emit(events::revoked(change.account(), device))
}

/// A device that is trusted stays so.
async fn forget(change: &mut Change<'_>, device: &Device) -> Result<(), Refusal> {
    if device.trusted_at(change.now()).is_some() {
        let after = Device { sightings: None, ..device.clone() };
        change.unit().devices().update(&after, device.updated_at).await?.required()
    } else {
        change.unit().devices().remove(device).await?.required()
    }
}
