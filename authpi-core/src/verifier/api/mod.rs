//! Endpoints of credentials of users (core-api section 21.1).

mod bodies;
mod codes;
mod read;
mod views;
mod write;

use std::sync::Arc;

use crate::web::endpoint::Operation;

const ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/verifiers";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/verifiers/{verifier_id}";
const COMPLETE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/verifiers/complete-enrollment";
const REGENERATE: &str =
    "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/verifiers/{verifier_id}/regenerate";
const VERIFY: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/verifiers/{verifier_id}/verify";
const READ: &str = "issuers.users.verifiers:read";
const WRITE: &str = "issuers.users.verifiers:write";

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(read::List),
        Operation::write(write::Create),
        Operation::write(codes::Complete),
        Operation::read(read::Get),
        Operation::write(write::Update),
        Operation::write(write::Delete),
        Operation::write(codes::Regenerate),
        Operation::write(codes::Verify),
    ]
}
