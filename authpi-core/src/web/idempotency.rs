//! Idempotent requests (conventions §10): the key, the fingerprint, and the answer that is given again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, HeaderName, LOCATION};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::call::{CallHead, raw_body};
use crate::error::{FieldCode, Refusal};
use crate::id::{AccountId, Id};
use crate::keyring::Keyring;
use crate::seal::Sealed;
use crate::secret::hex;
use crate::store::IdempotencyRecord;

/// How long a completed request is remembered.
pub const RETENTION: Duration = Duration::from_hours(24);

/// A body longer than this is not stored; its replay is empty.
const STORED_BODY_LIMIT: usize = 512 * 1024;

/// Headers that are replayed.
const REPLAYED: [HeaderName; 3] = [CONTENT_TYPE, ETAG, LOCATION];

const KEY_HEADER: &str = "idempotency-key";

/// An idempotent request: what names it, and what it must equal to be given the stored answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Tenant of the key.
    pub account_id: AccountId,
    /// Keyed hash of account and key.
    pub key: [u8; 32],
    /// Keyed hash of caller, method, path, query and body: two callers never share one.
    pub fingerprint: [u8; 32],
}

impl Ticket {
    /// The ticket of a request; `None` when it has no key or its operation honours none.
    ///
    /// # Errors
    /// [`Refusal::Fields`] for a malformed key; 408 and 413 as their variants when there is no body to compare.
    pub fn of(head: &CallHead) -> Result<Option<Self>, Refusal> {
        let invalid =
            |message: &str| Err(Refusal::field("Idempotency-Key", FieldCode::InvalidFormat, message.to_owned()));
        let mut values = head.headers.get_all(KEY_HEADER).iter();
        let (Some(value), Some(account_id), true) = (values.next(), tenant(head), head.operation.route.is_idempotent())
        else {
            return Ok(None);
        };
        if values.next().is_some() {
            return invalid("stated more than once");
        }
        let Ok(key) = std::str::from_utf8(value.as_bytes()) else { return invalid("must be UTF-8") };
        if !(1..=256).contains(&key.chars().count()) {
            return invalid("must have 1 to 256 characters");
        }
        let Some(caller) = &head.caller else { return Ok(None) };
        let caller = serde_json::to_vec(&caller.actor()).map_err(Refusal::internal)?;
        let peppers = &head.services.keyring.peppers;
        let path = head.path.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("/");
        let route = &head.operation.route;
        let query = head.raw_query.as_deref().unwrap_or_default();
        let parts: [&[u8]; 6] = [
            &caller,
            route.method.as_str().as_bytes(),
            route.path.as_bytes(),
            path.as_bytes(),
            query.as_bytes(),
            raw_body(&head.raw_body)?,
        ];
        Ok(Some(Self {
            account_id,
            key: peppers.digest("idempotency-key", &[account_id.to_string().as_bytes(), key.as_bytes()]),
            fingerprint: peppers.digest("idempotency-fingerprint", &parts),
        }))
    }

    /// The record of the answer that is about to be committed.
    ///
    /// # Errors
    /// [`Refusal::Internal`] when it cannot be sealed.
    pub fn record(&self, keyring: &Keyring, answer: &Answer) -> Result<IdempotencyRecord, Refusal> {
        let stored = StoredAnswer::of(answer);
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(&stored).map_err(Refusal::internal)?);
        let answer = keyring.seals.seal(&self.seal_context(), &plain).map_err(Refusal::internal)?;
        Ok(IdempotencyRecord { fingerprint: self.fingerprint, answer })
    }

    /// The stored answer, for a request that is the same.
    ///
    /// # Errors
    /// [`Refusal::KeyReused`] for any other request.
    pub fn replay(&self, keyring: &Keyring, record: &IdempotencyRecord) -> Result<Answer, Refusal> {
        use subtle::ConstantTimeEq;
        if !bool::from(self.fingerprint.ct_eq(&record.fingerprint)) {
            return Err(Refusal::KeyReused);
        }
        self.open(keyring, &record.answer)
    }

    fn open(&self, keyring: &Keyring, sealed: &Sealed) -> Result<Answer, Refusal> {
        let plain = keyring.seals.open(&self.seal_context(), sealed).map_err(Refusal::internal)?;
        let stored: StoredAnswer = serde_json::from_slice(&plain).map_err(Refusal::internal)?;
        stored.into_answer().ok_or_else(|| Refusal::internal("a stored answer cannot be read"))
    }

    fn seal_context(&self) -> String {
        format!("idempotency:{}:{}", self.account_id, hex(&self.key))
    }
}

/// Whose keys they are: the account's; the user's where the account is yet to be made.
fn tenant(head: &CallHead) -> Option<AccountId> {
    if head.operation.route.opens_account {
        head.caller.as_ref()?.user().map(|user| AccountId::from_uuid(user.uuid()))
    } else {
        head.account
    }
}

#[derive(Serialize, Deserialize)]
struct StoredAnswer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl StoredAnswer {
    fn of(answer: &Answer) -> Self {
        let header = |name: &HeaderName| {
            let value = answer.headers.get(name)?.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        };
        Self {
            status: answer.status.as_u16(),
            headers: REPLAYED.iter().filter_map(header).collect(),
            body: (answer.body.bytes().len() <= STORED_BODY_LIMIT).then(|| STANDARD.encode(answer.body.bytes())),
        }
    }

    fn into_answer(self) -> Option<Answer> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            headers.insert(HeaderName::from_bytes(name.as_bytes()).ok()?, value.parse().ok()?);
        }
        let body = match self.body {
            Some(body) => Bytes::from(STANDARD.decode(body).ok()?),
            None => Bytes::new(),
        };
        let answer = Answer { status: StatusCode::from_u16(self.status).ok()?, headers, body: body.into() };
        Some(answer.header(HeaderName::from_static("idempotent-replayed"), "true"))
    }
}

/// Keys of requests that this process is working on.
#[derive(Clone, Default)]
pub struct InFlight(Arc<Mutex<HashSet<[u8; 32]>>>);

impl InFlight {
    /// Enters a key until the guard is dropped; `None` when it is in already.
    pub fn enter(&self, key: [u8; 32]) -> Option<InFlightGuard> {
        let entered = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        entered.then(|| InFlightGuard { keys: self.clone(), key })
    }
}

/// Holds a key in [`InFlight`].
pub struct InFlightGuard {
    keys: InFlight,
    key: [u8; 32],
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
