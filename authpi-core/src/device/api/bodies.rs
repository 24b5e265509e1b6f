//! Devices as requests state them.

use serde::Deserialize;
use utoipa::ToSchema;

use super::views::TrustedDeviceView;
use crate::web::body::{Body, BodySchema};

/// Body of `trustDevice`.
#[derive(Deserialize, ToSchema)]
pub(super) struct TrustDevice {
    /// Tells the device from others of the user: any text that it keeps, or the fingerprint of a known device.
    #[schema(min_length = 1, max_length = 512)]
    pub fingerprint: String,
    /// What people call it.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// Its `User-Agent`.
    #[serde(default)]
    #[schema(max_length = 512)]
    pub user_agent: Option<String>,
    /// How long it is trusted; `settings.security.trusted_device_ttl` of the issuer when absent.
    #[serde(default)]
    #[schema(value_type = u32, minimum = 1, maximum = 31_536_000, required = false)]
    pub ttl_seconds: Option<u32>,
}

impl Body for TrustDevice {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Self>("TrustDevice").ignoring::<TrustedDeviceView>())
    }
}
