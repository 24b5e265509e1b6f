//! Signatures of Standard Webhooks 1.0.0, symmetric.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use super::error::{InvalidSecret, WebhookRefused};

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";

/// Longest id, in bytes.
const LONGEST_ID: usize = 255;

/// Entries of the signature header that are looked at: a sender that rotates its secret makes two.
const MOST_ENTRIES: usize = 16;

/// A key that deliveries are signed with.
pub(crate) struct SigningKey(Key);

impl SigningKey {
    pub(crate) fn parse(secret: &str) -> Result<Self, InvalidSecret> {
        let encoded = secret.strip_prefix("whsec_").ok_or(InvalidSecret)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| InvalidSecret)?;
        if !(24..=64).contains(&bytes.len()) {
            return Err(InvalidSecret);
        }
        Ok(Self(Key::new(HMAC_SHA256, &bytes)))
    }
}

/// What the three headers say, as long as nobody vouches for it.
pub(crate) struct Signed<'h> {
    pub(crate) id: &'h str,
    /// Unix seconds of this attempt.
    pub(crate) timestamp: i64,
    written: &'h str,
    signatures: Vec<Vec<u8>>,
}

impl<'h> Signed<'h> {
    pub(crate) fn read(headers: &'h HeaderMap) -> Result<Self, WebhookRefused> {
        let id = only(headers, ID).filter(|id| is_id(id)).ok_or(WebhookRefused::Header(ID))?;
        let written = only(headers, TIMESTAMP).ok_or(WebhookRefused::Header(TIMESTAMP))?;
        let timestamp = seconds(written).ok_or(WebhookRefused::Header(TIMESTAMP))?;
        let entries = only(headers, SIGNATURE).ok_or(WebhookRefused::Header(SIGNATURE))?.split(' ').take(MOST_ENTRIES);
        // Entries of other versions are for others.
        let signatures = entries.filter_map(|entry| STANDARD.decode(entry.strip_prefix("v1,")?).ok()).collect();
        Ok(Self { id, timestamp, written, signatures })
    }

    /// One of the entries was made with one of the keys. All of them are compared, each in constant time.
    pub(crate) fn is_by(&self, keys: &[SigningKey], body: &[u8]) -> bool {
        let mut matches = false;
        for SigningKey(key) in keys {
            let mut context = Context::with_key(key);
            for part in [self.id.as_bytes(), b".", self.written.as_bytes(), b".", body] {
                context.update(part);
            }
            let expected = context.sign();
            for signature in &self.signatures {
                matches |= verify_slices_are_equal(expected.as_ref(), signature).is_ok();
            }
        }
        matches
    }
}

/// The value of a header that is there once.
pub(crate) fn only<'h>(headers: &'h HeaderMap, name: &'static str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Without a dot: it separates what is signed.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.')
}

/// Digits alone: no sign, no fraction.
fn seconds(written: &str) -> Option<i64> {
    written.bytes().all(|byte| byte.is_ascii_digit()).then(|| written.parse().ok())?
}
