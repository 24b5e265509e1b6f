//! The end of sessions at the request of a client, in the browser (idp §17).

use std::time::Duration;

use authpi_core::oauth::model::{CodeBinding, CodeChallenge, GrantBinding, Resources};
use http::Method;
use serde_json::json;
use tests::sessions::Authorization;
use tests::{Browser, Reply};

use super::authorize::Ground;
use super::{location, refused, text};

const BACK: &str = "https://app.example.com/bye?x=%20y";
const FRAME: &str = "https://app.example.com/gone";

/// A client that is told in the browser, and may have it back.
async fn ground() -> Ground {
    Ground::with(json!({ "settings": { "scopes": ["openid", "email"], "openid": {
        "redirect_uris": [super::CALLBACK], "post_logout_redirect_uris": [BACK] } } }))
    .await
}

async fn framing() -> Ground {
    Ground::with(json!({ "settings": { "scopes": ["openid", "email"], "openid": {
        "redirect_uris": [super::CALLBACK], "post_logout_redirect_uris": [BACK], "frontchannel_logout_uri": FRAME } } }))
    .await
}

/// Signs in, and exchanges the code.
async fn signed_in(ground: &Ground, browser: &Browser<'_>) -> Reply {
    let found = ground.authorized(browser).await;
    ground.exchange(&found["code"]).await
}

/// The same for somebody who has agreed before.
async fn signed_in_again(ground: &Ground, browser: &Browser<'_>) -> Reply {
    let reply = ground.get(browser, &[]).await;
    let found = super::authorize::answered(&ground.sign_in(browser, &reply).await);
    ground.exchange(&found["code"]).await
}

async fn log_out(browser: &Browser<'_>, parameters: &[(&str, &str)]) -> Reply {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    browser.send(browser.call(Method::GET, &format!("/logout?{query}"))).await
}

/// Status of each session of the user, those at the issuer first.
async fn sessions(ground: &Ground) -> Vec<(String, String)> {
    let path = format!("{}/users/{}/sessions", ground.issuer, ground.user);
    let list = ground.app.root().get(&path).expect(200).await;
    let word = |session: &serde_json::Value, name: &str| session[name].as_str().unwrap().to_owned();
    let all = list.data().as_array().unwrap();
    let mut found: Vec<_> = all.iter().map(|session| (word(session, "type"), word(session, "status"))).collect();
    found.sort_unstable();
    found
}

fn pairs(found: &[(&str, &str)]) -> Vec<(String, String)> {
    found.iter().map(|(kind, status)| ((*kind).to_owned(), (*status).to_owned())).collect()
}

/// The page in a reply, with its texts as they were before they were escaped.
fn page(reply: &Reply) -> String {
    let page = String::from_utf8_lossy(&reply.bytes).into_owned();
    ["&#x2f;/", "&#x3d;=", "&#x27;'", "&amp;&"].into_iter().fold(page, |page, pair| {
        let (escaped, plain) = pair.split_at(pair.len() - 1);
        page.replace(escaped, plain)
    })
}

/// What stands in a page from there to the end of the attribute.
fn attribute(page_of: &Reply, before: &str) -> String {
    let page = page(page_of);
    let rest = page.split_once(before).unwrap_or_else(|| panic!("no {before} in {page}")).1;
    rest.split_once('"').unwrap().0.to_owned()
}

/// Where the page that asks sends its answer.
fn answer_path(question: &Reply) -> String {
    let action = attribute(question, "<form method=\"post\" action=\"");
    format!("/logout{}", action.split_once("/logout").unwrap().1)
}

/// What the page that asks would send, with the yes.
async fn confirm(browser: &Browser<'_>, question: &Reply) -> Reply {
    let ticket = attribute(question, "name=\"ticket\" value=\"");
    let call = browser.call(Method::POST, &answer_path(question));
    browser.send(call.form(&[("ticket", &ticket), ("confirm", "true")])).await
}

