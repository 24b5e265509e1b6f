//! What the certification plans of the OpenID Foundation expect of a provider, written from the specifications: one test
//! for each rule of the plans Basic OP, Config OP, Form Post OP, RP-Initiated Logout OP, Back-Channel Logout OP, Front-Channel
//! Logout OP and Session Management OP.

mod answers;
mod back_channel;
mod clients;
mod config;
mod form_post;
mod logout;
mod profile;
mod prompts;
mod redirects;
mod requests;
mod session;

use serde_json::{Value, json};
use tests::provider::{answered, part, text};
use tests::{App, Provider, Reply};

use super::DRIVER;

/// What a refusal is at the token endpoint.
#[track_caller]
fn refused(reply: &Reply, status: u16, error: &str) {
    assert_eq!((reply.status.as_u16(), reply.body["error"].as_str()), (status, Some(error)), "{reply}");
}

/// The client learns this error with its state (OpenID Connect Core §3.1.2.6).
#[track_caller]
fn told(reply: &Reply, error: &str) {
    let found = answered(reply);
    assert_eq!(found.get("error").map(String::as_str), Some(error), "{found:?}");
    assert_eq!((found["state"].as_str(), found.contains_key("code")), ("a b&c", false), "{found:?}");
}

/// A person with everything that the standard claims can say.
async fn provider(openid: Value) -> Provider {
    provider_on(App::start(DRIVER).await, openid).await
}

async fn provider_on(app: App, openid: Value) -> Provider {
    let provider = Provider::on(app, openid).await;
    let profile = json!({ "profile": {
        "first_name": "Ada", "middle_name": "King", "last_name": "Lovelace", "nickname": "ada",
        "preferred_username": "ada.l", "profile_url": "https://example.com/ada", "website": "https://ada.example.com",
        "picture_url": "https://example.com/ada.png", "gender": "female", "birthdate": "1815-12-10",
        "timezone": "Europe/London", "locale": "en-GB", "phone": "+441632960001",
        "address": { "country": "GBR", "line1": "12 St James's Square", "city": "London", "postal_code": "SW1Y 4LB" },
    } });
    provider.app.root().patch(&format!("{}/users/{}", provider.issuer, provider.user), profile).expect(200).await;
    provider
}

/// Verifies the signature of a token by the published key that it names; returns its claims.
async fn verified(provider: &Provider, token: &str) -> Value {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    let header = part(token, 0);
    assert_eq!(header["alg"], "RS256");
    let jwks = provider.app.anonymous().get(&format!("/{}/jwks.json", provider.id())).expect(200).await.body;
    let keys = jwks["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let number = |name: &str| BASE64.decode(text(key, name)).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    RsaPublicKeyComponents { n: number("n"), e: number("e") }
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &BASE64.decode(signature).unwrap())
        .unwrap();
    part(token, 1)
}
