//! Where the APIs are reached from outside. No URL is ever shaped by a `Host` header (idp §1.1).

use percent_encoding::percent_decode_str;
use url::Url;

use crate::hostname::Hostname;
use crate::id::IssuerId;

/// Public base of both APIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls {
    base: String,
    host: String,
    secure: bool,
}

/// Why a base URL cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUrls {
    /// Not an absolute URL with a host, or with query, fragment or user information.
    #[error("the public URL must be absolute, without query, fragment and user information")]
    Malformed,
    /// Plain http elsewhere than on the own machine.
    #[error("the public URL must be https; plain http is for loopback addresses only")]
    Insecure,
}

impl Urls {
    /// Core API at `{base}/v1`, issuers at `{base}/{issuer_id}`.
    ///
    /// # Errors
    /// [`InvalidUrls`].
    pub fn under(base: &str) -> Result<Self, InvalidUrls> {
        let url = Url::parse(base).map_err(|_| InvalidUrls::Malformed)?;
        let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !url.has_host() || !is_plain || url.password().is_some() {
            return Err(InvalidUrls::Malformed);
        }
        let secure = match (url.scheme(), url.host()) {
            ("https", _) => true,
            ("http", Some(host)) if is_loopback(&host) => false,
            ("http", _) => return Err(InvalidUrls::Insecure),
            _ => return Err(InvalidUrls::Malformed),
        };
        let host = url.host_str().unwrap_or_default().to_owned();
        Ok(Self { base: url.as_str().trim_end_matches('/').to_owned(), host, secure })
    }

    /// The base without a trailing slash.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The name is that of the deployment, or below it.
    pub fn is_own_name(&self, name: &Hostname) -> bool {
        name.is_within(&self.host)
    }

    /// The URL leads to this deployment, compared as a browser and a lenient proxy would read it: a spelling that reaches
    /// the base counts as below it.
    pub fn covers(&self, url: &Url) -> bool {
        let Ok(base) = Url::parse(&self.base) else { return false };
        let host = |url: &Url| url.host_str().map(|host| host.trim_end_matches('.').to_ascii_lowercase());
        host(url) == host(&base)
            && url.port_or_known_default() == base.port_or_known_default()
            && segments(url.path()).starts_with(&segments(base.path()))
    }

    /// What stands behind the at sign in mail of this platform; addresses are no domains of mailboxes.
    pub fn mail_domain(&self) -> String {
        let url = Url::parse(&self.base).ok();
        match url.as_ref().and_then(Url::host) {
            Some(url::Host::Domain(name)) => name.to_owned(),
            _ => "localhost".to_owned(),
        }
    }

    /// Served over TLS.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// `iss` of an issuer, and prefix of its endpoints.
    pub fn issuer(&self, issuer: IssuerId) -> String {
        format!("{}/{issuer}", self.base)
    }

    /// The same at a domain of the issuer's account, where the issuer has the host to itself (D3).
    pub fn issuer_at(&self, site: Option<&Hostname>, issuer: IssuerId) -> String {
        site.map_or_else(|| self.issuer(issuer), |host| format!("https://{host}"))
    }

    /// The issuer whose canonical `iss` this is. Ids can be written in more than one way; an issuer is written in one.
    pub fn issuer_of(&self, iss: &str) -> Option<IssuerId> {
        let issuer = iss.strip_prefix(&self.base)?.strip_prefix('/')?.parse().ok()?;
        (self.issuer(issuer) == iss).then_some(issuer)
    }

    /// The host of a request is that of the base; it is compared as it was sent, save for case.
    pub fn is_base_host(&self, host: &str) -> bool {
        self.host.eq_ignore_ascii_case(host)
    }
}

fn is_loopback(host: &url::Host<&str>) -> bool {
    match host {
        url::Host::Domain(name) => *name == "localhost",
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
    }
}

fn segments(path: &str) -> Vec<String> {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    decoded.split('/').filter(|segment| !matches!(*segment, "" | ".")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unreachable, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only() {
        for good in
            ["http://127.0.0.1:8787", "http://localhost/x", "http://[::1]:1", "https://id.example.com/identity/"]
        {
            assert!(Urls::under(good).is_ok(), "{good}");
        }
        assert_eq!(Urls::under("http://example.com"), Err(InvalidUrls::Insecure));
        for bad in ["example.com", "ftp://localhost", "https://a@b", "https://b/?q", "https://b/#f", ""] {
            assert_eq!(Urls::under(bad), Err(InvalidUrls::Malformed), "{bad}");
        }
    }

    #[test]
    fn what_leads_to_the_deployment_is_known() {
        let Ok(urls) = Urls::under("https://example.com/identity/") else { unreachable!("a good base") };
        let covers = |url: &str| Url::parse(url).is_ok_and(|url| urls.covers(&url));
        for own in [
            "https://example.com/identity",
            "https://EXAMPLE.com:443/identity/v1/accounts?x=1",
            "https://example.com./identity/v1",
            "https://example.com/%69dentity//v1",
        ] {
            assert!(covers(own), "{own}");
        }
        for other in ["https://example.com/", "https://example.com/identityx", "https://example.com:8443/identity"] {
            assert!(!covers(other), "{other}");
        }
        let is_own = |name: &str| name.parse().is_ok_and(|name| urls.is_own_name(&name));
        assert!(is_own("example.com") && is_own("login.example.com"));
        assert!(!is_own("example.org") && !is_own("notexample.com"));
    }

    #[test]
    fn an_issuer_url_has_no_trailing_slash() {
        let urls = Urls::under("https://example.com/identity/").map(|urls| urls.base().to_owned());
        assert_eq!(urls.as_deref(), Ok("https://example.com/identity"));
    }
}
