//! Agents and what they prove themselves with.

use authpi_core::agent::repository::{AgentReads, AgentRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

impl<C: ConnectionTrait + Send + Sync> AgentReads for Session<C> {}

impl AgentRepository for Unit {}
