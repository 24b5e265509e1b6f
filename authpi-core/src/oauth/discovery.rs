//! The discovery document (OpenID Connect Discovery 1.0 §3, RFC 8414 §2): what an issuer offers, and where.

use serde::Serialize;
use utoipa::ToSchema;

use crate::issuer::model::PublicIssuer;
use crate::key::model::Algorithm;
use crate::scope::Scope;

/// Scopes that every issuer knows (OpenID Connect Core §5.4 and §11).
const STANDARD_SCOPES: [&str; 6] = ["openid", "profile", "email", "phone", "address", "offline_access"];

/// Claims of tokens, then those of UserInfo.
const CLAIMS: [&str; 32] = [
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "sid",
    "org_id",
    "organizations",
    "created_at",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
    "email",
    "email_verified",
    "phone_number",
    "phone_number_verified",
    "address",
];

/// Client authentication at the token and revocation endpoints; introspection refuses public clients.
const CLIENT_AUTHENTICATION: [&str; 4] = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];

/// Signatures of `private_key_jwt`.
const ASSERTION_ALGORITHMS: [&str; 4] = ["ES256", "EdDSA", "PS256", "RS256"];

/// The discovery document of an issuer. Serves OpenID Connect Discovery and RFC 8414 alike.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = OpenIDConfiguration)]
#[allow(clippy::struct_excessive_bools, reason = "the standards state each of them as a boolean")]
pub struct OpenIdConfiguration {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
    jwks_uri: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    end_session_endpoint: String,
    check_session_iframe: String,
    response_types_supported: Words,
    response_modes_supported: Words,
    grant_types_supported: Words,
    code_challenge_methods_supported: Words,
    subject_types_supported: Words,
    id_token_signing_alg_values_supported: Words,
    token_endpoint_auth_methods_supported: Words,
    token_endpoint_auth_signing_alg_values_supported: Words,
    revocation_endpoint_auth_methods_supported: Words,
    revocation_endpoint_auth_signing_alg_values_supported: Words,
    introspection_endpoint_auth_methods_supported: Words,
    introspection_endpoint_auth_signing_alg_values_supported: Words,
    scopes_supported: Vec<String>,
    claims_supported: Words,
    claim_types_supported: Words,
    prompt_values_supported: Words,
    acr_values_supported: Words,
    ui_locales_supported: Vec<String>,
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    authorization_response_iss_parameter_supported: bool,
    frontchannel_logout_supported: bool,
    frontchannel_logout_session_supported: bool,
    backchannel_logout_supported: bool,
    backchannel_logout_session_supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    op_policy_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    op_tos_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    service_documentation: Option<String>,
}

type Words = Vec<&'static str>;

impl OpenIdConfiguration {
    /// The document of `issuer`, reached under `url`.
    pub fn new(issuer: &PublicIssuer, url: &str) -> Self {
        let at = |path: &str| format!("{url}/{path}");
        let confidential: Words = CLIENT_AUTHENTICATION.into_iter().filter(|method| *method != "none").collect();
        let links = issuer.links.clone();
        Self {
            issuer: url.to_owned(),
            authorization_endpoint: at("authorize"),
            token_endpoint: at("token"),
            userinfo_endpoint: at("userinfo"),
            jwks_uri: at("jwks.json"),
            introspection_endpoint: at("introspect"),
            revocation_endpoint: at("revoke"),
            end_session_endpoint: at("logout"),
            check_session_iframe: at("check-session.html"),
            response_types_supported: vec!["code"],
            response_modes_supported: vec!["query", "form_post"],
            grant_types_supported: vec![
                "authorization_code",
                "refresh_token",
                "client_credentials",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ],
            code_challenge_methods_supported: vec!["S256"],
            subject_types_supported: vec!["public"],
            id_token_signing_alg_values_supported: Algorithm::ALL.map(Algorithm::as_str).into(),
            token_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION.into(),
            token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS.into(),
            revocation_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION.into(),
            revocation_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS.into(),
            introspection_endpoint_auth_methods_supported: confidential,
            introspection_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS.into(),
            scopes_supported: scopes(issuer),
            claims_supported: CLAIMS.into(),
            claim_types_supported: vec!["normal"],
            prompt_values_supported: vec!["none", "login", "consent", "select_account"],
            acr_values_supported: vec!["aal1", "aal2"],
            ui_locales_supported: distinct(issuer.locales.iter().map(|locale| canonical_language_tag(locale))),
            claims_parameter_supported: true,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
            authorization_response_iss_parameter_supported: true,
            frontchannel_logout_supported: true,
            frontchannel_logout_session_supported: true,
            backchannel_logout_supported: true,
            backchannel_logout_session_supported: true,
            op_policy_uri: links.privacy_policy,
            op_tos_uri: links.terms_of_service,
            service_documentation: links.documentation,
        }
    }
}

fn scopes(issuer: &PublicIssuer) -> Vec<String> {
    let own = issuer.available_scopes.iter().map(Scope::as_str);
    distinct(STANDARD_SCOPES.into_iter().chain(own).map(str::to_owned))
}

fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}

