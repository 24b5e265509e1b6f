//! Attempts of this process that run beside each other: so many in all, and so many of one lane, which leaves room for
//! the others.

use std::collections::HashMap;
use std::hash::Hash;

use futures_channel::oneshot;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use crate::error::Refusal;
use crate::transport::Executor;

/// How many attempts run at the same time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) in_all: usize,
    pub(super) of_lane: usize,
}

/// How an attempt ended.
pub(super) type Ended = Result<(), Refusal>;

/// Attempts under way, by what they are at and whose it is. They run by themselves: what waits here is only their end, so
/// that a step that pauses holds up no unit of work.
pub(super) struct UnderWay<I, L> {
    room: Room,
    lanes: HashMap<I, L>,
    ends: FuturesUnordered<BoxFuture<'static, (I, Ended)>>,
}

impl<I: Copy + Eq + Hash + Send + 'static, L: Copy + Eq + Hash> UnderWay<I, L> {
    /// None yet.
    pub(super) fn within(room: Room) -> Self {
        Self { room, lanes: HashMap::new(), ends: FuturesUnordered::new() }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.lanes.len()
    }

    /// How many more may begin.
    pub(super) fn room(&self) -> usize {
        self.room.in_all.saturating_sub(self.lanes.len())
    }

    /// Lanes of which no more may begin.
    pub(super) fn busy(&self) -> Vec<L> {
        let mut counts: HashMap<L, usize> = HashMap::new();
        for lane in self.lanes.values() {
            *counts.entry(*lane).or_default() += 1;
        }
        counts.into_iter().filter(|(_, count)| *count >= self.room.of_lane).map(|(lane, _)| lane).collect()
    }

    /// There is room for it, and nobody here is at it yet.
    fn admits(&self, id: I, lane: L) -> bool {
        let of_lane = self.lanes.values().filter(|known| **known == lane).count();
        self.room() > 0 && of_lane < self.room.of_lane && !self.lanes.contains_key(&id)
    }

    /// Begins an attempt as a task of its own, if there is room for it.
    pub(super) fn begin(
        &mut self,
        executor: &dyn Executor,
        (id, lane): (I, L),
        attempt: impl Future<Output = Ended> + Send + 'static,
    ) {
        if !self.admits(id, lane) {
            return;
        }
        let (sender, ended) = oneshot::channel();
        executor.spawn(Box::pin(async move {
            // Nobody waits any more: the process ends.
            let _ = sender.send(attempt.await);
        }));
        self.lanes.insert(id, lane);
        self.ends.push(Box::pin(async move {
            (id, ended.await.unwrap_or_else(|_| Err(Refusal::internal("an attempt died"))))
        }));
    }

    /// The next one that ends; `None` when none is under way.
    pub(super) async fn next(&mut self) -> Option<(I, Ended)> {
        let ended = self.ends.next().await;
        if let Some((id, _)) = &ended {
            self.lanes.remove(id);
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;

    /// Runs what is ready, and drops what is not if it is told to.
    struct Lazy {
        kept: std::sync::Mutex<Vec<BoxFuture<'static, ()>>>,
        drops: bool,
    }

    impl Executor for Lazy {
        fn spawn(&self, mut future: BoxFuture<'static, ()>) {
            if (&mut future).now_or_never().is_none() && !self.drops {
                self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(future);
            }
        }

        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(pending())
        }
    }

    fn executor(drops: bool) -> Lazy {
        Lazy { kept: std::sync::Mutex::default(), drops }
    }

    const ROOM: Room = Room { in_all: 5, of_lane: 2 };

    #[test]
    fn a_lane_with_much_work_leaves_room_for_the_others() {
        let (executor, mut under_way) = (executor(false), UnderWay::within(ROOM));
        for id in 0..4 {
            under_way.begin(&executor, (id, 'a'), pending());
        }
        assert_eq!((under_way.count(), under_way.room(), under_way.busy()), (2, 3, vec!['a']));
        under_way.begin(&executor, (4, 'b'), pending());
        assert_eq!((under_way.count(), under_way.busy()), (3, vec!['a']), "one of two");
    }

    #[test]
    fn no_more_begin_than_there_is_room_for() {
        let (executor, mut under_way) = (executor(false), UnderWay::within(ROOM));
        for id in 0..8 {
            under_way.begin(&executor, (id, id), pending());
        }
        assert_eq!((under_way.count(), under_way.room(), under_way.busy()), (5, 0, vec![]));
    }

    #[test]
    fn nothing_is_tried_twice_at_the_same_time() {
        let (executor, mut under_way) = (executor(false), UnderWay::within(ROOM));
        under_way.begin(&executor, (1, 'a'), pending());
        under_way.begin(&executor, (1, 'b'), pending());
        assert_eq!(under_way.count(), 1);
    }

    #[test]
    fn what_has_ended_or_died_makes_room() {
        let (executor, mut under_way) = (executor(true), UnderWay::within(ROOM));
        under_way.begin(&executor, (1, 'a'), ready(Ok(())));
        under_way.begin(&executor, (2, 'a'), pending());
        assert_eq!(under_way.busy(), ['a']);
        let mut ends: Vec<_> = std::iter::from_fn(|| under_way.next().now_or_never().flatten()).collect();
        ends.sort_by_key(|(id, _)| *id);
        assert!(matches!(ends.as_slice(), [(1, Ok(())), (2, Err(Refusal::Internal(_)))]), "{ends:?}");
        assert_eq!((under_way.count(), under_way.room(), under_way.busy().len()), (0, 5, 0));
    }
}
