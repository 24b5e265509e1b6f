//! Pages of the issuer in the place of ours (D183).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use authpi_core::transport::{Executor, Transport};
use authpi_core::web::services::Options;
use authpi_core::worker;
use futures_util::future::BoxFuture;
use http::Method;
use serde_json::{Value, json};
use tests::postbox::Postbox;
use tests::{App, Browser, Dns, Reply};

use super::{DRIVER, OTHER, PASSWORD};

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

/// Who is sent to our own pages in the place of our own pages goes in circles.
#[tokio::test]
async fn a_page_does_not_lie_where_we_serve_an_issuer() {
    let (app, dns, issuer) = ground().await;
    verified(&app, &dns).await;
    let problem = vec!["settings.portals.login.url not_allowed".to_owned()];
    let patched = async |url: &str| app.root().patch(&issuer, with(url)).send().await;
    app.serve_at("customer.example", Some(&issuer)).await;
    for ours in ["https://customer.example/in", "https://CUSTOMER.example:443/", "https://customer.example"] {
        let reply = patched(ours).await;
        assert_eq!((reply.status.as_u16(), reply.refusal().1), (400, problem.clone()), "{ours}");
    }
    for other in ["https://login.customer.example/in", "https://customer.example:8443/in"] {
        assert_eq!(patched(other).await.status, 200, "{other}");
    }
    app.serve_at("customer.example", None).await;
    assert_eq!(patched("https://customer.example/in").await.status, 200);
    // A domain that begins to serve an issuer takes the place of the page.
    let browser = app.browser(&issuer);
    let page = browser.login().await;
    let path = format!("/login?flow={}", page.id);
    app.advance(Duration::from_secs(1));
    let away = browser.send(browser.call(Method::GET, &path)).await;
    assert_eq!(away.header("location"), format!("https://customer.example/in?flow={}", page.id), "{away}");
    app.serve_at("customer.example", Some(&issuer)).await;
    app.advance(Duration::from_secs(1));
    assert_eq!(browser.send(browser.call(Method::GET, &path)).await.status, 200, "ours");
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

/// A step of the page, from an origin.
fn step_from(browser: &Browser<'_>, page: &tests::Page<'_, '_>, origin: &str) -> tests::caller::Call {
    let call = browser.call(Method::POST, &format!("/flows/{}/identify", page.id)).header("origin", origin);
    let call = call.header("sec-fetch-site", "same-site").header("authpi-portal", &page.ticket);
    call.json(json!({ "identifier": "a" }))
}

fn step(browser: &Browser<'_>, page: &tests::Page<'_, '_>) -> tests::caller::Call {
    step_from(browser, page, PAGE)
}

const MAY: (Option<&str>, Option<&str>) = (Some(PAGE), Some("true"));

/// With pages of the issuer in the place of three of ours.
fn all_pages() -> Value {
    let page = |name: &str| json!({ "url": format!("{PAGE}/{name}?from=authpi") });
    let portals = json!({ "login": page("in"), "signup": page("up"), "password_reset": page("reset") });
    json!({ "settings": { "portals": portals } })
}

async fn led(browser: &Browser<'_>, path: &str) -> String {
    let reply = browser.send(browser.call(Method::GET, path)).await;
    assert_eq!(reply.status, 303, "{path}: {reply}");
    reply.header("location").to_owned()
}

#[tokio::test]
async fn whoever_is_shown_a_page_of_a_login_is_led_to_that_of_the_issuer() {
    let (app, dns, issuer) = ground().await;
    verified(&app, &dns).await;
    let browser = app.browser(&issuer);
    let page = browser.login().await;
    let here = format!("/login?flow={}", page.id);
    let own = |name: &str| format!("{PAGE}/{name}?from=authpi&flow={}", page.id);
    let signup = json!({ "settings": { "portals": { "signup": { "url": format!("{PAGE}/up?from=authpi") } } } });
    app.root().patch(&issuer, signup).expect(200).await;
    app.advance(Duration::from_secs(2));
    let asked = browser.send(browser.call(Method::GET, &here)).await;
    let html = String::from_utf8(asked.bytes.clone()).unwrap().replace("&#x2f;", "/").replace("&amp;", "&");
    assert!(html.contains(&format!("href=\"{}\"", own("up"))), "the link of our page: {html}");
    assert_eq!(led(&browser, &format!("{here}&view=signup")).await, own("up"));

    app.root().patch(&issuer, all_pages()).expect(200).await;
    app.advance(Duration::from_secs(2));
    assert_eq!(led(&browser, &here).await, own("in"));
    assert_eq!(led(&browser, &format!("{here}&view=signup")).await, own("up"));
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    assert_eq!(led(&browser, &format!("{here}&view=code")).await, own("in"));
    for view in ["reset", "reset-sent"] {
        assert_eq!(led(&browser, &format!("{here}&view={view}")).await, own("reset"));
    }
    // What has ended leads nowhere else.
    page.step("abort", json!({})).await;
    let over = browser.send(browser.call(Method::GET, &here)).await;
    assert_ne!(over.status, 303, "{over}");
}

#[tokio::test]
async fn the_link_of_a_reset_leads_to_the_page_of_the_issuer_with_a_login_and_the_token() {
    let dns = Dns::start().await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
    let store = authpi_storage::connect(&url).await.unwrap();
    let post = Postbox::new();
    let transport = Transport { mailer: Some(Arc::clone(&post) as _), ..App::reaching(&dns) };
    let options = Options { rate_limits: false, ..Options::default() };
    let app = App::start_in(DRIVER, options, store, folder, transport).await;
    app.root().post(&app.path("/domains"), json!({ "host": "customer.example" })).expect(201).await;
    verified(&app, &dns).await;
    let issuer = app.issuer().await;
    app.root().patch(&issuer, all_pages()).expect(200).await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD, "profile": { "email_verified": true } });
    app.root().post(&format!("{issuer}/users"), body).expect(201).await;
    let browser = app.browser(&issuer);
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    page.step("password-reset", json!({})).await;
    worker::run_once(app.authpi.services()).await.unwrap();
    let text = post.only().text;
    let base = format!("{}/{}", app.base, issuer.rsplit('/').next().unwrap());
    let link = text.split_whitespace().find_map(|word| word.strip_prefix(&base)).unwrap_or_else(|| panic!("{text}"));
    let token = link.strip_prefix("/password-reset?token=").unwrap();
    let here = led(&browser, link).await;
    assert_eq!(here, format!("{PAGE}/reset?from=authpi&flow={}&token={token}", page.id), "in the login that asked");
    // In another browser there is a login, too: the page can take the step.
    let phone = app.browser(&issuer);
    let there = led(&phone, link).await;
    let parts = there.strip_prefix(&format!("{PAGE}/reset?from=authpi&flow=")).unwrap_or_else(|| panic!("{there}"));
    let flow = parts.strip_suffix(&format!("&token={token}")).unwrap_or_else(|| panic!("{there}"));
    assert_ne!(flow, page.id);
    let body = json!({ "token": token, "password": OTHER });
    assert_eq!(phone.page(flow).await.step("password-reset/complete", body).await, "first_factor");
    assert_eq!(page.step("password", json!({ "password": OTHER })).await, "done");
}

