//! An application that sends people to sign in, and what it gets.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::json;
use tests::{Browser, Reply};

use super::{Ground, OTHER, PASSWORD, totp};

/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// RFC 7636 appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "https://app.example.com/cb";

/// A client of the issuer, confidential.
pub(super) struct Application<'g> {
    ground: &'g Ground,
    id: String,
    secret: String,
}

impl<'g> Application<'g> {
    /// `internal` ones ask for no consent, `external` ones do.
    pub(super) async fn new(ground: &'g Ground, kind: &str) -> Self {
        let scopes = ["openid", "email", "offline_access"];
        let settings = json!({ "scopes": scopes, "openid": { "redirect_uris": [CALLBACK] } });
        let body = json!({ "name": "App", "type": kind, "confidential": true, "settings": settings });
        let made = ground.app.root().post(&format!("{}/clients", ground.issuer), body).expect(201).await;
        Self { ground, id: made.id(), secret: made.text("secret") }
    }

    /// Sends the browser to the issuer.
    pub(super) async fn ask(&self, browser: &Browser<'_>, more: &[(&str, &str)]) -> Reply {
        let mut all = BTreeMap::from([
            ("client_id", self.id.as_str()),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid email offline_access"),
            ("state", "st"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        all.extend(more.iter().copied());
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
        browser.send(browser.call(Method::GET, &format!("/authorize?{query}"))).await
    }

    /// Tokens for a code.
    pub(super) async fn redeem(&self, code: &str) -> Reply {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ])
        .await
    }

    pub(super) async fn refresh(&self, token: &str) -> Reply {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    async fn token(&self, parameters: &[(&str, &str)]) -> Reply {
        let client = [("client_id", self.id.as_str()), ("client_secret", self.secret.as_str())];
        let all: Vec<_> = client.into_iter().chain(parameters.iter().copied()).collect();
        let path = format!("/{}/token", self.ground.issuer.rsplit('/').next().unwrap());
        self.ground.app.anonymous().call(Method::POST, &path).form(&all).send().await
    }
}

/// The login that a reply leads to; none when it leads back to the application.
pub(super) fn login_of(reply: &Reply) -> Option<String> {
    assert_eq!(reply.status.as_u16(), 302, "{reply}");
    let to = url::Url::parse(reply.header("location")).unwrap();
    to.path().ends_with("/login").then(|| to.query_pairs().find(|(name, _)| name == "flow").unwrap().1.into_owned())
}

/// What the application is told.
pub(super) fn answer_of(reply: &Reply) -> BTreeMap<String, String> {
    assert!(login_of(reply).is_none(), "{}", reply.header("location"));
    let to = url::Url::parse(reply.header("location")).unwrap();
    to.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

pub(super) async fn go_on(browser: &Browser<'_>, flow: &str) -> Reply {
    browser.send(browser.call(Method::GET, &format!("/authorize?flow={flow}"))).await
}

#[tokio::test]
async fn a_password_alone_is_no_login_wherever_one_asks() {
    let ground = Ground::new().await;
    let secret = ground.enrolled().await;
    let application = Application::new(&ground, "internal").await;
    let browser = ground.browser();
    let flow = login_of(&application.ask(&browser, &[]).await).unwrap();
    let page = browser.page(&flow).await;
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "mfa");
    assert_eq!((browser.cookie("op"), browser.cookie("opbs"), browser.cookie("td")), (None, None, None));
    let silent = answer_of(&application.ask(&browser, &[("prompt", "none")]).await);
    assert_eq!(silent["error"], "login_required");
    let early = go_on(&browser, &flow).await;
    assert_ne!(early.status.as_u16(), 302, "the login is not at its end: {early}");
    assert_eq!(ground.sessions().await.len(), 0);
    let code = totp(&secret, ground.app.now());
    assert_eq!(page.step("mfa", json!({ "type": "totp_app", "code": code })).await, "done");
    assert!(answer_of(&go_on(&browser, &flow).await).contains_key("code"));
}

#[tokio::test]
async fn every_proof_gives_the_session_another_secret_and_the_old_one_is_dead() {
    let ground = Ground::new().await;
    let secret = ground.enrolled().await;
    let application = Application::new(&ground, "internal").await;
    let browser = ground.browser();
    // What somebody planted before the login is worth nothing after it.
    browser.set_cookie("op", Some("s_0000000000000000000000000.planted.planted".to_owned()));
    let planted = browser.cookie("op").unwrap();
    let page = browser.login().await;
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "mfa");
    let code = totp(&secret, ground.app.now());
    page.step("mfa", json!({ "type": "totp_app", "code": code })).await;
    let first = browser.cookie("op").unwrap();
    ground.app.advance(std::time::Duration::from_mins(1));
    let page = browser.login().await;
    page.password("ada@example.com", PASSWORD).await;
    let code = totp(&secret, ground.app.now());
    assert_eq!(page.step("mfa", json!({ "type": "totp_app", "code": code })).await, "done");
    let second = browser.cookie("op").unwrap();
    for (cookie, lives) in [(planted, false), (first, false), (second, true)] {
        let thief = ground.browser();
        thief.set_cookie("op", Some(cookie));
        let told = answer_of(&application.ask(&thief, &[("prompt", "none")]).await);
        assert_eq!(told.contains_key("code"), lives, "{told:?}");
    }
}

#[tokio::test]
async fn two_mails_to_one_mailbox_are_one_factor() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    page.step("password-reset", json!({})).await;
    let link = ground.link().await;
    let token = link.split("token=").nth(1).unwrap();
    page.step("password-reset/complete", json!({ "token": token, "password": OTHER })).await;
    ground.mails().await;
    page.step("email-code", json!({})).await;
    let code = ground.code().await;
    assert_eq!(page.step("email-code/verify", json!({ "code": code })).await, "done");
    let proven = ground.sessions().await[0]["authentication"].clone();
    assert_eq!((&proven["acr"], &proven["mfa"]), (&json!("aal1"), &json!(false)));
}

