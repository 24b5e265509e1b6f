//! Bells that wake workers before their pause is over.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures_util::task::AtomicWaker;

/// Rung by anybody, heard by one. Ringing before somebody listens is heard, too; ringing twice is heard once.
#[derive(Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    listener: AtomicWaker,
}

impl Bell {
    /// Wakes whoever listens, now or next.
    pub(crate) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.listener.wake();
    }

    /// Is ready once it has rung since the last time.
    pub(crate) async fn heard(&self) {
        poll_fn(|context| {
            self.listener.register(context.waker());
            if self.rung.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// The bells of those workers that are to be quick.
#[derive(Default)]
pub(crate) struct Bells {
    /// Events were committed.
    pub(crate) events: Bell,
    /// Events were committed that the host may want to hear of.
    pub(crate) hooks: Bell,
    /// Deliveries are due.
    pub(crate) deliveries: Bell,
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn what_was_rung_before_is_heard_once() {
        let bell = Bell::default();
        assert!(bell.heard().now_or_never().is_none());
        bell.ring();
        bell.ring();
        assert!(bell.heard().now_or_never().is_some());
        assert!(bell.heard().now_or_never().is_none());
    }
}
