//! What a refused caller of the host's own routes is told about how to do better (RFC 6750 §3, RFC 9728 §5.1).

use std::sync::Arc;

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};

use super::answer::Answer;
use super::problem::answer_to;
use crate::error::Refusal;

/// Completes the answer to a refusal.
#[derive(Clone, Debug, Default)]
pub struct Challenge {
    /// Where the metadata of the resource stand.
    metadata: Option<Arc<str>>,
    /// The request brought a bearer token.
    bearer: bool,
}

impl Challenge {
    /// For a request with these headers.
    pub fn new(headers: &HeaderMap, metadata: Option<Arc<str>>) -> Self {
        let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let scheme = value.split(' ').next().unwrap_or_default();
        Self { metadata, bearer: scheme.eq_ignore_ascii_case("bearer") }
    }

    /// The documented answer to a refusal.
    pub fn answer(&self, refusal: &Refusal, reference: &str) -> Answer {
        self.complete(answer_to(refusal, reference), refusal)
    }

    /// Adds what a bearer of tokens is told: which scope was missing, and where the metadata are.
    pub(crate) fn complete(&self, mut answer: Answer, refusal: &Refusal) -> Answer {
        if let (Refusal::InsufficientScope(scope), true) = (refusal, self.bearer) {
            // A scope has no quote and no backslash.
            let value = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
            answer.headers.extend(HeaderValue::from_str(&value).ok().map(|value| (WWW_AUTHENTICATE, value)));
        }
        let Some(metadata) = &self.metadata else { return answer };
        for value in answer.headers.iter_mut().filter(|(name, _)| *name == WWW_AUTHENTICATE).map(|(_, value)| value) {
            let text = value.to_str().unwrap_or_default();
            if text.starts_with("Bearer ") {
                let with = format!("{text}, resource_metadata=\"{metadata}\"");
                *value = HeaderValue::from_str(&with).unwrap_or_else(|_| value.clone());
            }
        }
        answer
    }
}
