//! How, from which device and from where a user came (idp §18.1).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::timestamp::Timestamp;

/// How the user proved who they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = SessionAuthentication)]
pub struct Authentication {
    /// Name of the login method.
    pub method: String,
    /// Authentication methods references (RFC 8176).
    pub amr: Vec<String>,
    /// Authentication context class reference.
    pub acr: Option<String>,
    /// Two factors were used.
    pub mfa: bool,
    /// When.
    pub authenticated_at: Timestamp,
}

/// With which device the user came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = SessionDevice)]
pub struct Device {
    /// `User-Agent` header.
    pub user_agent: Option<String>,
    /// Address of the client.
    pub ip: Option<String>,
    /// By which the browser is recognized.
    pub fingerprint: Option<String>,
    /// Browser and system, for people.
    pub name: Option<String>,
    /// It stands in for a second factor.
    pub trusted: bool,
}

/// From where the user came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = SessionLocation)]
pub struct Location {
    /// Address of the client.
    pub ip: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// Region or state.
    pub region: Option<String>,
    /// City.
    pub city: Option<String>,
}

impl Location {
    /// City and country, as far as they are known, for people.
    pub fn shown(&self) -> Option<String> {
        let place: Vec<_> = [&self.city, &self.country].into_iter().flatten().map(String::as_str).collect();
        (!place.is_empty()).then(|| place.join(", "))
    }
}
