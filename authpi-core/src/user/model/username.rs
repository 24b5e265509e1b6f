//! What a user is called, and the keyed hash that stands for it where no personal data may be.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::error::FieldCode;
pub(super) use crate::folding::folded;
use crate::folding::name_hash;
use crate::seal::RootKey;
use crate::secret::hex;

/// Longest e-mail address, in characters (RFC 5321 §4.5.3.1.3, less the angle brackets).
const EMAIL_CHARS: usize = 254;

/// Longest part before the at sign, in bytes (RFC 5321 §4.5.3.1.1).
const LOCAL_PART_BYTES: usize = 64;

/// Longest unique name, in characters.
const NAME_CHARS: usize = 200;

/// Digits of a telephone number with its country code (ITU-T E.164 §6.2.1; none is shorter than 7).
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// The kind of a username. It follows from the form, so that a name never passes for somebody's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UsernameType {
    /// An e-mail address: has an at sign.
    Email,
    /// A telephone number: a plus sign and digits.
    Phone,
    /// Any other name.
    UniqueName,
}

impl UsernameType {
    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::UniqueName => "unique-name",
        }
    }

    fn of(text: &str) -> Self {
        if text.contains('@') {
            Self::Email
        } else if text.strip_prefix('+').is_some_and(is_digits) {
            Self::Phone
        } else {
            Self::UniqueName
        }
    }
}

/// A username as it was given, without white space around it. Two are the same when their hashes are.
#[derive(Clone, PartialEq, Eq)]
pub struct Username {
    kind: UsernameType,
    text: String,
}

/// Why a text is no username.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUsername {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// Longer than its kind may be.
    #[error("at most {0} characters")]
    TooLong(usize),
    /// Not of the form of its kind.
    #[error("is not of the form of its username_type, which is {}", .0.as_str())]
    Form(UsernameType),
}

impl InvalidUsername {
    /// The code of the field error.
    pub const fn code(self) -> FieldCode {
        match self {
            Self::Empty => FieldCode::TooShort,
            Self::TooLong(_) => FieldCode::TooLong,
            Self::Form(_) => FieldCode::InvalidFormat,
        }
    }
}

impl Username {
    /// A username of the kind that was stated, else of the one that its form has.
    ///
    /// # Errors
    /// [`InvalidUsername`].
    pub fn new(stated: Option<UsernameType>, text: &str) -> Result<Self, InvalidUsername> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidUsername::Empty);
        }
        let kind = UsernameType::of(text);
        let stated = stated.unwrap_or(kind);
        if stated != kind || !has_form(kind, text) {
            return Err(InvalidUsername::Form(stated));
        }
        let limit = if kind == UsernameType::UniqueName { NAME_CHARS } else { EMAIL_CHARS };
        if text.chars().nth(limit).is_some() {
            return Err(InvalidUsername::TooLong(limit));
        }
        Ok(Self { kind, text: text.to_owned() })
    }

    /// From storage.
    pub const fn stored(kind: UsernameType, text: String) -> Self {
        Self { kind, text }
    }

    /// Its kind.
    pub const fn kind(&self) -> UsernameType {
        self.kind
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Usernames are personal data.
impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Username({}, ..)", self.kind.as_str())
    }
}