/// security.md, row 52
#[tokio::test]
async fn after_a_logout_every_token_of_the_session_is_worth_nothing() {
    let ground = ground().await;
    let browser = ground.browser();
    let tokens = signed_in(&ground, &browser).await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let hint = text(&tokens, "id_token");
    let asked = [("id_token_hint", hint), ("post_logout_redirect_uri", BACK), ("state", "a b&c")];
    let reply = log_out(&browser, &asked).await;
    assert_eq!((reply.status.as_u16(), location(&reply)), (302, &*format!("{BACK}&state=a+b%26c")), "{reply}");
    assert_eq!(sessions(&ground).await, pairs(&[("op", "revoked"), ("rp", "revoked")]));
    assert_eq!((browser.cookie("op"), browser.cookie("opbs")), (None, None));
    let path = |endpoint: &str| format!("/{}/{endpoint}", ground.id());
    refused(&ground.app.with_bearer(access).get(&path("userinfo")).send().await, 401, "session_expired");
    let client = [("client_id", ground.client.as_str()), ("client_secret", ground.secret.as_str())];
    for token in [access, refresh] {
        let form = [client[0], client[1], ("token", token)];
        let known = ground.app.anonymous().call(Method::POST, &path("introspect")).form(&form).expect(200).await;
        assert_eq!(known.body, json!({ "active": false }));
    }
    let form = [client[0], client[1], ("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let reply = ground.app.anonymous().call(Method::POST, &path("token")).form(&form).send().await;
    refused(&reply, 400, "invalid_grant");
    let events = ground.app.events("event_types=session.terminated").await;
    let mut causes: Vec<_> = events.iter().map(|event| event["data"]["cause"].as_str().unwrap()).collect();
    causes.sort_unstable();
    assert_eq!(causes, ["logout", "parent"]);
    let silent = ground.get(&browser, &[("prompt", "none")]).await;
    super::authorize::client_is_told(&silent, "login_required");
}

/// security.md, row 57
#[tokio::test]
async fn an_id_token_ends_no_other_browsers_sign_on() {
    let ground = ground().await;
    let (browser, other) = (ground.browser(), ground.browser());
    let hint = text(&signed_in(&ground, &browser).await, "id_token").to_owned();
    // A browser that is signed in with another session is asked, and nothing has ended before it answers.
    let reply = ground.get(&other, &[]).await;
    super::authorize::answered(&ground.sign_in(&other, &reply).await);
    let asked = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BACK)];
    let question = log_out(&other, &asked).await;
    assert_eq!(question.status.as_u16(), 200, "{question}");
    assert!(location(&question).is_empty() && page(&question).contains("ticket"));
    let live = sessions(&ground).await;
    assert_eq!(live.iter().filter(|(kind, status)| kind == "op" && status == "active").count(), 2);
    // A ticket of nobody changes nothing.
    let forged = other.call(Method::POST, "/logout").form(&[("ticket", "x"), ("confirm", "true")]);
    assert_eq!(other.send(forged).await.status.as_u16(), 400);
    assert_eq!(sessions(&ground).await, live);
    // Nobody's browser ends that client's session, and its alone.
    let stranger = ground.browser();
    let reply = log_out(&stranger, &asked).await;
    assert_eq!((reply.status.as_u16(), location(&reply)), (302, BACK), "{reply}");
    let left = sessions(&ground).await;
    assert_eq!(left.iter().filter(|(kind, status)| kind == "op" && status == "active").count(), 2, "{left:?}");
    assert_eq!(left.iter().filter(|(kind, status)| kind == "rp" && status == "revoked").count(), 1, "{left:?}");
    // With the yes of the person that browser's own sign-on ends.
    let reply = confirm(&other, &log_out(&other, &asked).await).await;
    assert_eq!((reply.status.as_u16(), location(&reply)), (303, BACK), "{reply}");
    let left = sessions(&ground).await;
    assert_eq!(left.iter().filter(|(kind, status)| kind == "op" && status == "active").count(), 1, "{left:?}");
    let silent = ground.get(&browser, &[("prompt", "none")]).await;
    assert!(super::authorize::answered(&silent).contains_key("code"), "the first browser is still signed in");
}

