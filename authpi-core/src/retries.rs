//! How often a unit of work is tried.

use crate::error::Refusal;

/// How often a unit of work is tried before its caller is asked to come back.
const ATTEMPTS: u32 = 5;

/// Counts the attempts at one unit of work. No closure around the work: a future that borrows the units of an attempt
/// would not be `Send`.
#[derive(Debug)]
pub(crate) struct Retries(u32);

impl Retries {
    /// None so far.
    pub(crate) const fn new() -> Self {
        Self(ATTEMPTS)
    }

    /// How it ended; `None` when it was overtaken and has to be tried again.
    pub(crate) fn ended<T>(&mut self, outcome: Result<T, Refusal>) -> Option<Result<T, Refusal>> {
        self.0 = self.0.saturating_sub(1);
        match outcome {
            Err(refusal) if refusal.is_retryable() && self.0 > 0 => None,
            ended => Some(ended),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overtaken_is_tried_five_times_and_all_else_once() {
        let mut retries = Retries::new();
        for _ in 0..4 {
            assert!(retries.ended::<()>(Err(Refusal::Stale)).is_none());
        }
        assert!(matches!(retries.ended::<()>(Err(Refusal::Stale)), Some(Err(Refusal::Stale))));
        assert!(matches!(Retries::new().ended::<()>(Err(Refusal::NotFound)), Some(Err(Refusal::NotFound))));
        assert!(matches!(Retries::new().ended(Ok(1)), Some(Ok(1))));
    }
}
