//! Back-Channel Logout OP (OpenID Connect Back-Channel Logout 1.0), from the browser to the client's server.

use authpi_core::worker::run_once;
use http::Method;
use serde_json::json;
use tests::provider::{claims, code_of, part, text};
use tests::{App, Dns, Receiver};

use super::{provider_on, verified};

/// `oidcc-backchannel-rp-initiated-logout`
#[tokio::test]
async fn a_logout_in_the_browser_is_told_to_the_server_of_the_client() {
    let (dns, receiver) = (Dns::start().await, Receiver::start().await);
    let settings = json!({ "backchannel_logout_uri": format!("{}/out", receiver.base),
        "post_logout_redirect_uris": ["https://app.example.com/bye"] });
    let provider = provider_on(App::start_reaching(super::DRIVER, &dns).await, settings).await;
    let browser = provider.browser();
    let code = code_of(&provider.authorize(&browser, &[]).await);
    let tokens = provider.exchange(&code).await.body;
    let id = claims(text(&tokens, "id_token"));

    let query =
        [("id_token_hint", text(&tokens, "id_token")), ("post_logout_redirect_uri", "https://app.example.com/bye")];
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let reply = browser.send(browser.call(Method::GET, &format!("/logout?{query}"))).await;
    assert_eq!(reply.header("location"), "https://app.example.com/bye");
    run_once(provider.app.authpi.services()).await.unwrap();

    let received = receiver.received();
    let [told] = received.as_slice() else { panic!("{} requests", received.len()) };
    assert_eq!((told.method.as_str(), told.path.as_str()), ("POST", "/out"));
    assert_eq!(told.header("content-type"), "application/x-www-form-urlencoded");
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&told.body).into_owned().collect();
    let [(name, token)] = form.as_slice() else { panic!("{form:?}") };
    assert_eq!(name, "logout_token");
    // §2.4: no `alg` of none, an explicit type, and every claim.
    assert_eq!(part(token, 0)["typ"], "logout+jwt");
    let found = verified(&provider, token).await;
    for claim in ["iss", "sub", "sid"] {
        assert_eq!(found[claim], id[claim], "{claim} is the ID token's");
    }
    assert_eq!(found["aud"], json!(provider.client));
    assert_eq!(found["events"], json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
    assert!(found["jti"].is_string() && found["iat"].is_i64() && found["exp"].is_i64());
    assert!(found.get("nonce").is_none(), "it is no ID token");
}
