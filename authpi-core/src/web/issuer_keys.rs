//! The keys of an issuer, made when they are first needed and rotated when that is due.
//!
//! On the floor of the pipeline: it verifies access tokens with them, and every endpoint may call it.

use std::sync::Arc;

use futures_channel::oneshot;
use uuid::Uuid;

use super::services::Services;
use crate::error::Refusal;
use crate::id::{IssuerId, uuid_v4};
use crate::key::model::{Algorithm, KEPT, KeyPair, NextGeneration, SigningKey, next_generation};
use crate::key::operations;
use crate::key::published::{Cached, KeySet, ReadyKey};
use crate::key::repository::AddOutcome;
use crate::retries::Retries;
use crate::session::repository::SessionsOf;
use crate::store::Change;

/// More keys than an issuer ever publishes or signs with: two months of rotations and several emergencies a week.
const NEWEST: u32 = 192;

/// Who waits for a key that takes long to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// A request: it takes from the pool, and its job goes first.
    Request,
    /// A sweep: it leaves the pool to requests, and lets them go first.
    Background,
}

/// The published keys of an issuer. The first need makes them; a rotation that is due and was not made is made now.
///
/// # Errors
/// [`Refusal::NotFound`] for no issuer, or a deleted one; otherwise as [`ensure_keys`].
pub async fn key_set(services: &Services, issuer: IssuerId) -> Result<Arc<Cached<KeySet>>, Refusal> {
    if let Some(set) = held(services, issuer) {
        return Ok(set);
    }
    if let Some(set) = compared(services, issuer, Rotation::Made).await? {
        return Ok(set);
    }
    let made = ensure_keys(services, issuer, Urgency::Request).await;
    match (made, compared(services, issuer, Rotation::Due).await?) {
        (Ok(()), Some(set)) => Ok(set),
        (Err(refusal), Some(set)) => {
            tracing::warn!(%issuer, %refusal, "a key rotation failed; the next look at the store tries again");
            Ok(set)
        }
        (Err(refusal), None) => Err(refusal),
        (Ok(()), None) => Err(Refusal::Stale),
    }
}

/// The published keys of an issuer as this process holds them, less than a second old; for what it does not hold, the
/// store has to be asked.
pub fn held(services: &Services, issuer: IssuerId) -> Option<Arc<Cached<KeySet>>> {
    let look = services.keys.look(issuer, services.now());
    services.keys.sets().find(issuer).filter(|set| set.is_true_at(look))
}

