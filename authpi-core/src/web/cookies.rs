//! Cookies of the IdP (idp §18.2): their names, what is read of them, how they are set.

use http::HeaderMap;
use http::header::{COOKIE, HeaderValue, SET_COOKIE};

use super::answer::Answer;
use crate::id::IssuerId;

/// A cookie of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieKind {
    /// The session at the issuer.
    Op,
    /// State of the browser, for session management. Read in frames of other sites.
    OpBrowserState,
    /// Names the browser to login flows, at all issuers.
    Flow,
    /// Tokens of trusted devices.
    TrustedDevice,
    /// A random id of the device.
    Device,
}

impl CookieKind {
    const ALL: [Self; 5] = [Self::Op, Self::OpBrowserState, Self::Flow, Self::TrustedDevice, Self::Device];

    const fn word(self) -> &'static str {
        match self {
            Self::Op => "op",
            Self::OpBrowserState => "opbs",
            Self::Flow => "flow",
            Self::TrustedDevice => "td",
            Self::Device => "dv",
        }
    }

    /// How long browsers keep it, in seconds; `None`: as long as they run.
    const fn max_age(self) -> Option<u32> {
        match self {
            Self::Op | Self::OpBrowserState | Self::Flow => None,
            // As long as an issuer may have it; how long a device is trusted is not for the browser to say.
            Self::TrustedDevice => Some(365 * DAY),
            Self::Device => Some(400 * DAY),
        }
    }

    /// `None` is for frames of other sites, which need `Secure` with it.
    const fn same_site(self, is_secure: bool) -> &'static str {
        match self {
            Self::OpBrowserState if is_secure => "None",
            _ => "Lax",
        }
    }
}

const DAY: u32 = 24 * 60 * 60;

/// Names cookies: bound to the host where that is served over TLS, plain on loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieNames {
    /// Served over TLS.
    pub is_secure: bool,
    /// Whose cookies they are.
    pub issuer: IssuerId,
}

impl CookieNames {
    /// The name of a cookie.
    pub fn name(self, kind: CookieKind) -> String {
        let prefix = if self.is_secure { "__Host-" } else { "" };
        match kind {
            CookieKind::Flow => format!("{prefix}flow"),
            _ => format!("{prefix}{}.{}", kind.word(), self.issuer),
        }
    }

    /// The value that a request brings; a cookie that stands twice is none.
    pub fn read(self, headers: &HeaderMap, kind: CookieKind) -> Option<&str> {
        let name = self.name(kind);
        let mut found = pairs(headers).filter(|(known, _)| *known == name).map(|(_, value)| value);
        let value = found.next()?;
        found.next().is_none().then_some(value)
    }

    /// Sets a cookie with the answer. `value` is of the characters of base64url and `.`, `~`, `-`.
    #[must_use]
    pub fn set(self, answer: Answer, kind: CookieKind, value: &str) -> Answer {
        self.add(answer, kind, value, kind.max_age())
    }

    /// Has the browser forget a cookie.
    #[must_use]
    pub fn clear(self, answer: Answer, kind: CookieKind) -> Answer {
        self.add(answer, kind, "", Some(0))
    }

    fn add(self, mut answer: Answer, kind: CookieKind, value: &str, max_age: Option<u32>) -> Answer {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let site = kind.same_site(self.is_secure);
        let line = format!("{}={value}; Path=/; HttpOnly; SameSite={site}{secure}{age}", self.name(kind));
        match HeaderValue::from_str(&line) {
            Ok(mut line) => {
                line.set_sensitive(true);
                answer.headers.append(SET_COOKIE, line);
            }
            Err(error) => tracing::error!(%error, "a cookie was left out"),
        }
        answer
    }
}

/// Lines that make a browser forget every cookie of ours that the request names: it sent too many.
pub(super) fn expire_all(mut answer: Answer, headers: &HeaderMap) -> Answer {
    let is_ours = |name: &str| {
        let bare = name.strip_prefix("__Host-").unwrap_or(name);
        let word = bare.split_once('.').map_or(bare, |(word, _)| word);
        CookieKind::ALL.iter().any(|kind| kind.word() == word)
    };
    for (name, _) in pairs(headers).filter(|(name, _)| is_ours(name)) {
        let secure = if name.starts_with("__Host-") { "; Secure" } else { "" };
        if let Ok(line) = HeaderValue::from_str(&format!("{name}=; Path=/; HttpOnly; Max-Age=0{secure}")) {
            answer.headers.append(SET_COOKIE, line);
        }
    }
    answer
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::id::Id as _;

    fn names(is_secure: bool) -> CookieNames {
        CookieNames { is_secure, issuer: IssuerId::from_uuid(uuid::Uuid::from_u128(1)) }
    }

    fn sent(line: &str) -> HeaderMap {
        [(COOKIE, HeaderValue::from_str(line).unwrap())].into_iter().collect()
    }

    fn lines(answer: &Answer) -> Vec<String> {
        answer.headers.get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_is_set_is_read_back_by_its_issuer_alone() {
        for is_secure in [true, false] {
            let (ours, name) = (names(is_secure), names(is_secure).name(CookieKind::Op));
            let headers = sent(&format!("x=1; {name}=secret;y=2"));
            assert_eq!(ours.read(&headers, CookieKind::Op), Some("secret"));
            let other = CookieNames { issuer: IssuerId::from_uuid(uuid::Uuid::from_u128(2)), ..ours };
            assert_eq!(other.read(&headers, CookieKind::Op), None);
            assert_eq!(ours.read(&headers, CookieKind::OpBrowserState), None);
        }
    }

    #[test]
    fn a_cookie_that_stands_twice_is_none() {
        let name = names(true).name(CookieKind::Flow);
        assert_eq!(name, "__Host-flow");
        assert_eq!(names(true).read(&sent(&format!("{name}=a; {name}=b")), CookieKind::Flow), None);
    }

    #[test]
    fn cookies_are_bound_to_the_host_and_hidden_from_scripts() {
        let answer = names(true).set(Answer::empty(StatusCode::OK), CookieKind::Op, "v");
        let answer = names(true).set(answer, CookieKind::OpBrowserState, "b");
        let answer = names(true).clear(answer, CookieKind::Flow);
        let id = names(true).issuer;
        assert_eq!(
            lines(&answer),
            [
                format!("__Host-op.{id}=v; Path=/; HttpOnly; SameSite=Lax; Secure"),
                format!("__Host-opbs.{id}=b; Path=/; HttpOnly; SameSite=None; Secure"),
                "__Host-flow=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0".to_owned(),
            ]
        );
        let plain = names(false).set(Answer::empty(StatusCode::OK), CookieKind::OpBrowserState, "b");
        assert_eq!(lines(&plain), [format!("opbs.{id}=b; Path=/; HttpOnly; SameSite=Lax")]);
    }

    #[test]
    fn a_flooded_browser_forgets_our_cookies_and_keeps_those_of_others() {
        let headers = sent("__Host-op.i_1=a; __Host-flow=b; session=c; theme.dark=d; dv.i_2=e");
        let found = lines(&expire_all(Answer::empty(StatusCode::OK), &headers));
        let forgotten: Vec<_> = found.iter().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
        assert_eq!(forgotten, ["__Host-op.i_1", "__Host-flow", "dv.i_2"]);
        assert!(found.iter().all(|line| line.contains("Max-Age=0") && line.contains("Path=/")));
    }
}