/// A language tag in the case that RFC 5646 §2.1.1 recommends: regions in capitals, scripts with one, the rest small;
/// what follows a single letter or digit is small, too.
fn canonical_language_tag(tag: &str) -> String {
    let mut after_singleton = false;
    let subtag = |(index, subtag): (usize, &str)| {
        let small = subtag.to_ascii_lowercase();
        let plain = index == 0 || after_singleton;
        after_singleton |= subtag.len() == 1;
        match (plain, subtag.len()) {
            (false, 2) => small.to_ascii_uppercase(),
            (false, 4) => capitalized(&small),
            _ => small,
        }
    };
    tag.split('-').enumerate().map(subtag).collect::<Vec<_>>().join("-")
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::id::{Id as _, IssuerId};
    use crate::issuer::model::IssuerLinks;
    use crate::scope::Scopes;
    use crate::timestamp::Timestamp;

    const URL: &str = "https://id.example.com/i_1";

    fn issuer() -> PublicIssuer {
        PublicIssuer {
            id: IssuerId::from_uuid(Uuid::from_u128(1)),
            available_scopes: Scopes::default(),
            links: IssuerLinks::default(),
            locales: vec!["en".to_owned()],
            updated_at: Timestamp::EPOCH,
        }
    }

    fn document(issuer: &PublicIssuer) -> Value {
        serde_json::to_value(OpenIdConfiguration::new(issuer, URL)).unwrap()
    }

    #[test]
    fn everything_specified_is_there_and_nothing_else() {
        let assertions = json!(["ES256", "EdDSA", "PS256", "RS256"]);
        let methods = json!(["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]);
        let mut found = document(&issuer());
        let claims = found.as_object_mut().unwrap().remove("claims_supported").unwrap();
        assert_eq!(
            found,
            json!({
                "issuer": URL,
                "authorization_endpoint": format!("{URL}/authorize"),
                "token_endpoint": format!("{URL}/token"),
                "userinfo_endpoint": format!("{URL}/userinfo"),
                "jwks_uri": format!("{URL}/jwks.json"),
                "introspection_endpoint": format!("{URL}/introspect"),
                "revocation_endpoint": format!("{URL}/revoke"),
                "end_session_endpoint": format!("{URL}/logout"),
                "check_session_iframe": format!("{URL}/check-session.html"),
                "response_types_supported": ["code"],
                "grant_types_supported": [
                    "authorization_code", "refresh_token", "client_credentials",
                    "urn:ietf:params:oauth:grant-type:token-exchange",
                ],
                "code_challenge_methods_supported": ["S256"],
                "id_token_signing_alg_values_supported": ["ES256", "EdDSA", "RS256"],
                "token_endpoint_auth_methods_supported": methods,
                "token_endpoint_auth_signing_alg_values_supported": assertions,
                "revocation_endpoint_auth_methods_supported": methods,
                "revocation_endpoint_auth_signing_alg_values_supported": assertions,
                "introspection_endpoint_auth_methods_supported":
                    ["client_secret_basic", "client_secret_post", "private_key_jwt"],
                "introspection_endpoint_auth_signing_alg_values_supported": assertions,
                "response_modes_supported": ["query", "form_post"],
                "subject_types_supported": ["public"],
                "scopes_supported": ["openid", "profile", "email", "phone", "address", "offline_access"],
                "claim_types_supported": ["normal"],
                "prompt_values_supported": ["none", "login", "consent", "select_account"],
                "acr_values_supported": ["aal1", "aal2"],
                "frontchannel_logout_supported": true,
                "frontchannel_logout_session_supported": true,
                "backchannel_logout_supported": true,
                "backchannel_logout_session_supported": true,
                "authorization_response_iss_parameter_supported": true,
                "request_parameter_supported": false,
                "request_uri_parameter_supported": false,
                "claims_parameter_supported": true,
                "ui_locales_supported": ["en"],
            })
        );
        let claims: Vec<_> = claims.as_array().unwrap().iter().map(|claim| claim.as_str().unwrap()).collect();
        assert!(claims.contains(&"sub") && claims.contains(&"phone_number_verified"));
    }

    #[test]
    fn what_the_issuer_sets_shows() {
        let set = PublicIssuer {
            available_scopes: ["email", "orders:read"].into_iter().map(|scope| scope.parse().unwrap()).collect(),
            links: IssuerLinks {
                privacy_policy: Some("https://example.com/privacy".to_owned()),
                terms_of_service: Some("https://example.com/terms".to_owned()),
                documentation: Some("https://example.com/docs".to_owned()),
                ..IssuerLinks::default()
            },
            locales: ["pt-br", "ZH-hans-cn", "PT-BR"].map(str::to_owned).into(),
            ..issuer()
        };
        let found = document(&set);
        let scopes = ["openid", "profile", "email", "phone", "address", "offline_access", "orders:read"];
        assert_eq!(found["scopes_supported"], json!(scopes));
        assert_eq!(found["op_policy_uri"], "https://example.com/privacy");
        assert_eq!(found["op_tos_uri"], "https://example.com/terms");
        assert_eq!(found["service_documentation"], "https://example.com/docs");
        assert_eq!(found["ui_locales_supported"], json!(["pt-BR", "zh-Hans-CN"]));
    }

    #[test]
    fn language_tags_get_their_canonical_case() {
        for tag in ["en", "de-CH", "mn-Cyrl-MN", "en-CA-x-ca", "sgn-BE-FR", "az-Latn-x-latn", "es-419", ""] {
            assert_eq!(canonical_language_tag(&tag.to_uppercase()), tag);
            assert_eq!(canonical_language_tag(&tag.to_lowercase()), tag);
        }
    }
}
