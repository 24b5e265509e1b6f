//! Single sign-on of organizations: the connection and its domains.

use authpi_core::connection::repository::{ConnectionReads, ConnectionRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

impl<C: ConnectionTrait + Send + Sync> ConnectionReads for Session<C> {}

impl ConnectionRepository for Unit {}
