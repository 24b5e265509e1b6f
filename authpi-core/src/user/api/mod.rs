//! Endpoints of users (core-api section 21).

mod bodies;
mod endpoints;
mod views;

pub use bodies::{CreateUser, UpdateUser, UsernameMembers};
pub use endpoints::routes;
pub use views::{IssuerUsersListItem, UserHead, UserSecurity, UserView};
