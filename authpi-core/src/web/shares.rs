//! The part of the CPU pool that one issuer may fill (D188).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::error::Refusal;
use crate::id::IssuerId;

/// How many jobs of each issuer wait or run.
#[derive(Default)]
pub struct Shares(Mutex<HashMap<IssuerId, usize>>);

/// The place of one job; given back when it is dropped.
pub(super) struct Share<'s> {
    shares: &'s Shares,
    issuer: IssuerId,
}

impl Shares {
    pub(super) fn enter(&self, issuer: IssuerId, most: usize) -> Result<Share<'_>, Refusal> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(issuer).or_default();
        if *count >= most.max(1) {
            return Err(Refusal::Overloaded("the part of the issuer in the cpu pool"));
        }
        *count += 1;
        drop(counts);
        Ok(Share { shares: self, issuer })
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut counts = self.shares.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.issuer) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.issuer);
            }
        }
    }
}
