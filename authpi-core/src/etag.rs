//! Versions of resources and the conditions on them (conventions §9, RFC 9110 §8.8 and §13.1).

use std::fmt;

use thiserror::Error;

use crate::timestamp::Timestamp;

/// What stands between the elements of a list, white space included.
const SEPARATORS: [char; 3] = [',', ' ', '\t'];

/// The strong entity tag of a resource: its `updated_at` in milliseconds, as a quoted decimal. Where time, or the state of
/// another resource, makes another status of the stored one, its word follows after a dot: two representations of one
/// version are not the same (RFC 9110 §8.8.1). A writer's condition is about the version alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ETag {
    version: Timestamp,
    derived: Option<&'static str>,
}

impl ETag {
    /// The tag of a resource that was last changed at `updated_at`.
    pub const fn of(updated_at: Timestamp) -> Self {
        Self { version: updated_at, derived: None }
    }

    /// The tag of the representation that shows this status in place of the stored one.
    #[must_use]
    pub const fn showing(self, derived: Option<&'static str>) -> Self {
        Self { derived, ..self }
    }

    /// The `updated_at` it stands for.
    pub const fn version(self) -> Timestamp {
        self.version
    }
}

impl fmt::Display for ETag {
    /// The value of the `ETag` header, quotes included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.derived {
            None => write!(f, "\"{}\"", self.version.as_millis()),
            Some(word) => write!(f, "\"{}.{word}\"", self.version.as_millis()),
        }
    }
}

/// The header is neither `*` nor a list of entity tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a list of entity tags")]
pub struct InvalidETag;

/// The value of an `If-Match` header (RFC 9110 §13.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: any version of a resource that exists.
    Any,
    /// One of these versions. Tags that no resource can have are left out: weak ones, and those we never issue.
    Tags(Vec<ETag>),
}

impl IfMatch {
    /// Reads a header value. A bare integer counts as if it were quoted.
    ///
    /// # Errors
    /// [`InvalidETag`] for anything else that is not quoted, and for an empty list.
    pub fn parse(value: &str) -> Result<Self, InvalidETag> {
        if trim(value) == "*" {
            return Ok(Self::Any);
        }
        // RFC 9110 §5.6.1.2: a recipient takes empty elements.
        let mut rest = value.trim_matches(SEPARATORS);
        if rest.is_empty() {
            return Err(InvalidETag);
        }
        let mut versions = Vec::new();
        while !rest.is_empty() {
            let (version, after) = element(rest)?;
            if !after.is_empty() && !trim(after).starts_with(',') {
                return Err(InvalidETag);
            }
            versions.extend(version);
            rest = after.trim_start_matches(SEPARATORS);
        }
        Ok(Self::Tags(versions))
    }

    /// Whether a resource that was last changed at `updated_at` is among them, by strong comparison (RFC 9110
    /// §8.8.3.2).
    pub fn matches(&self, updated_at: Timestamp) -> bool {
        match self {
            Self::Any => true,
            Self::Tags(tags) => tags.contains(&ETag::of(updated_at)),
        }
    }
}

/// Reads one list element; returns its version, if it can have one, and the text after it.
fn element(list: &str) -> Result<(Option<ETag>, &str), InvalidETag> {
    let (weak, tag) = match list.strip_prefix("W/") {
        Some(tag) => (true, tag),
        None => (false, list),
    };
    if let Some(quoted) = tag.strip_prefix('"') {
        let (opaque, after) = quoted.split_once('"').ok_or(InvalidETag)?;
        if !opaque.chars().all(is_tag_char) {
            return Err(InvalidETag);
        }
        return Ok((if weak { None } else { version(opaque) }, after));
    }
    let (bare, after) = list.split_at(list.find(SEPARATORS).unwrap_or(list.len()));
    let digits = bare.strip_prefix('-').unwrap_or(bare);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidETag);
    }
    Ok((version(bare), after))
}

/// Tags are compared character by character, so only the spelling that [`ETag`] writes stands for a version.
fn version(opaque: &str) -> Option<ETag> {
    let digits = match opaque.split_once('.') {
        Some((digits, word)) if !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') => digits,
        Some(_) => return None,
        None => opaque,
    };
    let millis = digits.parse::<i64>().ok()?;
    (millis.to_string() == digits).then_some(ETag::of(Timestamp::from_millis(millis)))
}

