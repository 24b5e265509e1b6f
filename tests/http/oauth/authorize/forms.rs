//! Forms that come from other sites, and go on as a GET (D17).

use futures_util::future::join_all;

use super::*;

/// Posts a form to the issuer; returns the path that it goes on at.
async fn turned(ground: &Ground, browser: &Browser<'_>, endpoint: &str, form: &str) -> String {
    let call = browser.call(Method::POST, endpoint).header("origin", "https://app.example.com");
    let reply = call.body("application/x-www-form-urlencoded", form.to_owned()).send().await;
    assert_eq!(reply.status.as_u16(), 303, "{reply}");
    let to = reply.header("location").to_owned();
    let path = to.strip_prefix(&ground.url()).unwrap().to_owned();
    assert!(path.starts_with(&format!("{endpoint}?parked=")) && !path.contains('&'), "{to}");
    path
}

/// Demands that a handle is good for nothing.
async fn is_worthless(browser: &Browser<'_>, path: &str) {
    let call = browser.call(Method::GET, path).header("accept", "application/json");
    refused(&browser.send(call).await, 400, "invalid_request");
}

#[tokio::test]
async fn a_form_from_another_site_becomes_a_get_that_shows_nothing_of_it() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    ground.authorized(&browser).await;
    let query = ground.query(&[("prompt", "none"), ("login_hint", "ada@example.com")]);
    let path = turned(&ground, &browser, "/authorize", &query).await;
    assert!(!path.contains("ada"), "{path}");
    let silent = browser.send(browser.call(Method::GET, &path)).await;
    assert!(answered(&silent).contains_key("code"));
    let late = turned(&ground, &browser, "/authorize", &query).await;
    let (head, tail) = late.split_at(late.len() - 10);
    let other = if tail.starts_with('A') { 'B' } else { 'A' };
    is_worthless(&browser, &format!("{head}{other}{}", &tail[1..])).await;
    ground.app.advance(Duration::from_mins(1));
    is_worthless(&browser, &late).await;
    let json = browser.call(Method::POST, "/authorize").json(json!({})).send().await;
    refused(&json, 415, "invalid_content_type");
}

#[tokio::test]
async fn what_stands_for_a_form_is_good_once() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    ground.authorized(&browser).await;
    let query = ground.query(&[("prompt", "none")]);
    let path = turned(&ground, &browser, "/authorize", &query).await;
    let racers = join_all((0..16).map(|_| browser.call(Method::GET, &path).send())).await;
    let codes = racers.iter().filter(|reply| reply.status.as_u16() == 302).count();
    assert_eq!(codes, 1, "of parallel uses one wins");
    is_worthless(&browser, &path).await;
    let page = browser.call(Method::GET, &path).send().await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (400, "text/html; charset=utf-8"), "{page}");
    // Also where its request was refused.
    let path = turned(&ground, &browser, "/authorize", &ground.query(&[("scope", "nothing")])).await;
    client_is_told(&browser.send(browser.call(Method::GET, &path)).await, "invalid_scope");
    is_worthless(&browser, &path).await;
    // The same form, once more, is another one.
    let path = turned(&ground, &browser, "/authorize", &query).await;
    assert!(answered(&browser.send(browser.call(Method::GET, &path)).await).contains_key("code"));
}

#[tokio::test]
async fn what_stands_for_a_logout_is_good_once_and_nowhere_else() {
    let ground = Ground::new().await;
    let browser = ground.browser();
    ground.authorized(&browser).await;
    let path = turned(&ground, &browser, "/logout", "state=1").await;
    is_worthless(&browser, &path.replace("/logout", "/authorize")).await;
    let other = ground.app.issuer().await;
    is_worthless(&ground.app.browser(&other), &path).await;
    let question = browser.send(browser.call(Method::GET, &path)).await;
    assert_eq!(question.status.as_u16(), 200, "{question}");
    is_worthless(&browser, &path).await;
}
