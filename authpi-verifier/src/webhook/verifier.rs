//! The verifier of deliveries, and a delivery that it has let through.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::HeaderMap;

use super::error::{InvalidSecret, WebhookRefused};
use super::event::{Envelope, Event};
use super::memory::{Claim, Memory, MemoryError, RecentIds};
use super::signature::{Signed, SigningKey, only};
use crate::verifier::{Clock, SystemClock};

/// How far the time of sending may be from now, in seconds, either way.
const TOLERANCE: u64 = 300;

/// Largest body unless said otherwise: several times what a sender makes.
const LARGEST: usize = 256 * 1024;

/// Verifies deliveries of one webhook. Make one and share it.
///
/// ```
/// # use authpi_verifier::{InvalidSecret, WebhookRefused, WebhookVerifier, kind};
/// # async fn receive(headers: &http::HeaderMap, body: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = WebhookVerifier::new("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")?;   // once
///
/// let delivery = verifier.verify(headers, body).await?;       // an error knows the status of the answer
/// match delivery.event().kind.as_str() {
///     kind::USER_CREATED => println!("welcome, {:?}", delivery.event().subject.user_id),
///     _ => {} // types that are not for us, and those of the future
/// }
/// delivery.handled().await?;                                  // without this line, the sender's next try is no duplicate
/// # Ok(())
/// # }
/// ```
///
/// # Security
/// The body must be the bytes that came, read with a limit of their number. A request counts only when it was signed with
/// the secret of the webhook at most five minutes ago; what else is in it, and whence it came, proves nothing.
pub struct WebhookVerifier<M = RecentIds, C = SystemClock> {
    keys: Vec<SigningKey>,
    token: Option<String>,
    largest: usize,
    memory: M,
    clock: C,
}

impl WebhookVerifier {
    /// A verifier of what is signed with `secret`, `whsec_…`.
    ///
    /// # Errors
    /// [`InvalidSecret`].
    pub fn new(secret: &str) -> Result<Self, InvalidSecret> {
        let keys = vec![SigningKey::parse(secret)?];
        Ok(Self { keys, token: None, largest: LARGEST, memory: RecentIds::default(), clock: SystemClock })
    }
}

impl<M: Memory, C: Clock> WebhookVerifier<M, C> {
    /// Takes what is signed with `secret` as well. While a secret is replaced, which takes the sender a day, give both.
    ///
    /// # Errors
    /// [`InvalidSecret`].
    pub fn or_secret(mut self, secret: &str) -> Result<Self, InvalidSecret> {
        self.keys.push(SigningKey::parse(secret)?);
        Ok(self)
    }

    /// Demands the bearer token of a webhook of the kind `bearer+signature` as well.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Takes bodies of at most so many bytes; by default 256 KiB.
    #[must_use]
    pub fn with_largest_body(mut self, bytes: usize) -> Self {
        self.largest = bytes;
        self
    }

    /// Remembers elsewhere what was handled than in this process, or more of it.
    #[must_use]
    pub fn with_memory<N: Memory>(self, memory: N) -> WebhookVerifier<N, C> {
        WebhookVerifier { keys: self.keys, token: self.token, largest: self.largest, memory, clock: self.clock }
    }

    /// Goes by another clock than the machine's.
    #[must_use]
    pub fn with_clock<D: Clock>(self, clock: D) -> WebhookVerifier<M, D> {
        WebhookVerifier { keys: self.keys, token: self.token, largest: self.largest, memory: self.memory, clock }
    }

    /// Verifies a request: size, token, the three headers, time, signature, content, and that its event was not handled
    /// before and is not handled now.
    ///
    /// # Errors
    /// [`WebhookRefused`], which knows the status of the answer.
    pub async fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Delivery<'_, M>, WebhookRefused> {
        let envelope = self.check(headers, body)?;
        match self.memory.claim(&envelope.id).await.map_err(WebhookRefused::Unavailable)? {
            Claim::Granted => Ok(Delivery { envelope, memory: &self.memory, is_handled: false }),
            Claim::Handled => Err(WebhookRefused::Duplicate),
            Claim::Busy => Err(WebhookRefused::Busy),
        }
    }

    /// All of [`verify`](Self::verify) but duplicates: for a receiver that writes the id of the event in the transaction
    /// of its own work, under a unique key.
    ///
    /// # Errors
    /// [`WebhookRefused`], which knows the status of the answer.
    pub fn check(&self, headers: &HeaderMap, body: &[u8]) -> Result<Envelope, WebhookRefused> {
        if body.len() > self.largest {
            return Err(WebhookRefused::TooLarge);
        }
        if !self.token.as_deref().is_none_or(|token| bears(headers, token)) {
            return Err(WebhookRefused::Token);
        }
        let signed = Signed::read(headers)?;
        if signed.timestamp.abs_diff(self.clock.now()) > TOLERANCE {
            return Err(WebhookRefused::Timestamp);
        }
        if !signed.is_by(&self.keys, body) {
            return Err(WebhookRefused::Signature);
        }
        Envelope::parse(signed.id, body).ok_or(WebhookRefused::Malformed)
    }
}

impl<M: fmt::Debug, C> fmt::Debug for WebhookVerifier<M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookVerifier").field("memory", &self.memory).finish_non_exhaustive()
    }
}

fn bears(headers: &HeaderMap, token: &str) -> bool {
    let sent = only(headers, "authorization").and_then(|value| value.split_once(' '));
    sent.is_some_and(|(scheme, sent)| {
        scheme.eq_ignore_ascii_case("bearer") && verify_slices_are_equal(sent.as_bytes(), token.as_bytes()).is_ok()
    })
}

/// A genuine delivery of an event that nobody else handles. Dropped without [`handled`](Self::handled), because the work
/// failed or was broken off, it counts as never received: the sender's next attempt is let through.
#[must_use = "an event that is not marked as handled counts as not received"]
pub struct Delivery<'v, M: Memory> {
    envelope: Envelope,
    memory: &'v M,
    is_handled: bool,
}

impl<M: Memory> Delivery<'_, M> {
    /// What has happened.
    pub const fn event(&self) -> &Event {
        &self.envelope.event
    }

    /// The event in its envelope, a CloudEvent.
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The work is done and durable: answer with a status from 200 to 299. From here on the event is a duplicate.
    ///
    /// # Errors
    /// [`MemoryError`] when that could not be kept: the event may come again.
    pub async fn handled(mut self) -> Result<(), MemoryError> {
        self.memory.keep(&self.envelope.id).await?;
        self.is_handled = true;
        Ok(())
    }
}

impl<M: Memory> Drop for Delivery<'_, M> {
    fn drop(&mut self) {
        if !self.is_handled {
            self.memory.give_back(&self.envelope.id);
        }
    }
}

impl<M: Memory> fmt::Debug for Delivery<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("envelope", &self.envelope).finish_non_exhaustive()
    }
}
