//! A relying party that was not made for this provider: the crate `openidconnect`, with nothing but the issuer's address.

use openidconnect::core::{
    CoreClient, CoreErrorResponseType, CoreIdTokenClaims, CoreIdTokenVerifier, CoreProviderMetadata, CoreResponseType,
    CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::{
    AccessTokenHash, AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce, NonceVerifier, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse as _,
};
use serde_json::json;
use tests::provider::{CALLBACK, EMAIL, answered};
use tests::{App, Driver, Provider};

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// The library brings no HTTP client of its own here.
async fn send(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
    let response = client.execute(reqwest::Request::try_from(request)?).await?;
    let mut answer = HttpResponse::new(Vec::new());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = response.headers().clone();
    *answer.body_mut() = response.bytes().await?.to_vec();
    Ok(answer)
}

/// A client that has read the discovery document and the keys.
async fn client(provider: &Provider) -> Client {
    let issuer = IssuerUrl::new(provider.url()).unwrap();
    let metadata = CoreProviderMetadata::discover_async(issuer, &send).await.unwrap();
    let secret = Some(provider.secret.clone()).filter(|secret| !secret.is_empty()).map(ClientSecret::new);
    CoreClient::from_provider_metadata(metadata, ClientId::new(provider.client.clone()), secret)
        .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned()).unwrap())
}

/// An authorization that a person has given.
struct Authorized {
    code: AuthorizationCode,
    verifier: PkceCodeVerifier,
    nonce: Nonce,
}

/// Sends a person to the provider; checks the state that comes back.
async fn authorized(provider: &Provider, client: &Client) -> Authorized {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
    let (url, state, nonce) = client
        .authorize_url(flow, CsrfToken::new_random, Nonce::new_random)
        .add_scope(Scope::new("profile".to_owned()))
        .add_scope(Scope::new("email".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let browser = provider.browser();
    let path = url.as_str().strip_prefix(&provider.url()).unwrap();
    let reply = browser.send(browser.call(http::Method::GET, path)).await;
    let mut found = answered(&provider.follow(&browser, reply).await);
    assert_eq!((&found["state"], &found["iss"]), (state.secret(), &provider.url()));
    Authorized { code: AuthorizationCode::new(found.remove("code").unwrap()), verifier, nonce }
}

/// The verifier, at the time that it is for the provider.
fn verifier<'c>(provider: &Provider, client: &'c Client) -> CoreIdTokenVerifier<'c> {
    let now = provider.app.now();
    client.id_token_verifier().set_time_fn(move || {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(u64::try_from(now).unwrap());
        time.into()
    })
}

/// The claims of the ID token, after everything that OpenID Connect Core §3.1.3.7 and §3.1.3.8 say.
fn verified<'t>(
    provider: &Provider,
    client: &Client,
    tokens: &'t CoreTokenResponse,
    nonce: impl NonceVerifier,
) -> &'t CoreIdTokenClaims {
    let verifier = verifier(provider, client);
    let id = tokens.id_token().unwrap();
    let claims = id.claims(&verifier, nonce).unwrap();
    if let Some(expected) = claims.access_token_hash() {
        let (algorithm, key) = (id.signing_alg().unwrap(), id.signing_key(&verifier).unwrap());
        let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key).unwrap();
        assert_eq!(&actual, expected);
    }
    claims
}

async fn signs_a_person_in(algorithm: &str) {
    let app = App::start(Driver::Axum).await;
    let provider = Provider::on(app, json!({ "response_signature_alg": algorithm })).await;
    let client = client(&provider).await;
    let given = authorized(&provider, &client).await;
    let request = client.exchange_code(given.code).unwrap().set_pkce_verifier(given.verifier);
    let tokens = request.request_async(&send).await.unwrap();
    let claims = verified(&provider, &client, &tokens, &given.nonce);
    assert_eq!((claims.subject().as_str(), claims.email().unwrap().as_str()), (provider.user.as_str(), EMAIL));
    assert!(claims.access_token_hash().is_some() && claims.auth_time().is_some());
    assert!(tokens.id_token().unwrap().claims(&verifier(&provider, &client), &Nonce::new_random()).is_err());

    let subject = Some(claims.subject().clone());
    let request = client.user_info(tokens.access_token().clone(), subject).unwrap();
    let known: CoreUserInfoClaims = request.request_async(&send).await.unwrap();
    assert_eq!((known.email().unwrap().as_str(), known.email_verified()), (EMAIL, Some(true)));

    let spent = tokens.refresh_token().unwrap();
    let renewed = client.exchange_refresh_token(spent).unwrap().request_async(&send).await.unwrap();
    let again = verified(&provider, &client, &renewed, |_: Option<&Nonce>| Ok(()));
    assert_eq!((again.subject(), again.auth_time()), (claims.subject(), claims.auth_time()));
    let refused = client.exchange_refresh_token(spent).unwrap().request_async(&send).await.unwrap_err();
    let RequestTokenError::ServerResponse(answer) = refused else { panic!("{refused:?}") };
    assert_eq!(answer.error(), &CoreErrorResponseType::InvalidGrant);
}

mod a_relying_party_of_another_make_signs_a_person_in {
    #[tokio::test]
    async fn with_rs256() {
        super::signs_a_person_in("RS256").await;
    }

    #[tokio::test]
    async fn with_es256() {
        super::signs_a_person_in("ES256").await;
    }

    #[tokio::test]
    async fn with_eddsa() {
        super::signs_a_person_in("EdDSA").await;
    }
}

#[tokio::test]
async fn a_public_client_needs_its_verifier_and_no_secret() {
    let app = App::start(Driver::Axum).await;
    let provider = Provider::with(app, json!({ "confidential": false }), json!({ "application_type": "spa" })).await;
    let client = client(&provider).await;
    let given = authorized(&provider, &client).await;
    let request = client.exchange_code(given.code).unwrap().set_pkce_verifier(given.verifier);
    let tokens = request.request_async(&send).await.unwrap();
    verified(&provider, &client, &tokens, &given.nonce);

    let given = authorized(&provider, &client).await;
    let other = PkceCodeVerifier::new("x".repeat(43));
    let refused = client.exchange_code(given.code).unwrap().set_pkce_verifier(other).request_async(&send).await;
    assert!(matches!(refused, Err(RequestTokenError::ServerResponse(_))), "{refused:?}");
}

#[tokio::test]
async fn keys_that_are_rotated_are_found_by_reading_them_again() {
    let provider = Provider::on(App::start(Driver::Axum).await, json!({})).await;
    let before = client(&provider).await;
    let old = authorized(&provider, &before).await;
    let request = before.exchange_code(old.code).unwrap().set_pkce_verifier(old.verifier);
    let old_tokens = request.request_async(&send).await.unwrap();
    verified(&provider, &before, &old_tokens, &old.nonce);
    // Past the end of the month, and past the day in which a new key only stands there.
    for days in [16, 1] {
        provider.app.advance(std::time::Duration::from_hours(24 * days));
        client(&provider).await;
    }
    let after = client(&provider).await;
    let given = authorized(&provider, &after).await;
    let request = after.exchange_code(given.code).unwrap().set_pkce_verifier(given.verifier);
    let tokens = request.request_async(&send).await.unwrap();
    verified(&provider, &after, &tokens, &given.nonce);
    let id = tokens.id_token().unwrap();
    assert!(id.claims(&verifier(&provider, &before), &given.nonce).is_err(), "it was signed by a key of before");
}
