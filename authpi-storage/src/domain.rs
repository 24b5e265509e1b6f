//! Domains of accounts.

use authpi_core::domain::repository::{DomainReads, DomainRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

impl<C: ConnectionTrait + Send + Sync> DomainReads for Session<C> {}

impl DomainRepository for Unit {}
