//! The only source of the random values that we make: identifiers, secrets, salts of events, jitter.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::id::{self, Id, IdForm};
use crate::timestamp::Timestamp;

/// Gives random bytes fit for secrets.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`EntropyUnavailable`] when the source fails; nothing may be made from what is in `bytes` then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable>;
}

/// The source of randomness failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source of randomness failed")]
pub struct EntropyUnavailable;

/// The generator of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[allow(clippy::disallowed_methods, reason = "this is the seam that the ban points to")]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
        getrandom::fill(bytes).map_err(|_| EntropyUnavailable)
    }
}

/// Highest value of the counter in `rand_a` of a UUIDv7.
const LAST_SEQUENCE: u16 = 0x0fff;

/// Mints identifiers. Ordered ones of one process are strictly increasing, also inside a millisecond
/// (RFC 9562 §6.2, fixed-length dedicated counter).
pub struct IdSource {
    entropy: Arc<dyn Entropy>,
    last: Mutex<(u64, u16)>,
    latest: AtomicI64,
}

impl IdSource {
    /// Mints from `entropy`.
    pub const fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, last: Mutex::new((0, 0)), latest: AtomicI64::new(0) }
    }

    /// A new identifier. `now` shapes ordered ones; random ones ignore it.
    ///
    /// # Errors
    /// [`EntropyUnavailable`].
    pub fn mint<I: Id>(&self, now: Timestamp) -> Result<I, EntropyUnavailable> {
        let uuid = match I::FORM {
            IdForm::Random => {
                let mut random = [0; 16];
                self.entropy.fill(&mut random)?;
                id::uuid_v4(random)
            }
            IdForm::Ordered => {
                let mut random = [0; 8];
                self.entropy.fill(&mut random)?;
                let (millis, sequence) = self.next(u64::try_from(now.as_millis()).unwrap_or_default());
                id::uuid_v7(millis, sequence, random)
            }
        };
        Ok(I::from_uuid(uuid))
    }

    /// The time of something that happens `now`: never before that of what happened earlier, whatever the clock does.
    pub fn steady(&self, now: Timestamp) -> Timestamp {
        let before = self.latest.fetch_max(now.as_millis(), Ordering::Relaxed);
        now.max(Timestamp::from_millis(before))
    }

    fn next(&self, millis: u64) -> (u64, u16) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = match *last {
            (known, _) if millis > known => (millis, 0),
            (known, LAST_SEQUENCE) => (known + 1, 0),
            (known, sequence) => (known, sequence + 1),
        };
        *last
    }
}

/// Random text of `[A-Za-z0-9]`: each character as likely as any other.
///
/// # Errors
/// [`EntropyUnavailable`].
pub fn alphanumeric(entropy: &dyn Entropy, length: usize) -> Result<String, EntropyUnavailable> {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut random = [0; 32];
        entropy.fill(&mut random)?;
        // Of 64 values two are left out, so that none of the 62 comes up more often.
        let characters = random.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
        text.extend(characters.map(|byte| char::from(*byte)).take(length - text.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::id::EventId;

    #[test]
    fn ordered_ids_of_one_process_increase_even_when_the_clock_stands_or_goes_back() {
        let ids = IdSource::new(Arc::new(SystemEntropy));
        let mut last = ids.mint::<EventId>(Timestamp::from_millis(1_000)).unwrap();
        for step in 0..10_000 {
            let next = ids.mint::<EventId>(Timestamp::from_millis(1_000 - step % 3)).unwrap();
            assert!(next > last);
            last = next;
        }
    }

    #[test]
    fn times_do_not_go_back_with_the_clock() {
        let ids = IdSource::new(Arc::new(SystemEntropy));
        let steady = [5_000, 4_000, 4_999, 5_001].map(|millis| ids.steady(Timestamp::from_millis(millis)).as_millis());
        assert_eq!(steady, [5_000, 5_000, 5_000, 5_001]);
    }

    #[test]
    fn text_is_of_letters_and_digits_and_as_long_as_asked() {
        for length in [0, 1, 18, 100] {
            let text = alphanumeric(&SystemEntropy, length).unwrap_or_default();
            assert!(text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
        }
    }
}
