//! Where mail goes: exactly one mailbox.

use std::fmt;

use url::Host;

use crate::hostname::is_host_label;

/// Longest mailbox, in bytes (RFC 5321 §4.5.3.1.3, less the angle brackets).
const MAX_BYTES: usize = 254;

/// Longest part before the at sign, in bytes (RFC 5321 §4.5.3.1.1).
const LOCAL_PART_BYTES: usize = 64;

/// One mailbox of RFC 5321 §4.1.2, as `Dot-string@Domain`: no quoted local part, comment, group, list or address
/// literal, so that no header and no mail server can read it as two (events-webhooks §14).
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    text: String,
    at: usize,
}

impl Mailbox {
    /// `None` for anything but one mailbox.
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.rsplit_once('@')?;
        let fits = text.len() <= MAX_BYTES && (1..=LOCAL_PART_BYTES).contains(&local.len());
        let is_local = local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext));
        if !fits || !is_local || ascii_domain(domain).is_none() {
            return None;
        }
        Some(Self { text: text.to_owned(), at: local.len() })
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same in lower case.
    #[must_use]
    pub fn lower_cased(&self) -> Self {
        // No character but those of a mailbox has one as its lower case; one that grows beyond the limit stays.
        Self::parse(&self.text.to_lowercase()).unwrap_or_else(|| self.clone())
    }

    /// With the domain in A-labels, as mail servers take it.
    pub fn on_the_wire(&self) -> String {
        let (local, domain) = self.text.split_at_checked(self.at).unwrap_or_default();
        let domain = domain.trim_start_matches('@');
        format!("{local}@{}", ascii_domain(domain).unwrap_or_else(|| domain.to_owned()))
    }
}

/// Addresses are personal data.
impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox(..)")
    }
}

/// RFC 5322 §3.2.3, with the letters of RFC 6532.
fn is_atext(char: char) -> bool {
    if char.is_ascii() {
        char.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(char)
    } else {
        char.is_alphanumeric()
    }
}

fn ascii_domain(domain: &str) -> Option<String> {
    // `Host` undoes percent-encoding, which is none here, and lets pass what divides mailboxes, as commas do.
    let Host::Domain(name) = Host::parse(domain).ok()? else { return None };
    let is_domain = !domain.contains('%') && name.len() <= 253 && name.split('.').all(is_host_label);
    is_domain.then_some(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing test panics")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_mailbox_is_accepted_and_nothing_else() {
        for good in
            ["a@b.c", "Ada.Lovelace+tag@example.com", "o'hara@x.example", "jürgen@münchen.example", "a@localhost"]
        {
            assert!(Mailbox::parse(good).is_some(), "{good}");
        }
        let long = format!("{}@b.c", "a".repeat(65));
        let longer = format!("a@{}.c", "b.".repeat(130));
        for bad in [
            "",
            "a",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c.d",
            "a@b .c",
            "a@b.c, d@e.f",
            "<a@b.c>",
            "A <a@b.c>",
            "a(c)@b.c",
            "\"a\"@b.c",
            "a..b@c.d",
            ".a@b.c",
            "a.@b.c",
            "a@.b",
            "a@b.",
            "a@b..c",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@b.c\r\nBcc: d@e.f",
            "a\0@b.c",
            "a@b%2ec",
            "team:a@b.c;",
            "a@b.c:25",
            "a@b,c",
            "a@b;c",
            "a@b(c)",
            "a@b\"c\"",
            "a@b\u{ff0c}c",
            "a@-b.c",
            "a@b_.c",
            &long,
            &longer,
        ] {
            assert!(Mailbox::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn servers_are_told_a_labels_and_people_what_was_given() {
        let mailbox = Mailbox::parse("Ada@Bücher.Example").unwrap();
        assert_eq!(mailbox.as_str(), "Ada@Bücher.Example");
        assert_eq!(mailbox.on_the_wire(), "Ada@xn--bcher-kva.example");
        assert_eq!(mailbox.lower_cased().as_str(), "ada@bücher.example");
        assert_eq!(format!("{mailbox:?}"), "Mailbox(..)");
    }

    /// Few arbitrary texts have an at sign with something on both sides.
    fn any_text_or_nearly_a_mailbox() -> impl Strategy<Value = String> {
        let nearly = "[a-c.]{1,3}@([a-c.!-/:-@\\[-`{-~\u{ff01}-\u{ff5e}]{1,6}|\\PC{1,4})";
        prop_oneof![any::<String>(), nearly]
    }

    proptest! {
        #[test]
        fn what_parses_can_break_no_header(text in any_text_or_nearly_a_mailbox()) {
            if let Some(mailbox) = Mailbox::parse(&text) {
                let wire = mailbox.on_the_wire();
                let breaks = |char: char| char.is_control() || char.is_whitespace() || "<>(),;:\"\\[]".contains(char);
                prop_assert!(!wire.contains(breaks), "{wire}");
                prop_assert_eq!(wire.matches('@').count(), 1);
            }
        }
    }
}
