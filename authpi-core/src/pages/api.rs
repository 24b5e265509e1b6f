//! Serves what the hosted pages load: style sheets and scripts, the colours of an issuer and its own style sheet. They are public, and the same
//! for everybody; what names its version in its path is kept by browsers for good.

use std::sync::Arc;

use async_trait::async_trait;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use super::html::assets::{ALL, Asset};
use crate::error::Refusal;
use crate::id::IssuerId;
use crate::store::Reads;
use crate::web::answer::{Answer, AnswerBody};
use crate::web::call::{Call, FromSegment};
use crate::web::endpoint::{Operation, Read};
use crate::web::html::{custom_style, theme};
use crate::web::route::{RateClass, Route};

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    ALL.iter()
        .map(|asset| Operation::read(File { asset }))
        .chain([Operation::read(ThemeSheet), Operation::read(CustomSheet)])
        .collect()
}

/// The version of a file that a page asks for; of no form, since one of another release is asked for, too.
struct Version(String);

impl FromSegment for Version {
    fn from_segment(segment: &str) -> Option<Self> {
        Some(Self(segment.to_owned()))
    }
}

/// The path of a file is its content; a file in another version is sent as it is now, for this once.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const ONCE: &str = "no-cache";

fn public(path: &'static str) -> Route {
    Route::get(path).about("pages", "file").public().rate(RateClass::Discovery)
}

fn file(media: &str, content: impl Into<bytes::Bytes>, is_current: bool) -> Answer {
    let mut answer = Answer::empty(StatusCode::OK);
    answer.body = AnswerBody::Whole(content.into());
    answer
        .header(CONTENT_TYPE, media)
        .header(CACHE_CONTROL, if is_current { IMMUTABLE } else { ONCE })
        // Opened by itself, it is text and nothing else.
        .header(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox")
}

/// `getPageStyle` and the scripts
struct File {
    asset: &'static Asset,
}

#[async_trait]
impl Read for File {
    fn route(&self) -> Route {
        let route = public(self.asset.route).named(self.asset.operation, self.asset.summary);
        let script: &[_] = &[(200, "text/javascript")];
        route.also_answers(if self.asset.is_style() { &[(200, "text/css")] } else { script })
    }

    async fn answer(&self, _reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (_, version): (IssuerId, Version) = call.path()?;
        Ok(file(self.asset.media, self.asset.content, version.0 == self.asset.version()))
    }
}

/// `getPageTheme`
struct ThemeSheet;

#[async_trait]
impl Read for ThemeSheet {
    fn route(&self) -> Route {
        public("/{issuer_id}/assets/{version}/theme.css")
            .named("getPageTheme", "Get the colours of the hosted pages")
            .also_answers(&[(200, "text/css")])
            .may_refuse(&[404])
    }

    async fn answer(&self, _reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, version): (IssuerId, Version) = call.path()?;
        let found = call.services().runtime_issuer(issuer).await?.ok_or(Refusal::NotFound)?;
        let theme = theme(&found.issuer);
        Ok(file("text/css; charset=utf-8", theme.css(), version.0 == theme.version()))
    }
}

/// `getPageCustomStyle`
struct CustomSheet;

#[async_trait]
impl Read for CustomSheet {
    fn route(&self) -> Route {
        public("/{issuer_id}/assets/{version}/custom.css")
            .named("getPageCustomStyle", "Get the style sheet that an issuer has for its hosted pages")
            .also_answers(&[(200, "text/css")])
            .may_refuse(&[404])
    }

    async fn answer(&self, _reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, version): (IssuerId, Version) = call.path()?;
        let found = call.services().runtime_issuer(issuer).await?.ok_or(Refusal::NotFound)?;
        let style = custom_style(&found.issuer).ok_or(Refusal::NotFound)?;
        Ok(file("text/css; charset=utf-8", style.0.to_owned(), version.0 == style.version()))
    }
}
