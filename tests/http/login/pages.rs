//! The same steps as pages with plain forms.

use http::Method;
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
    String::from_utf8(reply.bytes).unwrap()
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
