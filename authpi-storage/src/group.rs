//! Groups of an organization, which also carry out roles.

use authpi_core::group::repository::{GroupReads, GroupRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

impl<C: ConnectionTrait + Send + Sync> GroupReads for Session<C> {}

impl GroupRepository for Unit {}
