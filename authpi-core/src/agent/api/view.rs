//! Agents and their verifiers on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::agent::model::{
    Agent, AgentCredential, AgentDetails, AgentStatus, AgentVerifier, AgentVerifierKind, AgentVerifierStatus,
};
use crate::id::{AgentId, IssuerId, VerifierId};
use crate::metadata::Metadata;
use crate::secret::Secret;
use crate::timestamp::Timestamp;
use crate::web::members::Joined;

/// What the server knows of an agent besides its details.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Agent, description = "An agent.")]
pub(super) struct AgentHead {
    id: AgentId,
    issuer_id: IssuerId,
    status: AgentStatus,
    status_at: Option<Timestamp>,
    status_reason: Option<String>,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// Kinds of verifiers that the agent has; in lists only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    verifiers: Option<Vec<AgentVerifierKind>>,
}

/// An agent on the wire.
pub(super) type AgentView = Joined<AgentHead, AgentDetails>;

impl From<&Agent> for AgentView {
    fn from(agent: &Agent) -> Self {
        let status = agent.status.clone();
        let first = AgentHead {
            id: agent.id,
            issuer_id: agent.issuer_id,
            status: status.value,
            status_at: status.at,
            status_reason: status.reason,
            metadata: agent.metadata.clone(),
            created_at: agent.created_at,
            updated_at: agent.updated_at,
            verifiers: None,
        };
        Self { first, second: agent.details.clone() }
    }
}

impl AgentView {
    /// As lists show it.
    pub(super) fn listed(agent: &Agent) -> Self {
        let mut view = Self::from(agent);
        view.first.verifiers = Some(agent.stats.kinds());
        view
    }
}

/// A verifier on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AgentVerifiersListItem)]
pub(super) struct VerifierView {
    id: VerifierId,
    agent_id: AgentId,
    #[serde(rename = "type")]
    kind: AgentVerifierKind,
    status: AgentVerifierStatus,
    name: Option<String>,
    description: Option<String>,
    credential: CredentialView,
    usage_count: u64,
    last_used_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What is shown of a credential.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = AgentCredential)]
enum CredentialView {
    /// Something only the agent knows.
    Secret {
        /// How it is kept: `sha256`.
        algorithm: &'static str,
        /// Its last characters.
        hint: String,
    },
    /// A blockchain account.
    Wallet {
        /// CAIP-2.
        chain: String,
        /// In its normal spelling.
        address: String,
    },
}

impl From<&AgentVerifier> for VerifierView {
    fn from(verifier: &AgentVerifier) -> Self {
        let credential = match &verifier.credential {
            AgentCredential::Secret { hint, .. } => CredentialView::Secret { algorithm: "sha256", hint: hint.clone() },
            AgentCredential::Wallet(wallet) => {
                CredentialView::Wallet { chain: wallet.chain().to_owned(), address: wallet.address().to_owned() }
            }
        };
        Self {
            id: verifier.id,
            agent_id: verifier.agent_id,
            kind: verifier.credential.kind(),
            status: verifier.status,
            name: verifier.name.clone(),
            description: verifier.description.clone(),
            credential,
            usage_count: verifier.usage_count,
            last_used_at: verifier.last_used_at,
            created_at: verifier.created_at,
            updated_at: verifier.updated_at,
        }
    }
}

/// The secret of a new verifier.
#[derive(Clone, Serialize, ToSchema)]
pub(super) struct SecretShown {
    /// Shown this once; `null` for a wallet.
    secret: Option<String>,
}

/// A new verifier on the wire.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = AgentVerifiersCreateResponse)]
pub(super) struct CreatedVerifier {
    #[serde(flatten)]
    verifier: VerifierView,
    #[serde(flatten)]
    shown: SecretShown,
}

impl CreatedVerifier {
    /// The verifier with its secret, if it is one.
    pub(super) fn new(verifier: &AgentVerifier, secret: Option<&Secret>) -> Self {
        let secret = secret.map(|secret| secret.expose().to_owned());
        Self { verifier: verifier.into(), shown: SecretShown { secret } }
    }
}
