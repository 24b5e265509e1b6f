//! The store: a pool for questions, a way to transactions, and the committer that requests share.

use std::sync::Arc;

use async_trait::async_trait;
use authpi_core::event::model::Event;
use authpi_core::store::{EventListener, Reads, Store, StoreError, UnitOfWork};
use authpi_core::timestamp::Timestamp;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};

use crate::error::failed;
use crate::group_commit::GroupCommitter;
use crate::news::News;
use crate::session::{Session, Unit};

/// A [`Store`] in one SQL database.
pub struct DatabaseStore {
    reads: Session<DatabaseConnection>,
    writer: DatabaseConnection,
    committer: GroupCommitter,
    news: News,
    _lock: Option<std::fs::File>,
}

impl DatabaseStore {
    /// On one pool for everything.
    pub(crate) fn on(connection: DatabaseConnection) -> Self {
        Self::new(connection.clone(), None, connection, None)
    }

    /// `patient` answers what may take long. `lock` is held as long as the store lives.
    pub(crate) fn new(
        reader: DatabaseConnection,
        patient: Option<DatabaseConnection>,
        writer: DatabaseConnection,
        lock: Option<std::fs::File>,
    ) -> Self {
        let news = News::default();
        Self {
            reads: Session { connection: reader, patient, now: Timestamp::EPOCH, news: News::default() },
            committer: GroupCommitter::start(writer.clone(), news.clone()),
            news,
            writer,
            _lock: lock,
        }
    }

    /// Calls `counter` for every statement that is sent from here on, `BEGIN` and `COMMIT` left out. For tests that
    /// count statements.
    pub fn on_statement(&mut self, counter: impl Fn(&str) + Send + Sync + Clone + 'static) {
        let Session { connection, patient, .. } = &mut self.reads;
        for connection in [connection, &mut self.writer].into_iter().chain(patient) {
            let counter = counter.clone();
            connection.set_metric_callback(move |info| counter(&info.statement.sql));
        }
    }
}

#[async_trait]
impl Store for DatabaseStore {
    fn reads(&self) -> &dyn Reads {
        &self.reads
    }

    async fn begin(&self, now: Timestamp) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let connection = begin(&self.writer).await.map_err(failed("unit.begin"))?;
        Ok(Box::new(Unit { connection, patient: None, now, news: self.news.clone() }))
    }

    async fn append(&self, events: Vec<Event>) -> Result<(), StoreError> {
        self.committer.append(events).await
    }

    fn on_events(&self, listener: Arc<dyn EventListener>) {
        self.news.on_events(listener);
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.reads.connection.execute_unprepared("SELECT 1").await.map(|_| ()).map_err(failed("ping"))
    }
}

/// Opens a transaction that may write: immediate on SQLite, READ COMMITTED elsewhere. Sessions on servers begin all of
/// theirs that way, which saves a statement.
pub(crate) async fn begin(connection: &DatabaseConnection) -> Result<DatabaseTransaction, sea_orm::DbErr> {
    let options = match connection.get_database_backend() {
        DbBackend::Sqlite => TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        },
        _ => TransactionOptions::default(),
    };
    connection.begin_with_options(options).await
}