#[tokio::test]
async fn without_a_good_hint_the_person_is_asked_and_goes_nowhere_else() {
    let ground = ground().await;
    let browser = ground.browser();
    let tokens = signed_in(&ground, &browser).await;
    for (hint, status) in [("", 200), ("x.y.z", 400), (text(&tokens, "access_token"), 400)] {
        let asked = [("id_token_hint", hint), ("post_logout_redirect_uri", BACK)];
        let reply = log_out(&browser, &asked).await;
        assert_eq!((reply.status.as_u16(), location(&reply)), (status, ""), "{reply}");
        assert!(page(&reply).contains("ticket"), "it offers the question");
    }
    let other = json!({ "name": "o", "confidential": true, "settings": {} });
    let other = ground.app.root().post(&format!("{}/clients", ground.issuer), other).expect(201).await.id();
    let named = [("id_token_hint", text(&tokens, "id_token")), ("client_id", &*other)];
    assert_eq!(log_out(&browser, &named).await.status.as_u16(), 400, "another client's");
    assert_eq!(sessions(&ground).await, pairs(&[("op", "active"), ("rp", "active")]));
    let reply = confirm(&browser, &log_out(&browser, &[("post_logout_redirect_uri", BACK)]).await).await;
    assert_eq!((reply.status.as_u16(), location(&reply)), (200, ""), "{reply}");
    assert_eq!(sessions(&ground).await, pairs(&[("op", "revoked"), ("rp", "revoked")]));
    assert_eq!(log_out(&browser, &[]).await.status.as_u16(), 200, "signed out");
    let program = ground.app.anonymous().get(&format!("/{}/logout", ground.id()));
    refused(&program.header("accept", "application/json").send().await, 400, "invalid_request");
}

#[tokio::test]
async fn the_question_waits_for_a_quarter_of_an_hour_and_a_form_for_its_get_a_minute() {
    let ground = ground().await;
    let browser = ground.browser();
    let hint = text(&signed_in(&ground, &browser).await, "id_token").to_owned();
    let question = log_out(&browser, &[("post_logout_redirect_uri", BACK)]).await;
    ground.app.advance(Duration::from_mins(1));
    let form = [("id_token_hint", hint.as_str())];
    let turned = browser.call(Method::POST, "/logout").header("origin", "https://app.example.com").form(&form);
    let path = location(&turned.send().await).strip_prefix(&ground.url()).unwrap().to_owned();
    ground.app.advance(Duration::from_mins(1));
    for late in [path, answer_path(&question)] {
        let reply = browser.send(browser.call(Method::GET, &late).header("accept", "application/json")).await;
        refused(&reply, 400, "invalid_request");
    }
    ground.app.advance(Duration::from_mins(12));
    let late = log_out(&browser, &[]).await;
    let reply = confirm(&browser, &question).await;
    assert_eq!((reply.status.as_u16(), location(&reply)), (200, ""), "{reply}");
    assert_eq!(sessions(&ground).await, pairs(&[("op", "revoked"), ("rp", "revoked")]));
    let again = confirm(&browser, &late).await;
    assert_eq!((again.status.as_u16(), location(&again)), (400, ""), "its session has ended: {again}");
}

