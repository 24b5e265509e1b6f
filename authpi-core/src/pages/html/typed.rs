//! What nice and nasty people typed, for the tests and the preview.

use super::{Brand, Frame, Links};
use crate::pages::language::Language;

/// What people typed.
#[derive(Clone, Copy)]
pub(super) struct Typed {
    pub(super) app: &'static str,
    pub(super) person: &'static str,
    pub(super) address: &'static str,
    pub(super) organization: &'static str,
    pub(super) text: &'static str,
}

pub(super) const ORDINARY: Typed = Typed {
    app: "Lumen Notes",
    person: "Maya Lindqvist",
    address: "maya@lindqvist.example",
    organization: "Northwind Trading",
    text: "Looking forward to working with you!\n\nSee you on Monday.",
};

/// Tags, quotes, signs that turn the direction, words without an end, and scripts from right to left.
pub(super) const HOSTILE: Typed = Typed {
    app: "\"><script>alert(1)</script>' onload='x' {{ 7 * 7 }} {% raw %} \u{202e}gnp.exe\u{202c}",
    person: "</bdi></main><img src=x onerror=alert(1)>\u{2066}محمد عبد الله\u{2069} 🧑\u{200d}💻",
    address: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"@<x>.example",
    organization: "\u{202e}Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft <b>&amp;</b> שלום",
    text: "<a href=\"https://evil.example\">click</a> https://evil.example\u{2028}\n<!-- --><style>body{display:none}</style>",
};

pub(super) fn frame(language: Language) -> Frame {
    Frame {
        language,
        path: "/i_1".to_owned(),
        brand: Brand {
            name: "Northwind".to_owned(),
            links: Links {
                privacy: Some("https://northwind.example/privacy".to_owned()),
                terms: Some("https://northwind.example/terms".to_owned()),
                support: Some("https://northwind.example/help".to_owned()),
            },
            ..Brand::default()
        },
    }
}
