//! Endpoints of personal tokens, and of introspection (core-api sections 7 and 8).

mod body;
mod introspect;
mod of_user;
mod one;
mod view;

use std::sync::Arc;

use crate::web::endpoint::Operation;

const OF_USER: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/users/{user_id}/tokens";
const ONE: &str = "/v1/accounts/{account_id}/tokens/{token_id}";
const REVOKE: &str = "/v1/accounts/{account_id}/tokens/{token_id}/revoke";
const INTROSPECT: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/tokens/introspect";
const READ: &str = "tokens:read";
const WRITE: &str = "tokens:write";

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(of_user::List),
        Operation::write(of_user::Create),
        Operation::read(one::Get),
        Operation::write(one::Update),
        Operation::write(one::Delete),
        Operation::write(one::Revoke),
        Operation::ask(introspect::Introspect),
    ]
}
