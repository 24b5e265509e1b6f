//! `settings.access`: who gets in, and for how long.

use serde::{Deserialize, Serialize};
use url::{Host, Url};
use utoipa::ToSchema;

pub use crate::admission::AccessMode;
use crate::error::{FieldCode, FieldErrors};
use crate::hostname::is_host_label;

/// Who gets in, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessSettings {
    /// Who may become a user.
    pub mode: AccessMode,
    /// Domains of mail addresses that may sign up under `domain_restricted`.
    #[schema(max_items = 100)]
    pub allowed_domains: Vec<String>,
    /// What signing up takes.
    pub signup: SignupSettings,
    /// Users may found organizations.
    pub allow_user_orgs: bool,
    /// Hosts that a portal page may return to.
    #[schema(max_items = 100)]
    pub allowed_hosts: Vec<String>,
    /// How long a login lasts.
    pub sessions: SessionSettings,
    /// Browsers are recognized by a fingerprint, too.
    pub device_fingerprinting: bool,
    /// Where personal data of users is kept.
    pub residency: Residency,
}

impl Default for AccessSettings {
    fn default() -> Self {
        Self {
            mode: AccessMode::Open,
            allowed_domains: Vec::new(),
            signup: SignupSettings::default(),
            allow_user_orgs: false,
            allowed_hosts: Vec::new(),
            sessions: SessionSettings::default(),
            device_fingerprinting: true,
            residency: Residency::Auto,
        }
    }
}

/// What signing up takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignupSettings {
    /// No login is finished before the address is verified.
    pub verify_email: bool,
    /// New users wait until they are approved.
    pub require_approval: bool,
    /// Each new user gets an organization.
    pub create_org: bool,
}

impl Default for SignupSettings {
    fn default() -> Self {
        Self { verify_email: true, require_approval: false, create_org: false }
    }
}

/// How long a login lasts, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionSettings {
    /// In all.
    #[schema(minimum = 1, maximum = 31_536_000)]
    pub max_age: u32,
    /// Without activity.
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub idle_timeout: u32,
    /// Activity moves the idle limit, never the absolute one.
    pub extend_on_activity: bool,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self { max_age: 604_800, idle_timeout: 43_200, extend_on_activity: true }
    }
}

/// Where personal data of users is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Residency {
    /// Near the user.
    Auto,
    /// In one of the two regions of the European Union.
    Eu,
    /// US West.
    Wnam,
    /// US East.
    Enam,
    /// South America.
    Sam,
    /// Western Europe.
    Weur,
    /// Eastern Europe.
    Eeur,
    /// Middle East.
    Me,
    /// Asia-Pacific.
    Apac,
    /// Oceania.
    Oc,
}

impl Residency {
    /// It is decided by the issuer and not by where a user happens to be.
    pub const fn is_pinned(self) -> bool {
        !matches!(self, Self::Auto)
    }
}

impl AccessSettings {
    /// Brings the names of domains and hosts into the form that is compared.
    pub(super) fn normalize(&mut self, errors: &mut FieldErrors) {
        replace(&mut self.allowed_domains, "settings.access.allowed_domains", normal_domain, errors);
        replace(&mut self.allowed_hosts, "settings.access.allowed_hosts", normal_host, errors);
    }
}

fn replace(names: &mut Vec<String>, path: &str, normal: fn(&str) -> Option<String>, errors: &mut FieldErrors) {
    let mut kept: Vec<String> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match normal(name) {
            Some(name) if kept.contains(&name) => {}
            Some(name) => kept.push(name),
            None => errors.add(format!("{path}.{index}"), FieldCode::InvalidFormat, "is not a valid name"),
        }
    }
    *names = kept;
}

/// The A-label form of a domain name with at least two labels.
pub fn normal_domain(text: &str) -> Option<String> {
    match Host::parse(text).ok()? {
        Host::Domain(name) if name.len() <= 253 && name.contains('.') && name.split('.').all(is_host_label) => {
            Some(name)
        }
        _ => None,
    }
}

/// A host with an optional port, in lower case and A-labels.
pub fn normal_host(text: &str) -> Option<String> {
    // The colon keeps the port even where it is the default one of a scheme.
    let url = Url::parse(&format!("portal://{text}")).ok()?;
    let plain = url.path().is_empty() && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none() && !text.contains('@');
    let host = match Host::parse(url.host_str().filter(|_| plain && anonymous)?).ok()? {
        Host::Domain(name) if name.len() <= 253 => name,
        Host::Domain(_) => return None,
        address => address.to_string(),
    };
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_compared_in_one_form() {
        assert_eq!(normal_domain("EXAMPLE.com").as_deref(), Some("example.com"));
        assert_eq!(normal_domain("bücher.example").as_deref(), Some("xn--bcher-kva.example"));
        for bad in ["", "localhost", "127.0.0.1", "[::1]", "a b.com", "a@b.com", "b.com.", "x/y.com", "b.com:1"] {
            assert_eq!(normal_domain(bad), None, "{bad}");
        }
    }

    #[test]
    fn hosts_may_have_a_port() {
        assert_eq!(normal_host("App.Example.com").as_deref(), Some("app.example.com"));
        assert_eq!(normal_host("localhost:3000").as_deref(), Some("localhost:3000"));
        assert_eq!(normal_host("[::1]:443").as_deref(), Some("[::1]:443"));
        for bad in ["", "a/b", "u@h", "h?q", "h#f", "https://h", "h:99999", "h:x"] {
            assert_eq!(normal_host(bad), None, "{bad}");
        }
    }
}
