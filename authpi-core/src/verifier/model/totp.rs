//! Codes by time (RFC 6238): SHA-1, 6 digits, 30 seconds, one step to either side, as every app has them (idp §23.1).

use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

use crate::error::Refusal;
use crate::id::{IssuerId, UserId};
use crate::seal::{RootKey, Sealed};
use crate::secret::Secret;
use crate::timestamp::Timestamp;

/// The hash below the code (RFC 6238 §1.2).
pub const ALGORITHM: &str = "SHA1";

/// Digits of a code (RFC 4226 §5.3).
pub const DIGITS: u8 = 6;

/// Seconds that a code is shown (RFC 6238 §5.2).
pub const PERIOD: u32 = 30;

/// Steps to either side of now whose codes are accepted: clocks differ.
const SKEW: u16 = 1;

/// Bytes of a seed: 160 bits, as long as the hash (RFC 4226 §4, R6).
const SEED_BYTES: usize = 20;

/// What an app and we make codes from.
pub struct TotpSeed(Zeroizing<[u8; SEED_BYTES]>);

impl TotpSeed {
    /// From 160 random bits.
    pub fn new(random: &Zeroizing<[u8; SEED_BYTES]>) -> Self {
        Self(random.clone())
    }

    /// The seed as people type it: base32 without padding.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the library refuses.
    pub fn base32(&self) -> Result<Secret, Refusal> {
        Ok(Secret::new(self.totp(None, "")?.secret().to_base32()))
    }

    /// The seed as apps scan it: an `otpauth` URI that names who asks for the codes, and for whom.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the library refuses.
    pub fn provisioning_uri(&self, label: &str, account: &str) -> Result<Secret, Refusal> {
        let uri = self.totp(Some(label), account)?.to_url();
        uri.map(Secret::new).map_err(|_| defect())
    }

    /// The time step that `code` belongs to; `None` when it is no code of about `now`.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when the library refuses.
    pub fn step_of(&self, code: &str, now: Timestamp) -> Result<Option<u64>, Refusal> {
        let seconds = u64::try_from(now.as_seconds()).map_err(Refusal::internal)?;
        Ok(self.totp(None, "")?.check(code, seconds))
    }

    /// For storage, bound to its user.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when it cannot be sealed.
    pub fn seal(&self, root: &RootKey, issuer: IssuerId, user: UserId) -> Result<Sealed, Refusal> {
        root.seal(&place(issuer, user), self.0.as_slice()).map_err(Refusal::internal)
    }

    /// From storage.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when it does not open there.
    pub fn open(sealed: &Sealed, root: &RootKey, issuer: IssuerId, user: UserId) -> Result<Self, Refusal> {
        let plain = root.open(&place(issuer, user), sealed).map_err(Refusal::internal)?;
        let bytes = <[u8; SEED_BYTES]>::try_from(plain.as_slice()).map_err(Refusal::internal)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    fn totp(&self, label: Option<&str>, account: &str) -> Result<Totp, Refusal> {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(DIGITS)
            .with_skew(SKEW)
            .with_step_duration(PERIOD.into())
            .with_secret(self.0.to_vec())
            .with_issuer(label.map(without_colon))
            .with_account_name(without_colon(account))
            .build()
            .map_err(|_| defect())
    }
}

/// The colon divides label and account in the URI.
fn without_colon(text: &str) -> String {
    text.replace(':', " ")
}

fn defect() -> Refusal {
    Refusal::internal("codes by time cannot be made")
}

/// What a sealed seed is bound to: it opens for no other user.
fn place(issuer: IssuerId, user: UserId) -> String {
    format!("totp:{issuer}:{user}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing test panics")]

    use uuid::Uuid;

    use super::*;
    use crate::id::Id;

    /// The seed of RFC 6238 Appendix B.
    fn seed() -> TotpSeed {
        TotpSeed::new(&Zeroizing::new(*b"12345678901234567890"))
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_millis(1000 * second)
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // The last six of the eight digits there.
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            let step = u64::try_from(time / 30).unwrap();
            assert_eq!(seed().step_of(code, second(time)).unwrap(), Some(step), "{time}");
        }
    }

    #[test]
    fn a_code_is_good_one_step_early_and_late_and_no_longer() {
        for (time, expected) in [(0, Some(1)), (30, Some(1)), (89, Some(1)), (90, None), (10_000, None)] {
            assert_eq!(seed().step_of("287082", second(time)).unwrap(), expected, "{time}");
        }
        for wrong in ["287083", "28708", "2870822", "", "abcdef"] {
            assert_eq!(seed().step_of(wrong, second(59)).unwrap(), None, "{wrong}");
        }
    }

    #[test]
    fn apps_are_told_who_asks_and_for_whom() {
        let uri = seed().provisioning_uri("Acme: Inc", "ada@example.com").unwrap();
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        assert_eq!(seed().base32().unwrap().expose(), secret);
        assert!(uri.expose().starts_with("otpauth://totp/Acme%20%20Inc:ada%40example.com?"), "{}", uri.expose());
        assert!(uri.expose().contains(&format!("secret={secret}")), "{}", uri.expose());
        assert!(uri.expose().contains("issuer=Acme%20%20Inc"), "{}", uri.expose());
    }

    #[test]
    fn a_sealed_seed_opens_for_its_user_alone() {
        let root = RootKey::new([1; 32]);
        let (issuer, user) = (IssuerId::from_uuid(Uuid::nil()), UserId::from_uuid(Uuid::nil()));
        let sealed = seed().seal(&root, issuer, user).unwrap();
        let opened = TotpSeed::open(&sealed, &root, issuer, user).unwrap();
        assert_eq!(opened.base32().unwrap().expose(), seed().base32().unwrap().expose());
        assert!(TotpSeed::open(&sealed, &root, issuer, UserId::from_uuid(Uuid::max())).is_err());
        assert!(TotpSeed::open(&sealed, &RootKey::new([2; 32]), issuer, user).is_err());
    }
}
