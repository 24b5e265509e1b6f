//! The secret of a confidential client.

use std::time::Duration;

use crate::secret::{Peppers, Secret, SecretHash};
use crate::timestamp::Timestamp;

/// Purpose of the keyed hash of a client's secret.
pub const CLIENT_SECRET_HASH: &str = "client-secret";

/// How long the old secret still works after a rotation.
pub const OVERLAP: Duration = Duration::from_mins(15);

/// The secret of a client and, for [`OVERLAP`] after a rotation, the one before.
#[derive(Clone, Debug)]
pub struct ClientSecret {
    /// Keyed hash of the secret.
    pub hash: SecretHash,
    /// The previous secret, and until when it still works.
    pub previous: Option<(SecretHash, Timestamp)>,
}

impl ClientSecret {
    /// The first secret.
    pub fn new(peppers: &Peppers, secret: &Secret) -> Self {
        Self { hash: peppers.hash(CLIENT_SECRET_HASH, secret.expose().as_bytes()), previous: None }
    }

    /// `secret` in the place of this one, which stays valid for [`OVERLAP`]; one before this one ends at once.
    #[must_use]
    pub fn rotated(self, peppers: &Peppers, secret: &Secret, now: Timestamp) -> Self {
        Self { previous: Some((self.hash, now.plus(OVERLAP))), ..Self::new(peppers, secret) }
    }

    /// `secret` is the current one, or the previous one inside its time.
    ///
    /// # Security
    /// Both are always compared, so that the time does not tell whether there are two.
    pub fn accepts(&self, peppers: &Peppers, secret: &str, now: Timestamp) -> bool {
        let (hash, is_in_time) = match &self.previous {
            Some((hash, until)) => (hash.clone(), now < *until),
            None => (peppers.dummy(), false),
        };
        let is_current = peppers.verify(CLIENT_SECRET_HASH, secret.as_bytes(), &self.hash);
        let is_previous = peppers.verify(CLIENT_SECRET_HASH, secret.as_bytes(), &hash);
        is_current || (is_previous && is_in_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{KeyTag, Pepper};

    #[test]
    fn a_rotated_secret_works_for_its_time_and_no_third_one_does() {
        let peppers = Peppers::new(Pepper::new(KeyTag::new(1), [7; 32]), vec![]);
        let [first, second, third] = ["first", "second", "third"].map(Secret::new);
        let start = Timestamp::from_millis(1_000);
        let end = start.plus(OVERLAP);
        let just_before = Timestamp::from_millis(end.as_millis() - 1);
        let accepted = |secret: &ClientSecret, at| {
            ["first", "second", "third", ""].map(|presented| secret.accepts(&peppers, presented, at))
        };

        let one = ClientSecret::new(&peppers, &first);
        assert_eq!(accepted(&one, start), [true, false, false, false]);
        let two = one.rotated(&peppers, &second, start);
        assert_eq!(accepted(&two, just_before), [true, true, false, false]);
        assert_eq!(accepted(&two, end), [false, true, false, false]);
        let three = two.rotated(&peppers, &third, start);
        assert_eq!(accepted(&three, start), [false, true, true, false]);
    }
}
