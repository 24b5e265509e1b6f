//! `settings.portals`: hosted pages.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{FieldCode, FieldErrors};

/// Hosted pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PortalSettings {
    /// Logging in.
    pub login: PortalPage,
    /// Signing up.
    pub signup: PortalPage,
    /// Forgotten passwords.
    pub password_reset: PortalPage,
    /// What users manage themselves.
    pub profile: PortalPage,
    /// Login methods that pages show first.
    #[schema(max_items = 20)]
    pub featured_methods: Vec<String>,
}

/// One hosted page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PortalPage {
    /// It is served.
    pub enabled: bool,
    /// A page of the customer in its place: https, on a verified domain of the account.
    #[schema(format = "http-url", max_length = 2048)]
    pub url: Option<String>,
}

impl Default for PortalPage {
    fn default() -> Self {
        Self { enabled: true, url: None }
    }
}

impl PortalSettings {
    /// Notes what no schema can state.
    pub(super) fn check(&self, errors: &mut FieldErrors) {
        let pages = [
            ("login", &self.login),
            ("signup", &self.signup),
            ("password_reset", &self.password_reset),
            ("profile", &self.profile),
        ];
        for (name, page) in pages {
            if page.url.is_some() {
                refuse_url(name, errors);
            }
        }
        for (index, method) in self.featured_methods.iter().enumerate() {
            if !is_method(method) {
                let path = format!("settings.portals.featured_methods.{index}");
                errors.add(path, FieldCode::InvalidFormat, "must be the name or the id of a login method");
            }
        }
    }
}

/// Notes that no URL can replace the page: accounts have no domains, and any other URL is refused (idp §23.2).
pub fn refuse_url(page: &str, errors: &mut FieldErrors) {
    let path = format!("settings.portals.{page}.url");
    errors.add(path, FieldCode::NotAllowed, "must lie on a verified domain of the account, and there is none");
}

/// The name or the id of a login method.
pub fn is_method(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}
