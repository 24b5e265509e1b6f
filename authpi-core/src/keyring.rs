//! The keys of a running instance, unwrapped, and of the issuer a piece of work concerns.

use std::sync::Arc;

use crate::id::IssuerId;
use crate::seal::{RootKey, SealKeys};
use crate::secret::Peppers;

/// The instance keys: loaded once at start, held in memory only.
pub struct Keyring {
    /// Keys the hashes of generated secrets (conventions §14).
    pub peppers: Peppers,
    /// Encrypts what the server must use again.
    pub seals: SealKeys,
}

/// The root key of one issuer, unwrapped.
#[derive(Clone)]
pub struct IssuerRoot {
    /// Whose key it is.
    pub issuer_id: IssuerId,
    /// Username hashes, cookie keys and the seal of event contexts derive from it.
    pub key: Arc<RootKey>,
}

/// The root key of an issuer that is about to be made. The id comes with it: the vault binds the key to the id.
pub struct NewRoot {
    /// Id of the issuer.
    pub issuer_id: IssuerId,
    /// The key, ready for use.
    pub key: Arc<RootKey>,
    /// The key as the vault wrapped it, for the issuer's row.
    pub wrapped: Vec<u8>,
}

impl NewRoot {
    /// The key as work that concerns the issuer takes it.
    pub fn root(&self) -> IssuerRoot {
        IssuerRoot { issuer_id: self.issuer_id, key: Arc::clone(&self.key) }
    }
}
