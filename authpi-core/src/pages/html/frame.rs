//! What all pages of an issuer share.

use serde::Serialize;

use super::policy::image;
use super::theme::Theme;
use crate::pages::inert::line;
use crate::pages::language::Language;

/// Around a page: whose it is, where its files are, and which language it speaks.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The language of the reader.
    pub language: Language,
    /// Path of the issuer, without a slash at the end: files of ours are below it.
    pub path: String,
    /// Looks of the issuer.
    pub brand: Brand,
}

/// Looks of an issuer.
#[derive(Clone, Debug, Default)]
pub struct Brand {
    /// What it is called.
    pub name: String,
    /// Its logo, https.
    pub logo_url: Option<String>,
    /// Icon of the browser tab, https.
    pub favicon_url: Option<String>,
    /// `#rgb` or `#rrggbb`
    pub primary_color: Option<String>,
    /// `#rgb` or `#rrggbb`
    pub background_color: Option<String>,
    /// Path of its own style sheet, with a version.
    pub custom_css: Option<String>,
    /// Where to read more.
    pub links: Links,
}

/// Pages about the provider, at the foot of its pages.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Links {
    /// Privacy policy.
    pub privacy: Option<String>,
    /// Terms of service.
    pub terms: Option<String>,
    /// Where users find help.
    pub support: Option<String>,
}

impl Brand {
    /// The colours of its pages.
    pub fn theme(&self) -> Theme {
        Theme::of(self.primary_color.as_deref(), self.background_color.as_deref())
    }

    /// Its name as it is shown.
    pub(super) fn shown_name(&self) -> String {
        line(&self.name).unwrap_or_else(|| "–".to_owned())
    }

    /// The address of its logo, when it can be shown.
    pub(super) fn logo(&self) -> Option<String> {
        self.logo_url.as_deref().and_then(image).map(Into::into)
    }

    /// The address of its icon, when it can be shown.
    pub(super) fn favicon(&self) -> Option<String> {
        self.favicon_url.as_deref().and_then(image).map(Into::into)
    }
}

impl Links {
    /// Those that lead to a page: https, or http.
    pub(super) fn shown(&self) -> Self {
        let shown = |link: &Option<String>| link.clone().filter(|link| is_web(link));
        Self { privacy: shown(&self.privacy), terms: shown(&self.terms), support: shown(&self.support) }
    }
}

fn is_web(link: &str) -> bool {
    url::Url::parse(link).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
}
