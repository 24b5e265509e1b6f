//! Signing up, with the fields that the issuer asks for (core-api 12.3).

use serde::Serialize;

use super::parts::{Method, Step};
use super::policy::{Forms, Policy};
use super::render::Page;

/// Asks for what a new user needs. Posts `identifier`, `password`, the profile fields by their names, custom fields as
/// `custom_fields.{name}`, and `terms` = `true` when they are asked for.
#[derive(Clone, Debug, Serialize)]
pub struct SignUp {
    /// Of the flow.
    #[serde(flatten)]
    pub step: Step,
    /// Posts there; `None`: only the buttons are shown.
    pub action: Option<String>,
    /// What was typed, or comes with an invitation.
    pub identifier: String,
    /// It comes with an invitation and stays.
    pub identifier_fixed: bool,
    /// Names are addresses.
    pub is_email: bool,
    /// Asks for a password of so many characters at least.
    pub password: Option<u32>,
    /// Fields of the profile.
    pub profile: Vec<ProfileField>,
    /// Fields of the issuer.
    pub custom_fields: Vec<CustomField>,
    /// Link to the terms; they are accepted by signing up.
    pub terms: Option<String>,
    /// Link to the privacy policy.
    pub privacy: Option<String>,
    /// Other ways: other providers.
    pub methods: Vec<Method>,
    /// Link to sign in.
    pub sign_in: Option<String>,
}

/// A field of the profile.
#[derive(Clone, Debug, Serialize)]
pub struct ProfileField {
    /// Which one; posted under the name it has there.
    pub key: ProfileKey,
    /// It must be filled in.
    pub required: bool,
    /// What was typed.
    pub value: String,
}

/// Fields of a profile that sign-up can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileKey {
    /// The whole name.
    Name,
    /// Given name.
    GivenName,
    /// Family name.
    FamilyName,
    /// Telephone number.
    PhoneNumber,
}

/// A field that the issuer defined; an administrator typed its texts.
#[derive(Clone, Debug, Serialize)]
pub struct CustomField {
    /// Its name.
    pub name: String,
    /// What it is called; its name when there is nothing better.
    pub label: Option<String>,
    /// What to fill in.
    pub description: Option<String>,
    /// What a value is.
    #[serde(flatten)]
    pub kind: CustomFieldKind,
    /// It must be filled in.
    pub required: bool,
    /// What was typed, or is the default; `true` for a tick.
    pub value: String,
}

/// What the value of a custom field is.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CustomFieldKind {
    /// Text.
    String {
        /// So many characters at most.
        max_length: u32,
    },
    /// A number.
    Number {
        /// The smallest.
        min: Option<String>,
        /// The largest.
        max: Option<String>,
    },
    /// Ticked or not.
    Boolean,
    /// A day.
    Date,
    /// One of these.
    Enum {
        /// The choices.
        values: Vec<String>,
    },
}

impl Page for SignUp {
    const TEMPLATE: &'static str = "sign-up.html";

    fn step(&self) -> Option<&Step> {
        Some(&self.step)
    }

    fn policy(&self) -> Policy {
        let connects = self.methods.iter().any(|method| method.kind.needs_script());
        Policy { connects, ..Policy::with(Forms::Anywhere) }
    }
}
