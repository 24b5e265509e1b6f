//! The texts of the pages.

use std::sync::LazyLock;

use fluent_bundle::FluentArgs;

use crate::pages::language::{Catalogue, Language};
use crate::pages::mail::PageError;

static CATALOGUES: LazyLock<[Option<Catalogue>; 5]> =
    LazyLock::new(|| Language::ALL.map(|language| language.catalogue(source(language), true)));

/// The catalogue of a language, as translators write it.
pub(super) const fn source(language: Language) -> &'static str {
    match language {
        Language::English => include_str!("../locales/html/en.ftl"),
        Language::German => include_str!("../locales/html/de.ftl"),
        Language::French => include_str!("../locales/html/fr.ftl"),
        Language::Spanish => include_str!("../locales/html/es.ftl"),
        Language::Japanese => include_str!("../locales/html/ja.ftl"),
    }
}

/// A text: `message`, or `message.attribute`.
///
/// # Errors
/// [`PageError::Text`] when there is none, or an argument is missing.
pub(super) fn text(language: Language, key: &str, arguments: &FluentArgs<'_>) -> Result<String, PageError> {
    formatted(language, key, arguments).ok_or_else(|| PageError::Text(format!("{} {key}", language.tag())))
}

fn formatted(language: Language, key: &str, arguments: &FluentArgs<'_>) -> Option<String> {
    let catalogue = CATALOGUES.get(language.index()).and_then(Option::as_ref)?;
    let (message, attribute) = key.split_once('.').map_or((key, None), |(message, name)| (message, Some(name)));
    let message = catalogue.get_message(message)?;
    let pattern = match attribute {
        Some(name) => message.get_attribute(name)?.value(),
        None => message.value()?,
    };
    let mut errors = Vec::new();
    let text = catalogue.format_pattern(pattern, Some(arguments), &mut errors).into_owned();
    errors.is_empty().then_some(text)
}

/// Whether there is such a text.
pub(super) fn has(language: Language, key: &str) -> bool {
    let catalogue = CATALOGUES.get(language.index()).and_then(Option::as_ref);
    let (message, attribute) = key.split_once('.').map_or((key, None), |(message, name)| (message, Some(name)));
    let message = catalogue.and_then(|catalogue| catalogue.get_message(message));
    message.is_some_and(|message| match attribute {
        Some(name) => message.get_attribute(name).is_some(),
        None => message.value().is_some(),
    })
}
