//! Verifies access tokens of an authpi issuer in services that do not host it: what a resource server checks (RFC 9068
//! §4), and what it may read in the token. The keys come from the issuer, are held, and are fetched again when a token
//! names one that is not known.
//!
//! ```no_run
//! # #[cfg(feature = "reqwest")]
//! # async fn list_invoices(headers: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use authpi_verifier::{Http, Verifier};
//!
//! // Once, and shared: what the issuer is called, and what this API is called in `aud`.
//! let verifier = Verifier::new("https://id.example.com/i_01k9", "https://api.example.com", Http::new()?)?;
//!
//! let token = verifier.authorization(Some("Bearer eyJ…")).await?; // an error knows its status and its challenge
//! token.require_in("org_01k9", "invoices:read")?;
//! println!("{} acts for {:?}", token.act().unwrap_or(token.subject()), token.org());
//! # Ok(())
//! # }
//! ```
//!
//! A verified token is genuine, in its time and for this API. Whether the session behind it still lives, only the issuer
//! knows; tokens are short-lived for that reason.

mod claims;
mod error;
mod fetch;
mod jws;
mod key;
mod scope;
pub mod trail;
mod verifier;

pub use claims::{Acting, Audience, Claims, OrganizationClaim, Token};
pub use error::{InvalidIssuer, Refused};
#[cfg(feature = "reqwest")]
pub use fetch::Http;
pub use fetch::{Fetch, FetchError};
pub use scope::grants;
pub use verifier::{Clock, SystemClock, Verifier};
