//! Who is called when: the loop, its pauses after failures, and its end.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either, Shared, join_all, pending, select};
use futures_util::lock::{Mutex, MutexGuard};

use super::steps::{self, Step, WorkerState};
use crate::error::Refusal;
use crate::web::services::Services;

/// The pause after the first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The pause after work that another unit overtook, for each time in a row: it is likely to succeed at once.
const OVERTAKEN_PAUSE: Duration = Duration::from_millis(20);

/// From here on it is a failure like any other.
const OVERTAKEN: u32 = 5;

/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// How long attempts under way are waited for at the end (conventions, "graceful shutdown"), which is as long as one may take;
/// what is not recorded by then is repeated.
pub(super) const GRACE: Duration = Duration::from_secs(30);

/// When a step wants to be called next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It did something, and there may be more.
    Now,
    /// It has not yet looked at everything.
    GoOn,
    /// It did all there was. What comes within this time is done together afterwards: no bell cuts it short.
    Gather(Duration),
    /// It found nothing to do.
    In(Duration),
}

impl Next {
    /// After `done` of a batch of at most `most`: fewer than that was all there was.
    pub(super) const fn after(done: usize, most: u32, pause: Duration) -> Self {
        if done < most as usize { Self::Gather(pause) } else { Self::Now }
    }
}

/// Is ready once the workers are told to stop.
type Halt = Shared<BoxFuture<'static, ()>>;

/// Runs all steps until `order` comes, beside each other but for those that take turns.
pub(super) async fn run(services: &Arc<Services>, order: oneshot::Receiver<()>) {
    let halt: Halt = async move {
        if order.await.is_err() {
            // The handle was dropped: that is no order to stop.
            pending::<()>().await;
        }
    }
    .boxed()
    .shared();
    let state = Arc::new(WorkerState::new(Arc::clone(services)));
    let beside = steps::ALL.iter().filter(|step| !step.takes_turns);
    let beside = beside.map(|step| of_its_own(step, Arc::clone(&state), halt.clone()));
    let beside: Vec<oneshot::Receiver<()>> = beside.collect();
    let turn = Mutex::new(());
    let in_turn = steps::ALL.iter().filter(|step| step.takes_turns);
    join_all(in_turn.map(|step| keep_running(step, &state, Some(&turn), halt.clone()))).await;
    join_all(beside).await;
    state.finish().await;
}

/// Runs one step over and over as a task of its own, so that it waits for no other's CPU time. What it returns is ready once
/// the step has ended.
fn of_its_own(step: &'static Step, state: Arc<WorkerState>, halt: Halt) -> oneshot::Receiver<()> {
    let (end, ended) = oneshot::channel();
    let services = Arc::clone(&state.services);
    services.transport.executor.spawn(Box::pin(async move {
        keep_running(step, &state, None, halt).await;
        // Dropped with its runtime, it has ended as well.
        drop(end);
    }));
    ended
}

/// Runs one step over and over.
async fn keep_running(step: &Step, state: &WorkerState, turn: Option<&Mutex<()>>, halt: Halt) {
    let mut failures = 0_u32;
    loop {
        let Some(held) = until(&halt, taken(turn)).await else { return };
        let outcome = attempt(step, state).await;
        drop(held);
        let next = match outcome {
            Ok(next) => {
                if failures > 0 {
                    tracing::info!(step = step.name, "a worker step succeeds again");
                }
                failures = 0;
                next
            }
            Err(refusal) => {
                report(step, &refusal, failures);
                failures = failures.saturating_add(1);
                Next::In(pause_after(&refusal, failures))
            }
        };
        let Some(()) = until(&halt, rest(step, state, next)).await else { return };
    }
}

/// Waits as long as the step wants, or until it is called, unless what comes is to gather.
async fn rest(step: &Step, state: &WorkerState, next: Next) {
    let (pause, bell) = match next {
        Next::Now | Next::GoOn => (Duration::ZERO, step.bell),
        Next::In(pause) => (pause, step.bell),
        Next::Gather(pause) => (pause, None),
    };
    let pause = state.services.transport.executor.sleep(pause);
    match bell {
        Some(bell) => drop(select(pause, pin!(bell(&state.services.bells).heard())).await),
        None => pause.await,
    }
}

async fn taken(turn: Option<&Mutex<()>>) -> Option<MutexGuard<'_, ()>> {
    match turn {
        Some(turn) => Some(turn.lock().await),
        None => None,
    }
}

/// What `future` results in; `None` when the order to stop comes first.
async fn until<F: Future>(halt: &Halt, future: F) -> Option<F::Output> {
    match select(halt.clone(), pin!(future)).await {
        Either::Left(_) => None,
        Either::Right((output, _)) => Some(output),
    }
}

/// Runs the steps over and over until none of them finds anything.
pub(super) async fn run_until_idle(services: &Arc<Services>, steps: &[Step]) -> Result<(), Refusal> {
    let state = WorkerState::new(Arc::clone(services));
    let mut first_failure = Ok(());
    let mut failed = Vec::new();
    loop {
        let mut worked = false;
        for step in steps {
            while !failed.contains(&step.name) {
                match attempt(step, &state).await {
                    Ok(Next::Now) => worked = true,
                    Ok(Next::GoOn) => {}
                    Ok(Next::Gather(_)) => {
                        worked = true;
                        break;
                    }
                    Ok(Next::In(_)) => break,
                    Err(refusal) => {
                        report(step, &refusal, 0);
                        failed.push(step.name);
                        first_failure = first_failure.and(Err(refusal));
                    }
                }
            }
        }
        if !worked {
            state.finish().await;
            return first_failure;
        }
    }
}

/// Runs a step; a panic is a failure of it alone.
async fn attempt(step: &Step, state: &WorkerState) -> Result<Next, Refusal> {
    let ran = AssertUnwindSafe(async { (step.run)(state).await }).catch_unwind().await;
    ran.unwrap_or_else(|_| Err(Refusal::internal("the step panicked")))
}

/// Counts every failure, and logs the first of a row.
fn report(step: &Step, refusal: &Refusal, failures_before: u32) {
    metrics::counter!("authpi_worker_failures_total", "step" => step.name).increment(1);
    if failures_before > 0 {
        return;
    }
    if refusal.is_retryable() {
        tracing::info!(step = step.name, %refusal, "a worker step was overtaken and will be repeated");
    } else {
        tracing::error!(step = step.name, %refusal, "a worker step failed and will be repeated");
    }
}

fn pause_after(refusal: &Refusal, failures: u32) -> Duration {
    if refusal.is_retryable() && failures <= OVERTAKEN {
        return OVERTAKEN_PAUSE.saturating_mul(failures);
    }
    let doublings = failures.saturating_sub(1).min(LONGEST_PAUSE.as_secs().ilog2() + 1);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_a_second_to_a_minute() {
        let pauses =
            [1, 2, 3, 6, 7, 8, u32::MAX].map(|failures| pause_after(&Refusal::internal("x"), failures).as_secs());
        assert_eq!(pauses, [1, 2, 4, 32, 60, 60, 60]);
    }

    #[test]
    fn work_that_was_overtaken_is_done_again_at_once_five_times() {
        let pauses = [1, 5, 6, 9].map(|failures| pause_after(&Refusal::Stale, failures).as_millis());
        assert_eq!(pauses, [20, 100, 32_000, 60_000]);
    }
}
