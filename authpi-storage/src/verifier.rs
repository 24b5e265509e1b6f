//! What users prove themselves with.

use authpi_core::verifier::repository::{VerifierReads, VerifierRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

impl<C: ConnectionTrait + Send + Sync> VerifierReads for Session<C> {}

impl VerifierRepository for Unit {}