#[tokio::test]
async fn a_password_that_was_replaced_meanwhile_opens_nothing() {
    let ground = Ground::new().await;
    let secret = ground.enrolled().await;
    let thief = ground.browser();
    let page = thief.login().await;
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "mfa");
    let verifiers = format!("{}/users/{}/verifiers", ground.issuer, ground.user);
    ground.app.root().post(&verifiers, json!({ "type": "password", "password": OTHER })).expect(201).await;
    let code = totp(&secret, ground.app.now());
    assert_eq!(page.step("mfa", json!({ "type": "totp_app", "code": code })).await, "invalid_credentials");
    assert_eq!((thief.cookie("op"), ground.sessions().await.len()), (None, 0));
}

#[tokio::test]
async fn no_header_of_a_stranger_shapes_what_a_page_a_token_or_a_mail_says_of_us() {
    let ground = Ground::new().await;
    let application = Application::new(&ground, "internal").await;
    let browser = ground.browser();
    let poisoned = |call: tests::caller::Call| {
        let call = call.header("x-forwarded-host", "evil.example").header("x-forwarded-proto", "https");
        call.header("forwarded", "host=evil.example").header("x-forwarded-prefix", "/evil")
    };
    let page = browser.begin(super::request(authpi_core::login::model::Wants::default())).await;
    let html = browser.send(poisoned(browser.call(Method::GET, &format!("/login?flow={}", page.id)))).await;
    assert!(!String::from_utf8_lossy(&html.bytes).contains("evil"), "{html}");
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    for step in ["magic-link", "password-reset"] {
        browser.send(poisoned(page.call(step, json!({})))).await;
        assert!(!ground.link().await.contains("evil"), "{step}");
    }
    let done = browser.send(poisoned(page.call("password", json!({ "password": PASSWORD })))).await;
    assert!(done.body["redirect_to"].as_str().unwrap().starts_with(&ground.app.base), "{done}");
    let code = answer_of(&application.ask(&browser, &[]).await)["code"].clone();
    let tokens = application.redeem(&code).await;
    let claims = tokens.body["id_token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert!(claims["iss"].as_str().unwrap().starts_with(&ground.app.base), "{claims}");
}

#[tokio::test]
async fn cookies_of_many_issuers_do_not_keep_anybody_out() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done");
    // As many as a client reads lines of a header.
    let others: Vec<_> = (0..80).map(|_| authpi_core::store::contract::mint::<authpi_core::id::IssuerId>()).collect();
    let flood: Vec<_> = others.iter().map(|issuer| format!("op.{issuer}={}", "x".repeat(260))).collect();
    let flooded = browser.call(Method::GET, "/login?flow=x").header("cookie", &flood.join("; "));
    let refused = browser.send(flooded).await;
    assert_eq!(refused.status, 431);
    let expired: Vec<_> = refused.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    for issuer in &others {
        let gone = |line: &&str| line.starts_with(&format!("op.{issuer}=;")) && line.contains("Max-Age=0");
        assert!(expired.iter().any(gone), "{issuer}");
    }
    assert_eq!((browser.cookie("op"), browser.cookie("flow")), (None, None), "its own are gone with the rest");
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done", "and it recovers");
    // The flow cookie is one for all issuers: as many as were visited, it is one cookie.
    let visited = ground.app.issuer().await;
    let there = ground.app.browser(&visited);
    there.set_cookie("flow", browser.cookie("flow"));
    there.login().await;
    assert_eq!(there.cookie("flow"), browser.cookie("flow"));
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_takes_the_trust_in_browsers_back() {
    let ground = Ground::new().await;
    let secret = ground.enrolled().await;
    let application = Application::new(&ground, "internal").await;
    let browser = ground.browser();
    let flow = login_of(&application.ask(&browser, &[]).await).unwrap();
    let page = browser.page(&flow).await;
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "mfa");
    let body = json!({ "type": "totp_app", "code": totp(&secret, ground.app.now()), "trust_device": true });
    assert_eq!(page.step("mfa", body).await, "done");
    let code = answer_of(&go_on(&browser, &flow).await)["code"].clone();
    let first = application.redeem(&code).await.body["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done", "trusted");
    assert_eq!(application.refresh(&first).await.status, 200);

    let before = ground.event_count().await;
    let again = application.refresh(&first).await;
    assert_eq!((again.status.as_u16(), &again.body["error"]), (400, &json!("invalid_grant")), "{again}");
    let told = ground.events_after(before).await;
    assert_eq!((&*told[0], &**told.last().unwrap()), ("session.compromised", "user.device.revoked"), "{told:?}");
    let devices = format!("{}/users/{}/trusted-devices", ground.issuer, ground.user);
    assert_eq!(ground.app.root().get(&devices).expect(200).await.data(), &json!([]));
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "mfa");

    // A token of a session that has ended already shows nothing new.
    let page = browser.login().await;
    assert_eq!(page.password("ada@example.com", PASSWORD).await, "mfa");
    ground.app.advance(std::time::Duration::from_mins(1));
    let body = json!({ "type": "totp_app", "code": totp(&secret, ground.app.now()), "trust_device": true });
    assert_eq!(page.step("mfa", body).await, "done");
    assert_eq!(application.refresh(&first).await.status, 400);
    assert_eq!(browser.login().await.password("ada@example.com", PASSWORD).await, "done", "still trusted");
}

