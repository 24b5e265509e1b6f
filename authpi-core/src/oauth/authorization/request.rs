//! What a client asks for, checked in the order of idp §4.3: until the redirect URI is known to be the client's, faults are
//! told to the person; from then on, to the client.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::hint;
use crate::client::model::{ApplicationType, Client, ClientStatus, GrantType, redirect_is_local};
use crate::error::Refusal;
use crate::id::{ClientId, OrganizationId, UserId};
use crate::oauth::model::{ClaimsRequest, CodeChallenge, Resources};
use crate::oauth::profile::{demanded_classes, demanded_subject};
use crate::oauth::scopes;
use crate::oauth::targets::resources_of_client;
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::web::parameters::Parameters;
use crate::web::runtime::IssuerCall;

/// Longest query, in bytes (D23).
const LONGEST: usize = 8 * 1024;

/// Longest values, in bytes (D23).
const LIMITS: [(&str, usize); 4] = [("state", 2_048), ("nonce", 512), ("scope", 4_096), ("claims", 4_096)];

/// Values of `prompt` (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "the standard lists them side by side")]
pub(super) struct Prompt {
    pub none: bool,
    pub login: bool,
    pub consent: bool,
    pub select_account: bool,
}

/// Where the answer goes, and in which form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Return {
    /// As it stands in the request, and among those of the client.
    pub redirect_uri: String,
    /// By a form and not in the query.
    pub form_post: bool,
    /// Goes back as it came.
    pub state: Option<String>,
}

/// A request that is in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct AuthorizationRequest {
    pub client_id: ClientId,
    pub back: Return,
    pub scopes: Vec<String>,
    pub resources: Resources,
    pub org: Option<OrganizationId>,
    pub nonce: Option<String>,
    pub challenge: Option<CodeChallenge>,
    pub prompt: Prompt,
    pub max_age: Option<u64>,
    /// Wanted classes, best first.
    pub acr: Vec<String>,
    /// None of them reached is a failure.
    pub acr_essential: bool,
    pub claims: Option<ClaimsRequest>,
    /// Only this user will do.
    pub user: Option<UserId>,
    pub login_hint: Option<String>,
    pub ui_locales: Option<String>,
    /// Any program on the device could pose as the client: a click precedes the code (RFC 8252 §8.6).
    pub needs_click: bool,
}

/// What is wrong with a request, and who is told.
pub(super) enum Faulty {
    /// The person: nobody knows where the answer would go.
    Person(OAuthError),
    /// The client.
    Client(Return, OAuthError),
    /// Whoever waits for an answer at all.
    Refusal(Refusal),
}

impl From<Refusal> for Faulty {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<crate::error::StoreError> for Faulty {
    fn from(error: crate::error::StoreError) -> Self {
        Self::Refusal(error.into())
    }
}

/// Checks a request.
///
/// # Errors
/// [`Faulty`].
pub(super) async fn checked(call: &IssuerCall, sent: &Parameters) -> Result<(Client, AuthorizationRequest), Faulty> {
    let person = |text| Faulty::Person(OAuthError::invalid_request(text));
    if is_too_long(call) {
        return Err(person("The request is too long."));
    }
    if sent.repeats("client_id") || sent.repeats("redirect_uri") {
        return Err(person("client_id or redirect_uri is repeated."));
    }
    let client = client(call, sent).await?;
    let redirect_uri = sent.get("redirect_uri").filter(|uri| client.details.accepts_redirect(uri));
    let redirect_uri = redirect_uri.ok_or(person("redirect_uri is missing, or not one of the client."))?;
    let object = sent.get("request").map(told_by_object).unwrap_or_default();
    let state = sent.get("state").map(str::to_owned).or(object.state);
    let mut back = Return { redirect_uri: redirect_uri.to_owned(), form_post: false, state };
    let request = match sent.get("response_mode").or(object.response_mode.as_deref()) {
        None | Some("query") => rest(call, sent, &client, &back).await,
        Some("form_post") => {
            back.form_post = true;
            rest(call, sent, &client, &back).await
        }
        Some(_) => Err(Told::Client(OAuthError::invalid_request("response_mode is not supported."))),
    };
    match request {
        Ok(request) => Ok((client, request)),
        Err(Told::Client(error)) => Err(Faulty::Client(back, error)),
        Err(Told::Refusal(refusal)) => Err(Faulty::Refusal(refusal)),
    }
}

/// What a request object says about how its refusal is to be told.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ToldByObject {
    response_mode: Option<String>,
    state: Option<String>,
}