#[tokio::test]
async fn the_clients_of_the_session_are_told_in_the_browser_wherever_it_goes_then() {
    let ground = framing().await;
    let browser = ground.browser();
    let tokens = signed_in(&ground, &browser).await;
    let sid = super::claims(text(&tokens, "id_token"))["sid"].as_str().unwrap().to_owned();
    let frame = |reply: &Reply| {
        let shown = page(reply);
        shown.contains(&format!("{FRAME}?iss=")) && shown.contains(&format!("&sid={sid}"))
    };
    let hint = text(&tokens, "id_token");
    let reply =
        log_out(&browser, &[("id_token_hint", hint), ("post_logout_redirect_uri", "https://evil.example/")]).await;
    assert_eq!((reply.status.as_u16(), location(&reply)), (400, ""), "{reply}");
    assert!(frame(&reply), "also where it cannot be led back: {reply}");
    assert!(reply.header("content-security-policy").contains("frame-src https://app.example.com"), "{reply}");
    let shown = page(&reply);
    assert!(!shown.contains("evil.example"));
    // And it is told why.
    for told in
        ["an address to return to that it has not registered", "invalid_request", "post_logout_redirect_uri is not"]
    {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    assert!(shown.contains(reply.header("x-request-id")) && !shown.contains("id=\"next\""), "{shown}");
    assert_eq!(sessions(&ground).await, pairs(&[("op", "revoked"), ("rp", "revoked")]));
}

/// D100
#[tokio::test]
async fn the_parameters_of_a_post_stand_in_its_form_or_in_its_query() {
    let ground = ground().await;
    let browser = ground.browser();
    let hint = text(&signed_in(&ground, &browser).await, "id_token").to_owned();
    let encoded = |parameters: &[(&str, &str)]| {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
    };
    let posted = async |query: &str, form: Option<&str>| {
        let call = browser.call(Method::POST, &format!("/logout?{query}")).header("origin", "https://app.example.com");
        let call = match form {
            Some(form) => call.body("application/x-www-form-urlencoded", form),
            None => call,
        };
        let turned = call.send().await;
        assert_eq!(turned.status.as_u16(), 303, "{turned}");
        let path = location(&turned).strip_prefix(&ground.url()).unwrap().to_owned();
        assert!(!path.contains("id_token_hint") && !path.contains(&hint), "{path}");
        browser.send(browser.call(Method::GET, &path)).await
    };
    let (hinted, back) = (encoded(&[("id_token_hint", &hint)]), encoded(&[("post_logout_redirect_uri", BACK)]));
    let twice = posted(&hinted, Some(&hinted)).await;
    assert_eq!((twice.status.as_u16(), location(&twice)), (400, ""), "in both it is repeated: {twice}");
    assert_eq!(sessions(&ground).await, pairs(&[("op", "active"), ("rp", "active")]));
    let parted = posted(&back, Some(&hinted)).await;
    assert_eq!((parted.status.as_u16(), location(&parted)), (302, BACK), "{parted}");
    assert_eq!(sessions(&ground).await, pairs(&[("op", "revoked"), ("rp", "revoked")]));
    let hint = text(&signed_in_again(&ground, &browser).await, "id_token").to_owned();
    let all = encoded(&[("id_token_hint", &hint), ("post_logout_redirect_uri", BACK), ("state", "1")]);
    let reply = posted(&all, None).await;
    assert_eq!((reply.status.as_u16(), location(&reply)), (302, &*format!("{BACK}&state=1")), "{reply}");
}

#[tokio::test]
async fn a_frame_names_the_issuer_as_its_client_knows_it() {
    let ground = framing().await;
    let browser = ground.browser();
    let tokens = signed_in(&ground, &browser).await;
    let path = format!("{}/users/{}/sessions", ground.issuer, ground.user);
    let list = ground.app.root().get(&path).expect(200).await;
    let op = list.data().as_array().unwrap().iter().find(|session| session["type"] == "op").unwrap()["id"].clone();
    ground.app.serve_at("login.example.com", Some(&ground.issuer)).await;
    for iss in ["https://login.example.com", "https://given-up.example.com"] {
        let grant = GrantBinding {
            iss: iss.to_owned(),
            scopes: vec!["openid".to_owned()],
            resources: Resources::default(),
            claims: None,
        };
        let code = CodeBinding {
            redirect_uri: super::CALLBACK.to_owned(),
            challenge: CodeChallenge::parse(Some(super::CHALLENGE), Some("S256")).unwrap(),
            nonce: None,
            resources: Resources::default(),
        };
        let (op, client) = (op.as_str().unwrap().parse().unwrap(), ground.client.parse().unwrap());
        let authorization = Authorization { op, client, org: None, grant, code };
        ground.app.authorization_code(&ground.issuer, authorization).await;
    }
    let reply = log_out(&browser, &[("id_token_hint", text(&tokens, "id_token"))]).await;
    let shown = page(&reply);
    let encoded = |iss: &str| url::form_urlencoded::byte_serialize(iss.as_bytes()).collect::<String>();
    let frames = |iss: &str| shown.matches(&format!("{FRAME}?iss={}&", encoded(iss))).count();
    assert_eq!((frames("https://login.example.com"), frames(&ground.url())), (1, 2), "{shown}");
    assert!(!shown.contains("given-up"), "a name that it does not go by any more: {shown}");
}

#[tokio::test]
async fn a_session_that_is_frozen_is_ended_all_the_same() {
    let ground = ground().await;
    let browser = ground.browser();
    let tokens = signed_in(&ground, &browser).await;
    let path = format!("{}/users/{}/sessions", ground.issuer, ground.user);
    let list = ground.app.root().get(&path).expect(200).await;
    let op = list.data().as_array().unwrap().iter().find(|session| session["type"] == "op").unwrap()["id"].clone();
    let op = format!("{}/sessions/{}", ground.issuer, op.as_str().unwrap());
    ground.app.root().act(&format!("{op}/suspend")).expect(200).await;
    assert_eq!(sessions(&ground).await, pairs(&[("op", "suspended"), ("rp", "suspended")]));
    let reply = log_out(&browser, &[("id_token_hint", text(&tokens, "id_token"))]).await;
    assert_eq!(reply.status.as_u16(), 200, "{reply}");
    assert_eq!(sessions(&ground).await, pairs(&[("op", "revoked"), ("rp", "revoked")]));
    ground.app.root().act(&format!("{op}/reactivate")).expect(409).await;
}
