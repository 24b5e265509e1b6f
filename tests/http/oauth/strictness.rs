//! Nothing but exactly what was agreed is taken (security.md section 3).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::json;

use super::authorize::Ground as Signed;
use super::{CALLBACK, Ground, location, refused, text};

/// security.md, row 3
#[tokio::test]
async fn a_refresh_that_failed_spends_nothing() {
    let ground = Ground::new().await;
    let tokens = ground.tokens(&["openid", "orders:read"]).await;
    let refresh = text(&tokens, "refresh_token");
    let with = async |more: (&str, &str)| {
        ground.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh), more]).await
    };
    refused(&with(("scope", "openid bills:read")).await, 400, "invalid_scope");
    refused(&with(("resource", "urn:a")).await, 400, "invalid_target");
    refused(&with(("client_secret", &ground.secret)).await, 400, "invalid_request");
    let user = format!("{}/users/{}", ground.issuer, ground.user);
    ground.app.root().patch(&user, json!({ "status": "suspended" })).expect(200).await;
    refused(&ground.refresh(refresh).await, 400, "invalid_grant");
    ground.app.root().patch(&user, json!({ "status": "active" })).expect(200).await;
    assert_eq!(ground.refresh(refresh).await.status.as_u16(), 200, "the same token still is the current one");
}

/// security.md, rows 10 and 11
#[tokio::test]
async fn a_redirect_uri_is_the_registered_one_byte_for_byte() {
    let registered = "https://a.example.com/cb";
    let ground = Signed::with(json!({ "settings": { "scopes": ["openid", "email"], "openid": {
        "redirect_uris": [registered] } } }))
    .await;
    let browser = ground.browser();
    let lookalikes = [
        "https://aXexample.com/cb",
        "https://A.example.com/cb",
        "HTTPS://a.example.com/cb",
        "https://a.example.com./cb",
        "https://a.example.com:443/cb",
        "https://a.example.com:8443/cb",
        "https://a.example.com/CB",
        "https://a.example.com/cb/",
        "https://a.example.com%2Fcb",
        "https://a.example.com/%63b",
        "https://a.example.com/x/../cb",
        "https://a.example.com//cb",
        "https://a.example.com/cb?",
        "https://a.example.com/cb#",
        "https://a.example.com/cb?next=https://evil.example",
        "https://user@a.example.com/cb",
        "https://a.example.com@evil.example/cb",
        "https://a.example.com\\@evil.example/cb",
        "https://evil.example/?https://a.example.com/cb",
        "http://a.example.com/cb",
        " https://a.example.com/cb",
        "https://a.example.com/cb ",
        "https://a.example.com/cb\u{200b}",
        "https:/a.example.com/cb",
        "//a.example.com/cb",
        "javascript:alert(1)//https://a.example.com/cb",
    ];
    for uri in lookalikes {
        let reply = ground.get(&browser, &[("redirect_uri", uri)]).await;
        assert_eq!((reply.status.as_u16(), location(&reply)), (400, ""), "{uri}");
    }
    let reply = ground.get(&browser, &[("redirect_uri", registered)]).await;
    assert!(location(&reply).contains("/login?flow="), "{reply}");
}

/// security.md, row 33
#[tokio::test]
async fn every_cut_and_every_change_of_a_token_is_seen() {
    let ground = Ground::new().await;
    let tokens = ground.tokens(&["openid"]).await;
    let access = text(&tokens, "access_token");
    assert_eq!(ground.userinfo(access).await.status.as_u16(), 200);
    let length = access.len();
    let cuts = (1..length).step_by(41).chain(length - 4..length).map(|end| access[..end].to_owned());
    let heads = [1, 2, 40].into_iter().map(|start| access[start..].to_owned());
    let tails = ["A", "=", ".", "AA", " "].into_iter().map(|more| format!("{access}{more}x"));
    for other in cuts.chain(heads).chain(tails) {
        refused(&ground.userinfo(&other).await, 401, "invalid_token");
        let introspected = ground.introspect(&other).await;
        assert_eq!(introspected, json!({ "active": false }), "{other}");
    }
    // Each part with one bit of its first and of its last byte changed; the last character of a base64url text has
    // unused bits, which must be zero.
    let parts: Vec<_> = access.split('.').collect();
    for (index, part) in parts.iter().enumerate() {
        let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
        for at in [0, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let mut all = parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
            all[index] = URL_SAFE_NO_PAD.encode(changed);
            refused(&ground.userinfo(&all.join(".")).await, 401, "invalid_token");
        }
    }
    let refresh = text(&tokens, "refresh_token");
    refused(&ground.refresh(&refresh[..refresh.len() - 1]).await, 400, "invalid_grant");
    assert_eq!(ground.refresh(refresh).await.status.as_u16(), 200, "none of it ended the session");
}

