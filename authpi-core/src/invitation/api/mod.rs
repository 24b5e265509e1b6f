//! Endpoints of invitations (core-api section 19).

mod actions;
mod body;
mod limits;
mod read;
mod view;
mod write;

use std::sync::Arc;

use crate::web::endpoint::Operation;

const ALL: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/invitations";
const ONE: &str = "/v1/accounts/{account_id}/issuers/{issuer_id}/organizations/{org_id}/invitations/{invitation_id}";
const READ: &str = "issuers.organizations.invitations:read";
const WRITE: &str = "issuers.organizations.invitations:write";
const APPROVE: &str = "issuers.organizations.invitations.approvals:write";

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(read::List),
        Operation::write(write::Create),
        Operation::read(read::Get),
        Operation::write(write::Update),
        Operation::write(actions::Resend),
        Operation::write(actions::Revoke),
        Operation::write(actions::Approve),
        Operation::write(actions::Reject),
    ]
}
