//! In SQL.

use async_trait::async_trait;
use authpi_core::client::repository::{ClientReads, ClientRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> ClientReads for Session<C> {}

#[async_trait]
impl ClientRepository for Unit {}
