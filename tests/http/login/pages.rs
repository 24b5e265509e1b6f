//! The same steps as pages with plain forms.

use http::Method;
use serde_json::json;
use tests::{Browser, Page, Reply};

use super::{Ground, OTHER, PASSWORD, request};
use authpi_core::login::model::Wants;

/// Sends the form of a step, as a browser does under `no-referrer`.
async fn submit(page: &Page<'_, '_>, step: &str, fields: &[(&str, &str)]) -> Reply {
    let mut all = vec![("ticket", page.ticket.as_str())];
    all.extend_from_slice(fields);
    let call = page.browser.call(Method::POST, &format!("/flows/{}/{step}", page.id));
    page.browser.send(call.header("origin", "null").header("sec-fetch-site", "same-origin").form(&all)).await
}

async fn shown(browser: &Browser<'_>, path: &str) -> String {
    let reply = browser.send(browser.call(Method::GET, path)).await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "text/html; charset=utf-8"), "{reply}");
    String::from_utf8(reply.bytes).unwrap().replace("&#x2f;", "/")
}

fn location(reply: &Reply) -> &str {
    assert_eq!(reply.status.as_u16(), 303, "{reply}");
    reply.header("location")
}

#[tokio::test]
async fn a_login_works_without_any_script() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    let here = format!("/login?flow={}", page.id);
    let asked = shown(&browser, &here).await;
    assert!(asked.contains(&format!("/flows/{}/identify", page.id)) && asked.contains(&page.ticket), "{asked}");
    let next = submit(&page, "identify", &[("identifier", "ada@example.com")]).await;
    assert!(location(&next).ends_with(&here));
    let asked = shown(&browser, &here).await;
    assert!(asked.contains("ada@example.com") && asked.contains(&format!("/flows/{}/password", page.id)));
    let wrong = submit(&page, "password", &[("password", "wrong")]).await;
    assert_eq!((wrong.status.as_u16(), browser.cookie("op")), (200, None), "the page tells what is wrong");
    let done = submit(&page, "password", &[("password", PASSWORD)]).await;
    assert!(location(&done).ends_with(&format!("/authorize?flow={}", page.id)));
    assert!(browser.cookie("op").is_some());
    let twice = submit(&page, "password", &[("password", PASSWORD)]).await;
    assert!(location(&twice).ends_with(&format!("/authorize?flow={}", page.id)), "two clicks are one");
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    let path = format!("/flows/{}/identify", page.id);
    let fields = [("identifier", "ada@example.com")];
    let forged = browser.call(Method::POST, &path).header("origin", "null").form(&fields);
    assert_eq!(browser.send(forged).await.status, 401, "without the ticket");
    let ticket = [("identifier", "ada@example.com"), ("ticket", page.ticket.as_str())];
    let foreign = browser.call(Method::POST, &path).header("origin", "https://evil.example").form(&ticket);
    assert_eq!(browser.send(foreign).await.status, 403);
    assert_eq!(page.state().await["step"], "identify");
}

#[tokio::test]
async fn links_of_mails_lead_to_pages_that_ask_first() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    submit(&page, "identify", &[("identifier", "ada@example.com")]).await;
    let sent = submit(&page, "magic-link", &[]).await;
    assert!(location(&sent).ends_with("&view=link"));
    shown(&browser, &format!("/login?flow={}&view=link", page.id)).await;
    let link = ground.link().await;
    assert!(shown(&browser, &link).await.contains("ada@example.com"));
    let phone = ground.browser();
    phone.login().await;
    assert!(!shown(&phone, &link).await.contains("ada@example.com"), "elsewhere it tells the code alone");
    let call = browser.call(Method::POST, &link).header("origin", "null").form(&[("ticket", "")]);
    let used = browser.send(call).await;
    assert!(location(&used).contains("/authorize?flow="));
    assert!(browser.cookie("op").is_some());
    let again = browser.send(browser.call(Method::GET, &link)).await;
    assert_eq!(again.status, 400, "{again}");
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_on_a_page() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    submit(&page, "identify", &[("identifier", "ada@example.com")]).await;
    shown(&browser, &format!("/login?flow={}&view=reset", page.id)).await;
    let sent = submit(&page, "password-reset", &[("identifier", "ada@example.com")]).await;
    assert!(location(&sent).ends_with("&view=reset-sent"));
    shown(&browser, &format!("/login?flow={}&view=reset-sent", page.id)).await;
    let link = ground.link().await;
    let asked = shown(&browser, &link).await;
    let step = format!("password-reset/complete?token={}", link.split("token=").nth(1).unwrap());
    assert!(asked.contains(&format!("/flows/{}/password-reset/complete", page.id)), "in the login that asked for it");
    let weak = submit(&page, &step, &[("password", "short")]).await;
    assert_eq!(weak.status, 200, "{weak}");
    let done = submit(&page, &step, &[("password", OTHER)]).await;
    assert!(location(&done).contains("/login?flow="));
    let done = submit(&page, "password", &[("password", OTHER)]).await;
    assert!(location(&done).contains("/authorize?flow="));
}

#[tokio::test]
async fn an_unknown_login_has_a_page_that_says_so() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    for path in ["/login", "/login?flow=x", "/login?flow=flw_0000000000000000000000000"] {
        let reply = browser.send(browser.call(Method::GET, path)).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (404, "text/html; charset=utf-8"), "{path}");
    }
}

