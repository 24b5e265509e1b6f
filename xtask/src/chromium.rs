//! A browser for the tests of the hosted pages.

use std::{env, ffi::OsString, path::Path};

use crate::{
    apt,
    process::{self, Failure},
    stages::Outcome,
};

/// Where Debian, and others, have it; the tests look in the same places.
const PLACES: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// Finds the browser that `variable` names, or one in its usual place, or installs one. Answers its path.
pub(crate) fn prepare(variable: &str, install: bool) -> Result<Outcome<OsString>, Failure> {
    let named = env::var_os(variable).filter(|path| !path.is_empty());
    let find =
        || named.clone().or_else(|| PLACES.into_iter().find(|path| Path::new(path).exists()).map(OsString::from));
    if find().is_none() && install {
        // Without fonts there is nothing to see on its pages.
        apt::install(&["chromium", "fonts-noto-core"])?;
    }
    let Some(path) = find() else {
        return Ok(Outcome::LeftOut("no Chromium (Debian: chromium)".to_owned()));
    };
    let version = process::capture(std::process::Command::new(&path).arg("--version"))?;
    Ok(Outcome::Done(path, version.trim().to_owned()))
}