/// Request objects are refused, signed or not. Who puts the parameters of a request into one (OpenID Connect Core §6.1)
/// waits for the refusal in the form that is asked for there; nothing else of it is looked at.
fn told_by_object(object: &str) -> ToldByObject {
    let payload = object.split('.').nth(1).and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
    let told = payload.and_then(|payload| serde_json::from_slice::<ToldByObject>(&payload).ok()).unwrap_or_default();
    let is_short = |state: &String| LIMITS.iter().all(|(name, longest)| *name != "state" || state.len() <= *longest);
    ToldByObject {
        response_mode: told.response_mode.filter(|mode| mode == "form_post"),
        state: told.state.filter(is_short),
    }
}

/// A form that was parked has been measured before; sealed it is longer.
fn is_too_long(call: &IssuerCall) -> bool {
    let is_plain = call.query().is_ok_and(|query| query.get("client_id").is_some());
    is_plain && call.raw_query().is_some_and(|query| query.len() > LONGEST)
}

/// The client of a request, while it may authorize.
///
/// # Errors
/// [`Faulty`].
async fn client(call: &IssuerCall, sent: &Parameters) -> Result<Client, Faulty> {
    const UNKNOWN: OAuthError = OAuthError::invalid_request("client_id is missing, or not known here.");
    let id: Option<ClientId> = sent.get("client_id").and_then(|id| id.parse().ok());
    let found = match id {
        Some(id) => call.services().store.reads().clients().find(call.issuer_id(), id).await?,
        None => None,
    };
    let client = found.ok_or(Faulty::Person(UNKNOWN))?;
    match client.status.value {
        ClientStatus::Active => Ok(client),
        ClientStatus::Disabled => {
            Err(Faulty::Person(OAuthError::new(OAuthCode::UnauthorizedClient, "The client is disabled.")))
        }
    }
}

/// A fault of a request whose redirect URI is known.
enum Told {
    Client(OAuthError),
    Refusal(Refusal),
}

impl From<OAuthError> for Told {
    fn from(error: OAuthError) -> Self {
        Self::Client(error)
    }
}

impl From<Refusal> for Told {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

async fn rest(
    call: &IssuerCall,
    sent: &Parameters,
    client: &Client,
    back: &Return,
) -> Result<AuthorizationRequest, Told> {
    in_bounds(sent)?;
    let challenge = protocol(sent, client)?;
    let settings = &client.details.settings;
    let scopes = scopes::for_client(sent.get("scope"), &settings.scopes)?;
    let resources = resources_of_client(call.issuer(), client, sent)?;
    let org = organization(sent, client)?;
    let claims = sent.get("claims").map(ClaimsRequest::parse).transpose();
    let claims = claims.map_err(|_| OAuthError::invalid_request("claims is malformed."))?;
    let claims = claims.filter(|claims| !claims.is_empty());
    let (acr, acr_essential) = classes(sent, claims.as_ref());
    let user = subject(call, sent, client, claims.as_ref()).await?;
    let native = settings.openid.application_type == ApplicationType::Native;
    Ok(AuthorizationRequest {
        client_id: client.id,
        back: back.clone(),
        scopes,
        resources,
        org,
        nonce: sent.get("nonce").map(str::to_owned),
        challenge,
        prompt: prompt(sent.get("prompt"))?,
        max_age: max_age(sent.get("max_age"))?,
        acr,
        acr_essential,
        claims,
        user,
        login_hint: sent.get("login_hint").map(str::to_owned),
        ui_locales: sent.get("ui_locales").map(str::to_owned),
        needs_click: native && redirect_is_local(&back.redirect_uri),
    })
}

fn in_bounds(sent: &Parameters) -> Result<(), OAuthError> {
    sent.distinct()?;
    if LIMITS.iter().any(|(name, longest)| sent.get(name).is_some_and(|value| value.len() > *longest)) {
        return Err(OAuthError::invalid_request("A parameter is too long."));
    }
    Ok(())
}

/// Request objects, response type, grant and PKCE.
fn protocol(sent: &Parameters, client: &Client) -> Result<Option<CodeChallenge>, OAuthError> {
    if sent.get("request").is_some() {
        return Err(OAuthError::new(OAuthCode::RequestNotSupported, "Request objects are not supported."));
    }
    if sent.get("request_uri").is_some() {
        return Err(OAuthError::new(OAuthCode::RequestUriNotSupported, "Request objects are not supported."));
    }
    match sent.get("response_type") {
        Some("code") => {}
        None => return Err(OAuthError::invalid_request("response_type is missing.")),
        Some(_) => {
            return Err(OAuthError::new(OAuthCode::UnsupportedResponseType, "The response type is not supported."));
        }
    }
    if !client.details.grant_types().contains(&GrantType::AuthorizationCode) {
        return Err(OAuthError::new(OAuthCode::UnauthorizedClient, "The client may not use this grant."));
    }
    let challenge = CodeChallenge::parse(sent.get("code_challenge"), sent.get("code_challenge_method"));
    let challenge =
        challenge.map_err(|_| OAuthError::invalid_request("code_challenge must be one of the method S256."))?;
    if challenge.is_none() && client.details.requires_pkce() {
        return Err(OAuthError::invalid_request("code_challenge is missing."));
    }
    Ok(challenge)
}

fn organization(sent: &Parameters, client: &Client) -> Result<Option<OrganizationId>, OAuthError> {
    let Some(org) = sent.get("org") else { return Ok(None) };
    let org = org.parse().map_err(|_| OAuthError::invalid_request("org is no id of an organization."))?;
    if client.details.settings.organizations.admits(org) {
        Ok(Some(org))
    } else {
        Err(OAuthError::new(OAuthCode::AccessDenied, "The organization cannot be selected."))
    }
}

fn prompt(text: Option<&str>) -> Result<Prompt, OAuthError> {
    let mut prompt = Prompt::default();
    for word in text.unwrap_or_default().split(' ').filter(|word| !word.is_empty()) {
        match word {
            "none" => prompt.none = true,
            "login" => prompt.login = true,
            "consent" => prompt.consent = true,
            "select_account" => prompt.select_account = true,
            _ => return Err(OAuthError::invalid_request("prompt has an unknown value.")),
        }
    }
    if prompt.none && (prompt.login || prompt.consent || prompt.select_account) {
        return Err(OAuthError::invalid_request("prompt=none stands alone."));
    }
    Ok(prompt)
}

fn max_age(text: Option<&str>) -> Result<Option<u64>, OAuthError> {
    let Some(text) = text else { return Ok(None) };
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| text.parse().ok()).flatten();
    number.map(Some).ok_or(OAuthError::invalid_request("max_age must be a number of seconds."))
}

