//! Bytes from outside, at every parser that is public: no panic, no more out than went in, and what is written can be
//! read again (security §4). `PROPTEST_CASES` says how many cases there are; few, unless it is set.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use authpi_core::client::model::{ClientUri, WebUri, redirect_matches};
use authpi_core::etag::IfMatch;
use authpi_core::hostname::Hostname;
use authpi_core::key::model::{Algorithm, JwkSet, Jws, KeyPair, PublicJwk, VerifyingKey, signed};
use authpi_core::login::model::{FlowCookie, MailToken, device_name};
use authpi_core::mailbox::Mailbox;
use authpi_core::oauth::model::{ClaimsRequest, CodeChallenge, Resources};
use authpi_core::pages::language::accepted;
use authpi_core::scope::Scope;
use authpi_core::timestamp::Timestamp;
use authpi_core::verifier::model::{Password, PasswordHash};
use authpi_core::web::parameters::Parameters;
use authpi_core::webhook::model::AttemptOutcome;
use authpi_verifier::WebhookVerifier;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

/// Few enough for every run; `PROPTEST_CASES` of the environment goes before.
fn few() -> ProptestConfig {
    let is_set = std::env::var_os("PROPTEST_CASES").is_some();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if is_set { config } else { ProptestConfig { cases: 64, ..config } }
}