#[tokio::test]
async fn a_notice_links_to_the_portal_of_the_issuer_while_there_is_one() {
    let dns = Dns::start().await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
    let store = authpi_storage::connect(&url).await.unwrap();
    let post = Postbox::new();
    let transport = Transport { mailer: Some(Arc::clone(&post) as _), ..App::reaching(&dns) };
    let options = Options { rate_limits: false, ..Options::default() };
    let app = App::start_in(DRIVER, options, store, folder, transport).await;
    app.root().post(&app.path("/domains"), json!({ "host": "customer.example" })).expect(201).await;
    verified(&app, &dns).await;
    let issuer = app.issuer().await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD, "profile": { "email_verified": true } });
    let user = app.root().post(&format!("{issuer}/users"), body).expect(201).await.id();
    let mut numbers = 0..;
    let mut notice = async || {
        let password = format!("{OTHER} {}", numbers.next().unwrap());
        let body = json!({ "type": "password", "password": password });
        app.root().post(&format!("{issuer}/users/{user}/verifiers"), body).expect(201).await;
        worker::run_once(app.authpi.services()).await.unwrap();
        let mail = post.only();
        let links = mail.text.split_whitespace().filter(|word| word.starts_with("http")).map(str::to_owned);
        (links.collect::<Vec<_>>(), mail.html.matches("href=").count())
    };
    let portal = |page: Value| json!({ "settings": { "portals": { "profile": page } } });
    assert_eq!(notice().await, (vec![], 0), "there is none of ours");
    let page = format!("{PAGE}/me?from=mail");
    app.root().patch(&issuer, portal(json!({ "url": page }))).expect(200).await;
    assert_eq!(notice().await, (vec![page], 1));
    app.root().patch(&issuer, portal(json!({ "enabled": false }))).expect(200).await;
    assert_eq!(notice().await, (vec![], 0), "it is off");
    app.root().patch(&issuer, portal(json!({ "enabled": true }))).expect(200).await;
    app.root().delete(&app.path("/domains/customer.example")).expect(204).await;
    assert_eq!(notice().await, (vec![], 0), "it may be somebody else's by now");
}

