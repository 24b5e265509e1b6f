//! Personal tokens of users.

use authpi_core::token::repository::{PersonalTokenReads, PersonalTokenRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

impl<C: ConnectionTrait + Send + Sync> PersonalTokenReads for Session<C> {}

impl PersonalTokenRepository for Unit {}
