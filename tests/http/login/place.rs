//! Where somebody signs in from, as a proxy in front says (idp §18.1).

use authpi_core::web::place::LocationHeaders;
use authpi_core::web::services::Options;
use http::{HeaderName, Method};
use serde_json::{Value, json};
use tests::caller::Call;

use super::{Ground, PASSWORD};

/// The platform reads these headers, of these proxies.
async fn ground(proxies: &[&str]) -> Ground {
    let name = |text: &'static str| Some(HeaderName::from_static(text));
    let options = Options {
        rate_limits: false,
        trusted_proxies: proxies.iter().map(|proxy| proxy.parse().unwrap()).collect(),
        proxy_hops: 1,
        location: LocationHeaders { country: name("x-country"), region: name("x-region"), city: name("x-city") },
        ..Options::default()
    };
    Ground::on(json!({}), options).await
}

fn from_munich(call: Call) -> Call {
    let call = call.header("x-forwarded-for", "203.0.113.7").header("x-country", "de");
    call.header("x-region", "BY").header("x-city", "Munich")
}

/// Signs in; gives the location of the session, and the country of its device and of its event.
async fn seen(ground: &Ground, presented: impl FnOnce(Call) -> Call) -> (Value, Value, Value) {
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    let reply = browser.send(presented(page.call("password", json!({ "password": PASSWORD })))).await;
    assert_eq!(reply.body["step"], "done", "{reply}");
    let devices = format!("{}/users/{}/devices", ground.issuer, ground.user);
    let devices = ground.app.root().get(&devices).expect(200).await.data().clone();
    let events = ground.app.events("event_types=session.created").await;
    let event = events.last().unwrap()["auth"]["country"].clone();
    (ground.sessions().await[0]["location"].clone(), devices[0]["country"].clone(), event)
}

#[tokio::test]
async fn a_trusted_proxy_says_where_a_login_comes_from() {
    let ground = ground(&["127.0.0.1"]).await;
    let (location, device, event) = seen(&ground, from_munich).await;
    assert_eq!(location, json!({ "ip": "203.0.113.7", "country": "DE", "region": "BY", "city": "Munich" }));
    assert_eq!((device, event), (json!("DE"), json!("DE")));
    ground.app.advance(std::time::Duration::from_mins(1));
    let (_, device, event) = seen(&ground, |call| from_munich(call).header("x-country", "FR")).await;
    assert_eq!((device, event), (Value::Null, Value::Null), "of two countries one may be what the client says");
    let text = ground.mails().await.pop().unwrap().text;
    assert!(!text.contains("Country"), "{text}");
    ground.app.advance(std::time::Duration::from_mins(1));
    seen(&ground, from_munich).await;
    let text = ground.mails().await.pop().unwrap().text;
    assert!(text.contains("Country: DE") && text.contains("203.0.113.7"), "the mail about a new device: {text}");
}

#[tokio::test]
async fn nobody_else_says_where_a_login_comes_from() {
    for proxies in [&[][..], &["10.0.0.0/8"]] {
        let ground = ground(proxies).await;
        let (location, device, event) = seen(&ground, from_munich).await;
        assert_eq!(location, json!({ "ip": "127.0.0.1", "country": null, "region": null, "city": null }));
        assert_eq!((device, event), (Value::Null, Value::Null), "{proxies:?}");
    }
}

#[tokio::test]
async fn a_link_that_is_opened_elsewhere_tells_where_it_was_asked_for() {
    let ground = ground(&["127.0.0.1"]).await;
    let browser = ground.browser();
    let page = browser.login().await;
    page.step("identify", json!({ "identifier": "ada@example.com" })).await;
    browser.send(from_munich(page.call("magic-link", json!({})))).await;
    let link = ground.link().await;
    let phone = ground.browser();
    let shown = phone.send(phone.call(Method::GET, &link)).await;
    let html = String::from_utf8_lossy(&shown.bytes).into_owned();
    assert!(html.contains("Munich, DE") && html.contains("203.0.113.7"), "{html}");
    let told = phone.send(phone.call(Method::GET, &link).header("accept", "application/json")).await;
    assert_eq!((&told.body["place"], &told.body["ip"]), (&json!("Munich, DE"), &json!("203.0.113.7")), "{told}");
}
