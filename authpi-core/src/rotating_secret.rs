//! A secret that is replaced without an interruption.

use std::time::Duration;

use crate::secret::{Peppers, SecretHash};
use crate::timestamp::Timestamp;

/// How long the secret before a rotation keeps working.
pub const ROTATION_OVERLAP: Duration = Duration::from_mins(15);

/// A secret and, for [`ROTATION_OVERLAP`] after a rotation, the one before.
#[derive(Clone, Debug)]
pub struct RotatingSecret {
    /// Keyed hash of the secret.
    pub hash: SecretHash,
    /// The previous secret, and until when it still works.
    pub previous: Option<(SecretHash, Timestamp)>,
}

impl RotatingSecret {
    /// The first secret.
    pub const fn new(hash: SecretHash) -> Self {
        Self { hash, previous: None }
    }

    /// What accepts no secret.
    ///
    /// # Security
    /// For an unknown identifier: its [`accepts`](Self::accepts) takes as long as that of a known one.
    pub fn dummy(peppers: &Peppers) -> Self {
        Self::new(peppers.dummy())
    }

    /// A new secret in the place of this one, which works for [`ROTATION_OVERLAP`] more; an older one ends at once.
    #[must_use]
    pub fn rotated(self, now: Timestamp, hash: SecretHash) -> Self {
        Self { hash, previous: Some((self.hash, now.plus(ROTATION_OVERLAP))) }
    }

    /// `secret` is the current one, or the previous one inside its time.
    ///
    /// # Security
    /// Both are always compared, in constant time, so that the time does not tell whether there are two.
    pub fn accepts(&self, peppers: &Peppers, purpose: &'static str, secret: &str, now: Timestamp) -> bool {
        let absent = (peppers.dummy(), Timestamp::EPOCH);
        let (previous, until) = self.previous.as_ref().unwrap_or(&absent);
        let is_current = peppers.verify(purpose, secret.as_bytes(), &self.hash);
        let is_previous = peppers.verify(purpose, secret.as_bytes(), previous);
        is_current || (is_previous && now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{KeyTag, Pepper};

    const PURPOSE: &str = "test";

    #[test]
    fn a_rotated_secret_works_for_its_time_and_no_third_one_does() {
        let peppers = Peppers::new(Pepper::new(KeyTag::new(1), [7; 32]), vec![]);
        let [first, second, third] = ["first", "second", "third"].map(|text| peppers.hash(PURPOSE, text.as_bytes()));
        let start = Timestamp::from_millis(1_000);
        let end = start.plus(Duration::from_mins(15));
        let just_before = Timestamp::from_millis(end.as_millis() - 1);
        let accepted = |secret: &RotatingSecret, at| {
            ["first", "second", "third", ""].map(|presented| secret.accepts(&peppers, PURPOSE, presented, at))
        };

        let one = RotatingSecret::new(first);
        assert_eq!(accepted(&one, start), [true, false, false, false]);
        assert!(!one.accepts(&peppers, "other", "first", start), "for its purpose only");
        let two = one.rotated(start, second);
        assert_eq!(accepted(&two, just_before), [true, true, false, false]);
        assert_eq!(accepted(&two, end), [false, true, false, false]);
        let three = two.rotated(start, third);
        assert_eq!(accepted(&three, start), [false, true, true, false]);
        assert_eq!(accepted(&RotatingSecret::dummy(&peppers), Timestamp::EPOCH), [false; 4]);
    }
}
