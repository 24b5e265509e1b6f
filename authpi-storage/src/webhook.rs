//! Webhooks and their deliveries.

use authpi_core::webhook::repository::{WebhookReads, WebhookRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

impl<C: ConnectionTrait + Send + Sync> WebhookReads for Session<C> {}

impl WebhookRepository for Unit {}
