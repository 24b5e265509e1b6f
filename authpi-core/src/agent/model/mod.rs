//! What an agent is, how it proves itself, and which changes it allows.

mod status;
mod verifier;

pub use status::{AgentStatus, IllegalTransition};
pub use verifier::{
    AgentCredential, AgentVerifier, AgentVerifierKind, AgentVerifierStatus, VERIFIER_LIMIT, secret_hash,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::id::{AgentId, IssuerId};
use crate::metadata::Metadata;
use crate::scope::Scopes;
use crate::status::{Status, StatusNote};
use crate::timestamp::Timestamp;
pub use crate::wallet::{InvalidWallet, Wallet};

/// A machine identity of an issuer.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    /// Never reused.
    pub id: AgentId,
    /// Where it lives.
    pub issuer_id: IssuerId,
    /// Where it stands in its life cycle.
    pub status: Status<AgentStatus>,
    /// What a caller writes.
    pub details: AgentDetails,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// What it can prove itself with, counted with every change.
    pub stats: AgentStats,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its version.
    pub updated_at: Timestamp,
}

/// The attributes that a caller writes; see core-api section 15.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentDetails {
    /// Display name.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Markdown.
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// Model behind the agent.
    #[schema(max_length = 200)]
    pub model: Option<String>,
    /// Who provides the model.
    #[schema(max_length = 200)]
    pub provider: Option<String>,
    /// Version of the agent.
    #[schema(max_length = 200)]
    pub version: Option<String>,
    /// The most that tokens of the agent may ask for.
    pub scopes: Scopes,
}

/// How many verifiers of each kind an agent has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentStats {
    /// Secrets.
    pub secrets: u32,
    /// Wallets.
    pub wallets: u32,
}

impl AgentStats {
    /// All verifiers.
    pub const fn verifiers(self) -> u32 {
        self.secrets.saturating_add(self.wallets)
    }

    /// The kinds there are, as lists show them.
    pub fn kinds(self) -> Vec<AgentVerifierKind> {
        let counted = [(AgentVerifierKind::Secret, self.secrets), (AgentVerifierKind::Wallet, self.wallets)];
        counted.into_iter().filter(|(_, number)| *number > 0).map(|(kind, _)| kind).collect()
    }
}

impl Agent {
    /// The agent in the status that is wanted; as it is when it was there.
    ///
    /// # Errors
    /// [`IllegalTransition`].
    pub fn moved_to(self, wanted: AgentStatus, now: Timestamp, note: StatusNote) -> Result<Self, IllegalTransition> {
        let status = if self.status.value.leads_to(wanted)? { Status::changed(wanted, now, note) } else { self.status };
        Ok(Self { status, ..self })
    }

    /// Normal: its credentials work.
    pub fn is_active(&self) -> bool {
        self.status.value == AgentStatus::Active
    }
}
