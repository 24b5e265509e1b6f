//! Who calls the token endpoint and its neighbours: a client or an agent, and how it proved that (idp §6.2).

use http::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::assertion;
use crate::agent::model::{Agent, AgentVerifier};
use crate::client::model::{CLIENT_SECRET_HASH, Client, ClientStatus, TokenEndpointAuthMethod};
use crate::error::Refusal;
use crate::event::model::Actor;
use crate::id::{AgentId, ClientId, Id as _, VerifierId};
use crate::oauth_error::{OAuthCode, OAuthError};
use crate::rotating_secret::RotatingSecret;
use crate::secret::Secret;
use crate::web::authentication::basic_credentials;
use crate::web::parameters::Parameters;
use crate::web::rate_limit::BucketKey;
use crate::web::route::RateClass;
use crate::web::runtime::IssuerCall;

/// `client_assertion_type` of RFC 7523 §2.2.
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const REFUSED: OAuthError = OAuthError::new(OAuthCode::InvalidClient, "The client could not be authenticated.");

/// Who calls.
#[derive(Debug)]
pub(super) enum Requester {
    /// An application. A public one has only said who it is.
    Client(Box<Client>),
    /// An agent, with the verifier that its secret belongs to.
    Agent(Box<Agent>, VerifierId),
}

impl Requester {
    /// The id, as tokens name it.
    pub(super) fn id(&self) -> String {
        match self {
            Self::Client(client) => client.id.to_string(),
            Self::Agent(agent, _) => agent.id.to_string(),
        }
    }

    /// Who acts, as events name them.
    pub(super) fn actor(&self) -> Actor {
        match self {
            Self::Client(client) => Actor::Client { client_id: client.id },
            Self::Agent(agent, _) => Actor::agent(agent.id),
        }
    }

    /// It has proven who it is.
    pub(super) fn is_confidential(&self) -> bool {
        match self {
            Self::Client(client) => client.details.confidential,
            Self::Agent(..) => true,
        }
    }
}

/// How a caller says who it is.
enum Presented<'r> {
    Basic { id: Zeroizing<String>, secret: Zeroizing<String>, raw: (Zeroizing<String>, Zeroizing<String>) },
    Post { id: &'r str, secret: &'r str },
    Assertion { id: Option<&'r str>, assertion: &'r str },
    Nothing { id: &'r str },
}

/// Finds out who calls.
///
/// # Errors
/// `invalid_client`, with one wording for all reasons; `unauthorized_client` for a disabled client that has proven who it
/// is; `invalid_request` for contradictions; [`Refusal::RateLimited`].
pub(super) async fn authenticate(call: &IssuerCall, form: &Parameters) -> Result<Requester, Refusal> {
    match identified(call, form).await {
        Err(Refusal::OAuth(error)) if error.code == OAuthCode::InvalidClient => {
            if !call.is_repeated() {
                let bucket = BucketKey::of_address(call.address());
                call.services().limits.take(RateClass::Unauthenticated, bucket)?;
            }
            Err(error.into())
        }
        outcome => outcome,
    }
}

async fn identified(call: &IssuerCall, form: &Parameters) -> Result<Requester, Refusal> {
    let presented = presented(call, form)?;
    let id = match &presented {
        Presented::Basic { id, .. } => id.to_string(),
        Presented::Post { id, .. } | Presented::Nothing { id } | Presented::Assertion { id: Some(id), .. } => {
            (*id).to_owned()
        }
        Presented::Assertion { id: None, assertion } => assertion::claimed_client(assertion).ok_or(REFUSED)?,
    };
    if let Ok(agent) = id.parse::<AgentId>() {
        return by_agent(call, agent, &presented).await;
    }
    let Ok(client) = id.parse::<ClientId>() else {
        limit(call, None)?;
        if let Presented::Basic { id, raw, .. } = &presented
            && *raw.0 != **id
        {
            // Encoded by nobody's rules: as it came.
            return by_client(call, raw.0.parse().map_err(|_| REFUSED)?, &presented).await;
        }
        compare_with_nothing(call, &presented);
        return Err(REFUSED.into());
    };
    by_client(call, client, &presented).await
}

/// Draws on the bucket of a caller that exists; all others of one address share one, however many ids they think of.
fn limit(call: &IssuerCall, known: Option<uuid::Uuid>) -> Result<(), Refusal> {
    Ok(call.limit(RateClass::Token, known.unwrap_or_default())?)
}