#[tokio::test]
async fn it_is_nobodys_a_second_after_its_domain_was_given_up() {
    let (app, dns, issuer) = ground().await;
    verified(&app, &dns).await;
    app.root().patch(&issuer, with(&format!("{PAGE}/in"))).expect(200).await;
    let browser = app.browser(&issuer);
    let page = browser.login().await;
    let asks = || {
        let call = browser.call(Method::OPTIONS, &format!("/flows/{}/identify", page.id)).header("origin", PAGE);
        call.header("access-control-request-method", "POST")
    };
    assert_eq!(shared(&browser.send(asks()).await), MAY);
    app.root().delete(&app.path("/domains/customer.example")).expect(204).await;
    app.advance(Duration::from_secs(1));
    assert_eq!(shared(&browser.send(asks()).await), (None, None));
    let reply = browser.send(step(&browser, &page)).await;
    assert_eq!((reply.status.as_u16(), shared(&reply)), (403, (None, None)), "{reply}");
    let kept = app.root().get(&issuer).expect(200).await;
    assert_eq!(kept.data()["settings"]["portals"]["login"]["url"], format!("{PAGE}/in"), "the setting stays");
    app.root().post(&app.path("/domains"), json!({ "host": "customer.example" })).expect(201).await;
    assert_eq!(shared(&browser.send(asks()).await), (None, None), "a claim is no proof");
    verified(&app, &dns).await;
    app.advance(Duration::from_secs(1));
    assert_eq!(shared(&browser.send(asks()).await), MAY);
}

#[tokio::test]
async fn it_can_read_what_is_refused_before_and_beside_the_endpoint() {
    let (app, dns, issuer) = ground().await;
    verified(&app, &dns).await;
    app.root().patch(&issuer, with(&format!("{PAGE}/in"))).expect(200).await;
    let browser = app.browser(&issuer);
    let page = browser.login().await;
    app.advance(Duration::from_secs(2));
    let large = browser.send(step(&browser, &page).header("x-fill", &"x".repeat(16 * 1024))).await;
    assert_eq!((large.status.as_u16(), shared(&large)), (431, MAY), "{large}");
    let foreign = step_from(&browser, &page, "https://evil.example").header("x-fill", &"x".repeat(16 * 1024));
    assert_eq!(shared(&browser.send(foreign).await), (None, None));
    app.root().patch(&issuer, json!({ "status": "suspended" })).expect(200).await;
    let inactive = browser.send(step(&browser, &page)).await;
    assert_eq!((inactive.status.as_u16(), shared(&inactive)), (403, MAY), "{inactive}");
}

/// Is late as soon as a test says so.
struct Impatient {
    executor: Arc<dyn Executor>,
    is_late: Arc<AtomicBool>,
}

impl Executor for Impatient {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        self.executor.spawn(future);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        if self.is_late.load(Ordering::SeqCst) { Box::pin(async {}) } else { self.executor.sleep(duration) }
    }
}

#[tokio::test]
async fn it_can_read_that_no_answer_came_in_time() {
    let dns = Dns::start().await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("authpi.db").display());
    let store = authpi_storage::connect(&url).await.unwrap();
    let mut transport = App::reaching(&dns);
    let is_late = Arc::new(AtomicBool::new(false));
    transport.executor = Arc::new(Impatient { executor: transport.executor, is_late: Arc::clone(&is_late) });
    let options = Options { rate_limits: false, ..Options::default() };
    let app = App::start_in(DRIVER, options, store, folder, transport).await;
    app.root().post(&app.path("/domains"), json!({ "host": "customer.example" })).expect(201).await;
    verified(&app, &dns).await;
    let issuer = app.issuer().await;
    app.root().patch(&issuer, with(&format!("{PAGE}/in"))).expect(200).await;
    let browser = app.browser(&issuer);
    let page = browser.login().await;
    is_late.store(true, Ordering::SeqCst);
    let late = browser.send(step(&browser, &page)).await;
    assert_eq!((late.status.as_u16(), shared(&late)), (503, MAY), "{late}");
}
