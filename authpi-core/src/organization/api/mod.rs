//! Endpoints of organizations (core-api section 16).

mod access;
mod read;
mod view;
mod write;

use std::sync::Arc;

use crate::web::endpoint::Operation;

pub use view::OrganizationView;

const ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}";
const REVOKE_ACCESS: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/revoke-access";
const READ: &str = "issuers.organizations:read";
const WRITE: &str = "issuers.organizations:write";

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(read::List),
        Operation::write(write::Create),
        Operation::read(read::Get),
        Operation::write(write::Update),
        Operation::write(write::Delete),
        Operation::write(access::RevokeAccess),
    ]
}