/// Header and body as one. Two ways at once are one too many (RFC 6749 §2.3).
fn presented<'r>(call: &'r IssuerCall, form: &'r Parameters) -> Result<Presented<'r>, OAuthError> {
    const TWICE: OAuthError = OAuthError::invalid_request("The client authenticates in more than one way.");
    let (id, secret) = (form.get("client_id"), form.get("client_secret"));
    let assertion = match (form.get("client_assertion"), form.get("client_assertion_type")) {
        (None, None) => None,
        (Some(assertion), Some(JWT_BEARER)) => Some(assertion),
        _ => return Err(OAuthError::invalid_request("client_assertion_type does not fit client_assertion.")),
    };
    let mut headers = call.headers().get_all(AUTHORIZATION).iter();
    let basic = match (headers.next(), headers.next()) {
        (None, _) => None,
        (Some(header), None) => Some(header.to_str().ok().and_then(basic_credentials).ok_or(REFUSED)?),
        (Some(_), Some(_)) => return Err(OAuthError::invalid_request("There is more than one Authorization header.")),
    };
    match (basic, secret, assertion) {
        (Some((user, password)), None, None) => {
            let user = Zeroizing::new(user);
            let decode = |text: &Zeroizing<String>| {
                let spaced = Zeroizing::new(text.replace('+', " "));
                percent_decode_str(&spaced).decode_utf8().ok().map(|text| Zeroizing::new(text.into_owned()))
            };
            let decoded_id = decode(&user).ok_or(REFUSED)?;
            if id.is_some_and(|id| id != *decoded_id && id != *user) {
                return Err(OAuthError::invalid_request("client_id contradicts the Authorization header."));
            }
            let secret = decode(&password).unwrap_or_else(|| password.clone());
            Ok(Presented::Basic { id: decoded_id, secret, raw: (user, password) })
        }
        (None, Some(secret), None) => {
            let id = id.ok_or(OAuthError::invalid_request("client_id is missing."))?;
            Ok(Presented::Post { id, secret })
        }
        (None, None, Some(assertion)) => Ok(Presented::Assertion { id, assertion }),
        (None, None, None) => {
            let id = id.ok_or(OAuthError::new(OAuthCode::InvalidClient, "The client does not say who it is."))?;
            Ok(Presented::Nothing { id })
        }
        _ => Err(TWICE),
    }
}

/// The secrets that may be meant: decoded as RFC 6749 §2.3.1 demands, and as they came.
fn secrets<'p>(presented: &'p Presented<'_>) -> Vec<&'p str> {
    match presented {
        Presented::Basic { secret, raw, .. } if *raw.1 != **secret => vec![secret.as_str(), raw.1.as_str()],
        Presented::Basic { secret, .. } => vec![secret.as_str()],
        Presented::Post { secret, .. } => vec![secret],
        Presented::Assertion { .. } | Presented::Nothing { .. } => Vec::new(),
    }
}

/// The same work as for somebody who is known, so that time does not tell them apart.
fn compare_with_nothing(call: &IssuerCall, presented: &Presented<'_>) {
    let peppers = &call.services().keyring.peppers;
    for secret in secrets(presented) {
        let _ = RotatingSecret::dummy(peppers).accepts(peppers, CLIENT_SECRET_HASH, secret, call.now());
    }
}

async fn by_client(call: &IssuerCall, id: ClientId, presented: &Presented<'_>) -> Result<Requester, Refusal> {
    let found = call.services().store.reads().clients().find(call.issuer_id(), id).await?;
    limit(call, found.as_ref().map(|client| client.id.uuid()))?;
    let Some(client) = found else {
        compare_with_nothing(call, presented);
        return Err(REFUSED.into());
    };
    if !proves(call, &client, presented).await? {
        return Err(REFUSED.into());
    }
    call.share_with(client.details.origins());
    match client.status.value {
        ClientStatus::Active => Ok(Requester::Client(Box::new(client))),
        ClientStatus::Disabled => Err(OAuthError::new(OAuthCode::UnauthorizedClient, "The client is disabled.").into()),
    }
}

async fn proves(call: &IssuerCall, client: &Client, presented: &Presented<'_>) -> Result<bool, Refusal> {
    use TokenEndpointAuthMethod::{Any, ClientSecretBasic, ClientSecretPost, None as Public, PrivateKeyJwt};
    let accepts_secret = || {
        let peppers = &call.services().keyring.peppers;
        let dummy = RotatingSecret::dummy(peppers);
        let secret = client.secret.as_ref().unwrap_or(&dummy);
        let accepts = |presented: &str| secret.accepts(peppers, CLIENT_SECRET_HASH, presented, call.now());
        secrets(presented).into_iter().any(accepts)
    };
    Ok(match (client.details.auth_method(), presented) {
        (Any | ClientSecretBasic, Presented::Basic { .. }) | (Any | ClientSecretPost, Presented::Post { .. }) => {
            accepts_secret()
        }
        (PrivateKeyJwt, Presented::Assertion { assertion, .. }) => assertion::proves(call, client, assertion).await?,
        (Public, Presented::Nothing { .. }) => !client.details.confidential,
        _ => {
            compare_with_nothing(call, presented);
            false
        }
    })
}

async fn by_agent(call: &IssuerCall, id: AgentId, presented: &Presented<'_>) -> Result<Requester, Refusal> {
    let (issuer, agents) = (call.issuer_id(), call.services().store.reads().agents());
    let found = agents.find(issuer, id).await?.filter(Agent::is_active);
    limit(call, found.as_ref().map(|agent| agent.id.uuid()))?;
    let Some(agent) = found else {
        compare_with_nothing(call, presented);
        return Err(REFUSED.into());
    };
    let verifiers = agents.verifiers(issuer, id).await?;
    let peppers = &call.services().keyring.peppers;
    let presented: Vec<_> = secrets(presented).into_iter().map(Secret::new).collect();
    let accepts = |verifier: &&AgentVerifier| presented.iter().any(|secret| verifier.accepts(peppers, secret));
    let accepted = verifiers.iter().find(accepts).map(|verifier| verifier.id);
    let verifier = accepted.ok_or(REFUSED)?;
    Ok(Requester::Agent(Box::new(agent), verifier))
}
