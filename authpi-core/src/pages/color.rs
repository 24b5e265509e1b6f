//! Colours, and what can be read on them.

/// A colour of sRGB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Color([u8; 3]);

impl Color {
    /// Black.
    pub const BLACK: Self = Self([0; 3]);
    /// White.
    pub const WHITE: Self = Self([255; 3]);

    /// Of red, green and blue.
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self([red, green, blue])
    }

    /// `#rgb` or `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        let nibbles: Vec<u8> =
            digits.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect::<Option<_>>()?;
        match *nibbles.as_slice() {
            [r, g, b] => Some(Self([r * 17, g * 17, b * 17])),
            [r1, r0, g1, g0, b1, b0] => Some(Self([r1 * 16 + r0, g1 * 16 + g0, b1 * 16 + b0])),
            _ => None,
        }
    }

    /// `#rrggbb`
    pub fn css(self) -> String {
        let [r, g, b] = self.0;
        format!("#{r:02x}{g:02x}{b:02x}")
    }

    /// Black or white, whichever can be read better on it.
    #[must_use]
    pub fn ink(self) -> Self {
        if Self::BLACK.contrast(self) > Self::WHITE.contrast(self) { Self::BLACK } else { Self::WHITE }
    }

    /// Contrast with another colour, 1 to 21 (WCAG 2.2).
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// Relative luminance, 0 to 1 (WCAG 2.2).
    pub fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        let [r, g, b] = self.0.map(linear);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// This colour with `percent` of another one.
    #[must_use]
    pub fn mixed(self, other: Self, percent: u8) -> Self {
        let share = u16::from(percent.min(100));
        let [r, g, b] = self.0;
        let [r2, g2, b2] = other.0;
        let channel = |from: u8, to: u8| {
            let sum = u16::from(from) * (100 - share) + u16::from(to) * share;
            u8::try_from((sum + 50) / 100).unwrap_or(u8::MAX)
        };
        Self([channel(r, r2), channel(g, g2), channel(b, b2)])
    }

    /// The colour nearest to this one that has a contrast with all of `grounds`: towards white or black, whichever gets
    /// there.
    #[must_use]
    pub fn readable_on(self, grounds: &[Self], contrast: f64) -> Self {
        let reads = |color: &Self| grounds.iter().all(|ground| color.contrast(*ground) >= contrast);
        let towards = |end: Self| (0..=50).map(move |step| self.mixed(end, step * 2)).find(|color| reads(color));
        let ink = grounds.first().map_or(Self::BLACK, |ground| ground.ink());
        let other = if ink == Self::BLACK { Self::WHITE } else { Self::BLACK };
        towards(ink).or_else(|| towards(other)).unwrap_or(ink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_can_be_read_on_any_colour() {
        let on = |color: &str| Color::parse(color).map(|color| (color.css(), color.ink().css()));
        let pair = |color: &str, ink: &str| Some((color.to_owned(), ink.to_owned()));
        assert_eq!(on("#fff"), pair("#ffffff", "#000000"));
        assert_eq!(on("#000000"), pair("#000000", "#ffffff"));
        assert_eq!(on("#1f4b99"), pair("#1f4b99", "#ffffff"));
        assert_eq!(on("#ff0"), pair("#ffff00", "#000000"));
        for bad in ["", "#12", "#12345g", "red", "#ff0;background:url(x)", "#+1+2+3", "#ééé"] {
            assert_eq!(on(bad), None, "{bad}");
        }
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((Color::BLACK.contrast(Color::WHITE) - 21.0).abs() < 0.01);
        assert!((Color::rgb(0x77, 0x77, 0x77).contrast(Color::WHITE) - 4.48).abs() < 0.01);
        let readable = Color::rgb(255, 255, 0).readable_on(&[Color::WHITE], 4.5);
        assert!(readable.contrast(Color::WHITE) >= 4.5, "{readable:?}");
        assert_eq!(Color::rgb(0, 0, 128).readable_on(&[Color::WHITE], 4.5), Color::rgb(0, 0, 128), "good as it is");
    }
}
