//! Finds the operation of a request. Paths match exactly, segment by segment, decoded once.

use std::sync::Arc;

use http::Method;
use percent_encoding::percent_decode_str;

use super::endpoint::Operation;
use crate::error::Refusal;
use crate::id::is_opaque_id;

/// Routes to operations.
pub struct Router {
    paths: matchit::Router<Vec<Arc<Operation>>>,
}

/// A match.
#[derive(Clone)]
pub struct Matched {
    /// The operation.
    pub operation: Arc<Operation>,
    /// Path parameters in order, decoded.
    pub path: Vec<(&'static str, String)>,
}

impl Router {
    /// Builds the router of a table.
    ///
    /// # Errors
    /// A description of two routes that clash.
    pub fn new(operations: &[Arc<Operation>]) -> Result<Self, String> {
        let mut by_path: Vec<(&'static str, Vec<Arc<Operation>>)> = Vec::new();
        for operation in operations {
            let path = operation.route.path;
            match by_path.iter_mut().find(|(known, _)| *known == path) {
                Some((_, methods)) => methods.push(Arc::clone(operation)),
                None => by_path.push((path, vec![Arc::clone(operation)])),
            }
        }
        let mut paths = matchit::Router::new();
        for (path, methods) in by_path {
            paths.insert(path, methods).map_err(|error| format!("{path}: {error}"))?;
        }
        Ok(Self { paths })
    }

    /// The operation for a method and a raw path.
    ///
    /// # Errors
    /// [`Refusal::NotFound`]; [`Refusal::MethodNotAllowed`] with the methods the path answers to;
    /// [`Refusal::Malformed`] for a parameter with characters that no id has.
    pub fn find(&self, method: &Method, path: &str) -> Result<Matched, Refusal> {
        let found = self.paths.at(path).map_err(|_| Refusal::NotFound)?;
        // HEAD is GET without its body (RFC 9110 §9.3.2); the adapter's server leaves the body out.
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        let Some(operation) = found.value.iter().find(|operation| operation.route.method == wanted) else {
            return Err(Refusal::MethodNotAllowed(
                found.value.iter().map(|operation| operation.route.method.clone()).collect(),
            ));
        };
        let mut values = Vec::new();
        for name in operation.route.parameters() {
            let raw = found.params.get(name).ok_or(Refusal::NotFound)?;
            let value = percent_decode_str(raw).decode_utf8().map_err(|_| INVALID_PATH)?.into_owned();
            let is_possible = match name {
                DOMAIN => may_be_host(&value),
                LINK => may_be_link(&value),
                _ => is_opaque_id(&value),
            };
            if !is_possible {
                return Err(INVALID_PATH);
            }
            values.push((name, value));
        }
        Ok(Matched { operation: Arc::clone(operation), path: values })
    }
}

/// The parameter that is a host name, not an id.
const DOMAIN: &str = "domain";

/// The parameter that is what the link of a mail carries, not an id.
const LINK: &str = "token";

/// An id and a secret in base64url, with a dot between them.
fn may_be_link(value: &str) -> bool {
    (1..=200).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// No more than this: letters of any script, as host names are normalized later.
fn may_be_host(value: &str) -> bool {
    (1..=1024).contains(&value.len()) && value.chars().all(|char| char.is_alphanumeric() || "._-".contains(char))
}

const INVALID_PATH: Refusal = Refusal::Malformed("A path parameter has characters that no identifier has.");
