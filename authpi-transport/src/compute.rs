//! A bounded pool of threads for CPU-heavy work.

use std::collections::VecDeque;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use authpi_core::transport::{Compute, QueueFull};

type Job = Box<dyn FnOnce() + Send>;

/// Runs jobs on its own threads: those of the foreground first, each class in the order of arrival.
///
/// Of several threads, one always stays clear of background jobs, so that a foreground job never waits for nothing but
/// them. Dropping the pool drops the jobs that have not begun and lets its threads end with those that have.
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    /// Waiting jobs allowed in each class.
    queue: usize,
    /// Background jobs allowed at the same time.
    background: usize,
}

#[derive(Default)]
struct State {
    foreground: VecDeque<Job>,
    background: VecDeque<Job>,
    background_running: usize,
    closed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Foreground,
    Background,
}

impl Pool {
    /// Starts `threads` threads with a queue of `queue` waiting jobs for each class; both are at least one.
    ///
    /// # Errors
    /// What the system says when it refuses a thread; those already started end.
    pub(crate) fn start(threads: usize, queue: usize) -> io::Result<Self> {
        let threads = threads.max(1);
        let shared = Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            queue: queue.max(1),
            background: threads.saturating_sub(1).max(1),
        };
        let pool = Self { shared: Arc::new(shared) };
        for number in 0..threads {
            let shared = Arc::clone(&pool.shared);
            thread::Builder::new()
                .name(format!("authpi-compute-{number}"))
                .spawn(move || shared.work_until_closed())?;
        }
        Ok(pool)
    }
}

impl Compute for Pool {
    fn run(&self, job: Job) -> Result<(), QueueFull> {
        self.shared.push(Class::Foreground, job)
    }

    fn capacity(&self) -> usize {
        self.shared.queue
    }

    fn background(&self, job: Job) -> Result<(), QueueFull> {
        self.shared.push(Class::Background, job)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.shared.lock();
            state.closed = true;
            (std::mem::take(&mut state.foreground), std::mem::take(&mut state.background))
        };
        self.shared.work.notify_all();
        // outside of the lock, because a job owns values with a `Drop` of their own
        drop(waiting);
    }
}

impl Shared {
    /// No user code runs under the lock, so a poisoned state is a whole one.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, class: Class, job: Job) -> Result<(), QueueFull> {
        let mut state = self.lock();
        let queue = match class {
            Class::Foreground => &mut state.foreground,
            Class::Background => &mut state.background,
        };
        if queue.len() >= self.queue {
            drop(state);
            return Err(QueueFull);
        }
        queue.push_back(job);
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    fn work_until_closed(&self) {
        while let Some((class, job)) = self.next() {
            if panic::catch_unwind(AssertUnwindSafe(job)).is_err() {
                // the payload may quote what the job worked on
                tracing::error!("a compute job panicked");
            }
            if class == Class::Background {
                self.lock().background_running -= 1;
                self.work.notify_one();
            }
        }
    }

