//! RP-Initiated Logout OP (OpenID Connect RP-Initiated Logout 1.0).

use http::Method;
use serde_json::json;
use tests::provider::{answered, code_of, text};
use tests::{Browser, Provider, Reply};

use super::provider;

const BACK: &str = "https://app.example.com/bye";

/// A browser that is signed in at the client, and the client's ID token.
struct SignedIn<'p> {
    provider: &'p Provider,
    browser: Browser<'p>,
    hint: String,
}

async fn ground() -> Provider {
    provider(json!({ "post_logout_redirect_uris": [BACK, "https://app.example.com/bye?foo=bar"] })).await
}

impl<'p> SignedIn<'p> {
    async fn at(provider: &'p Provider) -> Self {
        let browser = provider.browser();
        let code = code_of(&provider.authorize(&browser, &[]).await);
        let tokens = provider.exchange(&code).await.body;
        Self { provider, browser, hint: text(&tokens, "id_token").to_owned() }
    }

    /// Asks for the end of the session.
    async fn logout(&self, parameters: &[(&str, &str)]) -> Reply {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let path = if query.is_empty() { "/logout".to_owned() } else { format!("/logout?{query}") };
        self.browser.send(self.browser.call(Method::GET, &path)).await
    }

    /// Says yes where a page asks.
    async fn yes(&self, page: &Reply) -> Reply {
        let html = String::from_utf8_lossy(&page.bytes).replace("&#x2f;", "/").replace("&amp;", "&");
        let between = |before: &str| html.split(before).nth(1).and_then(|rest| rest.split('"').next());
        let action = between("method=\"post\" action=\"").unwrap_or_else(|| panic!("it does not ask: {html}"));
        let ticket = between("name=\"ticket\" value=\"").unwrap();
        let path = action.strip_prefix(&self.provider.url()).unwrap();
        let call = self.browser.call(Method::POST, path).form(&[("ticket", ticket), ("confirm", "true")]);
        self.browser.send(call.header("origin", "null").header("sec-fetch-site", "same-origin")).await
    }

    async fn is_signed_in(&self) -> bool {
        answered(&self.provider.ask(&self.browser, &[("prompt", "none")]).await).contains_key("code")
    }
}

#[track_caller]
fn is_page(reply: &Reply, status: u16) {
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (status, "text/html; charset=utf-8"), "{reply}");
    assert!(reply.headers.get("location").is_none());
}

/// `oidcc-rp-initiated-logout`
#[tokio::test]
async fn a_logout_with_the_hint_of_the_session_ends_it_and_returns_with_the_state() {
    let provider = ground().await;
    let person = SignedIn::at(&provider).await;
    let wish = [("id_token_hint", &*person.hint), ("post_logout_redirect_uri", BACK), ("state", "x y&z")];
    let reply = person.logout(&wish).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (302, &*format!("{BACK}?state=x+y%26z")), "{reply}");
    assert!(!person.is_signed_in().await);
    assert_eq!((person.browser.cookie("op"), person.browser.cookie("opbs")), (None, None));
}

/// The same by POST, from the page of the client (§2)
#[tokio::test]
async fn a_logout_may_be_posted() {
    let provider = ground().await;
    let person = SignedIn::at(&provider).await;
    let form = [("id_token_hint", &*person.hint), ("post_logout_redirect_uri", BACK), ("state", "1")];
    let call = person.browser.call(Method::POST, "/logout").form(&form).header("origin", "https://app.example.com");
    let turned = person.browser.send(call).await;
    assert_eq!(turned.status, 303, "{turned}");
    assert!(!turned.header("location").contains(&person.hint), "no hint stands in an address");
    let path = turned.header("location").strip_prefix(&provider.url()).unwrap().to_owned();
    let reply = person.browser.send(person.browser.call(Method::GET, &path)).await;
    assert_eq!(reply.header("location"), format!("{BACK}?state=1"));
    assert!(!person.is_signed_in().await);
}

