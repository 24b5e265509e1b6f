//! Passwords that people choose: how long they must be (idp.md §23.1), and the only form in which they are kept.

use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use unicode_normalization::UnicodeNormalization;

use crate::error::FieldCode;
use crate::folding::folded;
use crate::secret::Secret;

/// Memory of one hash, in KiB (OWASP Password Storage Cheat Sheet, Argon2id).
const MEMORY_KIB: u32 = 19_456;

/// Passes over the memory.
const PASSES: u32 = 2;

/// Lanes.
const LANES: u32 = 1;

/// A password in clear, normalized (NFKC), so that it is the same from every keyboard.
pub struct Password(Secret);

impl Password {
    /// Normalizes what was typed.
    pub fn new(typed: &str) -> Self {
        Self(Secret::new(typed.nfkc().collect::<String>()))
    }

    fn chars(&self) -> usize {
        self.0.expose().chars().count()
    }

    /// The text, normalized.
    ///
    /// # Security
    /// Only for looking at how good it is.
    pub(super) fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// What a password must be: long, and not the username. There are no rules about kinds of characters
/// (NIST SP 800-63B-4 §3.1.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Fewest code points.
    pub min_chars: usize,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_chars: 10 }
    }
}

/// Why a password is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// Fewer code points than this.
    #[error("at least {0} characters")]
    TooShort(usize),
    /// More code points than [`PasswordPolicy::MAX_CHARS`].
    #[error("at most {} characters", PasswordPolicy::MAX_CHARS)]
    TooLong,
    /// The username is part of it.
    #[error("must not contain the username")]
    ContainsUsername,
    /// Guessed in few attempts; says why, and what would help.
    #[error("is too easy to guess. {0}")]
    Guessable(String),
    /// Others had it, and everybody knows.
    #[error("is known from data breaches; choose one that is used nowhere else")]
    Breached,
}

impl InvalidPassword {
    /// The code of the field error.
    pub const fn code(&self) -> FieldCode {
        match self {
            Self::TooShort(_) => FieldCode::TooShort,
            Self::TooLong => FieldCode::TooLong,
            Self::ContainsUsername | Self::Guessable(_) | Self::Breached => FieldCode::NotAllowed,
        }
    }
}

impl PasswordPolicy {
    /// Most code points: a bound on the work that a caller can cause.
    pub const MAX_CHARS: usize = 256;

    /// More bytes than any password of that many code points has before it is normalized: longer ones are not looked at.
    pub const MAX_BYTES: usize = 16 * Self::MAX_CHARS;

    /// The lowest minimum that an issuer can set (idp §24): what holds for every password.
    pub const LOWEST: Self = Self { min_chars: 8 };

    /// # Errors
    /// [`InvalidPassword`].
    pub fn check(self, password: &Password, username: Option<&str>) -> Result<(), InvalidPassword> {
        let chars = password.chars();
        if chars < self.min_chars {
            return Err(InvalidPassword::TooShort(self.min_chars));
        }
        if chars > Self::MAX_CHARS {
            return Err(InvalidPassword::TooLong);
        }
        let username = username.map(folded).filter(|name| !name.is_empty());
        let password = username.as_ref().map(|_| Secret::new(folded(password.0.expose())));
        match (username, password) {
            (Some(username), Some(password)) if password.expose().contains(&username) => {
                Err(InvalidPassword::ContainsUsername)
            }
            _ => Ok(()),
        }
    }
}

/// The stored form of a password: Argon2id as a PHC string, with its salt and its cost.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// The hash could not be made: no memory, or no randomness for the salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a password could not be hashed")]
pub struct HashingFailed;