    /// Waits for a job; `None` when the pool is gone.
    fn next(&self) -> Option<(Class, Job)> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.foreground.pop_front() {
                return Some((Class::Foreground, job));
            }
            if state.background_running < self.background
                && let Some(job) = state.background.pop_front()
            {
                state.background_running += 1;
                return Some((Class::Background, job));
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use std::cell::RefCell;
    use std::sync::Barrier;
    use std::sync::mpsc::{self, Receiver, Sender};

    use super::*;

    /// Occupies one thread of the pool until the gate is dropped; returns once the job runs.
    fn occupy(pool: &Pool, class: Class) -> Sender<()> {
        let (gate, closed) = mpsc::channel::<()>();
        let (running, started) = mpsc::channel();
        let job = Box::new(move || {
            running.send(()).unwrap();
            let _ = closed.recv();
        });
        pool.shared.push(class, job).unwrap();
        started.recv().unwrap();
        gate
    }

    fn reporter() -> (impl Fn(u32) -> Job, Receiver<u32>) {
        let (sender, receiver) = mpsc::channel();
        let job = move |number| {
            let sender = sender.clone();
            Box::new(move || sender.send(number).unwrap()) as Job
        };
        (job, receiver)
    }

    #[test]
    fn a_full_queue_refuses_and_an_emptied_one_accepts_again() {
        let pool = Pool::start(1, 2).unwrap();
        let (job, results) = reporter();
        let gate = occupy(&pool, Class::Foreground);
        for number in 0..2 {
            assert!(pool.run(job(number)).is_ok());
            assert!(pool.background(job(10 + number)).is_ok());
        }
        assert!(pool.run(job(99)).is_err());
        assert!(pool.background(job(99)).is_err());
        drop(gate);
        let done: Vec<_> = results.iter().take(4).collect();
        assert_eq!(done, [0, 1, 10, 11]);
        assert!(pool.run(job(2)).is_ok());
        assert_eq!(results.recv(), Ok(2));
    }

    #[test]
    fn foreground_overtakes_background() {
        let pool = Pool::start(1, 8).unwrap();
        let (job, results) = reporter();
        let gate = occupy(&pool, Class::Foreground);
        pool.background(job(1)).unwrap();
        pool.background(job(2)).unwrap();
        pool.run(job(3)).unwrap();
        pool.run(job(4)).unwrap();
        drop(gate);
        assert_eq!(results.iter().take(4).collect::<Vec<_>>(), [3, 4, 1, 2]);
    }

    #[test]
    fn background_leaves_one_thread_to_the_foreground() {
        let pool = Pool::start(2, 8).unwrap();
        let (job, results) = reporter();
        let gate = occupy(&pool, Class::Background);
        pool.background(job(1)).unwrap();
        pool.run(job(2)).unwrap();
        assert_eq!(results.recv(), Ok(2));
        drop(gate);
        assert_eq!(results.recv(), Ok(1));
    }

    #[test]
    fn all_threads_work_at_once() {
        let pool = Pool::start(3, 8).unwrap();
        let barrier = Arc::new(Barrier::new(4));
        for _ in 0..3 {
            let barrier = Arc::clone(&barrier);
            pool.run(Box::new(move || _ = barrier.wait())).unwrap();
        }
        barrier.wait();
    }

    #[test]
    fn a_panic_is_survived_in_both_classes() {
        let pool = Pool::start(1, 8).unwrap();
        let (job, results) = reporter();
        pool.run(Box::new(|| panic!("of a test"))).unwrap();
        pool.background(Box::new(|| panic!("of a test"))).unwrap();
        pool.background(job(1)).unwrap();
        assert_eq!(results.recv(), Ok(1));
        pool.run(job(2)).unwrap();
        assert_eq!(results.recv(), Ok(2));
    }

    #[test]
    fn dropping_the_pool_ends_its_threads_and_drops_waiting_jobs() {
        thread_local! {
            static ALIVE: RefCell<Option<Sender<()>>> = const { RefCell::new(None) };
        }
        let pool = Pool::start(1, 8).unwrap();
        let (alive, threads) = mpsc::channel::<()>();
        pool.run(Box::new(move || ALIVE.with(|slot| *slot.borrow_mut() = Some(alive)))).unwrap();
        let gate = occupy(&pool, Class::Foreground);
        let (job, results) = reporter();
        pool.run(job(1)).unwrap();
        pool.background(job(2)).unwrap();
        drop(job);
        drop(pool);
        assert!(results.recv().is_err(), "waiting jobs are dropped at once");
        drop(gate);
        assert!(threads.recv().is_err(), "a thread that ends drops its locals");
    }

    #[test]
    fn a_job_may_drop_the_last_handle_of_its_own_pool() {
        let pool = Arc::new(Pool::start(1, 1).unwrap());
        let (sender, receiver) = mpsc::channel::<()>();
        let (gate, closed) = mpsc::channel::<()>();
        let own = Arc::clone(&pool);
        pool.run(Box::new(move || {
            let _ = closed.recv();
            drop(own);
            drop(sender);
        }))
        .unwrap();
        drop(pool);
        drop(gate);
        assert!(receiver.recv().is_err());
    }
}
