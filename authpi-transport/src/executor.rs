//! Tasks and timers on one tokio runtime, for callers on any thread.

use std::panic;
use std::time::Duration;

use authpi_core::transport::Executor;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};

use crate::StartError;

/// Runs futures on the runtime it was made on. After that runtime has shut down, spawned futures are dropped unrun.
pub(crate) struct TokioExecutor {
    runtime: Handle,
}

impl TokioExecutor {
    /// Binds to the runtime of the caller.
    ///
    /// # Errors
    /// [`StartError::NoRuntime`] outside of a runtime, [`StartError::NoTimers`] on one without a time driver.
    pub(crate) fn here() -> Result<Self, StartError> {
        let runtime = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let executor = Self { runtime };
        // tokio tells by a panic only whether a runtime has timers: better caught here than met in a worker
        panic::catch_unwind(|| drop(executor.timer(Duration::ZERO))).map_err(|_| StartError::NoTimers)?;
        Ok(executor)
    }

    #[allow(clippy::disallowed_methods, reason = "this is the seam that the ban points to")]
    fn timer(&self, duration: Duration) -> Sleep {
        let _inside = self.runtime.enter();
        sleep(duration)
    }
}

impl Executor for TokioExecutor {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        drop(self.runtime.spawn(future));
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self.timer(duration))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use std::thread;
    use std::time::Instant;

    use futures_channel::oneshot;
    use tokio::runtime::{Builder, Runtime};

    use super::*;

    fn runtime() -> Runtime {
        Builder::new_multi_thread().worker_threads(1).thread_name("home").enable_time().build().unwrap()
    }

    #[test]
    fn a_future_runs_on_the_home_runtime_whoever_spawns_it() {
        let home = runtime();
        let executor = home.block_on(async { TokioExecutor::here() }).unwrap();
        let (sender, receiver) = oneshot::channel();
        thread::spawn(move || {
            executor.spawn(Box::pin(async move {
                let _ = sender.send(thread::current().name().map(String::from));
            }));
        });
        assert_eq!(home.block_on(receiver).unwrap().as_deref(), Some("home"));
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "the timer under test is the real one")]
    fn a_timer_of_the_home_runtime_works_on_a_runtime_without_timers() {
        let home = runtime();
        let executor = home.block_on(async { TokioExecutor::here() }).unwrap();
        let elsewhere = Builder::new_current_thread().build().unwrap();
        let start = Instant::now();
        elsewhere.block_on(executor.sleep(Duration::from_millis(2)));
        assert!(start.elapsed() >= Duration::from_millis(2));
    }

    #[test]
    fn a_panicking_task_leaves_the_runtime_alive() {
        let home = runtime();
        let executor = home.block_on(async { TokioExecutor::here() }).unwrap();
        executor.spawn(Box::pin(async { panic!("of a test") }));
        let (sender, receiver) = oneshot::channel();
        executor.spawn(Box::pin(async move {
            let _ = sender.send(());
        }));
        assert_eq!(home.block_on(receiver), Ok(()));
    }

    #[test]
    fn after_shutdown_a_future_is_dropped_unrun() {
        let home = runtime();
        let executor = home.block_on(async { TokioExecutor::here() }).unwrap();
        drop(home);
        let (sender, receiver) = oneshot::channel::<()>();
        executor.spawn(Box::pin(async move {
            let _ = sender.send(());
        }));
        assert!(Builder::new_current_thread().build().unwrap().block_on(receiver).is_err());
    }

    #[test]
    fn a_missing_runtime_or_time_driver_is_an_error() {
        assert!(matches!(TokioExecutor::here(), Err(StartError::NoRuntime)));
        let timeless = Builder::new_current_thread().build().unwrap();
        assert!(matches!(timeless.block_on(async { TokioExecutor::here() }), Err(StartError::NoTimers)));
    }
}
