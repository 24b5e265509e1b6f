//! The host's own API as a resource server: whose access tokens its routes take, and how a client finds that out
//! (RFC 9728).

use serde_json::{Value, json};
use url::Url;

use crate::id::IssuerId;
use crate::oauth::model::AccessClaims;
use crate::urls::Urls;

/// The first part of the path of resource metadata.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What the host's own routes take.
#[derive(Clone, Debug, Default)]
pub struct HostApi {
    /// What `aud` of an access token must name, compared as it stands: the URL of the API, or a URN. Clients ask for it
    /// with `resource`. Without one, a token must be for the URL of the issuer that has signed it.
    pub audience: Option<String>,
    /// Issuers whose access tokens are taken; none means all of this deployment.
    ///
    /// # Security
    /// Whoever runs an issuer decides what stands in its tokens. Name yours here where others run issuers on the same
    /// deployment, or ask a [`Caller`](super::caller::Caller) for its `issuer_id` in each route.
    pub issuers: Vec<IssuerId>,
    /// Scopes that the metadata list.
    pub scopes: Vec<String>,
    /// Name of the API in the metadata, for people.
    pub name: Option<String>,
}

impl HostApi {
    /// Takes tokens of this issuer that are for this audience.
    pub fn takes(&self, issuer: IssuerId, claims: &AccessClaims) -> bool {
        (self.issuers.is_empty() || self.issuers.contains(&issuer))
            && claims.aud.names(self.audience.as_deref().unwrap_or(&claims.iss))
    }

    /// Where the metadata stand: below the host of the audience, which must be a URL for that (RFC 9728 §3.1).
    pub fn metadata_url(&self) -> Option<Url> {
        let mut url = Url::parse(self.audience.as_deref()?).ok()?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || url.fragment().is_some() {
            return None;
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{WELL_KNOWN}{path}"));
        Some(url)
    }

    /// The metadata (RFC 9728 §2).
    pub fn metadata(&self, urls: &Urls) -> Option<Value> {
        let resource = self.metadata_url().and(self.audience.as_deref())?;
        let mut members = json!({ "resource": resource, "bearer_methods_supported": ["header"] });
        let mut set = |name: &str, value: Value| members.as_object_mut().map(|all| all.insert(name.to_owned(), value));
        if !self.issuers.is_empty() {
            set("authorization_servers", self.issuers.iter().map(|issuer| urls.issuer(*issuer)).collect());
        }
        if !self.scopes.is_empty() {
            set("scopes_supported", self.scopes.iter().cloned().collect());
        }
        if let Some(name) = &self.name {
            set("resource_name", name.as_str().into());
        }
        Some(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_stand_between_the_host_and_the_path_of_the_api() {
        let url = |audience: &str| {
            let api = HostApi { audience: Some(audience.to_owned()), ..HostApi::default() };
            api.metadata_url().map(String::from)
        };
        let at = |rest: &str| Some(format!("https://example.com/.well-known/oauth-protected-resource{rest}"));
        assert_eq!(url("https://example.com"), at(""));
        assert_eq!(url("https://example.com/"), at(""));
        assert_eq!(url("https://example.com/api/v1/?x=1"), at("/api/v1?x=1"));
        for none in ["urn:example:api", "https://example.com/#x", "api"] {
            assert_eq!(url(none), None, "{none}");
        }
        assert_eq!(HostApi::default().metadata_url(), None);
    }
}
