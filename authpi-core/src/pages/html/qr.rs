//! QR codes as a path of SVG: no image, no style.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};
use serde::Serialize;

/// Light modules around the code (ISO/IEC 18004).
const QUIET: usize = 4;

/// A code as an SVG path in a square of `size` modules.
#[derive(Clone, Debug, Serialize)]
pub(super) struct QrPath {
    pub(super) size: usize,
    pub(super) path: String,
}

/// The code of a text; `None` when it is too long for one.
pub(super) fn path(text: &str) -> Option<QrPath> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (row, modules) in code.to_colors().chunks(width).enumerate() {
        let mut column = 0;
        for run in modules.chunk_by(|one, other| one == other) {
            if run.first() == Some(&Color::Dark) {
                let _ = write!(path, "M{} {}h{}v1h-{}z", column + QUIET, row + QUIET, run.len(), run.len());
            }
            column += run.len();
        }
    }
    Some(QrPath { size: width + 2 * QUIET, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_begins_with_its_finder_and_long_texts_have_none() {
        let code = path("otpauth://totp/a?secret=A");
        let path = code.map(|code| code.path).unwrap_or_default();
        assert!(path.starts_with("M4 4h7v1h-7z"), "{path}");
        assert!(path.chars().all(|c| c.is_ascii_digit() || "Mhvz -".contains(c)));
        assert!(super::path(&"x".repeat(4_000)).is_none());
    }
}
