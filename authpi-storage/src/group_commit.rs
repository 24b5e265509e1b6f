//! One commit for all who wait: events that depend on no earlier state share transactions, in groups that form by
//! themselves under load.

use authpi_core::event::model::Event;
use authpi_core::store::{StoreError, StoreErrorKind};
use authpi_core::timestamp::Timestamp;
use sea_orm::DatabaseConnection;
use tokio::sync::{mpsc, oneshot};

use crate::error::failed;
use crate::news::News;
use crate::session::Unit;
use crate::store::begin;

/// Most callers whose events go into one commit.
const GROUP: usize = 256;

/// Most callers that wait; beyond that a caller waits for its place.
const QUEUE: usize = 1_024;

struct Waiting {
    events: Vec<Event>,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// Hands events to a task that commits them.
pub(crate) struct GroupCommitter(mpsc::Sender<Waiting>);

impl GroupCommitter {
    /// Starts the task; it ends when the committer is dropped and all that waited is written.
    pub(crate) fn start(writer: DatabaseConnection, news: News) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        tokio::spawn(run(writer, news, receiver));
        Self(sender)
    }

    /// Writes events; durable when this returns.
    pub(crate) async fn append(&self, events: Vec<Event>) -> Result<(), StoreError> {
        let (done, result) = oneshot::channel();
        let stopped = || StoreError::new(StoreErrorKind::Unavailable, "event.append", "the committer has stopped");
        self.0.send(Waiting { events, done }).await.map_err(|_| stopped())?;
        result.await.map_err(|_| stopped())?
    }
}

async fn run(writer: DatabaseConnection, news: News, mut receiver: mpsc::Receiver<Waiting>) {
    let mut group = Vec::with_capacity(GROUP);
    while receiver.recv_many(&mut group, GROUP).await > 0 {
        let sizes: Vec<usize> = group.iter().map(|waiting| waiting.events.len()).collect();
        let events: Vec<Event> = group.iter_mut().flat_map(|waiting| std::mem::take(&mut waiting.events)).collect();
        match commit(&writer, &news, &events).await {
            // What is refused to one caller is not refused to the others.
            Err(error) if group.len() > 1 && !is_for_all(&error) => {
                let mut rest = events.into_iter();
                for (waiting, size) in group.drain(..).zip(sizes) {
                    let own: Vec<Event> = rest.by_ref().take(size).collect();
                    waiting.answer(commit(&writer, &news, &own).await);
                }
            }
            written => {
                for waiting in group.drain(..) {
                    waiting.answer(written.as_ref().copied().map_err(again));
                }
            }
        }
    }
}

impl Waiting {
    fn answer(self, result: Result<(), StoreError>) {
        // Nobody waits any more: the events are written all the same.
        let _ = self.done.send(result);
    }
}

/// The database refuses everybody.
fn is_for_all(error: &StoreError) -> bool {
    error.kind.is_passing()
}

async fn commit(writer: &DatabaseConnection, news: &News, events: &[Event]) -> Result<(), StoreError> {
    let connection = begin(writer).await.map_err(failed("event.append"))?;
    let mut unit = Unit { connection, patient: None, now: Timestamp::EPOCH, news: news.clone() };
    unit.append_missing(events).await?;
    unit.connection.commit().await.map_err(failed("event.append"))?;
    unit.news.tell();
    Ok(())
}

/// The same failure for another caller of the group.
fn again(error: &StoreError) -> StoreError {
    StoreError::new(error.kind, error.operation, error.to_string())
}