impl PasswordHash {
    /// Hashes with a new salt. Takes tens of milliseconds and 19 MiB: only on the CPU pool, never inside a unit of work.
    ///
    /// # Errors
    /// [`HashingFailed`].
    pub fn of(password: &Password) -> Result<Self, HashingFailed> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| HashingFailed)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash: phc::PasswordHash =
            argon2.hash_password(password.0.expose().as_bytes()).map_err(|_| HashingFailed)?;
        Ok(Self(hash.to_string()))
    }

    /// Whether this is the password that was hashed. Costs what hashing does.
    pub fn verify(&self, password: &Password) -> bool {
        let verified = Argon2::default().verify_password(password.0.expose().as_bytes(), self.0.as_str());
        verified.is_ok()
    }

    /// A hash that no password matches, to compare with where there is none: that takes as long.
    pub fn dummy() -> Self {
        let cost = format!("m={MEMORY_KIB},t={PASSES},p={LANES}");
        Self(format!("$argon2id$v=19${cost}${}${}", "A".repeat(22), "A".repeat(43)))
    }

    /// It was made at another cost than hashes are made today.
    pub fn is_outdated(&self) -> bool {
        !self.0.starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"))
    }

    /// From storage.
    pub const fn from_phc(phc: String) -> Self {
        Self(phc)
    }

    /// For storage.
    pub fn as_phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failing test panics")]

    use super::*;

    fn check(password: &str, username: &str) -> Result<(), InvalidPassword> {
        PasswordPolicy::default().check(&Password::new(password), Some(username))
    }

    #[test]
    fn length_counts_code_points_after_normalization() {
        assert_eq!(check("123456789", "ada"), Err(InvalidPassword::TooShort(10)));
        assert_eq!(check("🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀", "ada"), Ok(()));
        assert_eq!(check(&"e\u{301}".repeat(9), "ada"), Err(InvalidPassword::TooShort(10)));
        assert_eq!(check(&"e\u{301}".repeat(256), "ada"), Ok(()));
        assert_eq!(check(&"x".repeat(257), "ada"), Err(InvalidPassword::TooLong));
        let strict = PasswordPolicy { min_chars: 64 };
        assert_eq!(strict.check(&Password::new(&"x".repeat(63)), None), Err(InvalidPassword::TooShort(64)));
        assert_eq!(strict.check(&Password::new(&"x".repeat(64)), None), Ok(()));
    }

    #[test]
    fn a_password_must_not_contain_the_username_in_any_spelling() {
        for password in ["ada@example.com1", "xxADA@Example.COMxx", "ａｄａ@example.com"] {
            assert_eq!(check(password, "Ada@example.com"), Err(InvalidPassword::ContainsUsername), "{password}");
        }
        assert_eq!(check("ada at example.com", "ada@example.com"), Ok(()));
        assert_eq!(check("some password", " "), Ok(()));
    }

    #[test]
    fn a_hash_is_argon2id_with_its_cost_and_a_new_salt() {
        let password = Password::new("correct horse");
        let (one, other) = (PasswordHash::of(&password).unwrap(), PasswordHash::of(&password).unwrap());
        assert!(one.as_phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.as_phc());
        // 16 bytes of salt are 22 characters, 32 bytes of output 43.
        let parts: Vec<_> = one.as_phc().rsplit('$').take(2).map(str::len).collect();
        assert_eq!(parts, [43, 22]);
        assert_ne!(one, other);
        assert_eq!(format!("{one:?}"), "PasswordHash(..)");
    }

    #[test]
    fn a_hash_at_another_cost_is_made_anew_and_nobody_has_the_dummy() {
        let today = PasswordHash::of(&Password::new("correct horse")).unwrap();
        assert!(!today.is_outdated() && !PasswordHash::dummy().is_outdated());
        let cheap = today.as_phc().replace("m=19456", "m=8192");
        assert!(PasswordHash::from_phc(cheap).is_outdated());
        assert!(!PasswordHash::dummy().verify(&Password::new("")));
        // A hash that cannot be read would be compared in no time at all.
        let compared = Argon2::default().verify_password(b"x", PasswordHash::dummy().as_phc());
        assert_eq!(format!("{:?}", compared.unwrap_err()), "PasswordInvalid");
    }

    #[test]
    fn only_the_password_verifies_however_it_was_typed() {
        let hash = PasswordHash::of(&Password::new("caf\u{e9} au lait")).unwrap();
        assert!(hash.verify(&Password::new("cafe\u{301} au lait")));
        assert!(!hash.verify(&Password::new("cafe au lait")));
        assert!(!PasswordHash::from_phc("no hash".to_owned()).verify(&Password::new("caf\u{e9} au lait")));
    }
}
