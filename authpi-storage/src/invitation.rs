//! Invitations into organizations.

use authpi_core::invitation::repository::{InvitationReads, InvitationRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

impl<C: ConnectionTrait + Send + Sync> InvitationReads for Session<C> {}

impl InvitationRepository for Unit {}