/// `etagc` of RFC 9110 §8.8.3, without the quote that ends the tag.
fn is_tag_char(char: char) -> bool {
    char == '!' || (char >= '#' && char != '\u{7f}')
}

/// Without the optional white space of RFC 9110 §5.6.3 around it.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a failing test panics")]

    use proptest::prelude::*;

    use super::*;

    fn tags(millis: &[i64]) -> IfMatch {
        IfMatch::Tags(millis.iter().map(|millis| ETag::of(Timestamp::from_millis(*millis))).collect())
    }

    #[test]
    fn lists_are_read_with_their_white_space_and_empty_elements() {
        assert_eq!(IfMatch::parse("\"1\""), Ok(tags(&[1])));
        assert_eq!(IfMatch::parse(" \"1\" ,\t\"2\",, 3,"), Ok(tags(&[1, 2, 3])));
        assert_eq!(IfMatch::parse(","), Err(InvalidETag));
        assert_eq!(IfMatch::parse(" "), Err(InvalidETag));
        assert_eq!(IfMatch::parse(""), Err(InvalidETag));
    }

    #[test]
    fn star_stands_alone() {
        assert_eq!(IfMatch::parse(" * "), Ok(IfMatch::Any));
        assert!(IfMatch::Any.matches(Timestamp::EPOCH));
        assert_eq!(IfMatch::parse("*, \"1\""), Err(InvalidETag));
        assert_eq!(IfMatch::parse("\"1\", *"), Err(InvalidETag));
        assert_eq!(IfMatch::parse("\"*\""), Ok(tags(&[])));
    }

    #[test]
    fn bare_integers_count_as_quoted() {
        assert_eq!(IfMatch::parse("17"), Ok(tags(&[17])));
        assert_eq!(IfMatch::parse("-17, 5"), Ok(tags(&[-17, 5])));
        for text in ["1.0", "+1", "1e3", "0x1", "-", "1 2", "1\"2\"", "W/1", "abc"] {
            assert_eq!(IfMatch::parse(text), Err(InvalidETag), "{text}");
        }
    }

    #[test]
    fn other_quoted_tags_are_valid_and_match_nothing() {
        for text in [
            "\"1.\"",
            "\"1.2\"",
            "\".expired\"",
            "W/\"1\"",
            "\"abc\"",
            "\"01\"",
            "\"+1\"",
            "\"\"",
            "\"1,2\"",
            "\"-0\"",
            "007",
            "\"é\"",
        ] {
            assert_eq!(IfMatch::parse(text), Ok(tags(&[])), "{text}");
        }
        assert_eq!(IfMatch::parse("\"99999999999999999999\", 99999999999999999999"), Ok(tags(&[])));
        assert_eq!(IfMatch::parse("W/\"1\", \"a,b\", \"2\""), Ok(tags(&[2])));
    }

    #[test]
    fn a_status_that_is_not_stored_makes_another_tag_of_the_same_version() {
        let plain = ETag::of(Timestamp::from_millis(17));
        let expired = plain.showing(Some("expired"));
        assert_eq!((plain.to_string(), expired.to_string()), ("\"17\"".to_owned(), "\"17.expired\"".to_owned()));
        assert!(IfMatch::parse("\"17.expired\"").unwrap().matches(expired.version()));
    }

    #[test]
    fn broken_quoting_is_refused() {
        for text in ["\"1", "1\"", "\"1\"2", "\"1\" \"2\"", "w/\"1\"", "W/ \"1\"", "\"1 2\"", "\"\u{7f}\""] {
            assert_eq!(IfMatch::parse(text), Err(InvalidETag), "{text}");
        }
    }

    proptest! {
        #[test]
        fn written_tag_matches_its_version_only(millis: i64, other: i64) {
            let version = Timestamp::from_millis(millis);
            let condition = IfMatch::parse(&ETag::of(version).to_string()).unwrap();
            prop_assert!(condition.matches(version));
            prop_assert_eq!(condition.matches(Timestamp::from_millis(other)), millis == other);
            prop_assert_eq!(ETag::of(version).version(), version);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[*W/\", \t0-9a-]{0,12}") {
            if let Ok(condition) = IfMatch::parse(&text) {
                prop_assert_eq!(IfMatch::parse(&format!(" {text} ")), Ok(condition));
            }
        }
    }
}
