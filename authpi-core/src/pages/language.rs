//! The languages that pages and mails speak, with their texts.

use std::str::FromStr;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

use super::mail::PageError;

/// A language with a catalogue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English: what everybody gets whose language is not here.
    #[default]
    English,
    /// German.
    German,
    /// French.
    French,
    /// Spanish.
    Spanish,
    /// Japanese.
    Japanese,
}

/// Texts of one language.
pub(super) type Catalogue = FluentBundle<FluentResource>;

static CATALOGUES: LazyLock<[Option<Catalogue>; 5]> = LazyLock::new(|| Language::ALL.map(Language::load));

impl Language {
    /// Every language.
    pub const ALL: [Self; 5] = [Self::English, Self::German, Self::French, Self::Spanish, Self::Japanese];

    /// The language of a BCP 47 tag, regions and scripts aside.
    pub fn of(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// The first of these tags that has a catalogue, else English.
    pub fn first_of<'t>(tags: impl IntoIterator<Item = &'t str>) -> Self {
        tags.into_iter().find_map(Self::of).unwrap_or_default()
    }

    /// The language for a reader: the first of the wanted tags that is offered and has a catalogue, else the first that
    /// is offered and has one.
    pub fn negotiated<'t>(wanted: impl IntoIterator<Item = &'t str>, offered: &[String]) -> Self {
        let offered: Vec<_> = offered.iter().filter_map(|tag| Self::of(tag)).collect();
        let best = wanted.into_iter().filter_map(Self::of).find(|language| offered.contains(language));
        best.or_else(|| offered.first().copied()).unwrap_or_default()
    }

    /// Which way it is written, as HTML says it.
    pub const fn direction(self) -> &'static str {
        match self {
            Self::English | Self::German | Self::French | Self::Spanish | Self::Japanese => "ltr",
        }
    }

    /// BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
            Self::Spanish => "es",
            Self::Japanese => "ja",
        }
    }

    const fn source(self) -> &'static str {
        match self {
            Self::English => include_str!("locales/en.ftl"),
            Self::German => include_str!("locales/de.ftl"),
            Self::French => include_str!("locales/fr.ftl"),
            Self::Spanish => include_str!("locales/es.ftl"),
            Self::Japanese => include_str!("locales/ja.ftl"),
        }
    }

    /// Its place in [`Language::ALL`].
    pub(super) const fn index(self) -> usize {
        match self {
            Self::English => 0,
            Self::German => 1,
            Self::French => 2,
            Self::Spanish => 3,
            Self::Japanese => 4,
        }
    }

    fn load(self) -> Option<Catalogue> {
        // The marks are for text of the other direction, which no language here has, and mail programs show them.
        self.catalogue(self.source(), false)
    }

    /// The texts in `source`. `isolating`: what is put into them has a direction of its own.
    pub(super) fn catalogue(self, source: &str, isolating: bool) -> Option<Catalogue> {
        let resource = FluentResource::try_new(source.to_owned()).ok()?;
        let mut bundle = FluentBundle::new_concurrent(vec![LanguageIdentifier::from_str(self.tag()).ok()?]);
        bundle.set_use_isolating(isolating);
        bundle.add_resource(resource).ok()?;
        Some(bundle)
    }

    /// A text: a message, or an attribute of one.
    ///
    /// # Errors
    /// [`PageError::Text`] when there is none, or an argument is missing.
    pub fn text(
        self,
        message: &str,
        attribute: Option<&str>,
        arguments: Option<&FluentArgs<'_>>,
    ) -> Result<String, PageError> {
        let missing = || PageError::Text(format!("{} {message} {}", self.tag(), attribute.unwrap_or_default()));
        let catalogue = CATALOGUES.get(self.index()).and_then(Option::as_ref).ok_or_else(missing)?;
        let found = catalogue.get_message(message).ok_or_else(missing)?;
        let pattern = match attribute {
            Some(name) => found.get_attribute(name).map(|attribute| attribute.value()),
            None => found.value(),
        };
        let mut errors = Vec::new();
        let text = catalogue.format_pattern(pattern.ok_or_else(missing)?, arguments, &mut errors).into_owned();
        if errors.is_empty() { Ok(text) } else { Err(missing()) }
    }

    /// Whether a message has an attribute.
    pub fn has(self, message: &str, attribute: &str) -> bool {
        let catalogue = CATALOGUES.get(self.index()).and_then(Option::as_ref);
        catalogue.and_then(|catalogue| catalogue.get_message(message)?.get_attribute(attribute)).is_some()
    }
}

