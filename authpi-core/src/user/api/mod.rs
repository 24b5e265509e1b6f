//! Endpoints of users (core-api section 21).

mod approvals;
mod bodies;
mod endpoints;
mod views;

pub use bodies::{CreateUser, UpdateUser, UsernameMembers};
pub use views::{IssuerUsersListItem, SecurityView, UserHead, UserView};

use std::sync::Arc;

use crate::web::endpoint::Operation;

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    [endpoints::routes(), approvals::routes()].concat()
}
