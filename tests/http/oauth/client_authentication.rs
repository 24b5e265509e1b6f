//! How clients prove who they are (idp §6.2).

use std::time::Duration;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::{Ground, refused};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

async fn machine(ground: &Ground, openid: Value) -> (String, Option<String>) {
    let mut settings = json!({ "application_type": "m2m" });
    settings.as_object_mut().unwrap().extend(openid.as_object().unwrap().clone());
    let body = json!({ "name": "Job", "confidential": true, "settings": { "scopes": ["a:b"], "openid": settings } });
    let made = ground.app.root().post(&format!("{}/clients", ground.issuer), body).expect(201).await;
    (made.id(), made.data()["secret"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn the_secret_is_taken_from_the_header_or_from_the_body_and_not_from_both() {
    let ground = Ground::new().await;
    let (id, secret) = machine(&ground, json!({})).await;
    let secret = secret.unwrap();
    let post =
        |parameters: &[(&str, &str)]| ground.app.anonymous().call(Method::POST, &ground.path("token")).form(parameters);
    assert_eq!(post(&[GRANT, ("client_id", &id), ("client_secret", &secret)]).send().await.status.as_u16(), 200);
    assert_eq!(post(&[GRANT]).basic(&id, &secret).send().await.status.as_u16(), 200);
    assert_eq!(post(&[GRANT, ("client_id", &id)]).basic(&id, &secret).send().await.status.as_u16(), 200);
    let twice = post(&[GRANT, ("client_id", &id), ("client_secret", &secret)]).basic(&id, &secret).send().await;
    refused(&twice, 400, "invalid_request");
    let other = post(&[GRANT, ("client_id", &ground.client)]).basic(&id, &secret).send().await;
    refused(&other, 400, "invalid_request");
}

#[tokio::test]
async fn whoever_is_not_known_is_refused_in_the_same_words() {
    let ground = Ground::new().await;
    let (id, secret) = machine(&ground, json!({})).await;
    let (only_post, post_secret) =
        machine(&ground, json!({ "token_endpoint_auth_method": "client_secret_post" })).await;
    let other = ground.app.issuer().await;
    let secret = secret.unwrap();
    let post =
        |parameters: &[(&str, &str)]| ground.app.anonymous().call(Method::POST, &ground.path("token")).form(parameters);
    let mut replies = vec![
        post(&[GRANT, ("client_id", &id), ("client_secret", "wrong")]).send().await,
        post(&[GRANT, ("client_id", &id)]).send().await,
        post(&[GRANT, ("client_id", "c_0000000000000000000000000"), ("client_secret", &secret)]).send().await,
        post(&[GRANT, ("client_id", "nobody"), ("client_secret", &secret)]).send().await,
        post(&[GRANT]).basic(&only_post, &post_secret.unwrap()).send().await,
        post(&[GRANT]).header("authorization", "Bearer x").send().await,
        post(&[GRANT]).header("authorization", "Basic %%").send().await,
    ];
    let elsewhere = format!("/{}/token", other.rsplit('/').next().unwrap());
    let foreign = ground.app.anonymous().call(Method::POST, &elsewhere);
    replies.push(foreign.form(&[GRANT, ("client_id", &id), ("client_secret", &secret)]).send().await);
    for reply in &replies {
        refused(reply, 401, "invalid_client");
        assert_eq!(reply.body["error_description"], replies[0].body["error_description"]);
        assert!(reply.header("www-authenticate").starts_with("Basic realm=\"i_"), "{reply}");
    }
}

#[tokio::test]
async fn a_public_client_has_no_secret_and_a_disabled_one_no_tokens() {
    let ground = Ground::new().await;
    let body = json!({ "name": "Spa", "confidential": false, "settings": { "openid": {
        "application_type": "spa", "redirect_uris": ["https://spa.example.com/cb"] } } });
    let spa = ground.app.root().post(&format!("{}/clients", ground.issuer), body).expect(201).await.id();
    let grant = ("grant_type", "authorization_code");
    let worthless = [grant, ("client_id", &spa), ("code", "x"), ("redirect_uri", "https://spa.example.com/cb")];
    refused(&ground.post("token", &worthless).await, 400, "invalid_grant");
    let mut with_secret = worthless.to_vec();
    with_secret.push(("client_secret", "x"));
    refused(&ground.post("token", &with_secret).await, 401, "invalid_client");
    refused(&ground.post("introspect", &[("client_id", &spa), ("token", "x")]).await, 401, "invalid_client");

    let path = format!("{}/clients/{}", ground.issuer, ground.client);
    ground.app.root().patch(&path, json!({ "status": "disabled" })).expect(200).await;
    refused(&ground.refresh("x").await, 401, "unauthorized_client");
    let wrong = [("grant_type", "refresh_token"), ("client_id", &ground.client), ("client_secret", "wrong")];
    refused(&ground.post("token", &wrong).await, 401, "invalid_client");
}

#[tokio::test]
async fn after_a_rotation_the_old_secret_works_for_a_quarter_of_an_hour() {
    let ground = Ground::new().await;
    let (id, old) = machine(&ground, json!({})).await;
    let old = old.unwrap();
    let rotated = ground.app.root().act(&format!("{}/clients/{id}/secret/rotate", ground.issuer)).send().await;
    let new = rotated.text("secret");
    let works = async |secret: &str| {
        ground.post("token", &[GRANT, ("client_id", &id), ("client_secret", secret)]).await.status.as_u16() == 200
    };
    assert!(works(&old).await && works(&new).await);
    ground.app.advance(Duration::from_mins(15));
    assert!(!works(&old).await && works(&new).await);
}

#[tokio::test]
async fn parameters_stand_once_in_a_form_and_nowhere_else() {
    let ground = Ground::new().await;
    let (id, secret) = machine(&ground, json!({})).await;
    let secret = secret.unwrap();
    for repeated in ["grant_type", "client_id", "scope", "anything"] {
        let parameters =
            [GRANT, ("client_id", &id), ("client_secret", &secret), (repeated, "client_credentials"), (repeated, "x")];
        refused(&ground.post("token", &parameters).await, 400, "invalid_request");
    }
    let caller = ground.app.anonymous();
    let json = caller.post(&ground.path("token"), json!({ "grant_type": "client_credentials" })).send().await;
    refused(&json, 415, "invalid_content_type");
    let query = format!("{}?grant_type=client_credentials&client_id={id}&client_secret={secret}", ground.path("token"));
    refused(&caller.call(Method::POST, &query).form(&[("x", "y")]).send().await, 400, "invalid_request");
    let broken =
        caller.call(Method::POST, &ground.path("token")).body("application/x-www-form-urlencoded", b"a=%ff".to_vec());
    refused(&broken.send().await, 400, "invalid_request");
    let reply = caller.get(&ground.path("token")).send().await;
    assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, "POST"));
}

/// A key of a client, and its public half as a JWK.
pub(super) fn key() -> (Ed25519KeyPair, Value) {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    let _ = &ED25519;
    (pair, json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "one", "use": "sig", "alg": "EdDSA" }))
}

