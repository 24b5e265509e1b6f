//! Agents and what they prove themselves with.

use sea_orm::DbBackend;

use super::m0001_first::Tables;
use super::tables::{bytes_null, flag, id, index, json, number, number_null, status, table, text_null, unique, word};

const AGENT: &str = "authpi_agent";
const VERIFIER: &str = "authpi_agent_verifier";

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut agent = table(backend, AGENT);
    status(agent.col(id("id").primary_key()).col(id("issuer_id")))
        .col(flag("deleted"))
        .col(number_null("deleted_at"))
        .col(text_null("model", 200))
        .col(text_null("provider", 200))
        .col(json("details"))
        .col(number("n_secrets"))
        .col(number("n_wallets"))
        .col(json("metadata"))
        .col(number("created_at"))
        .col(number("updated_at"));

    let mut verifier = table(backend, VERIFIER);
    verifier
        .col(id("id").primary_key())
        .col(id("issuer_id"))
        .col(id("agent_id"))
        .col(word("kind"))
        .col(word("status"))
        .col(text_null("name", 200))
        .col(text_null("description", 5000))
        .col(bytes_null("secret_hash"))
        .col(text_null("secret_hint", 8))
        .col(text_null("chain", 64))
        .col(text_null("address", 128))
        .col(number("usage_count"))
        .col(number_null("last_used_at"))
        .col(number("created_at"))
        .col(number("updated_at"));

    let indices = vec![
        index("authpi_agent_by_issuer", AGENT, &["issuer_id", "deleted", "created_at", "id"]),
        index("authpi_agent_by_status", AGENT, &["issuer_id", "deleted", "status", "created_at", "id"]),
        index("authpi_agent_deleted", AGENT, &["deleted_at"]),
        index("authpi_agent_verifier_by_agent", VERIFIER, &["issuer_id", "agent_id", "id"]),
        // Secrets have neither chain nor address, and what is null is no repeat on any backend.
        unique("authpi_agent_wallet", VERIFIER, &["issuer_id", "chain", "address"]),
    ];
    (vec![agent, verifier], indices)
}