/// Text that is nearly of the form that a parser wants, as often as not.
fn nearly(form: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![form, ".{0,64}", "[ -~]{0,256}"]
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,16}".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,12}", inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn a_jws_is_taken_apart_or_refused(text in nearly("[A-Za-z0-9_-]{0,64}\\.[A-Za-z0-9_-]{0,64}\\.[A-Za-z0-9_-]{0,64}")) {
        if let Ok(jws) = Jws::parse(&text) {
            prop_assert_eq!(text.matches('.').count(), 2);
            let _ = (jws.kid(), jws.typ(), jws.has_critical(), jws.unverified::<Value>());
        }
    }

    #[test]
    fn a_header_of_any_json_is_taken_apart_or_refused(header in json_value(), claims in json_value(), rest: Vec<u8>) {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let text = [part(header.to_string().as_bytes()), part(claims.to_string().as_bytes()), part(&rest)].join(".");
        if let Ok(jws) = Jws::parse(&text) {
            prop_assert!(header["alg"].is_string());
            prop_assert_eq!(jws.unverified::<Value>().ok(), claims.is_object().then_some(claims));
        }
    }

    #[test]
    fn a_key_of_any_json_is_read_back_the_same_or_refused(key in json_value(), x: [u8; 32], kid: u128) {
        let _ = serde_json::from_value::<JwkSet>(json!({ "keys": [key] }));
        let encoded = URL_SAFE_NO_PAD.encode(x);
        let kid = Uuid::from_u128(kid);
        for curve in ["Ed25519", "P-256"] {
            let (kty, alg) = if curve == "P-256" { ("EC", "ES256") } else { ("OKP", "EdDSA") };
            let key = json!({ "kty": kty, "crv": curve, "alg": alg, "use": "sig", "kid": kid, "x": encoded, "y": encoded });
            if let Ok(key) = serde_json::from_value::<PublicJwk>(key) {
                let again: PublicJwk = serde_json::from_value(serde_json::to_value(&key).unwrap()).unwrap();
                prop_assert_eq!(&again, &key);
                let _ = VerifyingKey::new(&key).map(|key| key.verify(b"message", &x));
            }
        }
    }

    #[test]
    fn a_redirect_that_is_accepted_is_one_that_was_registered(
        registered in "https://[a-z]{1,8}\\.example/[a-z]{0,8}", asked in nearly("https?://[a-z@.:\\[\\]0-9]{0,16}/[a-z%./?#]{0,8}")
    ) {
        let _ = ClientUri::parse(&asked);
        if let Ok(uri) = WebUri::parse(&asked) {
            prop_assert!(!uri.host.contains('@') && !uri.host.is_empty());
            prop_assert!(asked.starts_with(uri.scheme) && asked.ends_with(uri.rest));
        }
        for native in [false, true] {
            prop_assert_eq!(redirect_matches(&registered, &asked, native), registered == asked);
            prop_assert!(redirect_matches(&registered, &registered, native));
        }
    }

    #[test]
    fn a_scope_is_written_as_it_was_read(text in nearly("[a-z*]{1,8}:[a-z:*]{1,12}")) {
        if let Ok(scope) = text.parse::<Scope>() {
            prop_assert_eq!(scope.as_str(), &text);
            prop_assert!(scope.matches(&scope) && scope.grants(&scope));
        }
    }

    #[test]
    fn the_claims_parameter_is_an_object_or_refused(value in json_value(), text in ".{0,64}") {
        let _ = ClaimsRequest::parse(&text);
        let whole = json!({ "userinfo": value, "id_token": { "a": value } }).to_string();
        if let Ok(request) = ClaimsRequest::parse(&whole) {
            prop_assert!(request.names().all(|name| whole.contains(name) || name.chars().any(|c| c.is_control() || c == '"' || c == '\\')));
        }
        let deep = "[".repeat(10_000);
        prop_assert!(ClaimsRequest::parse(&deep).is_err());
    }

    #[test]
    fn form_bodies_are_read_as_they_were_written(pairs in prop::collection::vec(("[a-z]{1,8}", "[^\\x00]{1,16}"), 0..8), raw: Vec<u8>) {
        let _ = Parameters::parse(&raw);
        let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        let Ok(parsed) = Parameters::parse(text.as_bytes()) else { return Err(TestCaseError::fail(text)) };
        for (name, _) in &pairs {
            let sent: Vec<_> = pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
            prop_assert_eq!(parsed.all(name).collect::<Vec<_>>(), sent);
        }
    }

    #[test]
    fn what_no_hash_is_matches_no_password(phc in nearly("\\$argon2id\\$v=19\\$m=[0-9]{1,3},t=[0-9],p=[0-9]\\$[A-Za-z0-9+/]{0,24}\\$[A-Za-z0-9+/]{0,44}")) {
        let hash = PasswordHash::from_phc(phc);
        prop_assert!(!hash.verify(&Password::new("violet anvil 42 teapot drum")));
        let _ = hash.is_outdated();
    }

    #[test]
    fn headers_are_understood_or_left_alone(text in nearly("[a-z]{2}(-[A-Z]{2})?;q=[0-9.]{0,5},[a-z*;=0-9.,-]{0,40}")) {
        let tags = accepted(&text);
        prop_assert!(tags.len() <= 32 && tags.iter().all(|tag| !tag.is_empty() && text.contains(tag)));
        prop_assert!(device_name(&text).is_none_or(|name| name.len() <= 32));
        let _ = IfMatch::parse(&text);
        let _ = AttemptOutcome::answered(429, Some(&text), Timestamp::from_millis(1_700_000_000_000));
    }

    #[test]
    fn a_wait_is_never_longer_than_can_be_counted(seconds: u64) {
        let _ = AttemptOutcome::answered(503, Some(&seconds.to_string()), Timestamp::from_millis(i64::MAX));
    }

    #[test]
    fn names_and_tokens_are_understood_or_refused(text in nearly("[a-zA-Z0-9.@_-]{0,64}")) {
        let _ = (Mailbox::parse(&text), MailToken::parse(&text), Resources::parse(std::iter::once(text.as_str())));
        let _ = (CodeChallenge::parse(Some(&text), Some("S256")), FlowCookie::flow_of(&text));
        if let Some(cookie) = FlowCookie::parse(&text) {
            prop_assert_eq!(cookie.text(), &text);
        }
        if let Ok(host) = text.parse::<Hostname>() {
            prop_assert_eq!(host.to_string().parse::<Hostname>().ok().map(|host| host.to_string()), Some(host.to_string()));
        }
    }

    #[test]
    fn a_delivery_without_its_signature_is_refused(
        id in "[ -~]{0,40}", time in nearly("[0-9]{1,20}"), signature in nearly("(v1,[A-Za-z0-9+/=]{0,48} ?){1,4}"), body: Vec<u8>
    ) {
        let verifier = WebhookVerifier::new("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        let sent = [("webhook-id", &id), ("webhook-timestamp", &time), ("webhook-signature", &signature)];
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                headers.insert(name, value);
            }
        }
        prop_assert!(verifier.check(&headers, &body).is_err());
        let _ = WebhookVerifier::new(&signature);
    }
}

#[test]
fn every_byte_of_a_token_counts() {
    let pair = KeyPair::generate(Algorithm::EdDsa).unwrap();
    let kid = Uuid::from_u128(7);
    let key = VerifyingKey::new(&pair.public_jwk(kid)).unwrap();
    let token = signed(&pair, kid, Some("at+jwt"), &json!({ "sub": "somebody", "exp": 1 })).unwrap();
    assert!(Jws::parse(&token).unwrap().verified::<Value>(&key).is_ok());
    for at in 0..token.len() {
        for other in ["A", "z", ".", "=", " "].into_iter().filter(|other| &token[at..=at] != *other) {
            let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            let is_good = Jws::parse(&changed).is_ok_and(|jws| jws.verified::<Value>(&key).is_ok());
            assert!(!is_good, "byte {at}: {other}");
        }
        assert!(Jws::parse(&token[..at]).map_or(true, |jws| jws.verified::<Value>(&key).is_err()), "the first {at}");
    }
}
