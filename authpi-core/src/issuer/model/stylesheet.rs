//! What a style sheet of a tenant may hold (idp §1.7): it is served beside the hosted pages of other tenants, under a policy
//! that lets it load nothing, and must not even ask.

use crate::error::FieldCode;

/// Longest style sheet, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// Rules beginning with an at sign that only group or name other rules; all others load something or are not known.
const AT_RULES: [&str; 6] = ["container", "keyframes", "layer", "media", "property", "supports"];

/// Functions that name something to be loaded, or run code in the browsers that had it.
const LOADING: [&str; 12] = [
    "-moz-element",
    "-webkit-cross-fade",
    "-webkit-image-set",
    "cross-fade",
    "element",
    "expression",
    "image",
    "image-set",
    "paint",
    "src",
    "url",
    "url-prefix",
];

/// Why a text is no style sheet of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// Over [`MAX_BYTES`].
    #[error("at most 64 KiB")]
    TooLong,
    /// A character that hides others or ends the sheet: controls, the escape, and what begins a tag.
    #[error("must not contain control characters, backslashes or <")]
    Character,
    /// A comment, string or block does not end, or ends without beginning.
    #[error("a comment, a string or a bracket is not closed")]
    Unbalanced,
    /// Another rule than [`AT_RULES`].
    #[error("must not have the rule @{0}")]
    AtRule(String),
    /// One of [`LOADING`].
    #[error("must not use {0}()")]
    Function(String),
}

impl Refused {
    /// The code of the field error.
    pub(super) const fn code(&self) -> FieldCode {
        match self {
            Self::TooLong => FieldCode::TooLong,
            Self::Character | Self::Unbalanced => FieldCode::InvalidFormat,
            Self::AtRule(_) | Self::Function(_) => FieldCode::NotAllowed,
        }
    }
}

/// Reads a style sheet as browsers do (CSS Syntax 3 §4) as far as that says what it would load. Without escapes a name is
/// what it looks like.
///
/// # Errors
/// [`Refused`].
pub(super) fn check(css: &str) -> Result<(), Refused> {
    if css.len() > MAX_BYTES {
        return Err(Refused::TooLong);
    }
    let is_bad = |char: char| (char.is_control() && !matches!(char, '\t' | '\n' | '\r')) || matches!(char, '\\' | '<');
    if css.contains(is_bad) {
        return Err(Refused::Character);
    }
    let mut rest = css;
    let mut open = Vec::new();
    while let Some(char) = rest.chars().next() {
        let (_, after) = rest.split_at(char.len_utf8());
        rest = match char {
            '/' if after.starts_with('*') => behind(after.get(1..).unwrap_or_default(), "*/")?,
            '"' | '\'' => behind_string(after, char)?,
            '@' => allowed_rule(after)?,
            '(' | '[' | '{' => {
                open.push(closing(char));
                after
            }
            ')' | ']' | '}' => {
                if open.pop() != Some(char) {
                    return Err(Refused::Unbalanced);
                }
                after
            }
            _ if is_name(char) => allowed_name(rest)?,
            _ => after,
        };
    }
    if open.is_empty() { Ok(()) } else { Err(Refused::Unbalanced) }
}

fn behind<'a>(text: &'a str, end: &str) -> Result<&'a str, Refused> {
    text.split_once(end).map(|(_, rest)| rest).ok_or(Refused::Unbalanced)
}

/// A string ends in its line: one that does not is read by browsers as if the line were its end.
fn behind_string(text: &str, quote: char) -> Result<&str, Refused> {
    let (inside, rest) = text.split_once(quote).ok_or(Refused::Unbalanced)?;
    if inside.contains(['\n', '\r']) { Err(Refused::Unbalanced) } else { Ok(rest) }
}

fn allowed_rule(text: &str) -> Result<&str, Refused> {
    let (name, rest) = name(text);
    if AT_RULES.contains(&name.as_str()) || name == "-webkit-keyframes" { Ok(rest) } else { Err(Refused::AtRule(name)) }
}

fn allowed_name(text: &str) -> Result<&str, Refused> {
    let (name, rest) = name(text);
    if rest.starts_with('(') && LOADING.contains(&name.as_str()) { Err(Refused::Function(name)) } else { Ok(rest) }
}

/// The name that `text` begins with, in lower case, and what follows it.
fn name(text: &str) -> (String, &str) {
    let (name, rest) = text.split_at(text.find(|char| !is_name(char)).unwrap_or(text.len()));
    (name.to_ascii_lowercase(), rest)
}

const fn is_name(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '_') || !char.is_ascii()
}

const fn closing(opening: char) -> char {
    match opening {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn looks_are_taken_whole() {
        for good in [
            "",
            "body { color: #333; font-family: 'Söhne', system-ui }",
            "/* url( */ a::after { content: \"@import url(x) \u{2192}\" }",
            "@media (min-width: 40rem) { .card > button:not(:hover) { width: calc(100% - 2 * var(--gap)) } }",
            "@supports (display: grid) { @layer base { :root { --src: 1px; --image: 2px } } }",
            "@keyframes spin { to { transform: rotate(1turn) } }",
            "input[type=\"email\"] { background: linear-gradient(rgb(0 0 0 / 10%), white) }",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        assert_eq!(check(&" ".repeat(MAX_BYTES)), Ok(()));
    }

    #[test]
    fn what_loads_hides_or_breaks_out_is_refused() {
        let function = |name: &str| Refused::Function(name.to_owned());
        let rule = |name: &str| Refused::AtRule(name.to_owned());
        for (bad, expected) in [
            ("a{background:url(https://evil.example)}", function("url")),
            ("a{background:URL( 'x' )}", function("url")),
            ("a{b:image-set(\"x\" 1x)}", function("image-set")),
            ("a{b:-webkit-image-set('x' 1x)}", function("-webkit-image-set")),
            ("a{width:expression(alert(1))}", function("expression")),
            ("a{b:src('x')}", function("src")),
            ("@import 'x';", rule("import")),
            ("@IMPORT 'x';", rule("import")),
            ("@font-face{}", rule("font-face")),
            ("@charset 'x';", rule("charset")),
            ("@/**/import 'x';", rule("")),
            ("a{}</style>", Refused::Character),
            ("a{b:\\75rl(x)}", Refused::Character),
            ("a{}\0", Refused::Character),
            ("a{}\u{c}", Refused::Character),
            ("a{", Refused::Unbalanced),
            ("a}", Refused::Unbalanced),
            ("a{b:(]}", Refused::Unbalanced),
            ("/* a", Refused::Unbalanced),
            ("/*/", Refused::Unbalanced),
            ("a{b:'c", Refused::Unbalanced),
            ("a{b:'c\n'}", Refused::Unbalanced),
        ] {
            assert_eq!(check(bad), Err(expected), "{bad}");
        }
        assert_eq!(check(&" ".repeat(MAX_BYTES + 1)), Err(Refused::TooLong));
    }

    proptest! {
        #[test]
        fn nothing_before_it_hides_what_loads(css in "[a-z(){}@/*'\" :;-]{0,40}") {
            if check(&css).is_ok() {
                for loading in ["a{b:url(x)}", "@import 'x';"] {
                    let both = format!("{css} {loading}");
                    prop_assert!(check(&both).is_err(), "{}", both);
                }
            }
        }

        #[test]
        fn any_text_is_read_or_refused(css: String) {
            let _ = check(&css);
        }
    }
}
