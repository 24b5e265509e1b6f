//! Endpoints of notes (core-api section 11).

mod read;
mod view;
mod write;

use std::sync::Arc;

use crate::web::endpoint::Operation;

const ALL: &str = "/v1/accounts/{account_id}/notes";
const BACKLINKS: &str = "/v1/accounts/{account_id}/notes/backlinks";
const COUNT: &str = "/v1/accounts/{account_id}/notes/count";
const ONE: &str = "/v1/accounts/{account_id}/notes/{note_id}";
const READ: &str = "notes:read";
const WRITE: &str = "notes:write";

/// Operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(read::List),
        Operation::write(write::Create),
        Operation::read(read::Backlinks),
        Operation::read(read::Count),
        Operation::read(read::Get),
        Operation::write(write::Update),
        Operation::write(write::Delete),
    ]
}
