//! One form for every spelling of a text that people type.

use unicode_normalization::UnicodeNormalization;

/// `text` in the one form that usernames are compared in: NFKC (UAX #15), trimmed, with full case folding (Unicode
/// §3.13, D145).
#[must_use]
pub fn folded(text: &str) -> String {
    let normalized: String = text.nfkc().collect();
    normalized.trim().chars().flat_map(fold).nfkc().collect()
}

/// Full case folding by the case mappings: the detour over upper case makes `ß` and `ẞ` the same as `ss`, and each
/// character alone knows no final sigma. Only the dotless i has an upper case that folds to something else than itself.
fn fold(char: char) -> impl Iterator<Item = char> {
    let dotless = (char == 'ı').then_some('ı');
    let mapped = char.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    dotless.into_iter().chain(mapped.filter(move |_| dotless.is_none()))
}
