//! Settings of login methods (idp §24): one struct with the members of all, of which each kind has some.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AuthMethodKind;
use crate::error::{FieldCode, FieldErrors};
use crate::hostname::Hostname;

/// Settings of a login method. Each kind has its own members; the others are unknown to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = AuthMethodSettings)]
pub struct MethodSettings {
    /// `email-link`: seconds that the link works, 60 to 3600. `email-otp`: seconds that the code does, 60 to 1800.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 60, maximum = 3600)]
    pub ttl_seconds: Option<u32>,
    /// `email-otp`: digits of the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 6, maximum = 8)]
    pub length: Option<u32>,
    /// `webauthn`: the relying party's id: a custom domain that serves the issuer, or a parent of it that the account has
    /// verified; the issuer's host when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "host-name", max_length = 253)]
    pub rp_id: Option<Hostname>,
    /// `webauthn`: the relying party's name, which passkeys show; the branding's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub rp_name: Option<String>,
    /// `webauthn`: whether the authenticator must know its user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_verification: Option<UserVerification>,
    /// `totp_app`: what the app calls the issuer; the branding's name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub issuer_label: Option<String>,
    /// `backup_codes`: how many codes a set has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 8, maximum = 20)]
    pub count: Option<u32>,
    /// `oauth2`: who it is; endpoints and scopes of the named ones are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// `oauth2`: what the provider calls this issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 500)]
    pub client_id: Option<String>,
    /// `oauth2`: the end of the client secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 8, read_only)]
    pub client_secret_hint: Option<String>,
    /// `oauth2`: the provider's issuer URL; it speaks `OpenID` Connect when this is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "http-url", max_length = 2048)]
    pub issuer_url: Option<String>,
    /// `oauth2`: where people are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "http-url", max_length = 2048)]
    pub authorization_endpoint: Option<String>,
    /// `oauth2`: where the code is redeemed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "http-url", max_length = 2048)]
    pub token_endpoint: Option<String>,
    /// `oauth2`: where the provider tells who somebody is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "http-url", max_length = 2048)]
    pub userinfo_endpoint: Option<String>,
    /// `oauth2`: what is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 50)]
    pub scopes: Option<Vec<String>>,
    /// `oauth2`: profile key to the claim that it is taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub claim_mapping: Option<BTreeMap<String, String>>,
}

/// Whether an authenticator must know its user (Web Authentication §5.8.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserVerification {
    /// It must.
    Required,
    /// It should.
    Preferred,
}

/// Who a login is left to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AuthMethodProvider)]
pub enum Provider {
    /// Google.
    Google,
    /// GitHub.
    Github,
    /// Microsoft.
    Microsoft,
    /// Apple.
    Apple,
    /// Any other, which says where it is.
    Custom,
}

/// Longest key or claim of a mapping, in characters.
const MAPPING_CHARS: usize = 200;

/// Most entries of a mapping.
const MAPPING_ENTRIES: usize = 50;

impl MethodSettings {
    /// What a kind of method has unless somebody says otherwise.
    pub fn of(kind: AuthMethodKind) -> Self {
        let none = Self::default();
        match kind {
            AuthMethodKind::EmailLink => Self { ttl_seconds: Some(900), ..none },
            AuthMethodKind::EmailOtp => Self { ttl_seconds: Some(600), length: Some(6), ..none },
            AuthMethodKind::Webauthn => Self { user_verification: Some(UserVerification::Required), ..none },
            AuthMethodKind::BackupCodes => Self { count: Some(10), ..none },
            AuthMethodKind::Password
            | AuthMethodKind::TemporaryPassword
            | AuthMethodKind::TotpApp
            | AuthMethodKind::Oauth2 => none,
        }
    }