/// The classes that `claims` demands, else those of `acr_values`.
fn classes(sent: &Parameters, claims: Option<&ClaimsRequest>) -> (Vec<String>, bool) {
    if let Some(demanded) = claims.and_then(demanded_classes) {
        return demanded;
    }
    let words = sent.get("acr_values").unwrap_or_default().split(' ').filter(|word| !word.is_empty());
    (words.map(str::to_owned).collect(), false)
}

/// The user of `id_token_hint`, or of a demanded `sub`.
async fn subject(
    call: &IssuerCall,
    sent: &Parameters,
    client: &Client,
    claims: Option<&ClaimsRequest>,
) -> Result<Option<UserId>, Told> {
    const INVALID: OAuthError = OAuthError::invalid_request("id_token_hint is no ID token of this client.");
    let hinted = match sent.get("id_token_hint") {
        None => None,
        Some(text) => {
            let hint = hint::genuine(call, text).await?.filter(|hint| hint.aud == client.id.to_string());
            Some(hint.ok_or(INVALID)?.sub)
        }
    };
    let demanded = claims.and_then(demanded_subject);
    let wanted = match (&hinted, &demanded) {
        (Some(one), Some(other)) if one != other => {
            return Err(OAuthError::invalid_request("id_token_hint and claims name different users.").into());
        }
        _ => hinted.or(demanded),
    };
    // A demanded `sub` that is no user at all is no user here, either.
    let nobody = OAuthError::new(OAuthCode::LoginRequired, "There is no such user.");
    wanted.map(|sub| sub.parse().map_err(|_| Told::Client(nobody))).transpose()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_known_words_and_none_stands_alone() {
        assert_eq!(prompt(None).unwrap(), Prompt::default());
        let both = Prompt { login: true, consent: true, ..Prompt::default() };
        assert_eq!(prompt(Some("login consent login")).unwrap(), both);
        for bad in ["none login", "create", "None", "login,consent"] {
            assert!(prompt(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_age_is_a_number_of_seconds() {
        assert_eq!(max_age(Some("0")).unwrap(), Some(0));
        for bad in ["-1", "+1", "1.5", " 1", "one", "99999999999999999999999"] {
            assert!(max_age(Some(bad)).is_err(), "{bad}");
        }
    }
}
