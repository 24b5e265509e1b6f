//! Postal addresses, of organizations and of people (core-api section 16).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A postal address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// ISO 3166-1 alpha-3.
    #[schema(pattern = "^[A-Z]{3}$")]
    pub country: String,
    /// First line.
    #[schema(max_length = 200)]
    pub line1: Option<String>,
    /// Second line.
    #[schema(max_length = 200)]
    pub line2: Option<String>,
    /// City.
    #[schema(max_length = 200)]
    pub city: Option<String>,
    /// State or region.
    #[schema(max_length = 200)]
    pub state: Option<String>,
    /// Postal code.
    #[schema(max_length = 50)]
    pub postal_code: Option<String>,
}
