//! All pages, in all languages, with what nice and nasty people typed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use super::checker::{check, elements};
use super::samples::{Sample, all};
use super::typed::{HOSTILE, ORDINARY, frame};
use super::{Brand, Forms, Frame, texts};
use crate::pages::language::Language;

/// Characters that turn the direction of text around them; ours isolate, and end in the same text.
const TURNING: [char; 9] =
    ['\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{200e}', '\u{200f}'];

fn branded(language: Language) -> Frame {
    let brand = Brand {
        name: "Acme <b>&</b> \"Sons\" \u{202e}gnp".to_owned(),
        logo_url: Some("https://cdn.example/logo.svg?a=1&b='2'".to_owned()),
        favicon_url: Some("https://cdn.example/icon.png".to_owned()),
        primary_color: Some("#ff0;}*{display:none".to_owned()),
        custom_css: Some("/i_1/custom.css?v=1".to_owned()),
        ..frame(language).brand
    };
    Frame { brand, ..frame(language) }
}

fn seen(samples: &[Sample]) -> impl Iterator<Item = &Sample> {
    samples.iter().filter(|(_, page)| !page.policy.invisible)
}

#[test]
fn every_page_in_every_language_is_whole_and_can_be_used_by_everybody() {
    for language in Language::ALL {
        for (frame, about) in [(frame(language), "plain"), (branded(language), "branded")] {
            for (name, page) in seen(&all(&frame, ORDINARY, about == "branded")) {
                let about = format!("{name} {about} in {}", language.tag());
                check(&about, &page.html, &page.policy.images, &page.policy.frames);
                assert!(page.html.contains(&format!("<html lang=\"{}\" dir=\"ltr\">", language.tag())), "{about}");
                assert!(page.html.contains("Northwind") || page.html.contains("Acme &lt;b&gt;"), "{about}: no issuer");
            }
        }
    }
}

#[test]
fn what_people_typed_is_text_and_nothing_else() {
    for language in Language::ALL {
        for (name, page) in seen(&all(&branded(language), HOSTILE, true)) {
            let about = format!("hostile {name} in {}", language.tag());
            check(&about, &page.html, &page.policy.images, &page.policy.frames);
            for element in elements(&page.html) {
                let is_value = element.name == "input" || element.name == "option";
                let values = element.attributes.iter().filter(|(key, _)| !(is_value && *key == "value"));
                for text in values.map(|(_, value)| value.as_str()).chain([element.text.as_str()]) {
                    assert!(!text.contains(TURNING), "{about}: {text:?} turns the text around it");
                    let count = |char: char| text.matches(char).count();
                    assert_eq!(count('\u{2068}'), count('\u{2069}'), "{about}: {text:?}");
                }
            }
        }
    }
}

#[test]
fn what_strangers_write_makes_no_link() {
    for (name, page) in all(&frame(Language::English), HOSTILE, false) {
        if name.starts_with("invitation") {
            assert!(!page.html.contains("evil.example"), "{name}: {}", page.html);
        }
    }
}

#[test]
fn what_is_posted_is_exactly_what_it_was() {
    let samples = all(&frame(Language::German), HOSTILE, false);
    let (_, page) = samples.iter().find(|(name, _)| name == "form-post").unwrap();
    let sent: Vec<_> = elements(&page.html)
        .into_iter()
        .filter(|element| element.name == "input")
        .map(|input| (input.get("name").unwrap().to_owned(), input.get("value").unwrap().to_owned()))
        .collect();
    assert_eq!(sent, [("code".to_owned(), "c_1".to_owned()), ("state".to_owned(), format!("{}\n ", HOSTILE.app))]);
    let form = elements(&page.html).into_iter().find(|element| element.name == "form").unwrap();
    assert_eq!(form.get("action"), Some("https://app.example/cb?x=1&y=\""));
}

#[test]
fn the_policy_of_a_page_names_its_logos_and_its_forms() {
    let of = |frame: &Frame, name: &str| {
        let samples = all(frame, ORDINARY, true);
        samples.into_iter().find(|(known, _)| known == name).unwrap().1
    };
    let plain = frame(Language::English);
    assert!(of(&plain, "identify").policy.header().contains("; img-src https://cdn.example/a/logo.png; "));
    let branded = branded(Language::English);
    let images = "img-src https://cdn.example/a/logo.png https://cdn.example/icon.png https://cdn.example/logo.svg; ";
    assert!(of(&branded, "consent").policy.header().contains(images), "{}", of(&branded, "consent").policy.header());
    let logout = of(&plain, "front-channel-logout").policy.header();
    assert!(logout.contains("frame-src https://a.example https://b.example:8443; form-action 'none'"), "{logout}");
    for (name, page) in all(&plain, ORDINARY, false) {
        let has_forms = page.html.contains("<form");
        assert_eq!(page.policy.forms == Forms::None, !has_forms, "{name}");
        assert_eq!(page.policy.connects, page.html.contains("passkey.js") || name == "check-session", "{name}");
        assert_eq!(page.policy.framable, name == "check-session", "{name}");
    }
    assert_eq!(of(&plain, "reset-request").policy.forms, Forms::Own);
}

