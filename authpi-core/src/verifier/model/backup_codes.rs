//! Codes on paper for the day when the second factor is lost: 10 of 10 base32 characters, each good for once
//! (idp §23.1).

use zeroize::Zeroizing;

use crate::id::VerifierId;
use crate::secret::{Peppers, Secret, SecretHash};

/// How many are made unless the issuer says otherwise.
pub const DEFAULT_CODES: u32 = 10;

/// With this many left or fewer the user is told so (R12).
pub const LOW: u32 = 3;

/// Characters of a code: 50 random bits.
const CHARS: usize = 10;

/// RFC 4648 §6.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What the hash of a code is made for.
const HASH_PURPOSE: &str = "backup-code";

/// A code in clear.
pub struct BackupCode(Secret);

/// Codes in clear, as they are shown once.
pub type BackupCodes = Vec<BackupCode>;

/// A code as it is stored.
#[derive(Clone, Debug)]
pub struct StoredCode {
    /// Tells the codes of one set apart.
    pub number: u32,
    /// Under the pepper of the instance, bound to the set.
    pub hash: SecretHash,
}

impl BackupCode {
    /// From random bytes.
    pub fn new(random: &Zeroizing<[u8; CHARS]>) -> Self {
        let letter = |byte: &u8| ALPHABET.get(usize::from(byte & 31)).copied().map(char::from);
        Self(Secret::new(random.iter().filter_map(letter).collect::<String>()))
    }

    /// As somebody typed it: in lower case, too, and with spaces or hyphens in between.
    pub fn typed(text: &str) -> Self {
        let letters = text.chars().filter(|char| !matches!(char, ' ' | '-')).map(|char| char.to_ascii_uppercase());
        Self(Secret::new(letters.collect::<String>()))
    }

    /// The code.
    ///
    /// # Security
    /// Only for the answer that shows it once.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// For storage.
    pub fn hash(&self, peppers: &Peppers, set: VerifierId) -> SecretHash {
        peppers.hash(HASH_PURPOSE, self.bound(set).as_bytes())
    }

    /// The one of `codes` that this is. Looks at all of them: how long that takes tells nothing.
    pub fn among<'c>(&self, codes: &'c [StoredCode], peppers: &Peppers, set: VerifierId) -> Option<&'c StoredCode> {
        let bound = self.bound(set);
        codes.iter().fold(None, |found, code| {
            let matches = peppers.verify(HASH_PURPOSE, bound.as_bytes(), &code.hash);
            found.or_else(|| matches.then_some(code))
        })
    }

    /// The same code in another set has another hash.
    fn bound(&self, set: VerifierId) -> Zeroizing<String> {
        Zeroizing::new(format!("{set}:{}", self.0.expose()))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::Id;
    use crate::secret::{KeyTag, Pepper};

    #[test]
    fn a_code_has_ten_letters_of_base32() {
        let code = BackupCode::new(&Zeroizing::new([0, 1, 25, 26, 31, 32, 63, 255, 224, 100]));
        assert_eq!(code.expose(), "ABZ27A77AE");
    }

    #[test]
    fn a_code_is_found_however_it_is_typed_in_its_own_set_only() {
        let peppers = Peppers::new(Pepper::new(KeyTag::new(1), [1; 32]), Vec::new());
        let (set, other) = (VerifierId::from_uuid(Uuid::nil()), VerifierId::from_uuid(Uuid::max()));
        let stored = |number: u8| StoredCode {
            number: number.into(),
            hash: BackupCode::new(&Zeroizing::new([number; 10])).hash(&peppers, set),
        };
        let codes: Vec<_> = (0..10).map(stored).collect();
        for typed in ["DDDDDDDDDD", "dddddddddd", "ddddd-ddddd", " DDDDD DDDDD "] {
            let found = BackupCode::typed(typed).among(&codes, &peppers, set).map(|code| code.number);
            assert_eq!(found, Some(3), "{typed}");
            assert!(BackupCode::typed(typed).among(&codes, &peppers, other).is_none());
        }
        for wrong in ["DDDDDDDDD", "DDDDDDDDDDD", "", "7777777777"] {
            assert!(BackupCode::typed(wrong).among(&codes, &peppers, set).is_none(), "{wrong}");
        }
    }
}
