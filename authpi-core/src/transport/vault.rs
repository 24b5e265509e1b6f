//! The vault wraps keys, not data: instance keys at start, an issuer's root key at its first use.

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::seal::{SealKey, SealKeys, Sealed};
use crate::secret::{KeyTag, Pepper, Peppers};

/// Wraps and unwraps keys under a master key that may live in another service.
#[async_trait]
pub trait KeyVault: Send + Sync {
    /// Wraps `key`; `context` names what it is for and must be given again to unwrap it.
    ///
    /// # Errors
    /// [`VaultError`].
    async fn wrap(&self, context: &str, key: &[u8]) -> Result<Vec<u8>, VaultError>;

    /// Gives back what [`KeyVault::wrap`] was given.
    ///
    /// # Errors
    /// [`VaultError::WrongKey`] when it was wrapped under another master key or context.
    async fn unwrap(&self, context: &str, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError>;
}

/// Why a vault gave no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// Wrapped under a master key that is not configured, or altered.
    #[error("the key was wrapped under another master key; configure the one this database was made with")]
    WrongKey,
    /// The vault cannot be reached.
    #[error("the key vault does not answer")]
    Unavailable,
}

/// A master key held in memory: 32 random bytes, and older ones that still unwrap.
pub struct MasterKey(SealKeys);

impl MasterKey {
    /// The key that wraps from now on.
    pub fn new(key: [u8; 32]) -> Self {
        Self::rotated(key, Vec::new())
    }

    /// A new key, and the ones it replaces, which are used for unwrapping only.
    pub fn rotated(key: [u8; 32], older: Vec<[u8; 32]>) -> Self {
        Self(SealKeys::new(named(key), older.into_iter().map(named).collect()))
    }
}

/// A master key is named by what it is: four bytes of a keyed hash, so that no operator has to number keys.
fn named(key: [u8; 32]) -> SealKey {
    let digest = Peppers::new(Pepper::new(KeyTag::new(0), key), Vec::new()).digest("master-key-name", &[]);
    let [a, b, c, d, ..] = digest;
    SealKey::new(KeyTag::new(u32::from_be_bytes([a, b, c, d])), key)
}

#[async_trait]
impl KeyVault for MasterKey {
    async fn wrap(&self, context: &str, key: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.0.seal(context, key).map(Sealed::into_bytes).map_err(|_| VaultError::Unavailable)
    }

    async fn unwrap(&self, context: &str, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.0.open(context, &Sealed::from_bytes(wrapped.to_vec())).map_err(|_| VaultError::WrongKey)
    }
}
