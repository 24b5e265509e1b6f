//! Keys of clients, fetched from where the clients publish them (idp §6.2).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::services::Services;
use crate::timestamp::Timestamp;
use crate::transport::{IncomingAnswer, OutgoingRequest};

/// A public key as its owner writes it.
pub type ForeignKey = Map<String, Value>;

/// How long fetched keys are believed.
const FRESH: Duration = Duration::from_mins(10);

/// Keys that cannot be fetched anew are believed for so long.
const STALE: Duration = Duration::from_hours(1);

/// A key that is not among them has them fetched again, no sooner than this.
const COOL_DOWN: Duration = Duration::from_secs(30);

/// How long an answer may take (idp §30).
const PATIENCE: Duration = Duration::from_secs(5);

/// Largest answer, in bytes (idp §30).
const LARGEST: usize = 1024 * 1024;

/// How many sets are held.
const SETS: usize = 1_000;

/// Most keys of one set.
const KEYS: usize = 20;

/// What is held of the keys of clients.
#[derive(Default)]
pub struct ClientKeys(Mutex<HashMap<Url, FetchedKeys>>);

#[derive(Clone, Default)]
struct FetchedKeys {
    keys: Vec<ForeignKey>,
    /// When they were fetched.
    at: Timestamp,
    /// When somebody went for them last, in vain or not.
    tried_at: Timestamp,
}

impl FetchedKeys {
    fn have(&self, kid: Option<&str>) -> bool {
        kid.is_none_or(|kid| self.keys.iter().any(|key| key.get("kid").and_then(Value::as_str) == Some(kid)))
    }
}

impl ClientKeys {
    /// The keys behind a URL, with the wanted one if it is there; `None` when they cannot be had. Whatever strangers
    /// present: nobody is asked twice within the cool-down, nor by two at once.
    pub async fn find(&self, services: &Services, uri: &Url, kid: Option<&str>) -> Option<Vec<ForeignKey>> {
        let now = services.now();
        if let Some(known) = self.known_or_begin(uri, kid, now) {
            return Some(known).filter(|keys| !keys.is_empty());
        }
        let fetched = fetched(services, uri).await;
        let mut sets = self.sets();
        let set = sets.entry(uri.clone()).or_default();
        if let Some(keys) = fetched {
            *set = FetchedKeys { keys, at: now, tried_at: now };
        }
        Some(set.keys.clone()).filter(|keys| !keys.is_empty() && now.since(set.at) < STALE)
    }

    /// What is held, where that will do; else somebody goes for them now, and whoever comes meanwhile takes what is held.
    fn known_or_begin(&self, uri: &Url, kid: Option<&str>, now: Timestamp) -> Option<Vec<ForeignKey>> {
        let mut sets = self.sets();
        if sets.len() >= SETS && !sets.contains_key(uri) {
            sets.clear();
        }
        let set = sets.entry(uri.clone()).or_default();
        let is_fresh = set.have(kid) && now.since(set.at) < FRESH;
        let is_cooling = now.since(set.tried_at) < COOL_DOWN;
        if is_fresh || is_cooling {
            let usable = now.since(set.at) < STALE;
            return Some(if usable { set.keys.clone() } else { Vec::new() });
        }
        set.tried_at = now;
        None
    }

    fn sets(&self) -> MutexGuard<'_, HashMap<Url, FetchedKeys>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct FetchedSet {
    keys: Vec<ForeignKey>,
}

async fn fetched(services: &Services, uri: &Url) -> Option<Vec<ForeignKey>> {
    let request = OutgoingRequest {
        method: Method::GET,
        url: uri.clone(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        timeout: PATIENCE,
        answer_limit: LARGEST,
    };
    let answer = services.send(request).await.and_then(IncomingAnswer::whole);
    let answer = answer.inspect_err(|error| tracing::info!(%error, "the keys of a client cannot be fetched"));
    let (200, body) = answer.ok()? else { return None };
    let set: FetchedSet = serde_json::from_slice(&body).ok()?;
    Some(set.keys.into_iter().take(KEYS).collect())
}
