//! Endpoints of agents and their verifiers (core-api section 15).

mod agents;
mod verifiers;
mod view;

use std::sync::Arc;

use crate::web::endpoint::Operation;

const ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/agents";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/agents/{agent_id}";
const VERIFIERS: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/agents/{agent_id}/verifiers";
const VERIFIER: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/agents/{agent_id}/verifiers/{verifier_id}";
const READ: &str = "issuers.agents:read";
const WRITE: &str = "issuers.agents:write";
const READ_VERIFIERS: &str = "issuers.agents.verifiers:read";
const WRITE_VERIFIERS: &str = "issuers.agents.verifiers:write";

/// Operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(agents::List),
        Operation::write(agents::Create),
        Operation::read(agents::Get),
        Operation::write(agents::Update),
        Operation::write(agents::Delete),
        Operation::read(verifiers::List),
        Operation::write(verifiers::Create),
        Operation::read(verifiers::Get),
        Operation::write(verifiers::Delete),
    ]
}
