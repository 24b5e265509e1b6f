//! Background work on keys: the worker loop calls these steps, each says when it wants to be called next.

use std::time::Duration;

use uuid::Uuid;

use crate::error::Refusal;
use crate::event::model::Trigger;
use crate::id::IssuerId;
use crate::key::model::{is_rotation_due, next_generation_at};
use crate::key::repository::LostKey;
use crate::retries::Retries;
use crate::session::model::EndCause;
use crate::session::operations::end_each;
use crate::session::repository::SessionsOf;
use crate::store::Change;
use crate::timestamp::Timestamp;
use crate::web::issuer_keys::{Urgency, ensure_keys, generate_rsa, withdraw};
use crate::web::services::{Origin, Services};

/// Issuers that one step looks at.
const PAGE: u32 = 100;

/// When a sweep in which an issuer failed is repeated.
const REPEAT_AFTER: Duration = Duration::from_mins(10);

/// Generates one RSA key for the pool from which new issuers take. `false` when the pool is full: look again in a while;
/// `true` when another call may be of use at once.
///
/// # Errors
/// [`Refusal::Overloaded`] when the CPU pool has enough to do.
pub async fn fill_rsa_pool(services: &Services) -> Result<bool, Refusal> {
    let size = services.options.rsa_pool;
    if services.keys.ready_rsa() >= size {
        return Ok(false);
    }
    services.keys.put_rsa(generate_rsa(services, Urgency::Background).await?, size);
    Ok(services.keys.ready_rsa() < size)
}

/// Makes the next keys of an issuer whose rotation is due.
///
/// # Errors
/// [`Refusal::NotFound`] when the issuer was deleted; otherwise as [`ensure_keys`].
pub async fn rotate_if_due(services: &Services, issuer: IssuerId) -> Result<(), Refusal> {
    ensure_keys(services, issuer, Urgency::Background).await
}

/// Sessions that one unit of work ends.
const SESSIONS: u32 = 50;

/// Why they end, as it stays on them.
const LOST: &str = "signing_key_compromised";

/// What a withdrawal did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithdrawnKey {
    /// The key was there; it signs and verifies nothing any more.
    pub withdrawn: bool,
    /// Sessions that end with it; of a key that was withdrawn before, those that this call has ended.
    pub sessions: u64,
}

/// Withdraws a signing key that is in wrong hands (D87): nothing that it has signed is believed from here on, another key
/// signs at once, and every session that was refreshed with it ends, a few at a time. What is cut off here a worker
/// carries on.
///
/// # Errors
/// [`Refusal::NotFound`] for no such issuer; [`Refusal::Overloaded`] when an RSA key is needed and the CPU pool is full;
/// [`Refusal::Store`].
pub async fn withdraw_key(services: &Services, issuer: IssuerId, kid: Uuid) -> Result<WithdrawnKey, Refusal> {
    services.runtime_issuer(issuer).await?.ok_or(Refusal::NotFound)?;
    let signed = withdraw(services, issuer, kid).await?;
    let (mut ended, mut retries) = (0, Retries::new());
    loop {
        match retries.ended(end_signed(services, LostKey { issuer_id: issuer, kid }).await) {
            Some(Ok(0)) => return Ok(WithdrawnKey { withdrawn: signed.is_some(), sessions: signed.unwrap_or(ended) }),
            Some(Ok(found)) => {
                ended += u64::try_from(found).unwrap_or(u64::MAX);
                retries = Retries::new();
            }
            Some(Err(refusal)) => return Err(refusal),
            None => {}
        }
    }
}

/// Ends some of the sessions whose refresh token a lost key signed, and says how many it found. With none found the order
/// is carried out: since its commit no session can be written whose token the key has signed (`hold`).
///
/// # Errors
/// [`Refusal::Stale`] when one has changed meanwhile; [`Refusal::Store`].
pub async fn end_signed(services: &Services, lost: LostKey) -> Result<usize, Refusal> {
    let LostKey { issuer_id: issuer, kid } = lost;
    let signed = SessionsOf::SignedWith(kid);
    let found = services.store.reads().sessions().live(issuer, signed, None, SESSIONS).await?;
    let count = found.len();
    let Some(account) = found.first().map(|session| session.account_id) else {
        let mut unit = services.store.begin(services.now()).await?;
        unit.signing_keys().finish_withdrawal(lost).await?;
        unit.commit().await?;
        return Ok(0);
    };
    let root = services.root_for(Some(issuer)).await?;
    let context = services.change_context(Origin::of_instance(account, Trigger::System), root);
    let mut change = Change::new(services.store.begin(services.now()).await?, &context);
    end_each(&mut change, found, EndCause::Compromised, Some(LOST)).await?;
    change.into_unit().await?.commit().await?;
    Ok(count)
}

/// The rotation of all issuers that have keys. A complete pass from each due instant on is enough: keys that are made
/// later are not due before the next one.
#[derive(Debug, Default)]
pub struct RotationSweep {
    after: Option<IssuerId>,
    failures: u32,
}

impl RotationSweep {
    /// Does the next few issuers, and says when it wants to be called next: at once, or when the next rotation is due.
    /// One issuer's failure keeps no other from its rotation.
    ///
    /// # Errors
    /// [`Refusal::Store`] when the issuers cannot be read; the same step is to be called again.
    pub async fn step(&mut self, services: &Services) -> Result<Timestamp, Refusal> {
        let now = services.now();
        let page = services.store.reads().signing_keys().holders(self.after, PAGE).await?;
        for holder in page.iter().filter(|holder| is_rotation_due(holder.newest_created_at, now)) {
            match rotate_if_due(services, holder.issuer_id).await {
                Ok(()) | Err(Refusal::NotFound) => {}
                Err(refusal) => {
                    tracing::warn!(issuer = %holder.issuer_id, %refusal, "a key rotation failed");
                    self.failures += 1;
                }
            }
        }
        match page.last() {
            Some(last) => {
                self.after = Some(last.issuer_id);
                Ok(now)
            }
            None => Ok(self.ended(now)),
        }
    }

    fn ended(&mut self, now: Timestamp) -> Timestamp {
        let failed = std::mem::take(self).failures > 0;
        let next = next_generation_at(now);
        if failed { next.min(now.plus(REPEAT_AFTER)) } else { next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_comes_back_when_the_next_rotation_is_due_or_soon_after_a_failure() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let mut sweep = RotationSweep::default();
        assert_eq!(sweep.ended(now), next_generation_at(now));
        let mut sweep = RotationSweep { after: None, failures: 2 };
        assert_eq!(sweep.ended(now), now.plus(REPEAT_AFTER));
        assert_eq!(sweep.ended(now), next_generation_at(now));
    }
}
