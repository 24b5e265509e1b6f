//! Which policy a page is sent under (idp §1.6): nothing but what the page is known to need.

use url::Url;

/// Where the forms of a page may lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forms {
    /// It has none.
    #[default]
    None,
    /// To pages of ours.
    Own,
    /// Their answers may end at an app or an upstream: Chromium and Safari would hold a policy against the whole chain of
    /// redirects, also those behind the app's own, so there is none.
    Anywhere,
}

/// What a page needs beyond its own style sheets and scripts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Where its forms lead.
    pub forms: Forms,
    /// Images, by their exact addresses.
    pub images: Vec<String>,
    /// Addresses shown in frames; their origins are allowed.
    pub frames: Vec<String>,
    /// Its script calls us.
    pub connects: bool,
    /// Pages of any origin may show it in a frame.
    pub framable: bool,
    /// It has no style sheets: nobody sees it.
    pub invisible: bool,
}

impl Policy {
    /// A page with forms.
    pub fn with(forms: Forms) -> Self {
        Self { forms, ..Self::default() }
    }

    /// The value of `Content-Security-Policy`.
    pub fn header(&self) -> String {
        let mut parts =
            vec!["default-src 'none'".to_owned(), "base-uri 'none'".to_owned(), "script-src 'self'".to_owned()];
        if !self.invisible {
            parts.push("style-src 'self'".to_owned());
        }
        add(&mut parts, "img-src", self.images.iter().filter_map(|url| exact(url)));
        add(&mut parts, "frame-src", self.frames.iter().filter_map(|url| origin(url)));
        if self.connects {
            parts.push("connect-src 'self'".to_owned());
        }
        match self.forms {
            Forms::None => parts.push("form-action 'none'".to_owned()),
            Forms::Own => parts.push("form-action 'self'".to_owned()),
            Forms::Anywhere => {}
        }
        parts.push(format!("frame-ancestors {}", if self.framable { "*" } else { "'none'" }));
        parts.join("; ")
    }
}

fn add(parts: &mut Vec<String>, directive: &str, sources: impl Iterator<Item = String>) {
    let mut distinct: Vec<String> = sources.collect();
    distinct.sort_unstable();
    distinct.dedup();
    if !distinct.is_empty() {
        parts.push(format!("{directive} {}", distinct.join(" ")));
    }
}

/// A source that names one address. Sources have no query, and what separates them is escaped in a path (CSP 3 §2.3.1).
fn exact(text: &str) -> Option<String> {
    let url = image(text)?;
    let path = url.path().replace(';', "%3B").replace(',', "%2C").replace('\'', "%27");
    Some(format!("{}{path}", origin(url.as_str())?))
}

/// The address of an image, if a page may show it.
pub(super) fn image(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.has_host())
}

/// The origin of an address, of http and https only.
fn origin(text: &str) -> Option<String> {
    let origin = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?.origin();
    Some(origin.ascii_serialization()).filter(|origin| origin.bytes().all(|byte| !b"; ,'\"".contains(&byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_do_what_it_needs_and_nothing_else() {
        assert_eq!(
            Policy::default().header(),
            "default-src 'none'; base-uri 'none'; script-src 'self'; style-src 'self'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        let logout = Policy {
            frames: ["https://a.example/out?x=1", "https://b.example:8443/", "https://a.example/", "javascript:1"]
                .map(str::to_owned)
                .into(),
            ..Policy::default()
        };
        assert!(logout.header().contains("; frame-src https://a.example https://b.example:8443; "), "{logout:?}");
        assert!(!Policy::with(Forms::Anywhere).header().contains("form-action"));
        let checker = Policy { framable: true, invisible: true, connects: true, ..Policy::default() }.header();
        assert!(checker.contains("connect-src 'self'") && checker.ends_with("frame-ancestors *"), "{checker}");
        assert!(!checker.contains("style-src"), "{checker}");
    }

    #[test]
    fn images_are_named_exactly_and_hostile_addresses_widen_nothing() {
        let of = |url: &str| Policy { images: vec![url.to_owned()], ..Policy::default() }.header();
        assert!(of("https://cdn.example/a/logo.svg?v=2#x").contains("; img-src https://cdn.example/a/logo.svg; "));
        let hostile = of("https://cdn.example/a;script-src *,b/'unsafe-inline' c");
        assert!(
            hostile.contains("img-src https://cdn.example/a%3Bscript-src%20*%2Cb/%27unsafe-inline%27%20c; form-action"),
            "{hostile}"
        );
        for bad in ["http://cdn.example/a", "data:image/png;base64,AA", "javascript:alert(1)", "//cdn.example", "*", ""]
        {
            assert!(!of(bad).contains("img-src"), "{bad}");
        }
    }
}
