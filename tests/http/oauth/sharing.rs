//! Which pages may call the endpoints of an issuer from a browser, and read what they answer (idp §1.6, D14).

use std::time::Duration;

use http::Method;
use serde_json::json;
use tests::{Caller, Reply};

use super::{CALLBACK, Ground, refused, text};

/// Of the redirect URI, and one that the client lists.
const THEIRS: [&str; 2] = ["https://app.example.com", "https://spa.example.com"];

/// None of any client.
const NOBODYS: [&str; 5] = [
    "https://evil.example.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "null",
];

async fn ground() -> Ground {
    Ground::with(json!({ "allowed_origins": [THEIRS[1]] })).await
}

/// Who may read the answer.
fn reader(reply: &Reply) -> Option<&str> {
    assert!(reply.headers.get("access-control-allow-credentials").is_none(), "no cookies are involved: {reply}");
    let origin = reply.headers.get("access-control-allow-origin")?.to_str().unwrap();
    if origin != "*" {
        assert_eq!(reply.header("vary"), "Origin", "{reply}");
        assert!(reply.header("access-control-expose-headers").contains("WWW-Authenticate"), "{reply}");
    }
    Some(origin)
}

async fn preflight(ground: &Ground, method: &str, endpoint: &str, origin: &str) -> Reply {
    let call = ground.app.anonymous().call(Method::OPTIONS, &ground.path(endpoint)).header("origin", origin);
    let call = call.header("access-control-request-method", method);
    call.header("access-control-request-headers", "authorization, content-type").send().await
}

fn shared(ground: &Ground) -> [(&'static str, String); 5] {
    let consents = format!("consents/{}", ground.client);
    [
        ("POST", "token".to_owned()),
        ("GET", "userinfo".to_owned()),
        ("POST", "userinfo".to_owned()),
        ("POST", "revoke".to_owned()),
        ("DELETE", consents),
    ]
}

#[tokio::test]
async fn pages_of_active_clients_may_ask_before_they_call_what_is_shared() {
    let ground = ground().await;
    for (method, endpoint) in shared(&ground) {
        for origin in THEIRS {
            let reply = preflight(&ground, method, &endpoint, origin).await;
            assert_eq!((reply.status.as_u16(), reader(&reply)), (204, Some(origin)), "{method} {endpoint}");
            assert_eq!(reply.header("access-control-allow-headers"), "Authorization, Content-Type");
            assert!(reply.header("access-control-allow-methods").contains(method), "{method} {endpoint}");
        }
        for origin in NOBODYS {
            assert_eq!(reader(&preflight(&ground, method, &endpoint, origin).await), None, "{origin} at {endpoint}");
        }
    }
    let client = format!("{}/clients/{}", ground.issuer, ground.client);
    ground.app.root().patch(&client, json!({ "status": "disabled" })).expect(200).await;
    for (method, endpoint) in shared(&ground) {
        assert_eq!(reader(&preflight(&ground, method, &endpoint, THEIRS[0]).await), None, "disabled: {endpoint}");
    }
}

#[tokio::test]
async fn nothing_else_of_an_issuer_is_for_pages_of_clients() {
    let ground = ground().await;
    let closed = [
        (Method::POST, "introspect"),
        (Method::GET, "keyinfo"),
        (Method::GET, "authorize"),
        (Method::POST, "authorize"),
        (Method::GET, "logout"),
        (Method::POST, "logout"),
        (Method::GET, "check-session.html"),
        (Method::POST, "check-session"),
        (Method::GET, "login"),
    ];
    for (method, endpoint) in closed {
        let asked = preflight(&ground, method.as_str(), endpoint, THEIRS[0]).await;
        assert_eq!(reader(&asked), None, "{method} {endpoint}");
        let call = ground.app.anonymous().call(method.clone(), &ground.path(endpoint)).header("origin", THEIRS[0]);
        assert_eq!(reader(&call.send().await), None, "{method} {endpoint}");
    }
    for endpoint in [".well-known/openid-configuration", ".well-known/oauth-authorization-server", "jwks.json"] {
        let call = ground.app.anonymous().get(&ground.path(endpoint)).header("origin", NOBODYS[0]);
        assert_eq!(reader(&call.expect(200).await), Some("*"), "{endpoint}");
    }
}

#[tokio::test]
async fn an_answer_is_for_the_pages_of_its_own_client() {
    let ground = ground().await;
    let other = json!({ "name": "Other", "confidential": true, "settings": { "openid": {
        "redirect_uris": ["https://other.example.com/cb"] } } });
    ground.app.root().post(&format!("{}/clients", ground.issuer), other).expect(201).await;
    let client = [("client_id", ground.client.as_str()), ("client_secret", ground.secret.as_str())];
    let asked = async |endpoint: &str, form: &[(&str, &str)], origin: &str| {
        let all: Vec<_> = client.iter().copied().chain(form.iter().copied()).collect();
        ground
            .app
            .anonymous()
            .call(Method::POST, &ground.path(endpoint))
            .form(&all)
            .header("origin", origin)
            .send()
            .await
    };
    let code = ground.code(&["openid"], None).await;
    let exchange = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", super::VERIFIER),
    ];
    let tokens = asked("token", &exchange, THEIRS[0]).await;
    assert_eq!((tokens.status.as_u16(), reader(&tokens)), (200, Some(THEIRS[0])), "{tokens}");
    let again = asked("token", &exchange, THEIRS[1]).await;
    refused(&again, 400, "invalid_grant");
    assert_eq!(reader(&again), Some(THEIRS[1]), "errors are readable, too");
    for foreign in ["https://other.example.com", NOBODYS[0]] {
        assert_eq!(reader(&asked("token", &exchange, foreign).await), None, "{foreign}");
        assert_eq!(reader(&asked("revoke", &[("token", "x")], foreign).await), None, "{foreign}");
    }
    let revoked = asked("revoke", &[("token", "x")], THEIRS[0]).await;
    assert_eq!((revoked.status.as_u16(), reader(&revoked)), (200, Some(THEIRS[0])), "{revoked}");
    let form = [("client_id", ground.client.as_str()), ("client_secret", "wrong"), ("grant_type", "refresh_token")];
    let call = ground.app.anonymous().call(Method::POST, &ground.path("token")).form(&form);
    let unproven = call.header("origin", THEIRS[0]).send().await;
    refused(&unproven, 401, "invalid_client");
    assert_eq!(reader(&unproven), None, "of a client that proved nothing");
}

