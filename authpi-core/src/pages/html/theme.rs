//! The colours of an issuer as a style sheet: whatever it chose, everything can be read (WCAG 2.2 AA).

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::pages::color::Color;
use crate::secret::hex;

/// The colour of buttons where the issuer has none.
const PRIMARY: Color = Color::rgb(0x2f, 0x4b, 0xd6);

/// Contrast of text (WCAG 2.2 §1.4.3), and a bit more: colours are rounded.
const TEXT: f64 = 4.55;

/// Contrast of what is no text, but must be seen (WCAG 2.2 §1.4.11).
const SHAPE: f64 = 3.05;

/// Cards and fields, by day and by night; `page.css` has the same.
const DAY: Color = Color::WHITE;
const NIGHT: Color = Color::rgb(0x1b, 0x1d, 0x23);

/// The colours of the pages of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// By day.
    pub light: Scheme,
    /// Where the reader prefers dark pages.
    pub dark: Scheme,
}

/// The colours of one scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// Behind the card.
    pub page: Color,
    /// Text there.
    pub page_ink: Color,
    /// The card.
    pub surface: Color,
    /// Buttons.
    pub brand: Color,
    /// Text on buttons.
    pub brand_ink: Color,
    /// Buttons under the pointer.
    pub brand_hover: Color,
    /// Outline of buttons, which can be told from the card.
    pub brand_edge: Color,
    /// Links, which can be read on the card.
    pub link: Color,
    /// A shade of the brand, as ground of what stands out.
    pub tint: Color,
}

impl Theme {
    /// From the colours that an issuer chose; what is no colour counts as not chosen.
    pub fn of(primary: Option<&str>, background: Option<&str>) -> Self {
        let primary = primary.and_then(Color::parse).unwrap_or(PRIMARY);
        let background = background.and_then(Color::parse);
        let by_day = background.unwrap_or_else(|| Color::rgb(0xf4, 0xf5, 0xf8).mixed(primary, 4));
        // A light ground by night is glaring: of it, only the hue stays.
        let by_night = match background {
            Some(color) if color.luminance() < 0.06 => color,
            Some(color) => Color::rgb(0x0e, 0x0f, 0x13).mixed(color, 6),
            None => Color::rgb(0x0e, 0x0f, 0x13).mixed(primary, 5),
        };
        Self { light: Scheme::of(primary, by_day, DAY), dark: Scheme::of(primary, by_night, NIGHT) }
    }

    /// The style sheet.
    pub fn css(&self) -> String {
        let mut css = String::from(":root{");
        self.light.write(&mut css);
        css.push_str("}\n@media (prefers-color-scheme:dark){:root{");
        self.dark.write(&mut css);
        css.push_str("}}\n");
        css
    }

    /// Names this version of the style sheet.
    pub fn version(&self) -> String {
        hex(Sha256::digest(self.css()).get(..6).unwrap_or_default())
    }
}

impl Scheme {
    fn of(primary: Color, page: Color, surface: Color) -> Self {
        // By night a dark button is lifted off the card; by day it stays what the issuer chose, with an outline.
        let brand = if surface == NIGHT { primary.readable_on(&[surface], SHAPE) } else { primary };
        let brand_ink = brand.ink();
        let away = if brand_ink == Color::BLACK { Color::WHITE } else { Color::BLACK };
        Self {
            page,
            page_ink: page.mixed(page.ink(), 68).readable_on(&[page], TEXT + 0.6),
            surface,
            brand,
            brand_ink,
            // Away from the colour of the text: the contrast grows.
            brand_hover: brand.mixed(away, 14),
            brand_edge: brand.readable_on(&[surface], SHAPE),
            link: primary.readable_on(&[surface, surface.mixed(primary, 8)], TEXT),
            tint: surface.mixed(primary, 8),
        }
    }

    fn write(&self, css: &mut String) {
        let values = [
            ("page", self.page),
            ("page-ink", self.page_ink),
            ("brand", self.brand),
            ("brand-ink", self.brand_ink),
            ("brand-hover", self.brand_hover),
            ("brand-edge", self.brand_edge),
            ("link", self.link),
            ("tint", self.tint),
        ];
        for (name, color) in values {
            let _ = write!(css, "--{name}:{};", color.css());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_readable(scheme: &Scheme, about: &str) {
        let pairs = [
            ("text of the page", scheme.page_ink, scheme.page, 4.5),
            ("text of a button", scheme.brand_ink, scheme.brand, 4.5),
            ("text of a button under the pointer", scheme.brand_ink, scheme.brand_hover, 4.5),
            ("link", scheme.link, scheme.surface, 4.5),
            ("link on a shade", scheme.link, scheme.tint, 4.5),
            ("outline of a button", scheme.brand_edge, scheme.surface, 3.0),
        ];
        for (what, front, ground, least) in pairs {
            let contrast = front.contrast(ground);
            assert!(contrast >= least, "{about}: {what}: {contrast:.2} {} on {}", front.css(), ground.css());
        }
    }

    #[test]
    fn everything_can_be_read_whatever_colours_an_issuer_chooses() {
        let steps = [0u8, 0x33, 0x66, 0x80, 0x99, 0xcc, 0xff];
        let mut colors = Vec::new();
        for r in steps {
            for g in steps {
                colors.extend(steps.map(|b| Color::rgb(r, g, b)));
            }
        }
        for primary in &colors {
            for background in colors.iter().step_by(5).map(Some).chain([None]) {
                let background = background.map(|color| color.css());
                let theme = Theme::of(Some(&primary.css()), background.as_deref());
                let about = format!("{} on {background:?}", primary.css());
                assert_readable(&theme.light, &format!("{about} by day"));
                assert_readable(&theme.dark, &format!("{about} by night"));
                assert!(theme.dark.page.luminance() < 0.1, "{about}: glaring by night");
            }
        }
    }

    #[test]
    fn what_is_no_colour_reaches_no_style_sheet() {
        for hostile in ["red", "#fff;}body{display:none}", "url(https://evil.example)", "#12", "</style>", ""] {
            assert_eq!(Theme::of(Some(hostile), Some(hostile)), Theme::of(None, None), "{hostile}");
        }
        let css = Theme::of(Some("#Ff0"), Some("#123456")).css();
        assert!(css.contains("--brand:#ffff00;") && css.contains("--page:#123456;"), "{css}");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-#:;{}()@ \n".contains(c);
        assert!(css.chars().all(is_plain), "{css}");
    }

    #[test]
    fn the_style_sheet_of_all_pages_has_the_default_colours() {
        let style = super::super::assets::STYLE.content.replace("; --", ";--").replace(": #", ":#");
        for scheme in [Theme::of(None, None).light, Theme::of(None, None).dark] {
            let mut colors = String::new();
            scheme.write(&mut colors);
            assert!(style.contains(colors.trim_end_matches(';')), "{colors}");
        }
        for (name, color) in [("day", DAY), ("night", NIGHT)] {
            assert!(style.contains(&format!("--surface:{}", color.css())), "{name}");
        }
    }

    #[test]
    fn the_version_follows_the_colours() {
        let version = |primary| Theme::of(Some(primary), None).version();
        assert_eq!(version("#ff0"), version("#FFFF00"));
        assert_ne!(version("#ff0"), version("#ff1"));
    }
}
