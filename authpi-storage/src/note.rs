//! Notes of the account team on resources.

use authpi_core::note::repository::{NoteReads, NoteRepository};
use sea_orm::ConnectionTrait;

use crate::session::{Session, Unit};

impl<C: ConnectionTrait + Send + Sync> NoteReads for Session<C> {}

impl NoteRepository for Unit {}
