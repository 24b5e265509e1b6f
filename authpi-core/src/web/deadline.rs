//! How long a request may take (docs/decisions/0008).

use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Either, select};

use crate::error::Refusal;
use crate::transport::Executor;

/// How long an answer may take: callers of the SDK wait 30 s (conventions §1).
const LASTS: Duration = Duration::from_secs(20);

/// When a request has to be answered: what waits for a database that does not answer is given up then, and undone.
pub(crate) struct Deadline {
    /// Is ready then; none once it was.
    ahead: Option<BoxFuture<'static, ()>>,
}

impl Deadline {
    /// Of a request that comes now.
    pub(crate) fn begin(executor: &dyn Executor) -> Self {
        Self { ahead: Some(executor.sleep(LASTS)) }
    }

    /// What the work comes to, if it does in time; once the time is over, if it waits for nothing.
    pub(crate) async fn within<T>(&mut self, work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        let Some(ahead) = &mut self.ahead else { return work.now_or_never() };
        match select(work, ahead).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => {
                self.ahead = None;
                None
            }
        }
    }

    /// The same for an answer.
    ///
    /// # Errors
    /// Those of the work; [`Refusal::Overloaded`] when it takes too long.
    pub(crate) async fn answered<T>(&mut self, work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
        self.within(pin!(work)).await.unwrap_or(Err(Refusal::Overloaded("no answer in time")))
    }
}
