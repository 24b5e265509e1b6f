//! Notes of the account team on resources.

use sea_orm::DbBackend;

use super::m0001_first::Tables;

pub(super) fn tables(_backend: DbBackend) -> Tables {
    (Vec::new(), Vec::new())
}
