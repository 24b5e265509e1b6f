//! What can go wrong, in three layers: [`StoreError`] for storage, [`Refusal`] for everything a caller may be told,
//! and one mapping from there to the wire (`web`). Inner code never names an HTTP status.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::oauth_error::OAuthError;
use crate::scope::Scope;
use crate::timestamp::Timestamp;

/// Machine-readable kind of a problem with one field of a request (conventions §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldCode {
    /// Missing although required.
    Required,
    /// Another JSON type than the documented one, or `null` where it is not allowed.
    InvalidType,
    /// Right type, wrong form: a URL, a date, a scope, a cursor.
    InvalidFormat,
    /// Not one of the listed values.
    InvalidEnumValue,
    /// Shorter than the limit.
    TooShort,
    /// Longer than the limit.
    TooLong,
    /// Below the minimum.
    TooSmall,
    /// Above the maximum.
    TooBig,
    /// More members than the limit.
    TooMany,
    /// Taken by another resource.
    NotUnique,
    /// Understood, and refused in this place.
    NotAllowed,
    /// Cannot change after creation.
    Immutable,
    /// Names an object that does not exist here.
    UnknownReference,
    /// No such field.
    UnknownField,
    /// Stated twice.
    Duplicate,
    /// The limit of the inspected credential is used up.
    RateLimited,
}

impl FieldCode {
    /// The value of `fields[].code` on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::InvalidType => "invalid_type",
            Self::InvalidFormat => "invalid_format",
            Self::InvalidEnumValue => "invalid_enum_value",
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::TooSmall => "too_small",
            Self::TooBig => "too_big",
            Self::TooMany => "too_many",
            Self::NotUnique => "not_unique",
            Self::NotAllowed => "not_allowed",
            Self::Immutable => "immutable",
            Self::UnknownReference => "unknown_reference",
            Self::UnknownField => "unknown_field",
            Self::Duplicate => "duplicate",
            Self::RateLimited => "rate_limited",
        }
    }
}

/// One problem with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Dotted path with array indices (`settings.openid.redirect_uris.0`), a query or header name, or `""` for all.
    pub field: String,
    /// What is wrong with it.
    pub code: FieldCode,
    /// English, for people; never repeats the value.
    pub message: String,
}

/// All problems of a request that were found together: at most 50 (conventions §8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// How many entries an answer carries at most.
    pub const LIMIT: usize = 50;

    /// Nothing found yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// A single problem.
    pub fn one(field: impl Into<String>, code: FieldCode, message: impl Into<String>) -> Self {
        let mut errors = Self::new();
        errors.add(field, code, message);
        errors
    }

    /// Notes a problem; further ones beyond [`FieldErrors::LIMIT`] are left out, and so is a second one with the same
    /// code on the same field.
    pub fn add(&mut self, field: impl Into<String>, code: FieldCode, message: impl Into<String>) {
        let field = field.into();
        if self.0.len() < Self::LIMIT && !self.0.iter().any(|known| known.field == field && known.code == code) {
            self.0.push(FieldError { field, code, message: message.into() });
        }
    }

    /// Takes over what `outcome` was refused with, if that are problems of fields.
    ///
    /// # Errors
    /// Any other refusal.
    pub fn absorb<T>(&mut self, outcome: Result<T, Refusal>) -> Result<Option<T>, Refusal> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(Refusal::Fields(more)) => {
                for error in more.0 {
                    self.add(error.field, error.code, error.message);
                }
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// Nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems in the order they were found.
    pub fn iter(&self) -> impl Iterator<Item = &FieldError> {
        self.0.iter()
    }

    /// # Errors
    /// [`Refusal::Fields`] when anything was found.
    pub fn into_result(self) -> Result<(), Refusal> {
        if self.is_empty() { Ok(()) } else { Err(Refusal::Fields(self)) }
    }
}

/// What a caller of storage can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// A uniqueness rule of the database was hit that no outcome enum covers.
    Conflict,
    /// The same work may succeed if it is done again: deadlock, serialization failure, busy.
    Retryable,
    /// The database cannot be reached, is full or refuses work; try later.
    Unavailable,
    /// The database works on the statement for longer than one may take. It may find the time later, or never.
    OutOfTime,
    /// Stored data breaks an invariant.
    Corrupt,
    /// A defect of ours: bad SQL, wrong use.
    Bug,
}

impl StoreErrorKind {
    /// The same may succeed later, and nobody has made a mistake.
    pub const fn is_passing(self) -> bool {
        matches!(self, Self::Retryable | Self::Unavailable | Self::OutOfTime)
    }
}

/// A failure of storage. The source is for the log only.
#[derive(Debug)]
pub struct StoreError {
    /// What a caller can do about it.
    pub kind: StoreErrorKind,
    /// The verb that failed, such as `organization.update`.
    pub operation: &'static str,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl StoreError {
    /// A failure with its cause.
    pub fn new(
        kind: StoreErrorKind,
        operation: &'static str,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { kind, operation, source: Some(source.into()) }
    }

