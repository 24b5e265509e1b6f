//! Between stored values and the domain's types. What cannot be understood is named by table, column and row.

use authpi_core::id::Id;
use authpi_core::rotating_secret::RotatingSecret;
use authpi_core::scope::Scopes;
use authpi_core::secret::SecretHash;
use authpi_core::status::Status;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::entity::prelude::Uuid;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Where a value stands, for the error that names it.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// Table.
    pub(crate) table: &'static str,
    /// Row.
    pub(crate) id: Uuid,
}

impl Place {
    pub(crate) fn corrupt(self, column: &'static str) -> StoreError {
        StoreError::corrupt(self.table, format!("column {column} of row {} cannot be understood", self.id))
    }

    /// A typed value from a JSON column.
    pub(crate) fn json<T: DeserializeOwned>(self, column: &'static str, value: Value) -> Result<T, StoreError> {
        serde_json::from_value(value).map_err(|_| self.corrupt(column))
    }

    /// A typed value from a JSON column that holds nothing else: what a later version has added is not dropped unseen.
    pub(crate) fn whole_json<T: DeserializeOwned + Serialize>(
        self,
        column: &'static str,
        value: Value,
    ) -> Result<T, StoreError> {
        let typed: T = self.json(column, value.clone())?;
        let is_whole = serde_json::to_value(&typed).is_ok_and(|known| known == value);
        is_whole.then_some(typed).ok_or_else(|| self.corrupt(column))
    }

    /// A value of an enum whose serde form is a word.
    pub(crate) fn word<T: DeserializeOwned>(self, column: &'static str, word: &str) -> Result<T, StoreError> {
        self.json(column, Value::from(word))
    }

    /// A keyed hash.
    pub(crate) fn hash(self, column: &'static str, bytes: &[u8]) -> Result<SecretHash, StoreError> {
        SecretHash::from_bytes(bytes).ok_or_else(|| self.corrupt(column))
    }

    /// The columns `secret_hash`, `previous_secret_hash` and `previous_valid_until`.
    pub(crate) fn rotating_secret(
        self,
        hash: &[u8],
        previous: (Option<&[u8]>, Option<i64>),
    ) -> Result<RotatingSecret, StoreError> {
        let previous = match previous {
            (Some(hash), Some(until)) => Some((self.hash("previous_secret_hash", hash)?, time(until))),
            _ => None,
        };
        Ok(RotatingSecret { hash: self.hash("secret_hash", hash)?, previous })
    }

    /// 32 bytes.
    pub(crate) fn bytes32(self, column: &'static str, bytes: &[u8]) -> Result<[u8; 32], StoreError> {
        bytes.try_into().map_err(|_| self.corrupt(column))
    }

    /// A non-negative count.
    pub(crate) fn count(self, column: &'static str, value: i64) -> Result<u32, StoreError> {
        u32::try_from(value).map_err(|_| self.corrupt(column))
    }
}

/// The JSON form of a domain value for a column.
pub(crate) fn to_json(operation: &'static str, value: &impl Serialize) -> Result<Value, StoreError> {
    serde_json::to_value(value).map_err(unwritable(operation))
}

/// A domain value cannot be written as JSON.
pub(crate) fn unwritable(operation: &'static str) -> impl Fn(serde_json::Error) -> StoreError {
    move |error| StoreError::new(authpi_core::store::StoreErrorKind::Bug, operation, error)
}

/// The word of an enum whose serde form is a string.
pub(crate) fn to_word(operation: &'static str, value: &impl Serialize) -> Result<String, StoreError> {
    match to_json(operation, value)? {
        Value::String(word) => Ok(word),
        _ => Err(StoreError::corrupt(operation, "an enum is not written as a word")),
    }
}

pub(crate) fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millis)
}

pub(crate) fn id<I: Id>(uuid: Uuid) -> I {
    I::from_uuid(uuid)
}

/// Scopes as a JSON array.
pub(crate) fn scopes_json(scopes: &Scopes) -> Value {
    scopes.iter().map(authpi_core::scope::Scope::as_str).collect()
}

/// The four columns of a status.
pub(crate) fn status<S>(value: S, at: Option<i64>, reason: Option<String>, by: Option<String>) -> Status<S> {
    Status { value, at: at.map(time), reason, by }
}

/// What can be read. A row that cannot is logged and left to a version that can: work on the others goes on.
pub(crate) fn readable<T>(rows: impl Iterator<Item = Result<T, StoreError>>) -> Vec<T> {
    rows.filter_map(|row| row.inspect_err(|error| tracing::error!(%error, "a row is passed over")).ok()).collect()
}
