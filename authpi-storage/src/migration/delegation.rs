//! Records that a user lets an agent act for them.

use sea_orm::DbBackend;

use super::m0001_first::Tables;
use super::tables::{id, id_null, index, json, number, number_null, status, table, text_null, word};

const TABLE: &str = "authpi_delegation";

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut delegation = table(backend, TABLE);
    status(
        delegation
            .col(id("id").primary_key())
            .col(id("issuer_id"))
            .col(id("user_id"))
            .col(id("agent_id"))
            .col(id_null("client_id"))
            .col(id_null("org_id")),
    )
    .col(json("scopes"))
    .col(word("granted_by"))
    .col(text_null("reason", 1000))
    .col(number("expires_at"))
    .col(number("usage_count"))
    .col(number_null("last_used_at"))
    .col(json("metadata"))
    .col(number("created_at"))
    .col(number("updated_at"));

    // What is listed goes by owner; what ends together is found by party among those in force.
    let indices = vec![
        index("authpi_delegation_by_user", TABLE, &["issuer_id", "user_id", "id"]),
        index("authpi_delegation_by_agent", TABLE, &["issuer_id", "agent_id", "id"]),
        index("authpi_delegation_user_force", TABLE, &["issuer_id", "user_id", "status", "expires_at"]),
        index("authpi_delegation_agent_force", TABLE, &["issuer_id", "agent_id", "status", "expires_at"]),
        index("authpi_delegation_client_force", TABLE, &["issuer_id", "client_id", "status", "expires_at"]),
        index("authpi_delegation_org_force", TABLE, &["issuer_id", "org_id", "status", "expires_at"]),
        index("authpi_delegation_force", TABLE, &["issuer_id", "status", "expires_at"]),
    ];
    (vec![delegation], indices)
}
