//! Bodies that a task makes while they are sent. They take the same memory however slow the client is, and end when it hangs
//! up, stands still, or the process stops.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_channel::{mpsc, oneshot};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either, Shared, select};

use super::answer::{BrokenOff, Chunks};
use super::permits::{Permit, Permits};
use crate::error::Refusal;
use crate::id::AccountId;
use crate::transport::Executor;

/// How long a client may take no chunk. What is sent this way can be resumed.
const STANDSTILL: Duration = Duration::from_mins(1);

/// How long one may take in all: who reads slowly on purpose holds a place.
const LONGEST: Duration = Duration::from_hours(1);

/// Bodies that are made at the same time: each holds a chunk in memory, and asks the database for the next.
const MAX_OPEN: usize = 64;

/// Of those, for one account.
const MAX_OPEN_PER_ACCOUNT: usize = 8;

/// The streams of an engine.
pub struct Streams {
    order: Mutex<Option<oneshot::Sender<()>>>,
    ended: Shared<oneshot::Receiver<()>>,
    permits: Permits,
}

impl Default for Streams {
    fn default() -> Self {
        let (order, ended) = oneshot::channel();
        let permits = Permits::new("answers that are made while they are sent", MAX_OPEN, MAX_OPEN_PER_ACCOUNT);
        Self { order: Mutex::new(Some(order)), ended: ended.shared(), permits }
    }
}

impl Streams {
    /// A body for somebody of `account`, and what its chunks go into.
    ///
    /// # Errors
    /// [`Refusal::RateLimited`] when the account has enough of them; [`Refusal::Overloaded`] when all together have.
    pub(crate) fn open(&self, account: AccountId, executor: &Arc<dyn Executor>) -> Result<(Sink, Chunks), Refusal> {
        let permit = self.permits.try_acquire(account)?;
        // One chunk waits for the client while the next one is made.
        let (sender, receiver) = mpsc::channel(0);
        let (executor, longest) = (Arc::clone(executor), executor.sleep(LONGEST));
        let sink = Sink { sender, ended: self.ended.clone(), executor, longest, _permit: permit };
        Ok((sink, Chunks::of(receiver)))
    }

    /// Ends those that are open, and all to come, after the chunk that is on its way.
    pub fn end(&self) {
        let order = self.order.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(order) = order {
            // Nobody listens who has not opened one.
            let _ = order.send(());
        }
    }
}

/// Nobody takes more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

/// Where the chunks of one body go. Dropping it ends the body.
pub(crate) struct Sink {
    sender: mpsc::Sender<Result<Bytes, BrokenOff>>,
    ended: Shared<oneshot::Receiver<()>>,
    executor: Arc<dyn Executor>,
    longest: BoxFuture<'static, ()>,
    _permit: Permit,
}

impl Sink {
    /// Somebody waits for more. To be asked where long work leads to no chunk.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.sender.is_closed() && self.ended.clone().now_or_never().is_none()
    }

    /// Hands over a chunk, once the one before it was taken.
    pub(crate) async fn send(&mut self, chunk: Bytes) -> Result<(), Gone> {
        self.hand_over(Ok(chunk)).await
    }

    /// Ends the body so that its client sees that it is not whole.
    pub(crate) async fn break_off(mut self) {
        // Who has hung up needs to see nothing.
        let _ = self.hand_over(Err(BrokenOff)).await;
    }

    async fn hand_over(&mut self, chunk: Result<Bytes, BrokenOff>) -> Result<(), Gone> {
        let ended = select(self.ended.clone(), &mut self.longest);
        let too_late = select(ended, self.executor.sleep(STANDSTILL));
        let ready = pin!(poll_fn(|context| self.sender.poll_ready(context)));
        match select(too_late, ready).await {
            Either::Right((Ok(()), _)) => {}
            _ => return Err(Gone),
        }
        self.sender.start_send(chunk).map_err(|_| Gone)
    }
}