/// security.md, row 34
#[tokio::test]
async fn a_parameter_that_stands_twice_is_refused_wherever_it_stands() {
    let ground = Ground::new().await;
    let client = [("client_id", ground.client.as_str()), ("client_secret", ground.secret.as_str())];
    let of_token = [
        "grant_type",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "code",
        "redirect_uri",
        "code_verifier",
        "refresh_token",
        "scope",
        "org",
        "subject_token",
        "subject_token_type",
        "actor_token",
        "actor_token_type",
        "requested_token_type",
    ];
    let endpoints: [(&str, &[&str]); 3] = [
        ("token", &of_token),
        ("introspect", &["token", "token_type_hint", "client_id", "client_secret"]),
        ("revoke", &["token", "token_type_hint", "client_id", "client_secret"]),
    ];
    for (endpoint, names) in endpoints {
        for name in names {
            let base = [client[0], client[1], ("grant_type", "client_credentials"), ("token", "x")];
            let mut all: Vec<_> = base.into_iter().filter(|(known, _)| known != name).collect();
            all.extend([(*name, "same"), (*name, "same")]);
            let reply = ground.post(endpoint, &all).await;
            assert_eq!(
                (reply.status.as_u16(), &reply.body["error"]),
                (400, &json!("invalid_request")),
                "{endpoint} {name}"
            );
        }
    }
    let signed = Signed::new().await;
    let browser = signed.browser();
    let of_authorize = [
        "response_type",
        "response_mode",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "prompt",
        "max_age",
        "acr_values",
        "claims",
        "org",
        "login_hint",
        "id_token_hint",
        "ui_locales",
    ];
    for name in of_authorize {
        let path = format!("/authorize?{}&{name}=x&{name}=x", signed.query(&[(name, "")]));
        let reply = browser.send(browser.call(Method::GET, &path)).await;
        let told = location(&reply).starts_with(CALLBACK) && location(&reply).contains("error=invalid_request");
        assert!(told, "{name}: {reply}");
    }
    for name in ["client_id", "redirect_uri"] {
        let path = format!("/authorize?{}&{name}=x", signed.query(&[]));
        let reply = browser.send(browser.call(Method::GET, &path)).await;
        assert_eq!((reply.status.as_u16(), location(&reply)), (400, ""), "{name}");
    }
    for name in ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"] {
        let reply = browser.send(browser.call(Method::GET, &format!("/logout?{name}=x&{name}=x"))).await;
        assert_eq!((reply.status.as_u16(), location(&reply)), (400, ""), "{name}");
    }
}

/// security.md, row 43
#[tokio::test]
async fn a_malformed_cookie_signs_nobody_in_and_breaks_nothing() {
    let ground = Signed::new().await;
    let browser = ground.browser();
    ground.authorized(&browser).await;
    let (op, state) = (browser.cookie("op").unwrap(), browser.cookie("opbs").unwrap());
    let silent = ground.get(&browser, &[("prompt", "none")]).await;
    assert!(super::authorize::answered(&silent).contains_key("code"));
    let parts: Vec<_> = op.split('.').collect();
    let mut bad = vec![
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        op[..op.len() - 1].to_owned(),
        format!("{op}x"),
        format!("x{op}"),
        format!("\"{op}\""),
        op.replace('.', ""),
        op.to_uppercase(),
        "%".to_owned(),
        "=".repeat(300),
        "x".repeat(3_000),
        format!("{op},{op}"),
        state,
    ];
    for missing in 0..parts.len() {
        let rest = parts.iter().enumerate().filter(|(index, _)| *index != missing).map(|(_, part)| *part);
        bad.push(rest.collect::<Vec<_>>().join("."));
    }
    for value in bad {
        browser.set_cookie("op", Some(value.clone()));
        let reply = ground.get(&browser, &[("prompt", "none")]).await;
        super::authorize::client_is_told(&reply, "login_required");
    }
    let name = format!("op.{}", ground.id());
    for header in [format!("{name}; {name}"), format!("{name}={op}; {name}=x"), format!(";;={name}={op}")] {
        let query = ground.query(&[("prompt", "none")]);
        let call = ground.app.anonymous().get(&format!("/{}/authorize?{query}", ground.id())).header("cookie", &header);
        let reply = call.send().await;
        assert!(reply.status.as_u16() < 500, "{header}: {reply}");
        assert!(!location(&reply).contains("code="), "{header}: {reply}");
    }
}
