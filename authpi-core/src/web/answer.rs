//! What goes back: status, headers and a body that is complete.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::etag::ETag;
use crate::page::{CursorKey, Page, SearchPage};
use crate::timestamp::Timestamp;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Answer {
    /// No body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// 204.
    pub fn no_content() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
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
