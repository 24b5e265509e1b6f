//! What goes back: status, headers and a body, which is whole or comes in chunks.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::etag::ETag;
use crate::page::{CursorKey, Page, SearchPage};
use crate::timestamp::Timestamp;

/// Media type of lines of JSON.
pub(in crate::web) const LINES: &str = "application/x-ndjson";

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: AnswerBody,
}

/// A body.
#[derive(Debug)]
pub enum AnswerBody {
    /// All of it.
    Whole(Bytes),
    /// Made while it is sent.
    Chunks(Chunks),
}

impl AnswerBody {
    /// The bytes of a whole body; none of one that comes in chunks.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Chunks(_) => &[],
        }
    }

    /// The bytes of a whole body; none of one that comes in chunks.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Chunks(_) => Bytes::new(),
        }
    }

    /// The body of an answer to HEAD: what would be made while it is sent is not.
    #[must_use]
    pub fn unsent(self) -> Self {
        match self {
            Self::Whole(bytes) => Self::Whole(bytes),
            Self::Chunks(_) => Self::Chunks(Chunks::none()),
        }
    }
}

impl<B: Into<Bytes>> From<B> for AnswerBody {
    fn from(bytes: B) -> Self {
        Self::Whole(bytes.into())
    }
}

/// The chunks of a body. Whoever drops them ends the work behind them; whoever does not ask for the next one holds it up.
pub struct Chunks(Pin<Box<dyn Stream<Item = Result<Bytes, BrokenOff>> + Send + Sync>>);

impl Chunks {
    /// From what makes them.
    pub fn of(chunks: impl Stream<Item = Result<Bytes, BrokenOff>> + Send + Sync + 'static) -> Self {
        Self(Box::pin(chunks))
    }

    /// None.
    pub fn none() -> Self {
        Self::of(futures_util::stream::empty())
    }
}

impl Stream for Chunks {
    type Item = Result<Bytes, BrokenOff>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chunks(…)")
    }
}

/// A body ended before its end: the connection is to break, so that nobody takes it for whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body broke off")]
pub struct BrokenOff;

impl Answer {
    /// No body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: AnswerBody::Whole(Bytes::new()) }
    }

    /// 204.
    pub fn no_content() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
    }

    /// 200 with lines of JSON, made while they are sent.
    pub fn lines(chunks: Chunks) -> Self {
        let mut answer = Self::empty(StatusCode::OK);
        answer.body = AnswerBody::Chunks(chunks);
        answer.header(CONTENT_TYPE, LINES)
    }

    /// Any JSON value as the whole body.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => {
                let mut answer = Self::empty(status);
                answer.body = bytes.into();
                answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
                answer
            }
            Err(error) => {
                tracing::error!(%error, "an answer cannot be serialized");
                Self::empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    /// 200 with `{"data": …}`.
    pub fn of(data: impl Serialize) -> Self {
        Self::json(StatusCode::OK, &json!({ "data": serialized(data) }))
    }

    /// 201 with `{"data": …}`.
    pub fn created(data: impl Serialize) -> Self {
        let mut answer = Self::of(data);
        answer.status = StatusCode::CREATED;
        answer
    }

    /// 200 with all there are, in the form of a page that is the last one.
    pub fn list<T: Serialize>(items: Vec<T>) -> Self {
        Self::page(&Page { items, has_more: false }, |_| String::new())
    }

    /// 200 with a page; `cursor` names the last item shown.
    pub fn page<T: Serialize>(page: &Page<T>, cursor: impl FnOnce(&T) -> String) -> Self {
        let next_cursor = page.items.last().filter(|_| page.has_more).map(cursor);
        Self::json(
            StatusCode::OK,
            &json!({ "data": page.items, "has_more": next_cursor.is_some(), "next_cursor": next_cursor }),
        )
    }

    /// 200 with a page of a search; `next_cursor` names the last row examined.
    pub fn search_page<T: Serialize, K: CursorKey>(page: &SearchPage<T, K>) -> Self {
        let next_cursor = page.next.as_ref().map(CursorKey::encode);
        Self::json(
            StatusCode::OK,
            &json!({ "data": page.items, "has_more": next_cursor.is_some(), "next_cursor": next_cursor }),
        )
    }

    /// Adds the ETag of a version.
    #[must_use]
    pub fn etag(self, version: Timestamp) -> Self {
        self.header(ETAG, &ETag::of(version).to_string())
    }

    /// Adds the ETag of a version that is shown with a status other than the stored one, if it is.
    #[must_use]
    pub fn etag_showing(self, version: Timestamp, derived: Option<&'static str>) -> Self {
        self.header(ETAG, &ETag::of(version).showing(derived).to_string())
    }

    /// Sets a header; a value that no header can carry is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        } else {
            tracing::error!(%name, "a header value was left out");
        }
        self
    }
}

fn serialized(data: impl Serialize) -> serde_json::Value {
    serde_json::to_value(data).unwrap_or_else(|error| {
        tracing::error!(%error, "an answer cannot be serialized");
        serde_json::Value::Null
    })
}
