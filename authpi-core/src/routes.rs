//! The list of all operations, a line a room.

use std::sync::Arc;

use crate::web::endpoint::Operation;
use crate::{client, credential, health, organization};

/// Every operation there is.
pub fn table() -> Vec<Arc<Operation>> {
    [health::api::routes(), credential::api::routes(), organization::api::routes(), client::api::routes()]
        .into_iter()
        .flatten()
        .collect()
}
