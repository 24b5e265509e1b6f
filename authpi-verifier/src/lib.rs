//! Verifies access tokens and webhooks of an authpi issuer in services that do not host it.
//!
//! For tokens it does what a resource server must (RFC 9068 §4), and tells what may be read in them. The keys come from the
//! issuer, are held, and are fetched again when a token names one that is not known.
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
//!
//! Whoever is told of events by a webhook verifies the requests with [`WebhookVerifier`].

mod claims;
mod error;
mod fetch;
mod jws;
mod key;
mod scope;
pub mod trail;
mod verifier;
mod webhook;

pub use claims::{Acting, Audience, Claims, OrganizationClaim, Token};
pub use error::{InvalidIssuer, Refused};
#[cfg(feature = "reqwest")]
pub use fetch::Http;
pub use fetch::{Fetch, FetchError};
pub use scope::grants;
pub use verifier::{Clock, SystemClock, Verifier};
pub use webhook::error::{InvalidSecret, WebhookRefused};
pub use webhook::event::{Actor, Envelope, Event, Subject};
pub use webhook::kind;
pub use webhook::memory::{Claim, Memory, MemoryError, RecentIds};
pub use webhook::verifier::{Delivery, WebhookVerifier};