/// `oidcc-rp-initiated-logout-no-state`
#[tokio::test]
async fn without_a_state_the_return_has_none() {
    let provider = ground().await;
    let person = SignedIn::at(&provider).await;
    let reply = person.logout(&[("id_token_hint", &person.hint), ("post_logout_redirect_uri", BACK)]).await;
    assert_eq!(reply.header("location"), BACK);
    assert!(!person.is_signed_in().await);
}

/// A registered address with a query keeps it
#[tokio::test]
async fn the_state_follows_a_registered_query() {
    let provider = ground().await;
    let person = SignedIn::at(&provider).await;
    let with_query = "https://app.example.com/bye?foo=bar";
    let wish = [("id_token_hint", &*person.hint), ("post_logout_redirect_uri", with_query), ("state", "1")];
    assert_eq!(person.logout(&wish).await.header("location"), format!("{with_query}&state=1"));
}

/// `oidcc-rp-initiated-logout-bad-post-logout-redirect-uri`, `…-query-added-to-post-logout-redirect-uri`
#[tokio::test]
async fn an_address_that_is_not_registered_is_not_returned_to_and_the_session_ends() {
    let provider = ground().await;
    for wrong in ["https://evil.example.com/", "https://app.example.com/bye?foo=baz", "https://app.example.com/bye/"] {
        let person = SignedIn::at(&provider).await;
        let wish = [("id_token_hint", &*person.hint), ("post_logout_redirect_uri", wrong), ("state", "1")];
        let reply = person.logout(&wish).await;
        is_page(&reply, 400);
        assert!(!String::from_utf8_lossy(&reply.bytes).contains("evil.example.com"));
        assert!(!person.is_signed_in().await, "{wrong}");
    }
}

/// `oidcc-rp-initiated-logout-modified-id-token-hint`, `…-bad-id-token-hint`
#[tokio::test]
async fn a_hint_that_was_tampered_with_asks_and_returns_nowhere() {
    let provider = ground().await;
    let person = SignedIn::at(&provider).await;
    let (signed, signature) = person.hint.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let modified = format!("{signed}.{flipped}{}", &signature[1..]);
    for bad in [modified.as_str(), "x", "a.b.c"] {
        let reply = person.logout(&[("id_token_hint", bad), ("post_logout_redirect_uri", BACK), ("state", "1")]).await;
        is_page(&reply, 400);
        assert!(person.is_signed_in().await, "nobody has said yes");
    }
    let page = person.logout(&[("id_token_hint", &modified), ("post_logout_redirect_uri", BACK)]).await;
    is_page(&person.yes(&page).await, 200);
    assert!(!person.is_signed_in().await);
}

/// `oidcc-rp-initiated-logout-no-id-token-hint`: §2, the person must be asked
#[tokio::test]
async fn without_a_hint_the_person_is_asked_and_stays_here() {
    let provider = ground().await;
    let person = SignedIn::at(&provider).await;
    let page = person.logout(&[("post_logout_redirect_uri", BACK), ("state", "1")]).await;
    is_page(&page, 200);
    assert!(person.is_signed_in().await);
    is_page(&person.yes(&page).await, 200);
    assert!(!person.is_signed_in().await);
}

/// `oidcc-rp-initiated-logout-no-params`, `…-only-state`
#[tokio::test]
async fn without_parameters_the_person_is_asked() {
    let provider = ground().await;
    for parameters in [&[][..], &[("state", "1")]] {
        let person = SignedIn::at(&provider).await;
        let page = person.logout(parameters).await;
        is_page(&page, 200);
        is_page(&person.yes(&page).await, 200);
        assert!(!person.is_signed_in().await);
    }
}

/// `oidcc-rp-initiated-logout-no-post-logout-redirect-uri`
#[tokio::test]
async fn with_a_hint_and_nowhere_to_return_to_a_page_says_that_it_is_over() {
    let provider = ground().await;
    let person = SignedIn::at(&provider).await;
    is_page(&person.logout(&[("id_token_hint", &person.hint), ("state", "1")]).await, 200);
    assert!(!person.is_signed_in().await);
}

