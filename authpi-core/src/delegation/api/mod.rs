//! Endpoints of delegations (core-api section 21.4); no SDK calls them.

mod read;
mod view;
mod write;

use std::sync::Arc;

use crate::web::endpoint::Operation;

const OF_USER: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/delegations";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/delegations/{delegation_id}";
const REVOKE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/delegations/{delegation_id}/revoke";
const OF_AGENT: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/agents/{agent_id}/delegations";
const READ: &str = "issuers.users.delegations:read";
const WRITE: &str = "issuers.users.delegations:write";
const READ_OF_AGENT: &str = "issuers.agents.delegations:read";

/// Operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(read::ListOfUser),
        Operation::write(write::Create),
        Operation::read(read::Get),
        Operation::write(write::Revoke),
        Operation::read(read::ListOfAgent),
    ]
}
