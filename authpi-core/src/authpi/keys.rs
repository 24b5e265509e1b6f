//! Keys of issuers in the hands of whoever runs the engine: what no API offers.

use uuid::Uuid;

use super::AuthPi;
use crate::error::Refusal;
use crate::id::IssuerId;
use crate::oauth::rotation::{WithdrawnKey, withdraw_key};
use crate::outcome::WriteOutcome;

impl AuthPi {
    /// Withdraws a signing key of an issuer that is in wrong hands: it leaves the published keys at once, another one signs,
    /// nothing that it has signed is believed any more, and the sessions that were refreshed with it end. All that is
    /// ordered in one commit: where this process dies on the way, a worker carries it on.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for no such issuer; [`Refusal::Overloaded`] when the CPU pool is full; [`Refusal::Store`].
    pub async fn withdraw_key(&self, issuer: IssuerId, kid: Uuid) -> Result<WithdrawnKey, Refusal> {
        withdraw_key(&self.0.services, issuer, kid).await
    }

    /// Has another key sign the cookies of an issuer. Those of the key before are accepted until the next call: a second one
    /// signs everybody out of the issuer whose browser was not back meanwhile.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for no such issuer; [`Refusal::Store`].
    pub async fn replace_cookie_key(&self, issuer: IssuerId) -> Result<(), Refusal> {
        let services = &self.0.services;
        let mut unit = services.store.begin(services.now()).await?;
        if unit.issuers().replace_cookie_key(issuer).await? == WriteOutcome::Stale {
            return Err(Refusal::NotFound);
        }
        unit.commit().await?;
        services.issuers.remove(issuer);
        Ok(())
    }
}
