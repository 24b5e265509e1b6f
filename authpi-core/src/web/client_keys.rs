//! Keys of clients, fetched from where the clients publish them (idp §6.2).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::services::Services;
use crate::timestamp::Timestamp;
use crate::transport::OutgoingRequest;

/// A public key as its owner writes it.
pub type ForeignKey = Map<String, Value>;

/// How long fetched keys are believed.
const FRESH: Duration = Duration::from_mins(10);

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

#[derive(Clone)]
struct FetchedKeys {
    keys: Vec<ForeignKey>,
    at: Timestamp,
}

impl ClientKeys {
    /// The keys behind a URL, with the wanted one if it is there; `None` when they cannot be had.
    pub async fn find(&self, services: &Services, uri: &Url, kid: Option<&str>) -> Option<Vec<ForeignKey>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uri).cloned();
        if let Some(known) = known {
            let has_it =
                kid.is_none_or(|kid| known.keys.iter().any(|key| key.get("kid").and_then(Value::as_str) == Some(kid)));
            let age = services.now().since(known.at);
            if age < COOL_DOWN || (has_it && age < FRESH) {
                return Some(known.keys);
            }
        }
        let keys = fetched(services, uri).await?;
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.len() >= SETS {
            sets.clear();
        }
        sets.insert(uri.clone(), FetchedKeys { keys: keys.clone(), at: services.now() });
        Some(keys)
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
    let answer = services.send(request).await;
    let answer = answer.inspect_err(|error| tracing::info!(%error, "the keys of a client cannot be fetched")).ok()?;
    if answer.status != 200 {
        return None;
    }
    let set: FetchedSet = serde_json::from_slice(&answer.body).ok()?;
    Some(set.keys.into_iter().take(KEYS).collect())
}
