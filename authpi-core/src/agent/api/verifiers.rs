//! Lists, shows, adds and removes verifiers of agents.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::view::{CreatedVerifier, VerifierView};
use super::{READ_VERIFIERS, VERIFIER, VERIFIERS, WRITE_VERIFIERS};
use crate::agent::model::{AgentVerifier, AgentVerifierKind, InvalidWallet, Wallet};
use crate::agent::operations::{self, NewAgentVerifier};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::id::{AgentId, IssuerId, VerifierId};
use crate::store::{Change, Reads};
use crate::web::answer::Answer;
use crate::web::body::{Body, BodySchema, NoBody};
use crate::web::call::Call;
use crate::web::endpoint::{Read, Write};
use crate::web::route::Route;

/// The agent in the path is there.
async fn existing(reads: &dyn Reads, issuer: IssuerId, agent: AgentId) -> Result<(), Refusal> {
    if reads.agents().exists(issuer, agent).await? { Ok(()) } else { Err(Refusal::NotFound) }
}

/// The verifier in the path.
async fn verifier(
    reads: &dyn Reads,
    (issuer, agent, id): (IssuerId, AgentId, VerifierId),
) -> Result<AgentVerifier, Refusal> {
    existing(reads, issuer, agent).await?;
    reads.agents().verifier(issuer, agent, id).await?.ok_or(Refusal::NotFound)
}

/// `listAgentVerifiers`
pub(super) struct List;

#[async_trait]
impl Read for List {
    fn route(&self) -> Route {
        Route::get(VERIFIERS)
            .named("listAgentVerifiers", "List the verifiers of an agent, newest first")
            .about("agents", "verifier")
            .scope(READ_VERIFIERS)
            .answers_list::<VerifierView>()
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let (issuer, agent) = call.path()?;
        existing(reads, issuer, agent).await?;
        let found = reads.agents().verifiers(issuer, agent).await?;
        Ok(Answer::list(found.iter().map(VerifierView::from).collect()))
    }
}

/// `getAgentVerifier`
pub(super) struct Get;

#[async_trait]
impl Read for Get {
    fn route(&self) -> Route {
        Route::get(VERIFIER)
            .named("getAgentVerifier", "Get a verifier of an agent")
            .about("agents", "verifier")
            .scope(READ_VERIFIERS)
            .extension()
            .conditional()
            .answers::<VerifierView>(200)
    }

    async fn answer(&self, reads: &dyn Reads, call: &Call) -> Result<Answer, Refusal> {
        let verifier = verifier(reads, call.path()?).await?;
        Ok(Answer::of(VerifierView::from(&verifier)).etag(verifier.updated_at))
    }
}

/// Body of `Create`.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CreateAgentVerifier {
    /// `secret` is made by the server and shown once; `wallet` is told by `chain` and `address`.
    #[serde(rename = "type")]
    kind: AgentVerifierKind,
    /// What people call it.
    #[serde(default)]
    #[schema(max_length = 200)]
    name: Option<String>,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 5000)]
    description: Option<String>,
    /// CAIP-2, such as `eip155:8453`; of a wallet only.
    #[serde(default)]
    #[schema(max_length = 41)]
    chain: Option<String>,
    /// Account of the chain; of a wallet only.
    #[serde(default)]
    #[schema(max_length = 128)]
    address: Option<String>,
}

impl CreateAgentVerifier {
    fn wallet(&self) -> Result<Option<Wallet>, Refusal> {
        match (self.kind, &self.chain, &self.address) {
            (AgentVerifierKind::Wallet, Some(chain), Some(address)) => {
                Wallet::new(chain, address).map(Some).map_err(Refusal::internal)
            }
            _ => Ok(None),
        }
    }
}

impl Body for CreateAgentVerifier {
    fn schema() -> Option<BodySchema> {
        Some(BodySchema::of::<Self>("CreateAgentVerifier").ignoring::<VerifierView>())
    }

    fn check(sent: &Map<String, Value>, errors: &mut FieldErrors) {
        let text = |name: &str| sent.get(name).and_then(Value::as_str);
        match (text("type"), text("chain"), text("address")) {
            (Some("wallet"), Some(chain), Some(address)) => {
                if let Err(problem) = Wallet::new(chain, address) {
                    let field = if problem == InvalidWallet::Chain { "chain" } else { "address" };
                    errors.add(field, FieldCode::InvalidFormat, format!("is {problem}"));
                }
            }
            (Some("wallet"), ..) => {
                for name in ["chain", "address"].into_iter().filter(|name| sent.get(*name).is_none_or(Value::is_null)) {
                    errors.add(name, FieldCode::Required, "a wallet is told by chain and address");
                }
            }
            (Some("secret"), ..) => {
                for name in
                    ["chain", "address"].into_iter().filter(|name| sent.get(*name).is_some_and(|v| !v.is_null()))
                {
                    errors.add(name, FieldCode::NotAllowed, "a secret has none");
                }
            }
            _ => {}
        }
    }
}

/// `createAgentVerifier`
pub(super) struct Create;

#[async_trait]
impl Write for Create {
    type Body = CreateAgentVerifier;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::post(VERIFIERS)
            .named("createAgentVerifier", "Give an agent a secret or a wallet")
            .about("agents", "verifier")
            .scope(WRITE_VERIFIERS)
            .answers::<CreatedVerifier>(201)
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call<CreateAgentVerifier>) -> Result<Answer, Refusal> {
        let (issuer, agent) = call.path()?;
        existing(change.reads(), issuer, agent).await?;
        let body = call.body()?;
        let new =
            NewAgentVerifier { name: body.name.clone(), description: body.description.clone(), wallet: body.wallet()? };
        let (verifier, secret) = operations::add_verifier(change, issuer, agent, new).await?;
        Ok(Answer::created(CreatedVerifier::new(&verifier, secret.as_ref())).etag(verifier.updated_at))
    }
}

/// `deleteAgentVerifier`
pub(super) struct Delete;

#[async_trait]
impl Write for Delete {
    type Body = NoBody;
    type Prepared = ();

    fn route(&self) -> Route {
        Route::delete(VERIFIER)
            .named("deleteAgentVerifier", "Take a verifier from an agent")
            .about("agents", "verifier")
            .scope(WRITE_VERIFIERS)
            .conditional()
    }

    async fn apply(&self, change: &mut Change<'_>, call: &Call) -> Result<Answer, Refusal> {
        let verifier = verifier(change.reads(), call.path()?).await?;
        call.precondition(verifier.updated_at)?;
        operations::remove_verifier(change, &verifier).await?;
        Ok(Answer::no_content())
    }
}
