//! Usage, credit and payment methods.

use authpi_core::billing::repository::{BillingReads, BillingRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

impl<C: ConnectionTrait + Send + Sync> BillingReads for Session<C> {}

impl BillingRepository for Unit {}
