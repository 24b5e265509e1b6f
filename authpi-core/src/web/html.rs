//! Hosted pages as answers: whose they look like, which language they speak, and the headers they are sent under.

use http::StatusCode;
use http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, PRAGMA, X_FRAME_OPTIONS,
};
use url::Url;

use super::answer::Answer;
use super::runtime::IssuerCall;
use crate::error::Refusal;
use crate::issuer::model::Issuer;
use crate::pages::html::assets::CustomStyle;
use crate::pages::html::theme::Theme;
use crate::pages::html::{Brand, Frame, Links, Page, render};
use crate::pages::language::{Language, accepted};

impl Answer {
    /// A hosted page, under the policy that it needs.
    ///
    /// # Errors
    /// [`Refusal::Internal`]: a defect of the page.
    pub fn html<P: Page>(status: StatusCode, frame: &Frame, page: &P) -> Result<Self, Refusal> {
        let rendered = render(frame, page).map_err(Refusal::internal)?;
        let mut answer = Self::empty(status);
        answer.body = rendered.html.into();
        let answer = answer
            .header(CONTENT_TYPE, "text/html; charset=utf-8")
            .header(CONTENT_LANGUAGE, frame.language.tag())
            .header(CONTENT_SECURITY_POLICY, &rendered.policy.header())
            .header(CACHE_CONTROL, "no-store")
            .header(PRAGMA, "no-cache");
        // For browsers that do not know `frame-ancestors`.
        Ok(if rendered.policy.framable { answer } else { answer.header(X_FRAME_OPTIONS, "DENY") })
    }
}

impl IssuerCall {
    /// What is around every page of the issuer, in the language of the reader: the best of `ui_locales`, which stands
    /// in the query where nobody says, then of what the browser accepts, among those that the issuer offers.
    pub fn frame(&self, ui_locales: Option<&str>) -> Frame {
        let browser = self.header(&ACCEPT_LANGUAGE).unwrap_or_default();
        let asked = self.query().ok().and_then(|query| query.get("ui_locales"));
        framed(&self.issuer().issuer, &self.iss(), ui_locales.or(asked).unwrap_or_default(), browser)
    }
}

/// What is around the pages of an issuer at `iss`, in the best language of `ui_locales`, then of `Accept-Language`.
pub(super) fn framed(issuer: &Issuer, iss: &str, ui_locales: &str, accept_language: &str) -> Frame {
    let wanted = ui_locales.split_whitespace().take(32).chain(accepted(accept_language));
    let language = Language::negotiated(wanted, &issuer.details.settings.branding.locales);
    let path = Url::parse(iss).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default();
    let custom_css = custom_style(issuer).map(|style| format!("{path}/{}", style.path()));
    Frame { language, brand: Brand { custom_css, ..brand(issuer) }, path }
}

/// The style sheet of an issuer, if it has one of its own.
pub fn custom_style(issuer: &Issuer) -> Option<CustomStyle<'_>> {
    issuer.details.settings.branding.custom_css.as_deref().map(CustomStyle)
}

/// Looks of an issuer, but for its style sheet, whose address depends on where the page is.
fn brand(issuer: &Issuer) -> Brand {
    let (settings, links) = (&issuer.details.settings.branding, &issuer.details.links);
    Brand {
        name: settings.display_name.clone().unwrap_or_else(|| issuer.details.name.clone()),
        logo_url: settings.logo_url.clone(),
        favicon_url: settings.favicon_url.clone(),
        primary_color: settings.primary_color.clone(),
        background_color: settings.background_color.clone(),
        custom_css: None,
        links: Links {
            privacy: links.privacy_policy.clone(),
            terms: links.terms_of_service.clone(),
            support: links.support.clone(),
        },
    }
}

/// Colours of an issuer.
pub fn theme(issuer: &Issuer) -> Theme {
    brand(issuer).theme()
}
