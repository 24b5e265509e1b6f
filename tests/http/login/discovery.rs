//! `GET /sso/discover`

use authpi_core::web::portal_secret::PortalSecret;
use authpi_core::web::services::Options;
use http::Method;
use serde_json::{Value, json};
use tests::{App, Browser, Reply};

use super::{DRIVER, Ground};

const SECRET: &str = "a portal of its own, and its secret";

async fn ask(browser: &Browser<'_>, email: &str, portal: Option<&str>) -> Reply {
    let call = browser.call(Method::GET, &format!("/sso/discover?email={email}"));
    let call = match portal {
        Some(portal) => call.header("authpi-portal", portal),
        None => call,
    };
    browser.send(call).await
}

#[tokio::test]
async fn an_address_leads_to_the_organization_that_has_proven_its_domain() {
    let ground = Ground::new().await;
    let organization = ground.app.organization(&ground.issuer).await;
    ground.app.sso_only(&organization, "corp.example").await;
    let browser = ground.browser();
    let page = browser.login().await;
    let found = ask(&browser, "Anybody@Corp.Example", Some(&page.ticket)).await;
    let shown = ground.app.root().get(&organization).expect(200).await;
    let expected = json!({
        "sso": true, "org_id": shown.id(), "org_name": shown.data()["name"],
        "connection": { "type": "oidc", "name": "" }, "required": true,
    });
    assert_eq!((found.status.as_u16(), found.body), (200, expected));
    for other in ["ada@example.com", "nobody@example.com", "x@sub.corp.example"] {
        let reply = ask(&browser, other, Some(&page.ticket)).await;
        assert_eq!((reply.status.as_u16(), reply.body), (200, json!({ "sso": false })), "{other}");
    }
    for bad in ["", "nonsense", "a@b@c"] {
        assert_eq!(ask(&browser, bad, Some(&page.ticket)).await.status, 400, "{bad}");
    }
    ground.app.root().patch(&organization, json!({ "status": "suspended" })).expect(200).await;
    assert_eq!(ask(&browser, "a@corp.example", Some(&page.ticket)).await.body, json!({ "sso": false }));
}

#[tokio::test]
async fn only_the_page_of_a_live_login_may_ask_in_its_own_browser() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    let page = browser.login().await;
    let other = ground.browser();
    let foreign = other.login().await;
    let refused = |reply: Reply| (reply.status.as_u16(), reply.body["error"].clone());
    let wrong = (401, json!("unauthorized_client"));
    let changed = format!("{}x", page.ticket);
    for portal in
        [None, Some(""), Some("nonsense"), Some(changed.as_str()), Some(foreign.ticket.as_str()), Some(SECRET)]
    {
        assert_eq!(refused(ask(&browser, "a@b.example", portal).await), wrong, "{portal:?}");
    }
    let away = browser.call(Method::GET, "/sso/discover?email=a@b.example").header("authpi-portal", &page.ticket);
    let away = browser.send(away.header("origin", "https://evil.example")).await;
    assert_eq!((away.status.as_u16(), away.headers.get("access-control-allow-origin")), (403, None));
    ground.app.advance(std::time::Duration::from_mins(15));
    assert_eq!(refused(ask(&browser, "a@b.example", Some(&page.ticket)).await), wrong, "its time is over");
}

#[tokio::test]
async fn a_portal_of_its_own_proves_itself_by_the_secret_of_the_deployment() {
    let portal_secret = PortalSecret::new(SECRET);
    let app = App::start_with(DRIVER, Options { rate_limits: false, portal_secret, ..Options::default() }).await;
    let issuer = app.issuer().await;
    let path = format!("/{}/sso/discover?email=a@b.example", issuer.rsplit('/').next().unwrap());
    let found = app.anonymous().get(&path).header("authpi-portal", SECRET).expect(200).await;
    assert_eq!(found.body, json!({ "sso": false }));
    let short = app.anonymous().get(&path).header("authpi-portal", &SECRET[1..]).send().await;
    assert_eq!((short.status.as_u16(), short.body["error"].clone()), (401, Value::from("unauthorized_client")));
}
