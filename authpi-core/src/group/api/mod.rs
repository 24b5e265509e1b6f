//! Endpoints of groups of an organization (core-api section 18).

mod body;
mod read;
mod view;
mod write;

use std::sync::Arc;

use crate::web::endpoint::Operation;

pub use view::GroupView;

const ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/groups";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/groups/{group_id}";
const READ: &str = "issuers.organizations.groups:read";
const WRITE: &str = "issuers.organizations.groups:write";

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