    /// These with the defaults of the kind where nothing is said.
    #[must_use]
    pub fn completed(self, kind: AuthMethodKind) -> Self {
        let known = Self::of(kind);
        Self {
            ttl_seconds: self.ttl_seconds.or(known.ttl_seconds),
            length: self.length.or(known.length),
            user_verification: self.user_verification.or(known.user_verification),
            count: self.count.or(known.count),
            ..self
        }
    }

    /// Notes what does not go with the kind of method, under `settings`.
    pub fn check(&self, kind: AuthMethodKind, errors: &mut FieldErrors) {
        let known = members(kind);
        for name in self.stated().into_iter().filter(|name| !known.contains(name)) {
            let message = format!("{} has no such setting", kind.as_str());
            errors.add(format!("settings.{name}"), FieldCode::UnknownField, message);
        }
        if kind == AuthMethodKind::EmailOtp && self.ttl_seconds.is_some_and(|seconds| seconds > 1800) {
            errors.add("settings.ttl_seconds", FieldCode::TooBig, "at most 1800");
        }
        if kind == AuthMethodKind::Oauth2 {
            self.check_provider(errors);
        }
    }

    fn check_provider(&self, errors: &mut FieldErrors) {
        let mut required = |name: &str, message: &str| {
            errors.add(format!("settings.{name}"), FieldCode::Required, message);
        };
        if self.provider.is_none() {
            required("provider", "is required");
        }
        if self.client_id.is_none() {
            required("client_id", "is required");
        }
        if self.provider == Some(Provider::Custom) && self.issuer_url.is_none() {
            let endpoints = [
                ("authorization_endpoint", &self.authorization_endpoint),
                ("token_endpoint", &self.token_endpoint),
                ("userinfo_endpoint", &self.userinfo_endpoint),
            ];
            for (name, _) in endpoints.into_iter().filter(|(_, url)| url.is_none()) {
                required(name, "is required of a custom provider without issuer_url");
            }
        }
        for (name, _) in self.urls().filter(|(_, url)| !is_https_or_local(url)) {
            errors.add(format!("settings.{name}"), FieldCode::InvalidFormat, "must be an https URL");
        }
        for (index, scope) in self.scopes.iter().flatten().enumerate() {
            // RFC 6749 §3.3.
            let is_token = (1..=128).contains(&scope.len())
                && scope.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
            if !is_token {
                let message = "must be a scope: 1 to 128 printable characters without space";
                errors.add(format!("settings.scopes.{index}"), FieldCode::InvalidFormat, message);
            }
        }
        let mapping = self.claim_mapping.iter().flatten();
        for (key, claim) in mapping.clone() {
            if [key, claim].into_iter().any(|text| text.is_empty() || text.chars().count() > MAPPING_CHARS) {
                let path = format!("settings.claim_mapping.{key}");
                errors.add(path, FieldCode::TooLong, "1 to 200 characters on both sides");
            }
        }
        if mapping.count() > MAPPING_ENTRIES {
            errors.add("settings.claim_mapping", FieldCode::TooMany, format!("at most {MAPPING_ENTRIES} entries"));
        }
    }

    /// The URLs that the server or a browser is sent to.
    pub fn urls(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let urls = [
            ("issuer_url", &self.issuer_url),
            ("authorization_endpoint", &self.authorization_endpoint),
            ("token_endpoint", &self.token_endpoint),
            ("userinfo_endpoint", &self.userinfo_endpoint),
        ];
        urls.into_iter().filter_map(|(name, url)| Some((name, url.as_deref()?)))
    }

