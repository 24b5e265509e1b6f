//! Style sheets and scripts, part of the program. Their paths name their content, so that browsers keep them for good.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::secret::hex;

/// A file that pages load.
#[derive(Debug)]
pub struct Asset {
    /// What it is called.
    pub name: &'static str,
    /// Its media type.
    pub media: &'static str,
    /// Template of its path.
    pub route: &'static str,
    /// Name of the operation that serves it.
    pub operation: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// What is in it.
    pub content: &'static str,
    version: LazyLock<String>,
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! asset {
    ($name:literal, $media:expr, $operation:literal, $summary:literal) => {
        Asset {
            name: $name,
            media: $media,
            route: concat!("/{issuer_id}/assets/{version}/", $name),
            operation: $operation,
            summary: $summary,
            content: include_str!(concat!("../assets/", $name)),
            version: LazyLock::new(|| digest(include_str!(concat!("../assets/", $name)))),
        }
    };
}

/// How every page looks.
pub static STYLE: Asset = asset!("page.css", CSS, "getPageStyle", "Get the style sheet of the hosted pages");
/// Niceties of every page.
pub static PAGE_SCRIPT: Asset = asset!("page.js", SCRIPT, "getPageScript", "Get the script of the hosted pages");
/// Submits the page of `response_mode=form_post`.
pub static FORM_POST_SCRIPT: Asset =
    asset!("form-post.js", SCRIPT, "getFormPostScript", "Get the script that submits `response_mode=form_post`");
/// Waits for the frames of a front-channel logout.
pub static LOGOUT_SCRIPT: Asset =
    asset!("logout.js", SCRIPT, "getLogoutScript", "Get the script of the front-channel logout");
/// Answers apps that ask whether the session changed.
pub static CHECK_SESSION_SCRIPT: Asset =
    asset!("check-session.js", SCRIPT, "getCheckSessionScript", "Get the script of the session check");
/// Talks to authenticators.
pub static PASSKEY_SCRIPT: Asset = asset!("passkey.js", SCRIPT, "getPasskeyScript", "Get the script for passkeys");

/// Every file.
pub static ALL: [&Asset; 6] =
    [&STYLE, &PAGE_SCRIPT, &FORM_POST_SCRIPT, &LOGOUT_SCRIPT, &CHECK_SESSION_SCRIPT, &PASSKEY_SCRIPT];

impl Asset {
    /// Names its content.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// It is a style sheet, else a script.
    pub fn is_style(&self) -> bool {
        self.media == CSS
    }

    /// Path below the issuer, without a slash at the beginning.
    pub fn path(&self) -> String {
        format!("assets/{}/{}", self.version(), self.name)
    }
}

/// A style sheet that a tenant wrote. It was read when it was saved: it loads nothing (idp §1.7).
#[derive(Clone, Copy, Debug)]
pub struct CustomStyle<'a>(pub &'a str);

impl CustomStyle<'_> {
    /// Names its content.
    pub fn version(&self) -> String {
        digest(self.0)
    }

    /// Path below the issuer, without a slash at the beginning.
    pub fn path(&self) -> String {
        format!("assets/{}/custom.css", self.version())
    }
}

fn digest(content: &str) -> String {
    hex(Sha256::digest(content).get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_load_nothing_and_paths_follow_their_content() {
        for asset in ALL {
            for forbidden in ["@import", "url(", "http:", "https:", "eval(", "innerHTML", "style=", "{{"] {
                assert!(!asset.content.contains(forbidden), "{}: {forbidden}", asset.name);
            }
            assert_eq!(asset.path(), format!("assets/{}/{}", digest(asset.content), asset.name));
        }
    }
}
