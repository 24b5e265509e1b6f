//! Text that others typed, made harmless before it stands in a page or a mail: strangers must not use ours as theirs
//! (events-webhooks §14).

use std::net::{IpAddr, Ipv4Addr};

/// Characters that programs read as the dot of a host name (UTS #46 §4, step 1 of IDNA mapping).
const DOTS: [char; 4] = ['.', '。', '．', '｡'];

/// One line of visible text: control and direction characters go, white space becomes single spaces. `None` when nothing
/// is left.
pub fn line(text: &str) -> Option<String> {
    let visible: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let visible: String = visible.chars().filter(|char| !is_invisible(*char)).collect();
    let joined = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    (!joined.is_empty()).then_some(joined)
}

/// One line without anything that reads as a URL, a host or an address. `None` when nothing is left.
pub fn line_without_links(text: &str) -> Option<String> {
    let line = line(text)?;
    let kept: Vec<_> = line.split(' ').filter(|word| !reads_as_link(word)).collect();
    (!kept.is_empty()).then(|| kept.join(" "))
}

/// Paragraphs without anything that reads as a URL, a host or an address; empty ones are left out.
pub fn paragraphs_without_links(text: &str) -> Vec<String> {
    text.lines().filter_map(line_without_links).collect()
}

/// Characters that show nothing, or change how others are shown: they would hide a link from us and not from a reader.
fn is_invisible(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn reads_as_link(word: &str) -> bool {
    // The fullwidth forms of Latin letters and signs, as browsers read them.
    let word: String = word.chars().map(half_width).collect();
    if word.contains("://") || word.contains('@') || word.starts_with("//") || has_scheme(&word) {
        return true;
    }
    // Whatever stands between two of these may be a host with a port: a path, brackets or a quote end it.
    word.split(|char: char| "/\\<>()[]{}\"'`,;!?|*_~".contains(char)).any(is_host) || is_ip_v6(&word)
}

fn half_width(char: char) -> char {
    match char {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(char) - 0xfee0).unwrap_or(char),
        '\u{fe55}' | '\u{a789}' | '\u{2236}' => ':',
        '\u{2024}' => '.',
        '\u{2215}' | '\u{2044}' => '/',
        '\u{fe6b}' => '@',
        other => other,
    }
}

/// `mailto:`, `javascript:`, `tel:` and whatever else programs make a link of without slashes.
fn has_scheme(word: &str) -> bool {
    const SCHEMES: [&str; 10] =
        ["mailto:", "tel:", "sms:", "javascript:", "data:", "http:", "https:", "ftp:", "sip:", "skype:"];
    let word = word.to_ascii_lowercase();
    SCHEMES.iter().any(|scheme| word.contains(scheme))
}

fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let has_port = port.is_some_and(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let host = if has_port { host } else { text };
    let is_name =
        host.chars().any(char::is_alphabetic) && host.chars().all(|char| char.is_alphanumeric() || char == '-');
    if has_port && is_name {
        return true;
    }
    is_ip_v4(host) || has_top_level(host)
}

fn is_ip_v4(host: &str) -> bool {
    host.trim_matches(DOTS).parse::<Ipv4Addr>().is_ok()
}

fn is_ip_v6(word: &str) -> bool {
    let inner: String = word.chars().filter(|char| !"[]()<>".contains(*char)).collect();
    matches!(inner.trim_end_matches(['.', ',', ';']).parse(), Ok(IpAddr::V6(_)))
}

/// Labels with a dot between two of them, of which the second could be a top-level domain: letters only, or an A-label.
/// The dots of East Asian text end sentences, too: they count before Latin letters only.
fn has_top_level(host: &str) -> bool {
    let mut previous: Option<(char, &str)> = None;
    let mut rest = host;
    loop {
        let end = rest.find(DOTS).unwrap_or(rest.len());
        let (label, behind) = rest.split_at(end);
        if let Some((dot, before)) = previous {
            let latin = label.bytes().take_while(u8::is_ascii_alphabetic).count();
            let is_top_level = if dot == '.' {
                label.chars().take_while(|char| char.is_alphabetic()).count() >= 2
                    || label.to_ascii_lowercase().starts_with("xn--")
            } else {
                latin >= 2
            };
            if is_top_level && before.ends_with(|char: char| char.is_alphanumeric()) {
                return true;
            }
        }
        let mut chars = behind.chars();
        let Some(dot) = chars.next() else { return false };
        previous = Some((dot, label));
        rest = chars.as_str();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_reads_as_a_url_a_host_or_an_address_goes() {
        for link in [
            "https://evil.example",
            "HTTP://EVIL.EXAMPLE/x?y",
            "//evil.example",
            "evil.example",
            "www.evil.example/x",
            "(evil.example)",
            "evil.example.",
            "<evil.example>",
            "a@evil.example",
            "mailto:a",
            "tel:+491",
            "1.2.3.4",
            "1.2.3.4:80/x",
            "[::1]",
            "2001:db8::1",
            "localhost:8080",
            "localhost:8080/x",
            "evil。com",
            "ｅｖｉｌ．com",
            "ev\u{200b}il.com",
            "bücher.example",
            "例え.テスト",
            "xn--bcher-kva.xn--p1ai",
            "see:evil.example",
            "x/evil.example",
            "javascript:alert(1)",
            "evil.example,and",
            "evil.co.uk",
            "evil\u{2024}com",
            "Hello.World",
        ] {
            let text = format!("before {link} after");
            assert_eq!(line_without_links(&text).as_deref(), Some("before after"), "{link}");
            assert_eq!(line_without_links(link), None, "{link}");
        }
    }

    #[test]
    fn ordinary_words_stay() {
        for text in [
            "Welcome to the team, Ann!",
            "See you at 10:30.",
            "Version 1.2 costs 3.50 €",
            "e.g. the U.S.A. office",
            "Acme & Sons (Köln)",
            "C++ / Rust",
            "50% off",
            "こんにちは。参加してください。",
            "a-b_c",
            "Dr. Who",
            "...",
            "Yes. No.",
        ] {
            assert_eq!(line_without_links(text).as_deref(), Some(text), "{text}");
        }
    }

    #[test]
    fn lines_are_one_line_of_visible_text() {
        assert_eq!(line(" a\r\nb\t\u{202e}c\u{0}d ").as_deref(), Some("a b c d"));
        assert_eq!(line("\u{200b}\n"), None);
        assert_eq!(paragraphs_without_links("Hello\n\nhttps://x.y\n there"), ["Hello", "there"]);
    }

    proptest! {
        #[test]
        fn no_header_can_be_broken(text: String) {
            prop_assert!(!line(&text).unwrap_or_default().contains(|char: char| char.is_control()));
        }

        #[test]
        fn nothing_with_a_scheme_or_an_at_sign_is_left(text in ".*://.*|.*@.*") {
            let left = line_without_links(&text).unwrap_or_default();
            prop_assert!(!left.contains("://") && !left.contains('@'), "{left}");
        }
    }
}
