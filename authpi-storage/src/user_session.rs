//! Sessions of users: the single-sign-on session and the sessions of clients.

use authpi_core::session::repository::{SessionReads, SessionRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

impl<C: ConnectionTrait + Send + Sync> SessionReads for Session<C> {}

impl SessionRepository for Unit {}
