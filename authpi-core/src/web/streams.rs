//! Bodies that a task makes while they are sent. They take the same memory however slow the client is, and end when it hangs
//! up, stands still, or the process stops.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_channel::{mpsc, oneshot};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either, Shared, select};

use super::answer::{BrokenOff, Chunks};
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

/// When somebody whose account has as many as it may have might ask again.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// The streams of an engine.
pub struct Streams {
    order: Mutex<Option<oneshot::Sender<()>>>,
    ended: Shared<oneshot::Receiver<()>>,
    open: Arc<Mutex<HashMap<AccountId, usize>>>,
}

/// Counts a stream as long as it is open.
struct Place {
    account: AccountId,
    open: Arc<Mutex<HashMap<AccountId, usize>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.account);
            }
        }
    }
}

impl Default for Streams {
    fn default() -> Self {
        let (order, ended) = oneshot::channel();
        Self { order: Mutex::new(Some(order)), ended: ended.shared(), open: Arc::default() }
    }
}

impl Streams {
    /// A body for somebody of `account`, and what its chunks go into.
    ///
    /// # Errors
    /// [`Refusal::RateLimited`] when the account has enough of them; [`Refusal::Overloaded`] when all together have.
    pub(crate) fn open(&self, account: AccountId, executor: &Arc<dyn Executor>) -> Result<(Sink, Chunks), Refusal> {
        let place = self.place(account)?;
        // One chunk waits for the client while the next one is made.
        let (sender, receiver) = mpsc::channel(0);
        let (executor, longest) = (Arc::clone(executor), executor.sleep(LONGEST));
        let sink = Sink { sender, ended: self.ended.clone(), executor, longest, _place: place };
        Ok((sink, Chunks::of(receiver)))
    }

    fn place(&self, account: AccountId) -> Result<Place, Refusal> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.values().sum::<usize>() >= MAX_OPEN {
            return Err(Refusal::Overloaded("answers that are made while they are sent"));
        }
        let of_account = open.entry(account).or_default();
        if *of_account >= MAX_OPEN_PER_ACCOUNT {
            return Err(Refusal::RateLimited { retry_after: ASK_AGAIN });
        }
        *of_account += 1;
        Ok(Place { account, open: Arc::clone(&self.open) })
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
    _place: Place,
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::Id as _;

    fn account(number: u128) -> AccountId {
        AccountId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn an_account_has_eight_at_once_and_leaves_room_for_others() {
        let streams = Streams::default();
        let mut held: Vec<Place> = (0..8).map(|_| streams.place(account(1)).unwrap()).collect();
        assert!(matches!(streams.place(account(1)), Err(Refusal::RateLimited { .. })));
        held.push(streams.place(account(2)).unwrap());
        held.swap_remove(0);
        held.push(streams.place(account(1)).unwrap());
        assert!(matches!(streams.place(account(1)), Err(Refusal::RateLimited { .. })));
    }

    #[test]
    fn there_are_64_at_once_and_what_has_ended_is_not_counted() {
        let streams = Streams::default();
        let held: Vec<Place> = (0..64).map(|number| streams.place(account(number)).unwrap()).collect();
        assert!(matches!(streams.place(account(64)), Err(Refusal::Overloaded(_))));
        drop(held);
        assert!(streams.open.lock().unwrap().is_empty());
    }
}
