//! Reads a page as strictly as a validator would, and finds what must not be in one.

#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

const VOID: [&str; 12] = ["meta", "link", "img", "input", "br", "hr", "source", "track", "wbr", "col", "base", "area"];

/// Elements that stand in text: nothing else may stand in them, nor in a paragraph.
const PHRASING: [&str; 27] = [
    "a", "bdi", "button", "code", "em", "iframe", "img", "input", "label", "path", "rect", "select", "option", "span",
    "strong", "svg", "title", "br", "script", "meta", "link", "b", "i", "small", "abbr", "time", "summary",
];

/// An element with its attributes and those around it.
#[derive(Clone, Debug)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) around: Vec<String>,
    /// Text inside, without that of attributes.
    pub(super) text: String,
}

impl Element {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

/// All elements, in order.
///
/// # Panics
/// When the page is not well formed.
pub(super) fn elements(html: &str) -> Vec<Element> {
    let mut found: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut rest = html.strip_prefix("<!doctype html>\n").unwrap_or_else(|| panic!("no doctype: {html}"));
    while let Some(start) = rest.find('<') {
        let (text, behind) = rest.split_at(start);
        assert!(!text.contains('>'), "a loose > in {text:?}");
        let decoded = decode(text);
        for index in &open {
            found[*index].text.push_str(&decoded);
        }
        let end = tag_end(behind);
        let tag = &behind[1..end];
        rest = &behind[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let index = open.pop().unwrap_or_else(|| panic!("</{name}> closes nothing"));
            assert_eq!(found[index].name, name, "elements overlap");
        } else {
            let around: Vec<String> = open.iter().map(|index| found[*index].name.clone()).collect();
            let element = element(tag, around);
            check_nesting(&element);
            let is_void = VOID.contains(&element.name.as_str()) || tag.ends_with('/');
            found.push(element);
            if !is_void {
                open.push(found.len() - 1);
            }
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "something is not closed: {rest}");
    found
}

fn tag_end(tag: &str) -> usize {
    let mut quoted = false;
    for (index, char) in tag.char_indices() {
        match char {
            '"' => quoted = !quoted,
            '>' if !quoted => return index,
            '<' if index > 0 => panic!("a < in a tag: {}", &tag[..index]),
            _ => {}
        }
    }
    panic!("a tag without an end: {tag}")
}

fn element(tag: &str, around: Vec<String>) -> Element {
    let tag = tag.trim_end_matches('/');
    let (name, mut rest) = tag.split_once([' ', '\n']).unwrap_or((tag, ""));
    assert!(!name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{tag}");
    let mut attributes = BTreeMap::new();
    while !rest.trim_start().is_empty() {
        rest = rest.trim_start();
        let end = rest.find([' ', '=', '\n']).unwrap_or(rest.len());
        let (key, behind) = rest.split_at(end);
        assert!(key.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-'), "attribute {key:?} in {tag}");
        let (value, behind) = match behind.strip_prefix("=\"") {
            Some(value) => value.split_once('"').unwrap_or_else(|| panic!("unquoted in {tag}")),
            None => ("", behind),
        };
        let earlier = attributes.insert(key.to_owned(), decode(value));
        assert!(earlier.is_none(), "{key} stands twice in {tag}");
        rest = behind;
    }
    Element { name: name.to_owned(), attributes, around, text: String::new() }
}

fn check_nesting(element: &Element) {
    let Some(parent) = element.around.last().map(String::as_str) else { return };
    let name = element.name.as_str();
    let interactive = ["a", "button", "input", "select", "label", "summary"];
    let around = |names: &[&str]| element.around.iter().any(|outer| names.contains(&outer.as_str()));
    assert!(!(interactive.contains(&name) && around(&["a", "button"])), "<{name}> in {:?}", element.around);
    assert!(!(name == "form" && around(&["form", "p", "button", "a"])), "<form> in {:?}", element.around);
    if ["p", "h1", "h2", "span", "label", "button", "a", "dt", "strong", "em", "code", "bdi", "summary"]
        .contains(&parent)
    {
        assert!(PHRASING.contains(&name), "<{name}> in <{parent}>");
    }
    let only: &[(&str, &[&str])] = &[
        ("ul", &["li"]),
        ("ol", &["li"]),
        ("dl", &["div"]),
        ("select", &["option"]),
        ("svg", &["path", "rect"]),
        ("html", &["head", "body"]),
    ];
    for (outer, inner) in only {
        assert!(parent != *outer || inner.contains(&name), "<{name}> in <{parent}>");
    }
    assert!(name != "li" || ["ul", "ol"].contains(&parent), "<li> in <{parent}>");
}

fn decode(text: &str) -> String {
    let mut decoded = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        decoded.push_str(&rest[..start]);
        let (entity, behind) = rest[start + 1..].split_once(';').unwrap_or_else(|| panic!("a loose & in {text:?}"));
        decoded.push_str(match entity {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            "#x27" => "'",
            "#x2f" => "/",
            "#x60" => "`",
            "#x3d" => "=",
            other => panic!("&{other};"),
        });
        rest = behind;
    }
    decoded.push_str(rest);
    decoded
}

/// Finds what no page may lack or have.
///
/// # Panics
/// When something is wrong.
pub(super) fn check(about: &str, html: &str, images: &[String], frames: &[String]) {
    let all = elements(html);
    let named = |name: &'static str| all.iter().filter(move |element| element.name == name);
    let count = |name: &'static str| named(name).count();
    for once in ["h1", "main", "title"] {
        assert_eq!(count(once), 1, "{about}: {once}");
    }
    let mut ids = BTreeSet::new();
    for element in &all {
        for (name, value) in &element.attributes {
            assert!(!name.starts_with("on") && name != "style", "{about}: {name} of <{}>", element.name);
            assert!(!value.trim_start().to_lowercase().starts_with("javascript:"), "{about}: {value}");
            assert!(!value.contains("data:"), "{about}: {value}");
            if ["src", "href", "action"].contains(&name.as_str()) {
                check_address(about, element, value, images, frames);
            }
        }
        if let Some(id) = element.get("id") {
            assert!(ids.insert(id.to_owned()), "{about}: the id {id} stands twice");
        }
        assert!(element.name != "style", "{about}: a style sheet inside");
        assert!(
            element.name != "script" || (element.get("src").is_some() && element.text.is_empty()),
            "{about}: a script"
        );
        assert!(element.name != "img" || element.get("alt").is_some(), "{about}: an image without a text");
        assert!(element.name != "iframe" || element.get("title").is_some(), "{about}: a frame without a title");
    }
    for element in &all {
        for name in ["for", "aria-labelledby", "aria-describedby", "aria-controls"] {
            for id in element.get(name).unwrap_or_default().split_whitespace() {
                assert!(ids.contains(id), "{about}: {name}={id} names nothing");
            }
        }
    }
    assert!(all.iter().filter(|element| element.get("autofocus").is_some()).count() <= 1, "{about}: autofocus");
    check_fields(about, &all);
    assert!(!html.contains("{{") || about.contains("hostile"), "{about}: a template inside");
}

fn check_fields(about: &str, all: &[Element]) {
    for field in all.iter().filter(|element| ["input", "select"].contains(&element.name.as_str())) {
        let labelled = all.iter().any(|label| label.name == "label" && label.get("for") == field.get("id"));
        let is_hidden = field.get("type") == Some("hidden");
        let has_name = field.get("id").is_some() && labelled || field.get("aria-label").is_some();
        assert!(is_hidden || has_name, "{about}: {field:?} has no label");
        assert!(field.get("aria-invalid").is_none() || field.get("aria-describedby").is_some(), "{about}: {field:?}");
        assert!(field.around.contains(&"form".to_owned()), "{about}: {field:?} is in no form");
    }
    for button in all.iter().filter(|element| ["button", "a", "summary"].contains(&element.name.as_str())) {
        let is_named =
            !button.text.trim().is_empty() || button.get("aria-label").is_some_and(|label| !label.is_empty());
        assert!(is_named, "{about}: {button:?} has no name");
        assert!(button.name != "button" || button.get("type").is_some(), "{about}: {button:?} has no type");
    }
}

fn check_address(about: &str, element: &Element, value: &str, images: &[String], frames: &[String]) {
    let allowed = match element.name.as_str() {
        "img" => images.iter().any(|image| image == value),
        "link" if element.get("rel") == Some("icon") => images.iter().any(|image| image == value),
        "iframe" => frames.iter().any(|frame| frame == value),
        "script" | "link" => value.starts_with("/i_1/assets/") || value.starts_with("/i_1/custom.css"),
        // Navigation: ours, or what the context says.
        _ => value.starts_with("/i_1/") || value.starts_with("https://"),
    };
    assert!(allowed, "{about}: <{} {value}>", element.name);
}
