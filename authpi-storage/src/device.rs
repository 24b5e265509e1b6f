//! Devices that users sign in from.

use authpi_core::device::repository::{DeviceReads, DeviceRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

impl<C: ConnectionTrait + Send + Sync> DeviceReads for Session<C> {}

impl DeviceRepository for Unit {}
