//! Endpoints of devices of users (core-api section 21.2).

mod bodies;
mod known;
mod trusted;
mod views;

use std::sync::Arc;

use crate::web::endpoint::Operation;

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(trusted::List),
        Operation::write(trusted::Create),
        Operation::write(trusted::RevokeAll),
        Operation::write(trusted::Delete),
        Operation::read(known::List),
    ]
}
