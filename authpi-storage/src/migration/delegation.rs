//! Records that a user lets an agent act for them.

use sea_orm::DbBackend;

use super::m0001_first::Tables;

pub(super) fn tables(_backend: DbBackend) -> Tables {
    (Vec::new(), Vec::new())
}