#[test]
fn the_style_sheet_of_the_issuer_is_kept_off_the_pages_where_it_could_fake_something() {
    let samples = all(&branded(Language::English), ORDINARY, false);
    let styled: BTreeSet<_> =
        samples.iter().filter(|(_, page)| page.html.contains("custom.css")).map(|(name, _)| name.as_str()).collect();
    for name in ["consent", "logout-question", "new-password", "enroll-totp", "backup-codes", "reset-request"] {
        assert!(!styled.contains(name), "{name}");
    }
    for name in ["notice-signed-out", "notice-password-changed", "front-channel-logout", "form-post", "check-session"] {
        assert!(!styled.contains(name), "{name}");
    }
    for name in ["identify", "password", "sign-up", "email-code", "fault-bad-request", "choose-account"] {
        assert!(styled.contains(name), "{name}");
    }
}

#[test]
fn a_problem_stands_beside_its_field_and_is_announced() {
    let samples = all(&frame(Language::English), ORDINARY, false);
    for (name, page) in seen(&samples) {
        let all = elements(&page.html);
        let wrong = all.iter().filter(|element| element.get("aria-invalid").is_some()).count();
        let announced = all.iter().any(|element| {
            element.get("role") == Some("alert") && element.get("hidden").is_none() && !element.text.trim().is_empty()
        });
        assert_eq!(announced, name.ends_with("-wrong") || name.ends_with("-locked") || wrong > 0, "{name}");
        if wrong > 0 {
            let focused = all.iter().find(|element| element.get("autofocus").is_some()).unwrap();
            assert!(focused.get("aria-invalid").is_some(), "{name}: the first wrong field has the focus");
            let title = all.iter().find(|element| element.name == "title").unwrap();
            assert!(title.text.starts_with("Error:"), "{name}: {}", title.text);
        }
    }
    let (_, sign_up) = samples.iter().find(|(name, _)| name == "sign-up-wrong").unwrap();
    let wrong: Vec<_> = elements(&sign_up.html)
        .into_iter()
        .filter(|element| element.get("aria-invalid").is_some())
        .map(|element| element.get("name").unwrap().to_owned())
        .collect();
    let expected = [
        "given_name",
        "custom_fields.text",
        "custom_fields.count",
        "custom_fields.flag",
        "custom_fields.choice",
        "password",
        "terms",
    ];
    assert_eq!(wrong, expected, "in the order of the page");
}

/// Names of messages and attributes, each with the arguments it uses.
fn names(language: Language) -> BTreeSet<(String, BTreeSet<String>)> {
    let mut found: Vec<(String, BTreeSet<String>)> = Vec::new();
    let mut message = String::new();
    for line in texts::source(language).lines().filter(|line| !line.starts_with('#')) {
        if let Some((name, _)) = line.split_once(" =") {
            let name = name.trim_start();
            if let Some(attribute) = name.strip_prefix('.') {
                found.push((format!("{message}.{attribute}"), BTreeSet::new()));
            } else if !line.starts_with(' ') {
                name.clone_into(&mut message);
                found.push((message.clone(), BTreeSet::new()));
            }
        }
        if let Some((_, arguments)) = found.last_mut() {
            arguments.extend(
                line.split('$')
                    .skip(1)
                    .map(|rest| rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>()),
            );
        }
    }
    found.into_iter().collect()
}

#[test]
fn every_catalogue_has_the_same_texts_with_the_same_arguments() {
    let english = names(Language::English);
    assert!(english.len() > 200, "{}", english.len());
    for language in Language::ALL {
        let own = names(language);
        let missing: Vec<_> = english.symmetric_difference(&own).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", language.tag());
    }
}

#[test]
fn every_text_is_used() {
    let templates: String = super::render::SOURCES.iter().map(|(_, source)| *source).collect();
    for (name, _) in names(Language::English) {
        let prefix = name.split(['.', '-']).next().unwrap();
        let by_kind = ["problem", "notice", "fault", "method", "profile", "scope"].contains(&prefix);
        let (message, attribute) = name.split_once('.').unwrap_or((&name, ""));
        let whole = format!("\"{name}\"");
        let by_part = format!("\"{message}.\" ~");
        let is_message = attribute.is_empty()
            && names(Language::English).iter().any(|(other, _)| other.starts_with(&format!("{name}.")));
        assert!(
            by_kind || is_message || templates.contains(&whole) || templates.contains(&by_part),
            "{name} is used nowhere"
        );
    }
}

/// Writes every page with its files into a folder, to look at: `AUTHPI_PREVIEW=target/pages cargo test … preview`.
#[test]
fn preview() {
    let Ok(folder) = std::env::var("AUTHPI_PREVIEW") else { return };
    let folder = std::path::PathBuf::from(folder);
    let write = |path: std::path::PathBuf, content: &str| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    let looks = [("plain", frame as fn(Language) -> Frame), ("branded", branded)];
    for asset in super::assets::ALL {
        write(folder.join("i_1").join(asset.path()), asset.content);
    }
    for (look, frame) in looks {
        for language in Language::ALL {
            let frame = frame(language);
            let theme = frame.brand.theme();
            write(folder.join("i_1/assets").join(theme.version()).join("theme.css"), &theme.css());
            let typed = if look == "plain" { ORDINARY } else { HOSTILE };
            for (name, page) in all(&frame, typed, false) {
                write(folder.join(look).join(language.tag()).join(format!("{name}.html")), &page.html);
            }
        }
    }
}
