//! Devices that a user signed in from.

use async_trait::async_trait;

use super::trusted::devices;
use super::views::KnownDeviceView;
use crate::error::Refusal;
use crate::store::Reads;
use crate::web::answer::Answer;
use crate::web::call::Call;
use crate::web::endpoint::Read;
use crate::web::route::Route;

const ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/devices";
const READ: &str = "issuers.users.devices:read";

/// `listKnownDevices`
pub(super) struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(ALL)
            .named("listKnownDevices", "List the devices that a user signed in from, last seen first")
            .about("devices", "device")
            .scope(READ)
            .extension()
            .answers_list::<KnownDeviceView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, user) = call.path()?;
        let found = devices(reads, issuer, user).await?;
        let known = found.into_iter().filter_map(|device| Some((device.known_at(call.now())?, device)));
        let mut known: Vec<_> = known.collect();
        known.sort_by_key(|(sightings, device)| std::cmp::Reverse((sightings.last_at, device.id)));
        let shown = |(sightings, device)| KnownDeviceView::of(device, sightings, call.now());
        let items = known.into_iter().map(shown).collect();
        Ok(Answer::list(items))
    }
}
