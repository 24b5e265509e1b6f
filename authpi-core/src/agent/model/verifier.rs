//! What an agent proves itself with, or is recognized by.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{AgentId, IssuerId, VerifierId};
use crate::secret::{Peppers, Secret, SecretHash};
use crate::timestamp::Timestamp;
use crate::wallet::Wallet;

/// Verifiers that an agent may have.
pub const VERIFIER_LIMIT: u32 = 20;

/// What the hash of a secret is bound to.
const SECRET_HASH: &str = "agent-secret";

/// One credential of an agent.
#[derive(Clone, Debug)]
pub struct AgentVerifier {
    /// Never reused.
    pub id: VerifierId,
    /// Where it lives.
    pub issuer_id: IssuerId,
    /// Whose it is.
    pub agent_id: AgentId,
    /// Whether it works.
    pub status: AgentVerifierStatus,
    /// What people call it: at most 200 characters.
    pub name: Option<String>,
    /// What it is for: at most 5,000 characters.
    pub description: Option<String>,
    /// The credential itself.
    pub credential: AgentCredential,
    /// How often it was used. Derived: no change of it is a new version.
    pub usage_count: u64,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// A credential of an agent.
#[derive(Clone, Debug)]
pub enum AgentCredential {
    /// Something only the agent knows.
    Secret {
        /// What is left of it.
        hash: SecretHash,
        /// Its last characters.
        hint: String,
    },
    /// A blockchain account: maps a paying wallet to the agent, and gives no tokens.
    Wallet(Wallet),
}

/// Which kind of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentVerifierKind {
    /// Something only the agent knows.
    Secret,
    /// A blockchain account.
    Wallet,
}

/// Whether a verifier works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentVerifierStatus {
    /// It does.
    Active,
    /// It does not.
    Disabled,
}

impl AgentVerifierKind {
    /// The value on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Wallet => "wallet",
        }
    }
}

impl AgentCredential {
    /// Its kind.
    pub const fn kind(&self) -> AgentVerifierKind {
        match self {
            Self::Secret { .. } => AgentVerifierKind::Secret,
            Self::Wallet(_) => AgentVerifierKind::Wallet,
        }
    }
}

impl AgentVerifier {
    /// Whether `presented` is this secret, and works. A wallet is no secret: nothing presented is it.
    pub fn accepts(&self, peppers: &Peppers, presented: &Secret) -> bool {
        match &self.credential {
            AgentCredential::Secret { hash, .. } => {
                let is_it = peppers.verify(SECRET_HASH, presented.expose().as_bytes(), hash);
                is_it && self.status == AgentVerifierStatus::Active
            }
            AgentCredential::Wallet(_) => false,
        }
    }
}

/// What is stored of a secret.
pub fn secret_hash(peppers: &Peppers, secret: &Secret) -> SecretHash {
    peppers.hash(SECRET_HASH, secret.expose().as_bytes())
}
