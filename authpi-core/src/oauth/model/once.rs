//! Names what must not be accepted a second time, or any more.

use uuid::Uuid;

use crate::id::{ClientId, Id as _, IssuerId};
use crate::secret::Peppers;

/// The first half of a keyed hash: tells tokens and assertions apart without keeping anything of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnceKey(Uuid);

impl OnceKey {
    /// Of an access token of the issuer.
    pub fn of_token(peppers: &Peppers, issuer: IssuerId, jti: &str) -> Self {
        Self::new(peppers.digest("denied-token", &[issuer.uuid().as_bytes(), jti.as_bytes()]))
    }

    /// Of an assertion of a client.
    pub fn of_assertion(peppers: &Peppers, client: ClientId, jti: &str) -> Self {
        Self::new(peppers.digest("client-assertion", &[client.uuid().as_bytes(), jti.as_bytes()]))
    }

    /// Of a form that waits at the issuer for the request that goes on with it.
    pub fn of_parked(peppers: &Peppers, issuer: IssuerId, sealed: &[u8]) -> Self {
        Self::new(peppers.digest("parked-form", &[issuer.uuid().as_bytes(), sealed]))
    }

    /// As it is kept.
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    fn new(digest: [u8; 32]) -> Self {
        let half = digest.iter().take(16).fold(0, |number, byte| (number << 8) | u128::from(*byte));
        Self(Uuid::from_u128(half))
    }
}
