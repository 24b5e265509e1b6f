//! `settings.portals`: hosted pages.

use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::auth_method::AuthMethod;
use crate::error::{FieldCode, FieldErrors};

/// Hosted pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PortalSettings {
    /// Logging in. Off: nobody signs in here any more.
    pub login: PortalPage,
    /// Signing up.
    pub signup: PortalPage,
    /// Forgotten passwords.
    pub password_reset: PortalPage,
    /// What users manage themselves.
    pub profile: PortalPage,
    /// Login methods that pages show first, by name or id; in this order.
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

impl PortalPage {
    /// The customer's page with these parameters; those that its URL has stay as they are.
    pub fn own(&self, parameters: &[(&str, &str)]) -> Option<String> {
        let url = self.url.as_ref()?;
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        let separator = if url.contains('?') { '&' } else { '?' };
        Some(format!("{url}{separator}{}", query.finish()))
    }
}

impl PortalSettings {
    /// Where a login method stands among those that are shown first; behind all of them when it is not featured.
    pub fn rank(&self, method: &AuthMethod) -> usize {
        let (kind, id) = (method.kind.as_str(), method.id.to_string());
        let place = self.featured_methods.iter().position(|name| *name == kind || *name == id);
        place.unwrap_or(self.featured_methods.len())
    }

    /// The pages by their names.
    pub const fn pages(&self) -> [(&'static str, &PortalPage); 4] {
        [
            ("login", &self.login),
            ("signup", &self.signup),
            ("password_reset", &self.password_reset),
            ("profile", &self.profile),
        ]
    }

    /// There are pages in the place of ours.
    pub fn has_own(&self) -> bool {
        self.pages().into_iter().any(|(_, page)| page.url.is_some())
    }

    /// Without the pages in the place of ours that are not the customer's, or not any more.
    pub fn keep_own(&mut self, is_own: impl Fn(&str) -> bool) {
        for page in [&mut self.login, &mut self.signup, &mut self.password_reset, &mut self.profile] {
            page.url = page.url.take().filter(|url| is_own(url));
        }
    }

    /// Origins of the pages that the issuer has in the place of ours: they may call the steps of logins (D183).
    pub fn origins(&self) -> impl Iterator<Item = String> {
        let urls = self.pages().into_iter().filter_map(|(_, page)| Url::parse(page.url.as_deref()?).ok());
        urls.map(|url| url.origin().ascii_serialization())
    }

    /// Notes what no schema can state.
    pub(super) fn check(&self, errors: &mut FieldErrors) {
        for (name, page) in self.pages() {
            if page.url.as_deref().is_some_and(|url| !is_page(url)) {
                refuse_url(name, FOREIGN, errors);
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

/// A URL that may be that of a page: https, for a host with a name, and without anybody's name in it.
pub fn is_page(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_named = matches!(url.host(), Some(url::Host::Domain(_)));
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    url.scheme() == "https" && is_named && is_plain
}

/// The rule for pages of customers (idp §23.2, D183).
pub const FOREIGN: &str = "must be https, and lie on a verified domain of the account";

/// A page of ours, in the place of ours, leads in circles.
pub const OURS: &str = "must not lead to this deployment";

/// Notes that a URL cannot replace the page.
pub fn refuse_url(page: &str, rule: &str, errors: &mut FieldErrors) {
    errors.add(format!("settings.portals.{page}.url"), FieldCode::NotAllowed, rule);
}

/// The name or the id of a login method.
pub fn is_method(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}
