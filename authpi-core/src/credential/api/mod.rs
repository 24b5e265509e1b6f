//! Endpoints of credentials: `GET /v1/me` and API keys (core-api sections 3 and 6).

mod actions;
mod body;
mod keys;
mod me;
mod view;

use std::sync::Arc;

use crate::web::endpoint::Operation;

pub use view::{CreatedApiKeyView, created_view};

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(me::Me),
        Operation::read(keys::ListOfAccount),
        Operation::write(keys::CreateInAccount),
        Operation::read(keys::ListOfOrganization),
        Operation::write(keys::CreateInOrganization),
        Operation::read(keys::Get),
        Operation::write(keys::Update),
        Operation::write(keys::Delete),
        Operation::write(actions::Block),
        Operation::write(actions::Unblock),
        Operation::write(actions::Revoke),
        Operation::write(actions::Rotate),
    ]
}
