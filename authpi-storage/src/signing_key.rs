//! In SQL.

use async_trait::async_trait;
use authpi_core::key::repository::{SigningKeyReads, SigningKeyRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> SigningKeyReads for Session<C> {}

#[async_trait]
impl SigningKeyRepository for Unit {}