#[tokio::test]
async fn the_form_of_a_sign_up_asks_for_the_fields_of_the_issuer_and_the_terms() {
    let fields = json!({
        "team": { "type": "enum", "values": ["red", "blue"], "visibility": "editable", "label": "Your team" },
        "age": { "type": "number", "min": 18, "visibility": "editable" },
        "news": { "type": "boolean", "visibility": "editable", "default": true },
        "badge": { "type": "string", "required": true },
        "seen": { "type": "string", "visibility": "visible" },
        "rank": { "type": "string", "visibility": "admin" },
    });
    let ground = Ground::new().await;
    let asked = json!({
        "links": { "terms_of_service": "https://acme.example/terms" },
        "settings": { "users": { "custom_fields": fields } },
    });
    ground.app.root().patch(&ground.issuer, asked).expect(200).await;
    ground.app.advance(std::time::Duration::from_secs(2));
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    let form = shown(&browser, &format!("/login?flow={}&view=signup", page.id)).await;
    for name in ["custom_fields.team", "custom_fields.age", "custom_fields.news", "custom_fields.badge", "\"terms\""] {
        assert!(form.contains(name), "{name}: {form}");
    }
    assert!(form.contains("Your team") && !form.contains("custom_fields.seen") && !form.contains("custom_fields.rank"));
    let typed = [("identifier", "bob@example.com"), ("password", OTHER), ("custom_fields.team", "red")];
    let wrong = submit(&page, "signup", &[typed.as_slice(), &[("custom_fields.age", "7")]].concat()).await;
    let told = String::from_utf8_lossy(&wrong.bytes).into_owned();
    assert_eq!(wrong.status, 200, "{told}");
    assert!(told.contains("value=\"bob@example.com\"") && told.contains("value=\"7\""), "what was typed stays: {told}");
    assert!(told.contains("18"), "and what is wrong is said: {told}");
    assert!(told.contains("field-terms-problem"), "the terms are not accepted: {told}");
    let rest = [("custom_fields.age", "42"), ("custom_fields.badge", "b-1"), ("terms", "true")];
    let done = submit(&page, "signup", &[typed.as_slice(), &rest].concat()).await;
    assert!(location(&done).contains(&page.id), "{done}");
    let link = ground.link().await;
    let confirmed = browser.send(browser.call(Method::POST, &link).header("origin", "null").form(&[("a", "b")])).await;
    assert!(location(&confirmed).contains("/authorize?flow="), "{confirmed}");
    let users = ground.app.root().get(&format!("{}/users", ground.issuer)).expect(200).await;
    let ids = users.data().as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned());
    let bob = ids.into_iter().find(|id| *id != ground.user).unwrap();
    let bob = ground.app.root().get(&format!("{}/users/{bob}", ground.issuer)).expect(200).await;
    let expected = json!({ "team": "red", "age": 42, "news": false, "badge": "b-1" });
    assert_eq!(bob.data()["custom_fields"], expected);
    assert_eq!(bob.data()["compliance"]["terms_accepted_at"], ground.app.now());
}

#[tokio::test]
async fn featured_methods_are_shown_first() {
    let ground = Ground::new().await;
    let methods = ground.app.root().get(&format!("{}/auth-methods", ground.issuer)).expect(200).await;
    let methods = methods.data().as_array().unwrap().clone();
    let code = methods.iter().find(|method| method["method"] == "email-otp").unwrap()["id"].clone();
    let featured = async |names: serde_json::Value| {
        let settings = json!({ "settings": { "portals": { "featured_methods": names } } });
        ground.app.root().patch(&ground.issuer, settings).expect(200).await;
        ground.app.advance(std::time::Duration::from_secs(2));
    };
    let browser = ground.browser();
    let page = browser.begin(request(Wants::default())).await;
    submit(&page, "identify", &[("identifier", "ada@example.com")]).await;
    let here = format!("/login?flow={}", page.id);
    let kinds = async || {
        let state = page.state().await;
        let methods = state["methods"].as_array().unwrap().iter();
        methods.map(|method| method["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let places = |html: &str| ["/email-code\"", "/magic-link\"", "\"password\""].map(|text| html.find(text));
    assert!(
        shown(&browser, &here).await.contains(&format!("/flows/{}/password\"", page.id)),
        "the password by default"
    );

    featured(json!([code, "email-link", "sms"])).await;
    assert_eq!(kinds().await, ["email-otp", "email-link", "password"]);
    let html = shown(&browser, &here).await;
    let [code, link, password] = places(&html).map(|place| place.unwrap_or_else(|| panic!("{html}")));
    assert!(code < link && link < password, "{html}");
    assert!(!html.contains(&format!("/flows/{}/password\"", page.id)), "no field for it yet: {html}");
    let to_password = submit(&page, "identify", &[("method", "password")]).await;
    assert!(location(&to_password).ends_with("&view=password"), "{to_password}");
    let html = shown(&browser, &format!("{here}&view=password")).await;
    assert!(html.contains(&format!("/flows/{}/password\"", page.id)), "{html}");
    let wrong = submit(&page, "password", &[("password", "wrong")]).await;
    let html = String::from_utf8_lossy(&wrong.bytes).replace("&#x2f;", "/");
    assert!(html.contains(&format!("/flows/{}/password\"", page.id)), "it asks for the same again: {html}");

    featured(json!(["password"])).await;
    assert_eq!(kinds().await[0], "password");
    let done = submit(&page, "password", &[("password", PASSWORD)]).await;
    assert!(location(&done).contains("/authorize?flow="));
}
