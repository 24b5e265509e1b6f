//! `settings.branding`: looks of hosted pages and mails.

use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::stylesheet;
use crate::error::{FieldCode, FieldErrors};

/// Looks of hosted pages and mails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BrandingSettings {
    /// Name that users see.
    #[schema(min_length = 1, max_length = 200)]
    pub display_name: Option<String>,
    /// Logo, https.
    #[schema(format = "http-url", max_length = 2048)]
    pub logo_url: Option<String>,
    /// Icon of the browser tab, https.
    #[schema(format = "http-url", max_length = 2048)]
    pub favicon_url: Option<String>,
    /// `#rgb` or `#rrggbb`.
    #[schema(pattern = "^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$")]
    pub primary_color: Option<String>,
    /// `#rgb` or `#rrggbb`.
    #[schema(pattern = "^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$")]
    pub background_color: Option<String>,
    /// Style sheet of the hosted pages; loads nothing.
    #[schema(min_length = 1, max_length = 65536)]
    pub custom_css: Option<String>,
    /// Languages of pages and mails, as BCP 47 tags; the first is the default.
    #[schema(min_items = 1, max_items = 50)]
    pub locales: Vec<String>,
}

impl Default for BrandingSettings {
    fn default() -> Self {
        Self {
            display_name: None,
            logo_url: None,
            favicon_url: None,
            primary_color: None,
            background_color: None,
            custom_css: None,
            locales: vec!["en".to_owned()],
        }
    }
}

impl BrandingSettings {
    /// Anything is set.
    pub fn is_configured(&self) -> bool {
        *self != Self::default()
    }

    /// Notes what no schema can state.
    pub(super) fn check(&self, errors: &mut FieldErrors) {
        for (name, url) in [("logo_url", &self.logo_url), ("favicon_url", &self.favicon_url)] {
            if url.as_deref().is_some_and(|url| !is_https(url)) {
                errors.add(format!("settings.branding.{name}"), FieldCode::InvalidFormat, "must be an https URL");
            }
        }
        if let Some(refused) = self.custom_css.as_deref().and_then(|css| stylesheet::check(css).err()) {
            errors.add("settings.branding.custom_css", refused.code(), refused.to_string());
        }
        for (index, locale) in self.locales.iter().enumerate() {
            if !is_locale(locale) {
                let path = format!("settings.branding.locales.{index}");
                errors.add(path, FieldCode::InvalidFormat, "must be a language tag such as en or pt-BR");
            }
        }
    }
}

/// Pages of a TLS host show nothing that came without it.
pub fn is_https(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.scheme() == "https")
}

/// A language tag: subtags of 2 to 8 letters and digits, the first of letters alone.
pub fn is_locale(text: &str) -> bool {
    let mut subtags = text.split('-');
    let language = subtags.next().unwrap_or_default();
    (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && text.len() <= 35
        && subtags.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_are_language_tags() {
        for good in ["en", "pt-BR", "zh-Hans-CN", "gsw", "es-419"] {
            assert!(is_locale(good), "{good}");
        }
        for bad in ["", "e", "english", "en_US", "en-", "12", "en-x y"] {
            assert!(!is_locale(bad), "{bad}");
        }
    }
}
