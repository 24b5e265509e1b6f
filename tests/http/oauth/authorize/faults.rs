//! What people are shown when nobody can be told but them (idp §4.2, D25).

use authpi_core::web::services::Options;

use super::*;

/// As browsers ask for a page.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn html(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.bytes).into_owned()
}

/// Demands a page of ours that tells of an error.
#[track_caller]
fn is_page(reply: &Reply, status: u16, error: &str) {
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (status, "text/html; charset=utf-8"), "{reply}");
    assert!(reply.headers.get("location").is_none() && reply.headers.get("www-authenticate").is_none(), "{reply}");
    let policy = reply.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!((reply.header("cache-control"), reply.header("x-frame-options")), ("no-store", "DENY"));
    let page = html(reply);
    assert!(page.contains(error) && page.contains(reply.header("x-request-id")), "{page}");
}

#[tokio::test]
async fn whatever_is_wrong_with_a_request_is_a_page_for_browsers_and_json_for_programs() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let long = "x".repeat(9_000);
    let twice = format!("/authorize?{}&client_id=x", ground.query(&[]));
    let faults = [
        format!("/authorize?{}", ground.query(&[("client_id", "c_0000000000000000000000000")])),
        format!("/authorize?{}", ground.query(&[("redirect_uri", "https://evil.example.com/")])),
        format!("/authorize?{}", ground.query(&[("login_hint", &long)])),
        twice,
        "/authorize?client_id=%ff".to_owned(),
        "/authorize?parked=x".to_owned(),
        "/authorize?flow=x".to_owned(),
        "/logout?state=%ff".to_owned(),
        "/logout?state=1&state=2".to_owned(),
        "/logout?parked=x".to_owned(),
        "/login?flow=%ff".to_owned(),
        "/verify-email?token=%ff".to_owned(),
        "/password-reset?token=1&token=2".to_owned(),
        "/invitation?token=%ff".to_owned(),
    ];
    for path in faults {
        for accepted in [Some(BROWSER), Some("*/*"), None] {
            let call = browser.call(Method::GET, &path);
            let call = if let Some(accepted) = accepted { call.header("accept", accepted) } else { call };
            is_page(&call.send().await, 400, "invalid_request");
        }
        let json = browser.call(Method::GET, &path).header("accept", "application/json").send().await;
        refused(&json, 400, "invalid_request");
    }
}

#[tokio::test]
async fn a_page_of_a_fault_speaks_the_language_of_the_reader() {
    let ground = Ground::new().await;
    let locales = json!({ "settings": { "access": { "mode": "open" }, "branding": { "locales": ["en", "de"] } } });
    ground.app.root().patch(&ground.issuer, locales).expect(200).await;
    let browser = ground.browser();
    let call = browser.call(Method::GET, "/authorize?parked=x").header("accept", BROWSER);
    let reply = call.header("accept-language", "de-AT, en;q=0.5").send().await;
    is_page(&reply, 400, "invalid_request");
    assert!(html(&reply).contains("<html lang=\"de\"") && reply.header("content-language") == "de", "{}", html(&reply));
}

#[tokio::test]
async fn a_form_of_the_wrong_kind_and_one_that_is_too_long_are_pages() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    for endpoint in ["/authorize", "/logout"] {
        let post = || browser.call(Method::POST, endpoint);
        let long = format!("state={}", "x".repeat(9_000));
        let form = |accepted: &str| {
            post().header("accept", accepted).body("application/x-www-form-urlencoded", long.clone()).send()
        };
        is_page(&form(BROWSER).await, 400, "invalid_request");
        refused(&form("application/json").await, 400, "invalid_request");
        is_page(&post().header("accept", BROWSER).json(json!({})).send().await, 415, "invalid_content_type");
        refused(&post().json(json!({})).send().await, 415, "invalid_content_type");
    }
}

#[tokio::test]
async fn an_issuer_that_is_closed_says_so_on_a_page() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    ground.app.root().patch(&ground.issuer, json!({ "status": "suspended" })).expect(200).await;
    let paths =
        ["/logout", "/login?flow=x", "/magic/x", "/verify-email?token=x", "/password-reset?token=x", "/invitation"];
    for path in paths.map(str::to_owned).into_iter().chain([format!("/authorize?{}", ground.query(&[]))]) {
        is_page(&browser.call(Method::GET, &path).header("accept", BROWSER).send().await, 403, "access_denied");
        refused(&browser.call(Method::GET, &path).send().await, 403, "access_denied");
    }
}

#[tokio::test]
async fn too_many_requests_are_a_page_for_browsers_and_the_envelope_for_all_others() {
    let app = App::start_with(DRIVER, Options::default()).await;
    let issuer = app.issuer().await;
    let browser = app.browser(&issuer);
    for _ in 0..60 {
        let reply = browser.call(Method::GET, "/authorize").send().await;
        assert_eq!(reply.status.as_u16(), 400, "{reply}");
    }
    let page = browser.call(Method::GET, "/logout").header("accept", BROWSER).send().await;
    is_page(&page, 429, "rate_limited");
    assert_eq!(page.header("retry-after"), "1");
    let program = browser.call(Method::GET, "/authorize").send().await;
    refused(&program, 429, "rate_limited");
    assert_eq!((program.header("retry-after"), &program.body["retry_after"]), ("1", &json!(1)));
}

#[tokio::test]
async fn a_form_that_comes_too_often_is_a_page_that_says_when_to_come_again() {
    let app = App::start_with(DRIVER, Options::default()).await;
    let issuer = app.issuer().await;
    let browser = app.browser(&issuer);
    let page = browser.login().await;
    let sent = async |accepted: &str| {
        let post = browser.call(Method::POST, &format!("/flows/{}/identify", page.id)).header("accept", accepted);
        browser.send(post.form(&[("identifier", "")])).await
    };
    for _ in 0..60 {
        sent(BROWSER).await;
    }
    let page = sent(BROWSER).await;
    is_page(&page, 429, "rate_limited");
    let program = sent("application/json").await;
    refused(&program, 429, "rate_limited");
    for reply in [page, program] {
        assert!(reply.header("retry-after").parse::<u64>().unwrap() > 0, "{reply}");
    }
}

#[tokio::test]
async fn a_form_of_a_login_is_refused_by_a_page_and_a_call_of_a_portal_is_not() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.login().await;
    for accepted in [BROWSER, "*/*"] {
        let post = browser.call(Method::POST, &format!("/flows/{}/identify", page.id)).header("accept", accepted);
        let form = post.body("application/x-www-form-urlencoded", "identifier=%ff");
        is_page(&browser.send(form).await, 400, "invalid_request");
    }
    let portal = browser.send(page.call("identify", json!([])).header("accept", "*/*")).await;
    refused(&portal, 400, "invalid_request");
}

#[tokio::test]
async fn a_browser_that_was_flooded_with_cookies_reads_a_page_and_recovers() {
    let ground = Ground::new().await;
    let flood = format!("op.{}={}", ground.id(), "x".repeat(17_000));
    let call = ground.app.anonymous().get(&format!("/{}/authorize", ground.id()));
    let reply = call.header("accept", BROWSER).header("cookie", &flood).send().await;
    is_page(&reply, 431, "headers_too_large");
    assert!(reply.header("set-cookie").starts_with(&format!("op.{}=;", ground.id())), "{reply}");
}
