//! The attributes of a user that a caller writes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::address::Address;
use crate::custom_fields;
use crate::error::{FieldErrors, Refusal};
use crate::scope::Scopes;
use crate::timestamp::Timestamp;

/// The attributes that a caller writes; see core-api section 21.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserDetails {
    /// Who it is; source of the standard claims.
    pub profile: Profile,
    /// Scopes in the issuer as a whole, outside of any organization.
    pub scopes: Scopes,
    /// How applications should present themselves.
    pub preferences: Preferences,
    /// What the user agreed to.
    pub compliance: Compliance,
    /// Values that the user sees: as the issuer defines them, else free scalars.
    #[schema(value_type = Object)]
    pub custom_fields: Map<String, Value>,
}

/// Who a user is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Given name.
    #[schema(max_length = 200)]
    pub first_name: Option<String>,
    /// Middle name.
    #[schema(max_length = 200)]
    pub middle_name: Option<String>,
    /// Family name.
    #[schema(max_length = 200)]
    pub last_name: Option<String>,
    /// Full name as it is shown.
    #[schema(max_length = 200)]
    pub display_name: Option<String>,
    /// Casual name.
    #[schema(max_length = 200)]
    pub nickname: Option<String>,
    /// Short name to be shown; not unique.
    #[schema(max_length = 200)]
    pub preferred_username: Option<String>,
    /// Picture.
    #[schema(format = "http-url", max_length = 2048)]
    pub picture_url: Option<String>,
    /// Page about the user.
    #[schema(format = "http-url", max_length = 2048)]
    pub profile_url: Option<String>,
    /// The user's own site.
    #[schema(format = "http-url", max_length = 2048)]
    pub website: Option<String>,
    /// E-mail address, when it is another than the username.
    #[schema(max_length = 254, pattern = r"^[^@\s]+@[^@\s]+$")]
    pub email: Option<String>,
    /// The address is proven to be the user's: `email`, else the username. False again when that changes.
    pub email_verified: bool,
    /// Telephone number, when it is another than the username.
    #[schema(max_length = 50)]
    pub phone: Option<String>,
    /// The number is proven to be the user's: `phone`, else the username. False again when that changes.
    pub phone_verified: bool,
    /// ISO 8601 date; year `0000` when it is withheld (OIDC Core §5.1).
    #[schema(pattern = r"^\d{4}-\d{2}-\d{2}$")]
    pub birthdate: Option<String>,
    /// Gender.
    #[schema(max_length = 50)]
    pub gender: Option<String>,
    /// Language tag (RFC 5646).
    #[schema(max_length = 35, pattern = r"^[A-Za-z]{2,8}([_-][A-Za-z0-9]{1,8})*$")]
    pub locale: Option<String>,
    /// Name of the IANA time zone database.
    #[schema(pattern = r"^[A-Za-z0-9_+/-]{1,64}$")]
    pub timezone: Option<String>,
    /// Postal address.
    pub address: Option<Address>,
}

/// How applications should present themselves to a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Preferences {
    /// Language tag (RFC 5646).
    #[schema(max_length = 35, pattern = r"^[A-Za-z]{2,8}([_-][A-Za-z0-9]{1,8})*$")]
    pub locale: Option<String>,
    /// Name of the IANA time zone database.
    #[schema(pattern = r"^[A-Za-z0-9_+/-]{1,64}$")]
    pub timezone: Option<String>,
    /// Colour scheme, by the application's own name.
    #[schema(pattern = r"^[a-z0-9_-]{1,50}$")]
    pub theme: Option<String>,
}

/// What a user agreed to, and where the law is made that applies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Compliance {
    /// When the terms of service were accepted.
    #[schema(value_type = Option<i64>, minimum = 0)]
    pub terms_accepted_at: Option<Timestamp>,
    /// When the privacy policy was accepted.
    #[schema(value_type = Option<i64>, minimum = 0)]
    pub privacy_accepted_at: Option<Timestamp>,
    /// ISO 3166-1 alpha-2, with a subdivision (ISO 3166-2) where it matters.
    #[schema(pattern = "^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
    pub jurisdiction: Option<String>,
}

impl UserDetails {
    /// What must hold for the merged whole.
    ///
    /// # Errors
    /// [`Refusal::Fields`].
    pub fn checked(self) -> Result<Self, Refusal> {
        let mut errors = FieldErrors::new();
        custom_fields::check(&Value::Object(self.custom_fields.clone()), &mut errors);
        errors.into_result()?;
        Ok(self)
    }
}
