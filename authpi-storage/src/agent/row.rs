//! Rows of agents and their verifiers.

use authpi_core::agent::model::{Agent, AgentCredential, AgentStats, AgentVerifier, AgentVerifierKind, Wallet};
use authpi_core::id::{AgentId, Id, IssuerId};
use authpi_core::store::StoreError;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, Condition};

use crate::convert::{Place, id, millis, status, time, to_json, to_word};
use crate::entity::agent::{ActiveModel, Column, Model};
use crate::entity::agent_verifier;

pub(super) fn agent(row: Model) -> Result<Agent, StoreError> {
    let place = Place { table: "authpi_agent", id: row.id };
    let value = place.word("status", &row.status)?;
    Ok(Agent {
        id: id(row.id),
        issuer_id: id(row.issuer_id),
        status: status(value, row.status_at, row.status_reason, row.status_by),
        details: place.json("details", row.details)?,
        metadata: place.json("metadata", row.metadata)?,
        stats: AgentStats {
            secrets: place.count("n_secrets", row.n_secrets)?,
            wallets: place.count("n_wallets", row.n_wallets)?,
        },
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

/// The columns that a caller's change writes.
pub(super) fn written(agent: &Agent) -> Result<ActiveModel, StoreError> {
    const OPERATION: &str = "agent.write";
    let status = &agent.status;
    Ok(ActiveModel {
        status: Set(to_word(OPERATION, &status.value)?),
        status_at: Set(millis(status.at)),
        status_reason: Set(status.reason.clone()),
        status_by: Set(status.by.clone()),
        model: Set(agent.details.model.clone()),
        provider: Set(agent.details.provider.clone()),
        details: Set(to_json(OPERATION, &agent.details)?),
        metadata: Set(to_json(OPERATION, &agent.metadata)?),
        updated_at: Set(agent.updated_at.as_millis()),
        ..Default::default()
    })
}

/// The row of one agent, unless its deletion was accepted.
pub(super) fn one(issuer: IssuerId, agent: AgentId) -> Condition {
    Condition::all()
        .add(Column::Id.eq(agent.uuid()))
        .add(Column::IssuerId.eq(issuer.uuid()))
        .add(Column::Deleted.eq(false))
}

pub(super) fn verifier(row: agent_verifier::Model) -> Result<AgentVerifier, StoreError> {
    let place = Place { table: "authpi_agent_verifier", id: row.id };
    let credential = match place.word("kind", &row.kind)? {
        AgentVerifierKind::Secret => AgentCredential::Secret {
            hash: place.hash("secret_hash", row.secret_hash.as_deref().unwrap_or_default())?,
            hint: row.secret_hint.ok_or_else(|| place.corrupt("secret_hint"))?,
        },
        AgentVerifierKind::Wallet => {
            let (chain, address) = (row.chain.unwrap_or_default(), row.address.unwrap_or_default());
            AgentCredential::Wallet(Wallet::new(&chain, &address).map_err(|_| place.corrupt("address"))?)
        }
    };
    Ok(AgentVerifier {
        id: id(row.id),
        issuer_id: id(row.issuer_id),
        agent_id: id(row.agent_id),
        status: place.word("status", &row.status)?,
        name: row.name,
        description: row.description,
        credential,
        usage_count: u64::try_from(row.usage_count).map_err(|_| place.corrupt("usage_count"))?,
        last_used_at: row.last_used_at.map(time),
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

pub(super) fn verifier_row(verifier: &AgentVerifier) -> Result<agent_verifier::ActiveModel, StoreError> {
    const OPERATION: &str = "agent.insert_verifier";
    let (secret, wallet) = match &verifier.credential {
        AgentCredential::Secret { hash, hint } => (Some((hash, hint)), None),
        AgentCredential::Wallet(wallet) => (None, Some(wallet)),
    };
    Ok(agent_verifier::ActiveModel {
        id: Set(verifier.id.uuid()),
        issuer_id: Set(verifier.issuer_id.uuid()),
        agent_id: Set(verifier.agent_id.uuid()),
        kind: Set(to_word(OPERATION, &verifier.credential.kind())?),
        status: Set(to_word(OPERATION, &verifier.status)?),
        name: Set(verifier.name.clone()),
        description: Set(verifier.description.clone()),
        secret_hash: Set(secret.map(|(hash, _)| hash.to_bytes().to_vec())),
        secret_hint: Set(secret.map(|(_, hint)| hint.clone())),
        chain: Set(wallet.map(|wallet| wallet.chain().to_owned())),
        address: Set(wallet.map(|wallet| wallet.address().to_owned())),
        usage_count: Set(i64::try_from(verifier.usage_count).unwrap_or(i64::MAX)),
        last_used_at: Set(millis(verifier.last_used_at)),
        created_at: Set(verifier.created_at.as_millis()),
        updated_at: Set(verifier.updated_at.as_millis()),
    })
}
