//! Records that a user lets an agent act for them.

use authpi_core::delegation::repository::{DelegationReads, DelegationRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

impl<C: ConnectionTrait + Send + Sync> DelegationReads for Session<C> {}

impl DelegationRepository for Unit {}
