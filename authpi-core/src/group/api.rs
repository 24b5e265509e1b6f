//! Endpoints.

use std::sync::Arc;

use crate::web::endpoint::Operation;

/// Operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    Vec::new()
}
