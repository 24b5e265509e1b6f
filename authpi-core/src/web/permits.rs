//! Permits for work that is done few at a time. All accounts share them; one has a part of them at most, whatever it asks
//! for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{Either, select};

use crate::error::Refusal;
use crate::id::AccountId;
use crate::transport::Executor;

/// When somebody whose account has as many as it may have might ask again.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// How many wait for permits of one kind.
const MAX_WAITING: usize = 1_024;

/// Of those, for one account.
const MAX_WAITING_PER_ACCOUNT: usize = 64;

/// The permits of one kind of work.
pub(crate) struct Permits {
    /// What they are for, in the log.
    kind: &'static str,
    shared: Arc<Shared>,
}

/// One of them, as long as it is held.
pub(crate) struct Permit {
    account: AccountId,
    shared: Arc<Shared>,
}

struct Shared {
    most: usize,
    most_each: usize,
    lists: Mutex<Lists>,
}

/// Nobody waits who could have one.
#[derive(Default)]
struct Lists {
    held: HashMap<AccountId, usize>,
    waiting: VecDeque<(AccountId, oneshot::Sender<Permit>)>,
}

/// Why there is none.
#[derive(Clone, Copy)]
enum Exhausted {
    /// The account has as many as it may have.
    Account,
    /// All together have.
    All,
}

impl Permits {
    /// `most` of them, of which one account has `most_each`.
    pub(crate) fn new(kind: &'static str, most: usize, most_each: usize) -> Self {
        Self { kind, shared: Arc::new(Shared { most, most_each, lists: Mutex::default() }) }
    }

    /// A permit at once.
    ///
    /// # Errors
    /// [`Refusal::RateLimited`] when the account has as many as it may have; [`Refusal::Overloaded`] when all together have.
    pub(crate) fn try_acquire(&self, account: AccountId) -> Result<Permit, Refusal> {
        self.shared.grant(&mut self.shared.lists(), account).map_err(|exhausted| self.refusal(exhausted))
    }

    /// The same for somebody who can wait for it. Those go first whose account holds least, then those who came first.
    ///
    /// # Errors
    /// Those of [`Permits::try_acquire`], at once when too many wait, otherwise once `patience` is at its end.
    pub(crate) async fn acquire(
        &self,
        account: AccountId,
        patience: Duration,
        executor: &dyn Executor,
    ) -> Result<Permit, Refusal> {
        let waiting = self.shared.grant_or_enlist(account);
        match waiting.map_err(|exhausted| self.refusal(exhausted))? {
            Either::Left(permit) => Ok(permit),
            Either::Right((coming, exhausted)) => match select(coming, executor.sleep(patience)).await {
                Either::Left((Ok(permit), _)) => Ok(permit),
                _ => Err(self.refusal(exhausted)),
            },
        }
    }

    fn refusal(&self, exhausted: Exhausted) -> Refusal {
        match exhausted {
            Exhausted::Account => Refusal::RateLimited { retry_after: ASK_AGAIN },
            Exhausted::All => Refusal::Overloaded(self.kind),
        }
    }
}

impl Shared {
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn grant(self: &Arc<Self>, lists: &mut Lists, account: AccountId) -> Result<Permit, Exhausted> {
        if lists.held_by(account) >= self.most_each {
            return Err(Exhausted::Account);
        }
        if lists.held.values().sum::<usize>() >= self.most {
            return Err(Exhausted::All);
        }
        *lists.held.entry(account).or_default() += 1;
        Ok(Permit { account, shared: Arc::clone(self) })
    }

    /// A permit, or where it will come, and why it is not there yet.
    fn grant_or_enlist(
        self: &Arc<Self>,
        account: AccountId,
    ) -> Result<Either<Permit, (oneshot::Receiver<Permit>, Exhausted)>, Exhausted> {
        let mut lists = self.lists();
        let exhausted = match self.grant(&mut lists, account) {
            Ok(permit) => return Ok(Either::Left(permit)),
            Err(exhausted) => exhausted,
        };
        lists.forget_those_gone();
        if lists.waiting.iter().filter(|(waiting, _)| *waiting == account).count() >= MAX_WAITING_PER_ACCOUNT {
            return Err(Exhausted::Account);
        }
        if lists.waiting.len() >= MAX_WAITING {
            return Err(Exhausted::All);
        }
        let (sender, coming) = oneshot::channel();
        lists.waiting.push_back((account, sender));
        drop(lists);
        Ok(Either::Right((coming, exhausted)))
    }

    /// A permit for whoever is next and may have one, and where it is waited for.
    fn grant_to_next(self: &Arc<Self>, lists: &mut Lists) -> Option<(oneshot::Sender<Permit>, Permit)> {
        lists.forget_those_gone();
        let held = |(_, (account, _)): &(usize, &(AccountId, _))| lists.held_by(*account);
        let (next, _) = lists.waiting.iter().enumerate().min_by_key(held)?;
        if lists.held_by(lists.waiting.get(next)?.0) >= self.most_each {
            return None;
        }
        let (account, sender) = lists.waiting.remove(next)?;
        Some((sender, self.grant(lists, account).ok()?))
    }
}

impl Lists {
    fn held_by(&self, account: AccountId) -> usize {
        self.held.get(&account).copied().unwrap_or_default()
    }