/// Asks for claims, and takes a consent back, with a token.
async fn with_token(ground: &Ground, token: &str, origin: &str) -> [Reply; 3] {
    let bearer: Caller = ground.app.with_bearer(token);
    let consents = ground.path(&format!("consents/{}", ground.client));
    let form = [("access_token", token)];
    let posted = ground.app.anonymous().call(Method::POST, &ground.path("userinfo")).form(&form);
    [
        bearer.get(&ground.path("userinfo")).header("origin", origin).send().await,
        posted.header("origin", origin).send().await,
        bearer.delete(&consents).header("origin", origin).send().await,
    ]
}

#[tokio::test]
async fn a_page_reads_why_the_token_of_its_client_is_refused() {
    let ground = ground().await;
    let tokens = ground.tokens(&["openid"]).await;
    let token = text(&tokens, "access_token");
    let user = format!("{}/users/{}", ground.issuer, ground.user);
    let told = async |token: &str, error: &str| {
        for reply in with_token(&ground, token, THEIRS[0]).await {
            refused(&reply, 401, error);
            assert_eq!(reader(&reply), Some(THEIRS[0]), "{error}: {reply}");
            assert!(reply.header("www-authenticate").contains("error=\"invalid_token\""), "{reply}");
        }
        for origin in NOBODYS {
            for reply in with_token(&ground, token, origin).await {
                refused(&reply, 401, error);
                assert_eq!(reader(&reply), None, "{origin}: {reply}");
            }
        }
    };
    let lacking = ground.tokens(&["email"]).await;
    let call = ground.app.with_bearer(text(&lacking, "access_token")).get(&ground.path("userinfo"));
    let lacking = call.header("origin", THEIRS[0]).send().await;
    refused(&lacking, 403, "insufficient_scope");
    assert_eq!(reader(&lacking), Some(THEIRS[0]));
    ground.app.root().patch(&user, json!({ "status": "suspended" })).expect(200).await;
    told(token, "invalid_token").await;
    ground.app.root().patch(&user, json!({ "status": "active" })).expect(200).await;
    ground.app.root().post(&format!("{user}/sessions/revoke-all"), json!({})).expect(200).await;
    told(token, "session_expired").await;
    ground.app.advance(Duration::from_mins(30));
    told(token, "invalid_token").await;
}

#[tokio::test]
async fn of_what_is_no_token_of_the_issuer_nobody_is_the_client() {
    let ground = ground().await;
    let elsewhere = Ground::on(tests::App::start(super::DRIVER).await, json!({})).await;
    let token = text(&ground.tokens(&["openid"]).await, "access_token").to_owned();
    let foreign = text(&elsewhere.tokens(&["openid"]).await, "access_token").to_owned();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let strange = foreign.rsplit_once('.').unwrap().1;
    for bad in ["x", "a.b.c", &foreign, &format!("{signed}.{strange}"), &format!("{signed}.{signature}A")] {
        for reply in with_token(&ground, bad, THEIRS[0]).await {
            refused(&reply, 401, "invalid_token");
            assert_eq!(reader(&reply), None, "{bad}: {reply}");
        }
    }
    let call = ground.app.anonymous().get(&ground.path("userinfo")).header("origin", THEIRS[0]);
    assert_eq!(reader(&call.expect(401).await), None, "without a token");
}
