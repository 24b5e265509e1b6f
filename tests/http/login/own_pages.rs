//! Pages of the issuer in the place of ours (D183).

use http::Method;
use serde_json::{Value, json};
use tests::{App, Dns, Reply};

use super::DRIVER;

const PAGE: &str = "https://login.customer.example";

async fn ground() -> (App, Dns, String) {
    let dns = Dns::start().await;
    let app = App::start_reaching(DRIVER, &dns).await;
    app.root().post(&app.path("/domains"), json!({ "host": "customer.example" })).expect(201).await;
    let issuer = app.issuer().await;
    (app, dns, issuer)
}

async fn verified(app: &App, dns: &Dns) {
    dns.txt("_challenge.customer.example", &format!("account-domain={}", app.account));
    app.root().act(&app.path("/domains/customer.example/verify")).expect(200).await;
}

fn with(url: &str) -> Value {
    json!({ "settings": { "portals": { "login": { "url": url } } } })
}

#[tokio::test]
async fn a_page_lies_on_a_verified_domain_of_the_account() {
    let (app, dns, issuer) = ground().await;
    let refused = async |url: &str| app.root().patch(&issuer, with(url)).expect(400).await.refusal().1;
    let problem = ["settings.portals.login.url not_allowed".to_owned()];
    assert_eq!(refused(&format!("{PAGE}/in")).await, problem, "not verified yet");
    verified(&app, &dns).await;
    for bad in [
        "http://login.customer.example/in",
        "https://evilcustomer.example/in",
        "https://customer.example.evil.example/",
        "https://user@customer.example/",
        "https://127.0.0.1/",
        "https://customer.example/#in",
    ] {
        assert!(refused(bad).await.contains(&problem[0]), "{bad}");
    }
    for good in ["https://customer.example/in", "https://login.customer.example/in"] {
        app.root().patch(&issuer, with(good)).expect(200).await;
    }
}

fn shared(reply: &Reply) -> (Option<&str>, Option<&str>) {
    let header = |name: &str| reply.headers.get(name).map(|value| value.to_str().unwrap());
    (header("access-control-allow-origin"), header("access-control-allow-credentials"))
}

#[tokio::test]
async fn it_may_call_the_steps_of_a_login_with_cookies_and_nothing_else_may() {
    let (app, dns, issuer) = ground().await;
    verified(&app, &dns).await;
    app.root().patch(&issuer, with(&format!("{PAGE}/in"))).expect(200).await;
    let browser = app.browser(&issuer);
    let page = browser.login().await;
    let steps = [
        (Method::GET, format!("/flows/{}", page.id)),
        (Method::POST, format!("/flows/{}/identify", page.id)),
        (Method::GET, "/sso/discover?email=a@b.example".to_owned()),
    ];
    for (method, path) in &steps {
        let asks = |origin: &str| {
            let call = browser.call(Method::OPTIONS, path).header("origin", origin);
            call.header("access-control-request-method", method.as_str())
        };
        let may = browser.send(asks(PAGE)).await;
        assert_eq!((may.status.as_u16(), shared(&may)), (204, (Some(PAGE), Some("true"))), "{path}");
        assert_eq!(may.header("access-control-allow-headers"), "Authpi-Portal, Content-Type");
        for other in ["https://customer.example", "http://login.customer.example", "https://evil.example", "null"] {
            let refused = browser.send(asks(other)).await;
            assert_eq!(shared(&refused), (None, None), "{other} at {path}");
        }
        let call = |origin: &str, site: &str| {
            let call = browser.call(method.clone(), path).header("origin", origin).header("sec-fetch-site", site);
            let call = call.header("authpi-portal", &page.ticket);
            if *method == Method::POST { call.json(json!({ "identifier": "a" })) } else { call }
        };
        let reply = browser.send(call(PAGE, "same-site")).await;
        assert_eq!((reply.status.as_u16(), shared(&reply)), (200, (Some(PAGE), Some("true"))), "{path}: {reply}");
        for (origin, site) in [(PAGE, "cross-site"), ("https://evil.example", "same-site")] {
            assert_eq!(browser.send(call(origin, site)).await.status, 403, "{origin} {site} at {path}");
        }
    }
    let wrong = browser.call(Method::POST, &steps[1].1).header("origin", PAGE).json(json!({ "identifier": "a" }));
    let wrong = browser.send(wrong).await;
    assert_eq!((wrong.status.as_u16(), shared(&wrong)), (401, (Some(PAGE), Some("true"))), "errors are readable, too");
    let elsewhere = browser.call(Method::GET, &format!("/login?flow={}", page.id)).header("origin", PAGE);
    assert_eq!(shared(&browser.send(elsewhere).await), (None, None), "pages are for nobody to read");
}
