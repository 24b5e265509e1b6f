//! How documents of the issuer are fetched.

use std::error::Error;
use std::future::Future;

/// A document could not be fetched.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FetchError(Box<dyn Error + Send + Sync>);

impl FetchError {
    /// For whatever reason.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}

/// Fetches documents. A closure that takes the URL will do.
///
/// # Security
/// Only an answer with status 200 is a document. Do not follow redirects, verify certificates, and give up after some
/// seconds and beyond a MiB.
pub trait Fetch: Send + Sync {
    /// The body of the document at `url`.
    ///
    /// # Errors
    /// [`FetchError`].
    fn fetch(&self, url: String) -> impl Future<Output = Result<Vec<u8>, FetchError>> + Send;
}

impl<F, A> Fetch for F
where
    F: Fn(String) -> A + Send + Sync,
    A: Future<Output = Result<Vec<u8>, FetchError>> + Send,
{
    fn fetch(&self, url: String) -> impl Future<Output = Result<Vec<u8>, FetchError>> + Send {
        self(url)
    }
}

/// Fetches with reqwest, without redirects, for ten seconds and a MiB at most.
#[cfg(feature = "reqwest")]
#[derive(Clone, Debug)]
pub struct Http(reqwest::Client);

#[cfg(feature = "reqwest")]
impl Http {
    /// A client of its own.
    ///
    /// # Errors
    /// [`FetchError`] when the TLS of the system cannot be used.
    pub fn new() -> Result<Self, FetchError> {
        let none = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().redirect(none).timeout(std::time::Duration::from_secs(10));
        client.build().map(Self).map_err(FetchError::new)
    }
}

#[cfg(feature = "reqwest")]
impl Fetch for Http {
    async fn fetch(&self, url: String) -> Result<Vec<u8>, FetchError> {
        const LARGEST: usize = 1024 * 1024;
        let request = self.0.get(url).header("accept", "application/json");
        let mut response = request.send().await.map_err(FetchError::new)?;
        if response.status().as_u16() != 200 {
            return Err(FetchError::new(format!("the issuer answers {}", response.status())));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(FetchError::new)? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST {
                return Err(FetchError::new("the document is too large"));
            }
        }
        Ok(body)
    }
}