/// The language tags of an `Accept-Language` header, best first (RFC 9110 §12.5.4).
pub fn accepted(header: &str) -> Vec<&str> {
    /// Nobody speaks more.
    const MOST: usize = 32;
    let mut tags: Vec<(&str, u16)> = header.split(',').take(MOST).filter_map(weighed).collect();
    tags.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    tags.into_iter().map(|(tag, _)| tag).collect()
}

/// A tag with its weight in thousandths.
fn weighed(part: &str) -> Option<(&str, u16)> {
    let (tag, rest) = part.split_once(';').unwrap_or((part, ""));
    let weight = match rest.trim().strip_prefix("q=") {
        Some(text) => text.trim().parse::<f32>().ok().filter(|weight| (0.0..=1.0).contains(weight))?,
        None => 1.0,
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    let weight = (weight * 1000.0) as u16;
    (weight > 0 && !tag.trim().is_empty()).then_some((tag.trim(), weight))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use std::collections::BTreeSet;

    use super::*;

    /// Names of messages and their attributes, and the arguments that are used anywhere.
    fn names(language: Language) -> (BTreeSet<String>, BTreeSet<String>) {
        let mut message = String::new();
        let mut names = BTreeSet::new();
        let mut arguments = BTreeSet::new();
        for line in language.source().lines() {
            arguments.extend(line.split('$').skip(1).map(|rest| {
                rest.chars().take_while(|char| char.is_ascii_alphanumeric() || *char == '_').collect::<String>()
            }));
            let Some((name, _)) = line.split_once(" =") else { continue };
            if let Some(attribute) = name.trim_start().strip_prefix('.') {
                names.insert(format!("{message}.{attribute}"));
            } else if !name.starts_with([' ', '#']) {
                message = name.to_owned();
                names.insert(message.clone());
            }
        }
        (names, arguments)
    }

    #[test]
    fn every_catalogue_loads_and_has_the_same_texts() {
        let english = names(Language::English);
        assert!(english.0.len() > 60, "{}", english.0.len());
        for language in Language::ALL {
            assert!(language.load().is_some(), "{}", language.tag());
            assert_eq!(names(language), english, "{}", language.tag());
        }
    }

    #[test]
    fn a_language_follows_from_the_first_tag_that_is_known() {
        assert_eq!(Language::of("pt-BR"), None);
        assert_eq!(Language::of("de_AT"), Some(Language::German));
        assert_eq!(Language::first_of(["pt", "JA-jp", "fr"]), Language::Japanese);
        assert_eq!(Language::first_of(["pt"]), Language::English);
    }

    #[test]
    fn a_reader_gets_the_best_of_what_the_issuer_offers() {
        let offered = ["fr-CA", "pt", "de"].map(str::to_owned);
        let for_reader = |wanted: &[&str]| Language::negotiated(wanted.iter().copied(), &offered);
        assert_eq!(for_reader(&["ja", "de-CH", "fr"]), Language::German);
        assert_eq!(for_reader(&["ja", "en"]), Language::French, "nothing fits: the default of the issuer");
        assert_eq!(Language::negotiated(["de"], &["pt".to_owned()]), Language::English, "no catalogue at all");
    }

    #[test]
    fn weights_order_what_a_browser_accepts() {
        assert_eq!(accepted("fr;q=0.3, de-CH , en;q=0.9,*;q=0.1, ja;q=0"), ["de-CH", "en", "fr", "*"]);
        assert_eq!(accepted("de;q=x, ;q=1,en;q=2, es;q=0.5"), ["es"]);
        assert!(accepted("").is_empty());
    }

    #[test]
    fn what_is_missing_is_an_error() {
        assert!(Language::English.text("no-such-text", None, None).is_err());
        assert!(Language::English.text("invitation", Some("subject"), None).is_err(), "without its arguments");
    }
}