    /// The members that say something.
    fn stated(&self) -> Vec<&'static str> {
        let members = [
            ("ttl_seconds", self.ttl_seconds.is_some()),
            ("length", self.length.is_some()),
            ("rp_id", self.rp_id.is_some()),
            ("rp_name", self.rp_name.is_some()),
            ("user_verification", self.user_verification.is_some()),
            ("issuer_label", self.issuer_label.is_some()),
            ("count", self.count.is_some()),
            ("provider", self.provider.is_some()),
            ("client_id", self.client_id.is_some()),
            ("client_secret_hint", self.client_secret_hint.is_some()),
            ("issuer_url", self.issuer_url.is_some()),
            ("authorization_endpoint", self.authorization_endpoint.is_some()),
            ("token_endpoint", self.token_endpoint.is_some()),
            ("userinfo_endpoint", self.userinfo_endpoint.is_some()),
            ("scopes", self.scopes.is_some()),
            ("claim_mapping", self.claim_mapping.is_some()),
        ];
        members.into_iter().filter(|(_, is_stated)| *is_stated).map(|(name, _)| name).collect()
    }
}

/// Upstream providers are reached by https; one on the same machine, while developing, by http too. Whether the server
/// goes there at all is for the guard of outgoing requests to say.
fn is_https_or_local(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else { return false };
    let is_local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_local)
}

/// The members that a kind of method has.
const fn members(kind: AuthMethodKind) -> &'static [&'static str] {
    match kind {
        AuthMethodKind::Password | AuthMethodKind::TemporaryPassword => &[],
        AuthMethodKind::EmailLink => &["ttl_seconds"],
        AuthMethodKind::EmailOtp => &["ttl_seconds", "length"],
        AuthMethodKind::Webauthn => &["rp_id", "rp_name", "user_verification"],
        AuthMethodKind::TotpApp => &["issuer_label"],
        AuthMethodKind::BackupCodes => &["count"],
        AuthMethodKind::Oauth2 => &[
            "provider",
            "client_id",
            "client_secret_hint",
            "issuer_url",
            "authorization_endpoint",
            "token_endpoint",
            "userinfo_endpoint",
            "scopes",
            "claim_mapping",
        ],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::{Value, json};

    use super::*;

    fn problems(kind: AuthMethodKind, settings: Value) -> Vec<(String, &'static str)> {
        let settings: MethodSettings = serde_json::from_value(settings).unwrap();
        let mut errors = FieldErrors::new();
        settings.check(kind, &mut errors);
        errors.iter().map(|error| (error.field.clone(), error.code.as_str())).collect()
    }

    #[test]
    fn each_kind_knows_its_own_settings() {
        let kinds = AuthMethodKind::WORDS.iter().map(|word| word.parse::<AuthMethodKind>().unwrap());
        for kind in kinds.filter(|kind| *kind != AuthMethodKind::Oauth2) {
            assert_eq!(problems(kind, serde_json::to_value(MethodSettings::of(kind)).unwrap()), []);
            assert_eq!(problems(kind, json!({ "client_id": "x" })), [("settings.client_id".into(), "unknown_field")]);
        }
        assert_eq!(
            problems(AuthMethodKind::EmailOtp, json!({ "ttl_seconds": 1801, "length": 6 })),
            [("settings.ttl_seconds".into(), "too_big")]
        );
    }

    #[test]
    fn a_provider_says_where_it_is_unless_it_is_known() {
        let known = json!({ "provider": "google", "client_id": "x" });
        assert_eq!(problems(AuthMethodKind::Oauth2, known), []);
        let found = json!({ "provider": "custom", "client_id": "x", "issuer_url": "https://id.example" });
        assert_eq!(problems(AuthMethodKind::Oauth2, found), []);
        let lost = json!({ "provider": "custom", "token_endpoint": "https://id.example/token", "scopes": ["a b"] });
        let expected = [
            ("settings.client_id".into(), "required"),
            ("settings.authorization_endpoint".into(), "required"),
            ("settings.userinfo_endpoint".into(), "required"),
            ("settings.scopes.0".into(), "invalid_format"),
        ];
        assert_eq!(problems(AuthMethodKind::Oauth2, lost), expected);
        assert_eq!(
            problems(AuthMethodKind::Oauth2, json!({})),
            [("settings.provider".into(), "required"), ("settings.client_id".into(), "required")]
        );
    }
}
