//! What can be done with agents.

use serde_json::{Map, Value};

use super::events;
use super::model::{
    Agent, AgentCredential, AgentDetails, AgentStats, AgentStatus, AgentVerifier, AgentVerifierStatus, VERIFIER_LIMIT,
    Wallet, secret_hash,
};
use crate::error::Refusal;
use crate::id::{AgentId, IssuerId};
use crate::merge::{changed_fields, merged};
use crate::metadata::Metadata;
use crate::outcome::InsertOutcome;
use crate::secret::Secret;
use crate::status::{Status, StatusNote};
use crate::store::Change;

/// What a PATCH asks for.
#[derive(Clone, Debug, Default)]
pub struct AgentPatch {
    /// Members of [`AgentDetails`] to merge.
    pub details: Map<String, Value>,
    /// Metadata to merge; `None` leaves it.
    pub metadata: Option<Value>,
    /// The status wanted, and what the caller says about it.
    pub status: Option<(AgentStatus, StatusNote)>,
}

/// A verifier to be added.
#[derive(Clone, Debug)]
pub struct NewAgentVerifier {
    /// What people call it.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// A blockchain account; `None` for a secret, which is made here.
    pub wallet: Option<Wallet>,
}

/// Makes an agent. It cannot authenticate until it has a verifier.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn create(
    change: &mut Change<'_>,
    issuer: IssuerId,
    details: AgentDetails,
    metadata: Metadata,
) -> Result<Agent, Refusal> {
    let agent = Agent {
        id: change.mint()?,
        issuer_id: issuer,
        status: Status::initial(AgentStatus::Active),
        details,
        metadata,
        stats: AgentStats::default(),
        created_at: change.now(),
        updated_at: change.now(),
    };
    change.unit().agents().insert(&agent).await?;
    change.emit(events::created(change.account(), &agent))?;
    Ok(agent)
}

/// Merges a patch into an agent. A patch that changes nothing leaves version and events alone.
///
/// # Errors
/// [`Refusal::Fields`] when the merged whole is not valid; [`Refusal::Conflict`] for a step that the life cycle does not
/// have; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn update(change: &mut Change<'_>, before: Agent, patch: AgentPatch) -> Result<Agent, Refusal> {
    let details = merged(&before.details, &patch.details)?;
    let mut changes = changed_fields(&before.details, &details)?;
    let metadata = before.metadata.patched(patch.metadata.as_ref())?;
    if metadata != before.metadata {
        changes.push("metadata".to_owned());
    }
    let mut after = Agent { details, metadata, ..before.clone() };
    if let Some((wanted, note)) = patch.status {
        after = after.moved_to(wanted, change.now(), note)?;
    }
    if changes.is_empty() && after.status == before.status {
        return Ok(before);
    }
    after.updated_at = before.updated_at.next_version(change.now());
    change.unit().agents().update(&after, before.updated_at).await?.required()?;
    change.emit(events::updated(change.account(), &before, &after, changes))?;
    Ok(after)
}

/// Accepts the deletion of an agent; workers end its delegations and remove its memberships.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn delete(change: &mut Change<'_>, agent: &Agent) -> Result<(), Refusal> {
    change.unit().agents().begin_delete(agent.issuer_id, agent.id, agent.updated_at).await?.required()?;
    change.emit(events::deleted(change.account(), agent))
}

/// Gives an agent a verifier. A secret is handed out here and never again.
///
/// # Errors
/// [`Refusal::NotFound`] when there is no such agent; [`Refusal::Conflict`] when it has as many verifiers as it may have,
/// or the wallet belongs to an agent already.
pub async fn add_verifier(
    change: &mut Change<'_>,
    issuer: IssuerId,
    agent: AgentId,
    new: NewAgentVerifier,
) -> Result<(AgentVerifier, Option<Secret>), Refusal> {
    let agent = change.unit().agents().lock(issuer, agent).await?.ok_or(Refusal::NotFound)?;
    if agent.stats.verifiers() >= VERIFIER_LIMIT {
        return Err(Refusal::conflict("The agent has as many verifiers as it may have."));
    }
    let (credential, secret) = if let Some(wallet) = new.wallet {
        (AgentCredential::Wallet(wallet), None)
    } else {
        let secret = change.secret()?;
        let hash = secret_hash(&change.keyring().peppers, &secret);
        (AgentCredential::Secret { hash, hint: secret.hint() }, Some(secret))
    };
    let verifier = AgentVerifier {
        id: change.mint()?,
        issuer_id: issuer,
        agent_id: agent.id,
        status: AgentVerifierStatus::Active,
        name: new.name,
        description: new.description,
        credential,
        usage_count: 0,
        last_used_at: None,
        created_at: change.now(),
        updated_at: change.now(),
    };
    if change.unit().agents().insert_verifier(&verifier).await? == InsertOutcome::Taken {
        return Err(Refusal::not_unique("address", "The wallet belongs to an agent of the issuer already."));
    }
    change.emit(events::verifier_added(change.account(), &verifier))?;
    Ok((verifier, secret))
}

/// Takes a verifier away; it does not work from here on.
///
/// # Errors
/// [`Refusal::NotFound`] when there is no such agent; [`Refusal::Stale`] when the verifier has changed meanwhile.
pub async fn remove_verifier(change: &mut Change<'_>, verifier: &AgentVerifier) -> Result<(), Refusal> {
    let locked = change.unit().agents().lock(verifier.issuer_id, verifier.agent_id).await?;
    locked.ok_or(Refusal::NotFound)?;
    change.unit().agents().remove_verifier(verifier).await?.required()?;
    change.emit(events::verifier_removed(change.account(), verifier))
}