    fn give_back(&mut self, account: AccountId) {
        if let Some(held) = self.held.get_mut(&account) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&account);
            }
        }
    }

    fn forget_those_gone(&mut self) {
        self.waiting.retain(|(_, sender)| !sender.is_canceled());
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let next = {
            let mut lists = self.shared.lists();
            lists.give_back(self.account);
            self.shared.grant_to_next(&mut lists)
        };
        if let Some((sender, permit)) = next {
            // Of somebody who went this moment it comes back, is dropped here, and the next one's turn comes.
            drop(sender.send(permit));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use futures_util::FutureExt as _;
    use futures_util::future::{BoxFuture, pending, ready};
    use uuid::Uuid;

    use super::*;
    use crate::id::Id as _;

    fn account(number: u128) -> AccountId {
        AccountId::from_uuid(Uuid::from_u128(number))
    }

    /// Time stands still, or is over at once.
    struct Time {
        stands_still: bool,
    }

    impl Executor for Time {
        fn spawn(&self, _future: BoxFuture<'static, ()>) {}

        fn sleep(&self, _duration: Duration) -> BoxFuture<'static, ()> {
            if self.stands_still { pending().boxed() } else { ready(()).boxed() }
        }
    }

    const STILL: Time = Time { stands_still: true };

    fn waits(permits: &Permits, number: u128) -> BoxFuture<'_, Result<Permit, Refusal>> {
        let mut waiting = permits.acquire(account(number), Duration::from_secs(1), &STILL).boxed();
        assert!((&mut waiting).now_or_never().is_none(), "{number} waits");
        waiting
    }

    #[test]
    fn an_account_has_its_part_at_most_and_leaves_room_for_others() {
        let permits = Permits::new("tests", 64, 8);
        let mut held: Vec<Permit> = (0..8).map(|_| permits.try_acquire(account(1)).unwrap()).collect();
        assert!(matches!(permits.try_acquire(account(1)), Err(Refusal::RateLimited { .. })));
        held.push(permits.try_acquire(account(2)).unwrap());
        held.swap_remove(0);
        held.push(permits.try_acquire(account(1)).unwrap());
        assert!(matches!(permits.try_acquire(account(1)), Err(Refusal::RateLimited { .. })));
    }

    #[test]
    fn there_are_no_more_than_there_are_and_what_was_given_back_is_not_counted() {
        let permits = Permits::new("tests", 64, 8);
        let held: Vec<Permit> = (0..64).map(|number| permits.try_acquire(account(number)).unwrap()).collect();
        assert!(matches!(permits.try_acquire(account(64)), Err(Refusal::Overloaded("tests"))));
        drop(held);
        assert!(permits.shared.lists().held.is_empty());
    }

    #[test]
    fn who_waits_comes_in_order_save_for_accounts_that_have_their_part() {
        let permits = Permits::new("tests", 3, 2);
        let mut first: Vec<Permit> = (0..2).map(|_| permits.try_acquire(account(1)).unwrap()).collect();
        let other = permits.try_acquire(account(2)).unwrap();
        let (mut again, mut third, mut fourth) = (waits(&permits, 1), waits(&permits, 3), waits(&permits, 4));
        drop(other);
        assert!((&mut again).now_or_never().is_none(), "the first account has its part");
        let third = (&mut third).now_or_never().unwrap().unwrap();
        assert!((&mut fourth).now_or_never().is_none());
        first.pop();
        assert!((&mut again).now_or_never().is_none(), "it holds one, others none");
        let _fourth = fourth.now_or_never().unwrap().unwrap();
        drop(third);
        assert!(again.now_or_never().unwrap().is_ok());
    }

    #[test]
    fn accounts_that_always_ask_for_more_keep_no_other_waiting() {
        let permits = Permits::new("tests", 4, 2);
        let mut held: Vec<Permit> = [1, 1, 2, 2].map(|number| permits.try_acquire(account(number)).unwrap()).into();
        let greedy: Vec<_> = (0..100).map(|number| waits(&permits, 1 + number % 2)).collect();
        let modest = waits(&permits, 3);
        held.pop();
        assert!(modest.now_or_never().unwrap().is_ok());
        drop(greedy);
    }

    #[test]
    fn who_gave_up_keeps_nobody_waiting() {
        let permits = Permits::new("tests", 2, 1);
        let _other = permits.try_acquire(account(1)).unwrap();
        let held = permits.try_acquire(account(2)).unwrap();
        let (gone, stays) = (waits(&permits, 3), waits(&permits, 4));
        drop(gone);
        drop(held);
        let granted = stays.now_or_never().unwrap().unwrap();
        // One who goes while the permit is on its way to them.
        let (late, next) = (waits(&permits, 5), waits(&permits, 6));
        drop(granted);
        drop(late);
        assert!(next.now_or_never().unwrap().is_ok());
        assert_eq!(permits.shared.lists().held.len(), 1);
    }

    #[test]
    fn few_wait_and_not_for_ever() {
        let permits = Permits::new("tests", 2, 1);
        let _held = [permits.try_acquire(account(1)).unwrap(), permits.try_acquire(account(2)).unwrap()];
        let over = Time { stands_still: false };
        let late = |number| permits.acquire(account(number), Duration::from_secs(1), &over).now_or_never().unwrap();
        assert!(matches!(late(1), Err(Refusal::RateLimited { .. })));
        assert!(matches!(late(3), Err(Refusal::Overloaded("tests"))));
        let _own: Vec<_> = (0..64).map(|_| waits(&permits, 1)).collect();
        let full = |number| permits.acquire(account(number), Duration::from_secs(1), &STILL).now_or_never().unwrap();
        assert!(matches!(full(1), Err(Refusal::RateLimited { .. })), "enough of the account wait");
        let _others: Vec<_> = (3..963).map(|number| waits(&permits, number)).collect();
        assert!(matches!(full(2), Err(Refusal::Overloaded("tests"))), "enough wait in all");
    }
}
