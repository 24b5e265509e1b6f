//! Endpoints of members of organizations (core-api section 17).

mod body;
mod read;
mod view;
mod write;

use std::sync::Arc;

use crate::web::endpoint::Operation;

const ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/members";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/members/{member_id}";
const READ: &str = "issuers.organizations.members:read";
const WRITE: &str = "issuers.organizations.members:write";

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(read::List),
        Operation::write(write::Create),
        Operation::read(read::Get),
        Operation::write(write::Update),
        Operation::write(write::Delete),
    ]
}
