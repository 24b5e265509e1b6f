//! Devices that replace a second factor.

use std::time::Duration;

use async_trait::async_trait;

use super::bodies::TrustDevice;
use super::views::{TrustedDeviceView, UserTrustedDevicesCreateResponse, UserTrustedDevicesRevokeAllResponse};
use crate::device::model::{Device, Fingerprint};
use crate::device::operations::{self, NewTrust};
use crate::error::Refusal;
use crate::id::{DeviceId, IssuerId, UserId};
use crate::store::{Change, Reads};
use crate::web::answer::Answer;
use crate::web::body::NoBody;
use crate::web::call::Call;
use crate::web::endpoint::{Read, Write};
use crate::web::impersonation;
use crate::web::route::Route;

const ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/trusted-devices";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/trusted-devices/{device_id}";
const REVOKE_ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/trusted-devices/revoke-all";
const READ: &str = "issuers.users.trusted-devices:read";
const WRITE: &str = "issuers.users.trusted-devices:write";

/// The devices of the user in the path.
pub(super) async fn devices(reads: &dyn Reads, issuer: IssuerId, user: UserId) -> Result<Vec<Device>, Refusal> {
    if !reads.users().exists(issuer, user).await? {
        return Err(Refusal::NotFound);
    }
    Ok(reads.devices().of_user(issuer, user).await?)
}

/// `listTrustedDevices`
pub(super) struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listTrustedDevices", "List the devices that a user trusts, newest first")
            .about("trusted devices", "trusted device")
            .scope(READ)
            .answers_list::<TrustedDeviceView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, user) = call.path()?;
        let found = devices(reads, issuer, user).await?;
        let trusted = found.into_iter().filter_map(|device| Some((device.trusted_at(call.now())?, device)));
        let mut trusted: Vec<_> = trusted.collect();
        trusted.sort_by_key(|(trust, device)| std::cmp::Reverse((trust.at, device.id)));
        let items = trusted.into_iter().map(|(trust, device)| TrustedDeviceView::of(device, trust)).collect();
        Ok(Answer::list(items))
    }
}

/// `trustDevice`
pub(super) struct Create;

#[async_trait]
impl Write for Create {
    type Body = TrustDevice;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(ALL)
            .named("trustDevice", "Trust a device of a user; one that is trusted already is trusted anew")
            .about("trusted devices", "trusted device")
            .scope(WRITE)
            .answers::<UserTrustedDevicesCreateResponse>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<TrustDevice>) -> Result<Answer, Refusal> {
        let (issuer, user) = call.path()?;
        let known = devices(change.reads(), issuer, user).await?;
        impersonation::check_sign_in(change, call, user).await?;
        let body = call.body()?;
        // Who states the fingerprint that we tell of a device means that device.
        let same = known.iter().find(|device| device.fingerprint.to_string() == body.fingerprint);
        let hashed = Fingerprint::of(change.root_of(issuer)?, &body.fingerprint);
        let new = NewTrust {
            fingerprint: same.map_or(hashed, |device| device.fingerprint),
            name: body.name.clone(),
            user_agent: body.user_agent.clone(),
            ttl: body.ttl_seconds.map(|seconds| Duration::from_secs(seconds.into())),
        };
        let (device, trust) = operations::trust(change, issuer, user, new).await?;
        let shown = UserTrustedDevicesCreateResponse { device_id: device.id, expires_at: trust.expires_at };
        Ok(Answer::created(shown).etag(device.updated_at))
    }
}

/// `revokeAllTrustedDevices`
pub(super) struct RevokeAll;

#[async_trait]
impl Write for RevokeAll {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(REVOKE_ALL)
            .named("revokeAllTrustedDevices", "Take the trust in all devices of a user back")
            .about("trusted devices", "user")
            .scope(WRITE)
            .conditional()
            .without_credit()
            .answers::<UserTrustedDevicesRevokeAllResponse>(200)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, id) = call.path()?;
        let user = change.reads().users().find(issuer, id).await?.ok_or(Refusal::NotFound)?;
        call.precondition(user.updated_at)?;
        let revoked_count = operations::revoke_all(change, issuer, id).await?;
        Ok(Answer::of(UserTrustedDevicesRevokeAllResponse { revoked_count }))
    }
}

/// `revokeTrustedDevice`
pub(super) struct Delete;

#[async_trait]
impl Write for Delete {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(ONE)
            .named("revokeTrustedDevice", "Take the trust in a device of a user back")
            .about("trusted devices", "trusted device")
            .scope(WRITE)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, user, id): (_, _, DeviceId) = call.path()?;
        if !change.reads().users().exists(issuer, user).await? {
            return Err(Refusal::NotFound);
        }
        let found = change.reads().devices().find(issuer, user, id).await?;
        let device = found.filter(|device| device.trusted_at(change.now()).is_some()).ok_or(Refusal::NotFound)?;
        call.precondition(device.updated_at)?;
        operations::revoke(change, &device).await?;
        Ok(Answer::no_content())
    }
}
