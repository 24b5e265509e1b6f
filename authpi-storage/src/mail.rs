//! Mail on its way: what is to be sent, to whom, and how often it was tried.

use authpi_core::mail::repository::{MailReads, MailRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

impl<C: ConnectionTrait + Send + Sync> MailReads for Session<C> {}

impl MailRepository for Unit {}
