//! Names and addresses in the one form they are compared in, and the keyed hash that stands for them where nothing
//! personal may be.

use unicode_normalization::UnicodeNormalization;

use crate::mailbox::Mailbox;
use crate::seal::RootKey;

/// What the key of hashes of names is derived for.
const HASH_PURPOSE: &str = "username";

/// `text` in the one form that usernames and addresses are compared in: NFKC (UAX #15), trimmed, with full case folding
/// (Unicode §3.13, D145).
pub fn folded(text: &str) -> String {
    let normalized: String = text.nfkc().collect();
    normalized.trim().chars().flat_map(fold).nfkc().collect()
}

/// HMAC-SHA-256 of the folded name or address, under a key derived from the root key of the issuer: the same for every
/// spelling, and worth nothing in another issuer (idp.md §28).
pub fn name_hash(root: &RootKey, name: &str) -> [u8; 32] {
    root.mac(HASH_PURPOSE, folded(name).as_bytes())
}

/// What stands for an e-mail address: the same however it is written, for whoever is invited and for a user.
pub fn address_hash(root: &RootKey, address: &str) -> [u8; 32] {
    match Mailbox::parse(address) {
        Some(mailbox) => name_hash(root, mailbox.lower_cased().as_str()),
        None => name_hash(root, address),
    }
}

/// Full case folding by the case mappings: the detour over upper case makes `ß` and `ẞ` the same as `ss`, and each
/// character alone knows no final sigma. Only the dotless i has an upper case that folds to something else than itself.
fn fold(char: char) -> impl Iterator<Item = char> {
    let dotless = (char == 'ı').then_some('ı');
    let mapped = char.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    dotless.into_iter().chain(mapped.filter(move |_| dotless.is_none()))
}
