//! The list of all operations, a line a room.

use std::sync::Arc;

use crate::web::endpoint::Operation;
use crate::{account, client, credential, event, health, issuer, membership, oauth, organization, user};

/// Every operation there is.
pub fn table() -> Vec<Arc<Operation>> {
    let rooms = [
        health::api::routes(),
        event::api::routes(),
        credential::api::routes(),
        membership::api::routes(),
        organization::api::routes(),
        client::api::routes(),
        user::api::routes(),
        issuer::api::routes(),
        account::api::routes(),
        oauth::api::routes(),
    ];
    rooms.into_iter().flatten().collect()
}
