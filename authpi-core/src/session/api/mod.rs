//! Endpoints of sessions (core-api 21.3).

mod body;
mod read;
mod revoke_all;
mod view;
mod write;

use std::sync::Arc;

use crate::web::endpoint::Operation;

const OF_USER: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/sessions";
const REVOKE_ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/sessions/revoke-all";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/sessions/{session_id}";
const SUSPEND: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/sessions/{session_id}/suspend";
const REACTIVATE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/sessions/{session_id}/reactivate";
const REVOKE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/sessions/{session_id}/revoke";
const READ: &str = "issuers.sessions:read";
const WRITE: &str = "issuers.sessions:write";

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(read::List),
        Operation::write(revoke_all::RevokeAll),
        Operation::read(read::Get),
        Operation::write(write::Update),
        Operation::write(write::Suspend),
        Operation::write(write::Reactivate),
        Operation::write(write::Revoke),
    ]
}