    /// Stored data that cannot be understood: names what and where.
    pub fn corrupt(operation: &'static str, what: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Corrupt, operation, what.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {:?}", self.operation, self.kind)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Why a credential was not accepted. The caller is told less than this (conventions §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthenticated {
    /// No credential was presented.
    Missing,
    /// Unknown, wrong, expired, blocked, revoked, or of a suspended or deleted organization.
    Basic,
    /// A bearer token that fails its check.
    Bearer,
    /// The bearer token is genuine, and the session behind it has ended or is frozen.
    SessionEnded,
}

/// Everything an operation can refuse with. The pipeline turns each into one documented answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// 400 with `fields`.
    #[error("the request has invalid fields")]
    Fields(FieldErrors),
    /// 400 without `fields`: the request as a whole cannot be understood.
    #[error("{0}")]
    Malformed(&'static str),
    /// 401.
    #[error("not authenticated: {0:?}")]
    Unauthenticated(Unauthenticated),
    /// 402: an account that pays in advance is out of credit, or a payment was declined.
    #[error("payment is required")]
    PaymentRequired {
        /// Micro US dollars that are asked for.
        amount: i64,
        /// What a wallet may sign: x402 payment requirements.
        terms: Vec<serde_json::Value>,
    },
    /// 403 `access_denied`.
    #[error("{0}")]
    AccessDenied(&'static str),
    /// 403 `insufficient_scope`; names the scope that is missing.
    #[error("the scope {0} is missing")]
    InsufficientScope(Scope),
    /// 404: unknown, or not below its path parents.
    #[error("not found")]
    NotFound,
    /// 405 with `Allow`.
    #[error("method not allowed")]
    MethodNotAllowed(Vec<http::Method>),
    /// 408: the body came too slowly.
    #[error("the body did not arrive in time")]
    RequestTimeout,
    /// 409: a state or uniqueness rule.
    #[error("{description}")]
    Conflict {
        /// What rule, in words for the caller.
        description: String,
        /// The field that clashes, for uniqueness.
        fields: FieldErrors,
    },
    /// 409, retryable: the same idempotency key is being processed.
    #[error("a request with this idempotency key is being processed")]
    InFlight,
    /// 410: what the request is about is no longer kept.
    #[error("{0}")]
    Gone(&'static str),
    /// 412 with the current version.
    #[error("the {kind} has changed")]
    PreconditionFailed {
        /// The resource kind, as people say it.
        kind: &'static str,
        /// Its version now.
        current: Timestamp,
    },
    /// 413.
    #[error("the body is too large")]
    PayloadTooLarge,
    /// 415.
    #[error("the content type is not supported")]
    UnsupportedMediaType,
    /// 422: the idempotency key belongs to another request.
    #[error("the idempotency key was used with another request")]
    KeyReused,
    /// 429.
    #[error("too many requests")]
    RateLimited {
        /// After this long one more is allowed.
        retry_after: Duration,
    },
    /// 429 for the credential that a request asks about, not for the one that it comes with (core-api section 6).
    #[error("the inspected credential was used too often")]
    InspectedRateLimited {
        /// After this long one more is allowed.
        retry_after: Duration,
    },
    /// An error of OAuth or OpenID Connect, at the IdP only.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    /// 431.
    #[error("the headers are too large")]
    HeadersTooLarge,
    /// 421: not under this name (RFC 9110 §15.5.20).
    #[error("the host is not served here")]
    MisdirectedRequest,
    /// 503: a bounded queue is full.
    #[error("overloaded: {0}")]
    Overloaded(&'static str),
    /// Never answered: a guarded write met a newer row. The unit of work is run again, and sees it.
    #[error("the row has changed since it was read")]
    Stale,
    /// 503 or 500 by its kind; [`StoreErrorKind::Retryable`] is run again first.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// 500: a defect; the text goes to the log only.
    #[error("{0}")]
    Internal(String),
}

impl Refusal {
    /// 400 for one field.
    pub fn field(field: impl Into<String>, code: FieldCode, message: impl Into<String>) -> Self {
        Self::Fields(FieldErrors::one(field, code, message))
    }

    /// 409 for a state rule.
    pub fn conflict(description: impl Into<String>) -> Self {
        Self::Conflict { description: description.into(), fields: FieldErrors::new() }
    }

    /// 409 for a value that must be unique.
    pub fn not_unique(field: &'static str, description: impl Into<String>) -> Self {
        let description = description.into();
        let fields = FieldErrors::one(field, FieldCode::NotUnique, description.clone());
        Self::Conflict { description, fields }
    }

    /// 500: a defect of ours, described for the log.
    pub fn internal(defect: impl fmt::Display) -> Self {
        Self::Internal(defect.to_string())
    }

    /// The whole unit of work may succeed if it is run again.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Stale) || matches!(self, Self::Store(error) if error.kind == StoreErrorKind::Retryable)
    }
}