/// §2: the hint is of a session of this browser, or it decides nothing for it
#[tokio::test]
async fn a_hint_of_another_session_does_not_end_this_one_without_a_yes() {
    let provider = ground().await;
    let (here, elsewhere) = (SignedIn::at(&provider).await, SignedIn::at(&provider).await);
    let page = here.logout(&[("id_token_hint", &elsewhere.hint), ("post_logout_redirect_uri", BACK)]).await;
    is_page(&page, 200);
    assert!(here.is_signed_in().await && elsewhere.is_signed_in().await);
    let reply = here.yes(&page).await;
    assert_eq!(reply.header("location"), BACK);
    assert!(!here.is_signed_in().await);
    assert!(elsewhere.is_signed_in().await, "the other browser keeps its sign-on");
}

/// The yes is the person's: no other site can say it
#[tokio::test]
async fn a_yes_without_the_ticket_of_the_page_ends_nothing() {
    let provider = ground().await;
    let person = SignedIn::at(&provider).await;
    let page = person.logout(&[]).await;
    let html = String::from_utf8_lossy(&page.bytes).replace("&#x2f;", "/").replace("&amp;", "&");
    let action = html.split("method=\"post\" action=\"").nth(1).unwrap().split('"').next().unwrap();
    let path = action.strip_prefix(&provider.url()).unwrap();
    for (ticket, origin) in [("forged", "null"), ("", "https://evil.example.com")] {
        let call = person.browser.call(Method::POST, path).form(&[("ticket", ticket), ("confirm", "true")]);
        let reply = person.browser.send(call.header("origin", origin)).await;
        assert!(reply.status.is_client_error() || reply.status.is_redirection(), "{reply}");
        assert!(person.is_signed_in().await);
    }
}

/// Signed out already: the client gets its browser back
#[tokio::test]
async fn who_is_signed_out_already_is_sent_back() {
    let provider = ground().await;
    let person = SignedIn::at(&provider).await;
    let wish = [("id_token_hint", &*person.hint), ("post_logout_redirect_uri", BACK), ("state", "1")];
    person.logout(&wish).await;
    assert_eq!(person.logout(&wish).await.header("location"), format!("{BACK}?state=1"));
    is_page(&person.logout(&[]).await, 200);
}

/// `client_id` (§2) must be the one that the hint was issued to
#[tokio::test]
async fn a_client_id_that_is_not_the_hints_makes_it_a_bad_one() {
    let provider = ground().await;
    let person = SignedIn::at(&provider).await;
    let (other, _) = provider.other_client(json!({ "redirect_uris": ["https://o.example.com/"] })).await;
    let reply = person
        .logout(&[("id_token_hint", &person.hint), ("client_id", &other), ("post_logout_redirect_uri", BACK)])
        .await;
    is_page(&reply, 400);
    let wish = [("id_token_hint", &*person.hint), ("client_id", &*provider.client), ("post_logout_redirect_uri", BACK)];
    assert_eq!(person.logout(&wish).await.header("location"), BACK);
}

/// OpenID Connect Front-Channel Logout §2, §3
#[tokio::test]
async fn clients_that_want_it_are_told_in_the_browser_with_issuer_and_session() {
    let provider = provider(json!({ "post_logout_redirect_uris": [BACK],
        "frontchannel_logout_uri": "https://app.example.com/front" }))
    .await;
    let person = SignedIn::at(&provider).await;
    let sid = tests::provider::claims(&person.hint)["sid"].as_str().unwrap().to_owned();
    let reply = person.logout(&[("id_token_hint", &person.hint), ("post_logout_redirect_uri", BACK)]).await;
    is_page(&reply, 200);
    let html = String::from_utf8_lossy(&reply.bytes).replace("&#x2f;", "/").replace("&amp;", "&");
    let iss: String = url::form_urlencoded::byte_serialize(provider.url().as_bytes()).collect();
    assert!(html.contains(&format!("https://app.example.com/front?iss={iss}&sid={sid}")), "{html}");
    assert!(html.contains(&format!("href=\"{BACK}\"")), "{html}");
    assert!(reply.header("content-security-policy").contains("frame-src https://app.example.com"));
}