#[tokio::test]
async fn where_the_login_is_off_nobody_signs_in_and_whoever_has_goes_on() {
    let ground = Ground::new().await;
    let application = Application::new(&ground, "internal").await;
    let browser = ground.browser();
    let flow = login_of(&application.ask(&browser, &[]).await).unwrap();
    assert_eq!(browser.page(&flow).await.password("ada@example.com", PASSWORD).await, "done");
    let late = ground.browser();
    let open = login_of(&application.ask(&late, &[]).await).unwrap();
    let open = late.page(&open).await;
    let off = json!({ "settings": { "portals": { "login": { "enabled": false } } } });
    ground.app.root().patch(&ground.issuer, off).expect(200).await;
    ground.app.advance(std::time::Duration::from_secs(2));

    assert!(answer_of(&application.ask(&browser, &[]).await).contains_key("code"), "a session goes on");
    let stranger = ground.browser();
    let flow = login_of(&application.ask(&stranger, &[]).await).unwrap();
    let state = stranger.page(&flow).await.state().await;
    assert_eq!((&state["step"], &state["signup"]), (&json!("done"), &json!(false)), "{state}");
    let turned = stranger.send(stranger.call(Method::GET, &format!("/login?flow={flow}"))).await;
    let to = turned.header("location").to_owned();
    assert!(turned.status == 303 && to.ends_with(&format!("/authorize?flow={flow}")), "{turned}");
    let told = answer_of(&go_on(&stranger, &flow).await);
    assert_eq!((&*told["error"], &*told["error_description"]), ("access_denied", "Nobody can sign in here."));
    // A login that was under way ends at the gate.
    open.step("identify", json!({ "identifier": "ada@example.com" })).await;
    let refused = open.post("password", json!({ "password": PASSWORD })).await;
    assert_eq!((refused.status.as_u16(), &refused.body["error"]), (403, &json!("access_denied")), "{refused}");
    assert_eq!(late.cookie("op"), None);
}

#[tokio::test]
async fn without_an_application_a_page_says_that_the_login_is_off() {
    let ground = Ground::new().await;
    let off = json!({ "settings": { "portals": { "login": { "enabled": false } } } });
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    page.step("password-reset", json!({})).await;
    let link = ground.link().await;
    ground.app.root().patch(&ground.issuer, off).expect(200).await;
    ground.app.advance(std::time::Duration::from_secs(2));
    let phone = ground.browser();
    let shown = phone.send(phone.call(Method::GET, &link)).await;
    let html = String::from_utf8_lossy(&shown.bytes).into_owned();
    assert_eq!((shown.status.as_u16(), html.contains("Sign-in is closed")), (403, true), "{html}");
}