pub(super) fn assertion(pair: &Ed25519KeyPair, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()).as_ref()))
}

#[tokio::test]
async fn a_client_signs_its_own_assertion_and_each_is_good_for_once() {
    let ground = Ground::new().await;
    let (pair, public) = key();
    let openid = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [public] } });
    let (id, secret) = machine(&ground, openid).await;
    assert_eq!(secret, None);
    let now = ground.app.now() / 1_000;
    let header = json!({ "alg": "EdDSA", "kid": "one" });
    let good = |jti: &str| json!({ "iss": id, "sub": id, "aud": ground.url(), "jti": jti, "exp": now + 600, "iat": now + 30, "nbf": now });
    let send = async |assertion: String| {
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let parameters = [GRANT, ("client_assertion_type", kind), ("client_assertion", assertion.as_str())];
        ground.post("token", &parameters).await
    };
    assert_eq!(send(assertion(&pair, &header, &good("a"))).await.status.as_u16(), 200);
    refused(&send(assertion(&pair, &header, &good("a"))).await, 401, "invalid_client");
    let racing = assertion(&pair, &header, &good("b"));
    let replies = join_all((0..8).map(|_| send(racing.clone()))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status.as_u16() == 200).count(), 1);

    let with = |changes: Value| {
        let mut claims = good("c");
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        assertion(&pair, &header, &claims)
    };
    let token_endpoint = format!("{}/token", ground.url());
    let (stranger, _) = key();
    let bad = [
        with(json!({ "aud": token_endpoint })),
        with(json!({ "aud": [ground.url()] })),
        with(json!({ "aud": "https://elsewhere.example.com" })),
        with(json!({ "iss": ground.client })),
        with(json!({ "exp": now })),
        with(json!({ "exp": now + 601 })),
        with(json!({ "exp": (now + 60).to_string() })),
        with(json!({ "iat": now + 31 })),
        with(json!({ "nbf": now + 31 })),
        with(json!({ "jti": "" })),
        with(json!({ "jti": "x".repeat(257) })),
        with(json!({ "jti": null })),
        assertion(&stranger, &header, &good("c")),
        assertion(&pair, &json!({ "alg": "none" }), &good("c")),
        assertion(&pair, &json!({ "alg": "HS256", "kid": "one" }), &good("c")),
        assertion(&pair, &json!({ "alg": "EdDSA", "kid": "two" }), &good("c")),
        assertion(&pair, &json!({ "alg": "EdDSA", "kid": "one", "crit": ["b64"], "b64": true }), &good("c")),
        "x".to_owned(),
    ];
    for (number, assertion) in bad.into_iter().enumerate() {
        let reply = send(assertion).await;
        assert_eq!((number, reply.status.as_u16()), (number, 401), "{reply}");
    }
    assert_eq!(send(assertion(&pair, &header, &good("c"))).await.status.as_u16(), 200, "nothing of it was spent");
    refused(&ground.post("token", &[GRANT, ("client_id", &id), ("client_secret", "x")]).await, 401, "invalid_client");
}