fn has_form(kind: UsernameType, text: &str) -> bool {
    if text.chars().any(|char| char.is_whitespace() || char.is_control()) {
        return false;
    }
    match kind {
        UsernameType::UniqueName => true,
        UsernameType::Phone => text.strip_prefix('+').is_some_and(|digits| {
            PHONE_DIGITS.contains(&digits.len()) && is_digits(digits) && !digits.starts_with('0')
        }),
        UsernameType::Email => text.rsplit_once('@').is_some_and(|(local, domain)| {
            (1..=LOCAL_PART_BYTES).contains(&local.len())
                && !local.contains('@')
                && !domain.is_empty()
                && domain.split('.').all(|label| !label.is_empty())
        }),
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The keyed hash of a username, or of an e-mail address in events. The same in one issuer for every spelling of the
/// same name, and worth nothing in another (idp.md §28).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UsernameHash([u8; 32]);

impl UsernameHash {
    /// HMAC-SHA-256 of the folded name, under a key derived from the root key of the issuer.
    pub fn of(root: &RootKey, username: &str) -> Self {
        Self(name_hash(root, username))
    }

    /// From storage.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For storage.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for UsernameHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// Lower-case hex.
impl fmt::Display for UsernameHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for UsernameHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UsernameHash({self})")
    }
}

impl Serialize for UsernameHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing test panics")]

    use proptest::prelude::*;

    use super::*;

    fn kind(text: &str) -> Result<UsernameType, InvalidUsername> {
        Username::new(None, text).map(|username| username.kind())
    }

    #[test]
    fn the_kind_follows_from_the_form() {
        for text in ["a@example.com", "Ä.ö+tag@münchen.example", "a@localhost", " a@b.c\n"] {
            assert_eq!(kind(text), Ok(UsernameType::Email), "{text}");
        }
        assert_eq!(kind("+4922112345"), Ok(UsernameType::Phone));
        for text in ["dinesh", "user-0", "名前", "+", "+49x", "0221"] {
            assert_eq!(kind(text), Ok(UsernameType::UniqueName), "{text}");
        }
    }

    #[test]
    fn what_has_not_the_form_of_its_kind_is_refused() {
        for text in
            ["@", "a@", "@b", "a@b@c", "a@.b", "a@b.", "a b@c.d", "a@b\u{0}", &format!("{}@b.c", "a".repeat(65))]
        {
            assert_eq!(kind(text), Err(InvalidUsername::Form(UsernameType::Email)), "{text}");
        }
        for text in ["+123456", "+1234567890123456", "+0123456789"] {
            assert_eq!(kind(text), Err(InvalidUsername::Form(UsernameType::Phone)), "{text}");
        }
        assert_eq!(kind("two words"), Err(InvalidUsername::Form(UsernameType::UniqueName)));
        assert_eq!(kind(" \t"), Err(InvalidUsername::Empty));
    }

    #[test]
    fn a_stated_kind_must_fit_the_form() {
        let stated = |stated, text| Username::new(Some(stated), text).map(|username| username.kind());
        assert_eq!(stated(UsernameType::Email, "a@b.c"), Ok(UsernameType::Email));
        for (wanted, text) in [
            (UsernameType::Email, "nobody"),
            (UsernameType::Phone, "0221"),
            (UsernameType::UniqueName, "a@b.c"),
            (UsernameType::UniqueName, "+4922112345"),
        ] {
            assert_eq!(stated(wanted, text), Err(InvalidUsername::Form(wanted)), "{text}");
        }
    }

    #[test]
    fn length_is_limited_in_characters() {
        let longest = "名".repeat(NAME_CHARS);
        assert_eq!(Username::new(None, &longest).unwrap().as_str(), longest);
        assert_eq!(kind(&format!("{longest}名")), Err(InvalidUsername::TooLong(NAME_CHARS)));
        let domain = "d".repeat(EMAIL_CHARS - 2);
        assert_eq!(kind(&format!("a@{domain}")), Ok(UsernameType::Email));
        assert_eq!(kind(&format!("a@{domain}d")), Err(InvalidUsername::TooLong(EMAIL_CHARS)));
    }

    #[test]
    fn spellings_of_one_name_have_one_hash_in_one_issuer() {
        let root = RootKey::new([7; 32]);
        let hash = |text: &str| UsernameHash::of(&root, text);
        for (one, other) in [
            ("Ada@Example.com", "  ada@example.COM "),
            ("Straße", "STRASSE"),
            ("STRAẞE", "strasse"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("ﬁ", "FI"),
            ("e\u{301}", "É"),
            ("ａｄａ", "ada"),
            ("İ", "i\u{307}"),
        ] {
            assert_eq!(hash(one), hash(other), "{one} and {other}");
        }
        assert_ne!(hash("ı"), hash("i"));
        assert_ne!(hash("ada"), UsernameHash::of(&RootKey::new([8; 32]), "ada"));
        assert_eq!(hash("ada").as_bytes(), &root.mac("username", b"ada"));
        assert_eq!(hash("ada").to_string().len(), 64);
    }

    #[test]
    fn debug_output_hides_the_name() {
        assert_eq!(format!("{:?}", Username::new(None, "ada@b.c").unwrap()), "Username(email, ..)");
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text: String) {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once);
        }
    }
}