/// The published keys of an issuer, to verify with: `None` where there is no such issuer, or it has none yet. Whatever
/// somebody sends, no first keys are made for it.
///
/// # Errors
/// As [`key_set`].
pub async fn published(services: &Services, issuer: IssuerId) -> Result<Option<Arc<Cached<KeySet>>>, Refusal> {
    if let Some(set) = held(services, issuer) {
        return Ok(Some(set));
    }
    let version = services.store.reads().signing_keys().version(issuer).await?;
    if version.and_then(|version| version.newest_generation).is_none() {
        return Ok(None);
    }
    match key_set(services, issuer).await {
        Ok(set) => Ok(Some(set)),
        Err(Refusal::NotFound) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// Which sets will do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rotation {
    /// One whose rotations were made as they fell due.
    Made,
    /// Also one with a rotation due: its keys can sign, and that is better than no keys.
    Due,
}

/// The set as the store has it now; none where keys are missing. It is read only when it is not what is held already.
async fn compared(
    services: &Services,
    issuer: IssuerId,
    rotation: Rotation,
) -> Result<Option<Arc<Cached<KeySet>>>, Refusal> {
    let sets = services.keys.sets();
    let look = services.keys.look(issuer, services.now());
    let Some(version) = services.store.reads().signing_keys().version(issuer).await? else {
        sets.remove(issuer);
        return Err(Refusal::NotFound);
    };
    if let Some(set) = sets.find(issuer).filter(|set| set.is_current(version.newest_generation, look.at)) {
        set.confirm(look);
        return Ok(Some(set));
    }
    let keys = newest(services, issuer).await?;
    let set = KeySet::new(&keys, look.at).map_err(Refusal::internal)?;
    let will_do = match rotation {
        Rotation::Made => next_generation(&keys, look.at).is_none(),
        Rotation::Due => set.is_complete(),
    };
    Ok(will_do.then(|| sets.keep(issuer, set, look)))
}

/// The key that signs for an issuer: the newest of its algorithm that is activated, unsealed at its first use.
///
/// # Errors
/// As [`key_set`], and [`Refusal::Internal`] when the key does not open.
pub async fn signer(services: &Services, issuer: IssuerId, algorithm: Algorithm) -> Result<Arc<ReadyKey>, Refusal> {
    let set = key_set(services, issuer).await?;
    let none = || Refusal::internal(format!("{issuer} has no {algorithm} key"));
    let key = set.signer(algorithm, services.now()).ok_or_else(none)?;
    if let Some(ready) = set.ready(key.kid) {
        return Ok(ready);
    }
    let root = services.root(issuer).await?.ok_or(Refusal::NotFound)?;
    Ok(set.keep_ready(operations::unseal(&root, key)?))
}

/// Makes the keys that an issuer lacks or that are due. Of several callers at once, in this and in other processes, one
/// makes them; when this returns they are there.
///
/// # Errors
/// [`Refusal::NotFound`] for no issuer, or a deleted one; [`Refusal::Overloaded`] when an RSA key is needed and the CPU
/// pool is full.
pub async fn ensure_keys(services: &Services, issuer: IssuerId, urgency: Urgency) -> Result<(), Refusal> {
    let _alone = services.keys.making(issuer).await;
    let keys = newest(services, issuer).await?;
    let Some(next) = next_generation(&keys, services.now()) else { return Ok(()) };
    let made = Made::new(services, issuer, &next, (urgency, None)).await?;
    match add(services, issuer, next.number, &made.keys).await? {
        AddOutcome::Added => {
            services.keys.forget(issuer);
            Ok(())
        }
        AddOutcome::Taken => {
            made.give_back(services);
            Ok(())
        }
        AddOutcome::NoIssuer => {
            made.give_back(services);
            Err(Refusal::NotFound)
        }
    }
}

/// Withdraws a key that is in wrong hands, in one commit with the key that signs in its place at once and the order to end
/// the sessions that it signed. Returns how many those are; none when the key was not there: withdrawn once, it stays so.
/// Other processes follow within a second.
///
/// # Errors
/// As [`ensure_keys`].
pub async fn withdraw(services: &Services, issuer: IssuerId, kid: Uuid) -> Result<Option<u64>, Refusal> {
    let _alone = services.keys.making(issuer).await;
    let (mut retries, mut spare) = (Retries::new(), None);
    let ended = loop {
        let outcome = replaced(services, (issuer, kid), &mut spare).await;
        if let Some(ended) = retries.ended(outcome) {
            break ended;
        }
    };
    services.keys.forget(issuer);
    if let Some(pair) = spare {
        services.keys.put_rsa(pair, services.options.rsa_pool);
    }
    ended
}

/// `spare` is an RSA pair that an earlier attempt made and nobody has seen.
async fn replaced(
    services: &Services,
    (issuer, kid): (IssuerId, Uuid),
    spare: &mut Option<KeyPair>,
) -> Result<Option<u64>, Refusal> {
    let reads = services.store.reads().signing_keys();
    let Some(lost) = reads.find(issuer, kid).await? else { return Ok(None) };
    let newest = newest(services, issuer).await?.iter().map(|key| key.generation).max().unwrap_or_default();
    let now = services.now();
    // Also where another key could sign: only a new generation tells every process to look at the keys again.
    let next = NextGeneration { number: newest.saturating_add(1), keys: vec![(lost.algorithm, now)] };
    let made = Made::new(services, issuer, &next, (Urgency::Request, spare.take())).await?;
    *spare = made.rsa;
    let mut unit = services.store.begin(now).await?;
    match unit.signing_keys().add(issuer, next.number, &made.keys).await? {
        AddOutcome::Added => {}
        AddOutcome::Taken => return Err(Refusal::Stale),
        AddOutcome::NoIssuer => return Err(Refusal::NotFound),
    }
    if !unit.signing_keys().withdraw(issuer, kid).await? {
        return Ok(None);
    }
    let signed = unit.reads().sessions().count_unended(issuer, SessionsOf::SignedWith(kid), now).await?;
    // A commit that breaks off may have been one: from here on the pair is this issuer's, or nobody's.
    *spare = None;
    unit.commit().await?;
    Ok(Some(signed))
}

/// Keeps the key that has signed a refresh token from being withdrawn before the session that the token belongs to is
/// written, or has it signed again with the key that took its place.
///
/// A token is signed before its unit of work begins, with keys that may be a second old. Without a lock a unit could pass
/// the withdrawal by: begun before, committed after the last look for sessions of the key, however late that look is. This
/// way the withdrawal waits for whoever holds the key, so that their sessions are there when it is committed; and who comes
/// later finds the key gone.
///
/// # Errors
/// [`Refusal::Stale`] when the key is in wrong hands.
pub async fn hold(change: &mut Change<'_>, services: &Services, issuer: IssuerId, kid: Uuid) -> Result<(), Refusal> {
    if change.unit().signing_keys().hold(issuer, kid).await? {
        return Ok(());
    }
    services.keys.forget(issuer);
    Err(Refusal::Stale)
}

async fn newest(services: &Services, issuer: IssuerId) -> Result<Vec<SigningKey>, Refusal> {
    Ok(services.store.reads().signing_keys().newest(issuer, NEWEST).await?)
}

/// Commits new keys, and removes those that nothing can name any more. No event: keys are no identity resource, and their making is no one's action.
async fn add(
    services: &Services,
    issuer: IssuerId,
    generation: u32,
    keys: &[SigningKey],
) -> Result<AddOutcome, Refusal> {
    let mut retries = Retries::new();
    loop {
        if let Some(ended) = retries.ended(attempt(services, issuer, generation, keys).await) {
            return ended;
        }
    }
}

async fn attempt(
    services: &Services,
    issuer: IssuerId,
    generation: u32,
    keys: &[SigningKey],
) -> Result<AddOutcome, Refusal> {
    let now = services.now();
    let mut unit = services.store.begin(now).await?;
    let outcome = unit.signing_keys().add(issuer, generation, keys).await?;
    if outcome == AddOutcome::Added {
        unit.signing_keys().remove_succeeded(issuer, now.minus(KEPT)).await?;
        unit.commit().await?;
    }
    // Taken, perhaps, by the attempt before: its commit broke off, and was one.
    let ours = keys.first().filter(|_| outcome == AddOutcome::Taken).map(|key| key.kid);
    match ours {
        Some(kid) if services.store.reads().signing_keys().find(issuer, kid).await?.is_some() => Ok(AddOutcome::Added),
        _ => Ok(outcome),
    }
}

/// New keys, sealed; the RSA pair is kept in clear until they are in, because it is worth keeping if they are not.
struct Made {
    keys: Vec<SigningKey>,
    rsa: Option<KeyPair>,
}

impl Made {
    async fn new(
        services: &Services,
        issuer: IssuerId,
        next: &NextGeneration,
        (urgency, mut ready): (Urgency, Option<KeyPair>),
    ) -> Result<Self, Refusal> {
        let root = services.root(issuer).await?.ok_or(Refusal::NotFound)?;
        let mut made = Self { keys: Vec::new(), rsa: None };
        for &(algorithm, activates_at) in &next.keys {
            let pair = match algorithm {
                Algorithm::Rs256 => match ready.take() {
                    Some(pair) => pair,
                    None => rsa_pair(services, urgency).await?,
                },
                Algorithm::Es256 | Algorithm::EdDsa => KeyPair::generate(algorithm).map_err(Refusal::internal)?,
            };
            let times = (services.now(), activates_at);
            made.keys.push(operations::seal(&root, new_kid(services)?, &pair, next.number, times)?);
            if algorithm == Algorithm::Rs256 {
                made.rsa = Some(pair);
            }
        }
        Ok(made)
    }

    /// Nobody has seen the RSA pair: it can serve another issuer.
    fn give_back(self, services: &Services) {
        if let Some(pair) = self.rsa {
            services.keys.put_rsa(pair, services.options.rsa_pool);
        }
    }
}

fn new_kid(services: &Services) -> Result<Uuid, Refusal> {
    let mut random = [0; 16];
    services.entropy.fill(&mut random).map_err(Refusal::internal)?;
    Ok(uuid_v4(random))
}

async fn rsa_pair(services: &Services, urgency: Urgency) -> Result<KeyPair, Refusal> {
    match urgency {
        Urgency::Request => match services.keys.take_rsa() {
            Some(pair) => Ok(pair),
            None => generate_rsa(services, urgency).await,
        },
        Urgency::Background => generate_rsa(services, urgency).await,
    }
}

/// A new RSA key, from the CPU pool.
///
/// # Errors
/// [`Refusal::Overloaded`] when the queue is full; [`Refusal::Internal`] when the cryptographic library fails.
pub async fn generate_rsa(services: &Services, urgency: Urgency) -> Result<KeyPair, Refusal> {
    let (sender, receiver) = oneshot::channel();
    let job = Box::new(move || {
        // Nobody waits any more: the key is of no use.
        let _ = sender.send(KeyPair::generate(Algorithm::Rs256));
    });
    let compute = &services.transport.compute;
    let queued = match urgency {
        Urgency::Request => compute.run(job),
        Urgency::Background => compute.background(job),
    };
    queued.map_err(|_| Refusal::Overloaded("the cpu pool"))?;
    receiver.await.map_err(|_| Refusal::internal("a job on the cpu pool died"))?.map_err(Refusal::internal)
}
