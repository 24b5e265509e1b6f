//! Access tokens in the host's own routes: what it costs above the signature.

use authpi_core::key::model::{Jws, PublicJwk, VerifyingKey};
use authpi_core::web::request::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method};
use serde_json::Value;

use crate::Scale;
use crate::measure::Report;
use crate::platform::Platform;

const BARE: &str = "bare ES256 signature check";

pub(crate) async fn run(platform: &Platform, scale: Scale, report: &mut Report) {
    let (token, key) = (token(platform).await, key(platform).await);
    let jws = token.clone();
    report
        .measure(BARE, None, (1, scale.operations), move |_| {
            let (message, signature) = jws.rsplit_once('.').unwrap();
            let signature = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, signature);
            key.verify(message.as_bytes(), &signature.unwrap()).unwrap();
            std::future::ready(())
        })
        .await;
    let authpi = platform.authpi.clone();
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    report
        .measure("access token in a route (Caller)", Some(BARE), (1, scale.operations), move |_| {
            let (authpi, headers) = (authpi.clone(), headers.clone());
            async move { authpi.caller(&headers, None).await.unwrap().require("invoices:read").unwrap() }
        })
        .await;
}

/// Of a client that signs as [`BARE`] does, for the URL of the issuer.
async fn token(platform: &Platform) -> String {
    let body = r#"{"name": "Job", "confidential": true, "settings": {"scopes": ["invoices:read"],
        "openid": {"application_type": "m2m", "response_signature_alg": "ES256"}}}"#;
    let made = platform.call(Method::POST, &platform.below("/clients"), Some(body)).await;
    let made: Value = serde_json::from_slice(made.body.bytes()).unwrap();
    let text = |name: &str| made["data"][name].as_str().unwrap().to_owned();
    let issuer = platform.authpi.services().urls.issuer(platform.issuer.to_string().parse().unwrap());
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("grant_type", "client_credentials"), ("resource", &issuer)])
        .extend_pairs([("client_id", text("id")), ("client_secret", text("secret"))])
        .finish();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
    let path = format!("/{}/token", platform.issuer);
    let request =
        Request { method: Method::POST, path, host: None, query: None, headers, peer: None, body: Ok(form.into()) };
    let answer = platform.authpi.handle(request).await;
    let answer: Value = serde_json::from_slice(answer.body.bytes()).unwrap();
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

async fn key(platform: &Platform) -> VerifyingKey {
    let token = token(platform).await;
    let kid = Jws::parse(&token).unwrap().kid().unwrap().to_string();
    let set = platform.call(Method::GET, &format!("/{}/jwks.json", platform.issuer), None).await;
    let set: Value = serde_json::from_slice(set.body.bytes()).unwrap();
    let key = set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == *kid).unwrap();
    VerifyingKey::new(&serde_json::from_value::<PublicJwk>(key.clone()).unwrap()).unwrap()
}
