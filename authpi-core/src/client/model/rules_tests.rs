#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;

use super::*;
use crate::merge::merged;

fn details(patch: &Value) -> ClientDetails {
    merged(&ClientDetails { name: "App".to_owned(), ..ClientDetails::default() }, patch.as_object().unwrap()).unwrap()
}

fn openid(confidential: bool, openid: &Value) -> ClientDetails {
    details(&json!({ "confidential": confidential, "settings": { "openid": openid } }))
}

fn problems(details: &ClientDetails, reserved: Option<&Urls>) -> Vec<(String, FieldCode)> {
    let mut errors = FieldErrors::new();
    details.check(reserved, &mut errors);
    errors.iter().map(|error| (error.field.replace("settings.openid.", "~"), error.code)).collect()
}

fn found(details: &ClientDetails) -> Vec<(String, FieldCode)> {
    problems(details, None)
}

fn one(field: &str, code: FieldCode) -> Vec<(String, FieldCode)> {
    vec![(field.to_owned(), code)]
}

#[test]
fn the_usual_clients_are_fine() {
    let fine = [
        details(&json!({})),
        openid(true, &json!({ "redirect_uris": ["https://app.example.com/cb"] })),
        openid(false, &json!({ "application_type": "spa", "redirect_uris": ["http://localhost:3000/cb"] })),
        openid(false, &json!({ "application_type": "native", "redirect_uris": ["com.example.app:/cb"] })),
        openid(true, &json!({ "application_type": "m2m" })),
        openid(true, &json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://a.example/jwks" })),
        openid(true, &json!({ "allowed_resources": ["urn:example:payments", "https://api.example.com/v1?x"] })),
    ];
    for details in fine {
        assert_eq!(found(&details), []);
    }
}

#[test]
fn the_kind_decides_about_confidentiality_and_grants() {
    let denied = FieldCode::NotAllowed;
    assert_eq!(found(&openid(true, &json!({ "application_type": "native" }))), one("confidential", denied));
    assert_eq!(found(&openid(true, &json!({ "application_type": "spa" }))), one("confidential", denied));
    let public_machine = found(&openid(false, &json!({ "application_type": "m2m" })));
    assert_eq!(public_machine, [("confidential".to_owned(), denied), ("~grant_types.0".to_owned(), denied)]);
    let grants = json!({ "application_type": "m2m", "grant_types": ["client_credentials", "refresh_token"] });
    assert_eq!(found(&openid(true, &grants)), one("~grant_types.1", denied));
    let exchange = json!({ "grant_types": ["urn:ietf:params:oauth:grant-type:token-exchange"] });
    assert_eq!(found(&openid(false, &exchange)), one("~grant_types.0", denied));
    let twice = json!({ "grant_types": ["authorization_code", "authorization_code"] });
    assert_eq!(found(&openid(true, &twice)), one("~grant_types.1", FieldCode::Duplicate));
    let redirecting = json!({ "application_type": "m2m", "redirect_uris": ["https://app.example.com/cb"] });
    assert_eq!(found(&openid(true, &redirecting)), one("~redirect_uris", denied));
}

#[test]
fn who_cannot_keep_a_secret_does_not_authenticate() {
    let method = "~token_endpoint_auth_method";
    for word in ["any", "client_secret_basic", "client_secret_post"] {
        let settings = json!({ "token_endpoint_auth_method": word });
        assert_eq!(found(&openid(false, &settings)), one(method, FieldCode::NotAllowed));
        assert_eq!(found(&openid(true, &settings)), []);
    }
    let none = json!({ "token_endpoint_auth_method": "none" });
    assert_eq!(found(&openid(true, &none)), one(method, FieldCode::NotAllowed));
    let assertion = json!({ "token_endpoint_auth_method": "private_key_jwt" });
    assert_eq!(found(&openid(true, &assertion)), one("~jwks", FieldCode::Required));
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": "A".repeat(43), "d": "A".repeat(43) });
    let both = json!({ "jwks": { "keys": [key] }, "jwks_uri": "https://a.example/jwks" });
    let expected = [("~jwks_uri", FieldCode::NotAllowed), ("~jwks.keys.0.d", FieldCode::NotAllowed)]
        .map(|(f, c)| (f.to_owned(), c));
    assert_eq!(found(&openid(true, &both)), expected);
}

#[test]
fn all_problems_of_the_uris_are_reported_together() {
    let settings = json!({
        "redirect_uris": ["https://app.example.com/cb", "com.example.app:/cb", "https://app.example.com/cb", "ftp://x/"],
        "post_logout_redirect_uris": ["http://app.example.com/"],
        "allowed_origins": ["https://app.example.com/"],
        "allowed_resources": ["no uri", "urn:a#b"],
        "frontchannel_logout_uri": "https://other.example.com/out",
        "backchannel_logout_uri": "com.example.app:/out",
        "jwks_uri": "https://u@a.example/jwks",
    });
    let mut found = found(&openid(true, &settings));
    found.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [
        ("~allowed_origins.0", FieldCode::InvalidFormat),
        ("~allowed_resources.0", FieldCode::InvalidFormat),
        ("~allowed_resources.1", FieldCode::InvalidFormat),
        ("~backchannel_logout_uri", FieldCode::InvalidFormat),
        ("~frontchannel_logout_uri", FieldCode::NotAllowed),
        ("~jwks_uri", FieldCode::InvalidFormat),
        ("~post_logout_redirect_uris.0", FieldCode::NotAllowed),
        ("~redirect_uris.1", FieldCode::NotAllowed),
        ("~redirect_uris.2", FieldCode::Duplicate),
        ("~redirect_uris.3", FieldCode::InvalidFormat),
    ];
    assert_eq!(found, expected.map(|(field, code)| (field.to_owned(), code)));

    let mut errors = FieldErrors::new();
    check_sent(json!({ "settings": { "openid": settings } }).as_object().unwrap(), &mut errors);
    assert_eq!(errors.iter().count(), 7, "what needs no knowledge of the client is found in the body already");
}

#[test]
fn the_front_channel_shares_scheme_host_and_port_with_a_redirect_uri() {
    let with = |frontchannel: &str| {
        openid(
            true,
            &json!({ "redirect_uris": ["https://app.example.com/cb"], "frontchannel_logout_uri": frontchannel }),
        )
    };
    assert_eq!(found(&with("https://APP.example.com:443/out")), []);
    for other in ["https://app.example.com:8443/out", "https://example.com/out", "http://localhost/out"] {
        assert_eq!(found(&with(other)), one("~frontchannel_logout_uri", FieldCode::NotAllowed), "{other}");
    }
}

#[test]
fn nothing_but_keys_may_lie_under_the_base_of_the_deployment() {
    let base = Urls::under("https://id.example.com").unwrap();
    let own = "https://id.example.com/x";
    let settings = json!({
        "redirect_uris": [own], "post_logout_redirect_uris": [own], "frontchannel_logout_uri": own,
        "backchannel_logout_uri": own, "jwks_uri": own,
    });
    let client = openid(true, &settings);
    assert_eq!(problems(&client, Some(&base)).len(), 4);
    assert!(client.clone().checked(Some(&base)).is_err());
    assert!(client.checked(None).is_ok(), "the platform issuer's own clients may");
}

#[test]
fn defaults_follow_the_kind() {
    let completed = |confidential, settings: Value| openid(confidential, &settings).completed().settings.openid;
    let public = completed(false, json!({ "require_pkce": false }));
    assert_eq!(public.require_pkce, Some(true));
    assert_eq!(public.token_endpoint_auth_method, Some(TokenEndpointAuthMethod::None));
    assert_eq!(public.grant_types, Some(ApplicationType::Web.default_grants()));
    let machine = completed(true, json!({ "application_type": "m2m" }));
    assert_eq!(machine.require_pkce, Some(false));
    assert_eq!(machine.token_endpoint_auth_method, Some(TokenEndpointAuthMethod::Any));
    assert_eq!(machine.grant_types, Some(ApplicationType::M2m.default_grants()));
}
