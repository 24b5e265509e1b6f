//! One line of an export, and what is hashed of it.

use aws_lc_rs::{digest, hmac};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Flaw, Hash, json};

/// Members of `auth` that the chain covers only by their salted hash.
const CONTEXT: [&str; 3] = ["country", "ip", "user_agent"];

const NO_CONTEXT: Hash = [0; 32];

/// A line.
pub(super) enum Line {
    Entry(Entry),
    Trailer(Trailer),
}

/// An event, or what is kept of one.
pub(super) struct Entry {
    pub(super) sequence: u64,
    pub(super) previous: Hash,
    pub(super) event_id: String,
    /// Whose event; `None` when it was purged.
    pub(super) account: Option<String>,
    content: Hash,
    context: Hash,
    salt: Option<Vec<u8>>,
    /// Canonical JSON of where the request came from, unless nothing is known.
    shown: Option<Vec<u8>>,
}

/// The end of an answer.
pub(super) struct Trailer {
    pub(super) count: u64,
    pub(super) last_id: Option<String>,
    pub(super) chain_head: Hash,
}

/// No chain is longer: what counts on from here cannot overflow.
const LARGEST: u64 = u64::MAX / 2;

#[derive(Deserialize)]
struct Place {
    sequence: u64,
    previous: String,
    context: String,
    salt: Option<String>,
    event_id: Option<String>,
    content: Option<String>,
}

#[derive(Deserialize)]
struct End {
    count: u64,
    last_id: Option<String>,
    chain_head: String,
}

impl Line {
    pub(super) fn parse(text: &[u8]) -> Result<Self, Flaw> {
        let mut members = json::object(text).ok_or(Flaw::Malformed)?;
        if let Some(end) = members.remove("trailer") {
            let end: End = serde_json::from_value(end).map_err(|_| Flaw::Malformed)?;
            let chain_head = unhex(&end.chain_head).filter(|_| members.is_empty()).ok_or(Flaw::Malformed)?;
            return Ok(Self::Trailer(Trailer { count: end.count, last_id: end.last_id, chain_head }));
        }
        let place = members.remove("chain").ok_or(Flaw::Malformed)?;
        let place: Place = serde_json::from_value(place).map_err(|_| Flaw::Malformed)?;
        if place.sequence > LARGEST {
            return Err(Flaw::Malformed);
        }
        let entry = if members.is_empty() { purged(place) } else { event(place, members) };
        entry.map(Self::Entry).ok_or(Flaw::Malformed)
    }
}

fn purged(place: Place) -> Option<Entry> {
    Some(Entry {
        sequence: place.sequence,
        previous: unhex(&place.previous)?,
        event_id: place.event_id?,
        account: None,
        content: unhex(&place.content?)?,
        context: unhex(&place.context)?,
        salt: None,
        shown: None,
    })
}

fn event(place: Place, mut members: Map<String, Value>) -> Option<Entry> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let event_id = text(members.get("id"))?;
    let account = text(members.get("subject").and_then(|subject| subject.get("account_id")))?;
    let mut shown = Map::new();
    if let Some(Value::Object(auth)) = members.get_mut("auth") {
        for name in CONTEXT {
            if let Some(value) = auth.remove(name).filter(|value| !value.is_null()) {
                shown.insert(name.to_owned(), value);
            }
        }
    }
    Some(Entry {
        sequence: place.sequence,
        previous: unhex(&place.previous)?,
        event_id,
        account: Some(account),
        content: sha256(&[&canonical(&members)?]),
        context: unhex(&place.context)?,
        salt: match place.salt {
            Some(salt) => Some(unhex(&salt)?.to_vec()),
            None => None,
        },
        shown: if shown.is_empty() { None } else { Some(canonical(&shown)?) },
    })
}

impl Entry {
    /// The link that this line makes.
    pub(super) fn link(&self) -> Hash {
        let (number, id) = (self.sequence.to_be_bytes(), self.event_id.as_bytes());
        sha256(&[&self.previous, &number, id, &self.content, &self.context])
    }

    /// Whether the context was checked, or erased; `None` when there never was one.
    pub(super) fn checked_context(&self) -> Result<Option<bool>, Flaw> {
        let is_true = match (&self.salt, &self.shown) {
            (Some(salt), Some(shown)) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, salt);
                hmac::verify(&key, shown, &self.context).is_ok()
            }
            (None, None) => true,
            _ => false,
        };
        match self.salt {
            _ if !is_true => Err(Flaw::Context { sequence: self.sequence }),
            Some(_) => Ok(Some(true)),
            None if self.account.is_none() || self.context == NO_CONTEXT => Ok(None),
            None => Ok(Some(false)),
        }
    }
}

/// The `previous` of the first link of an account.
pub(super) fn genesis(account: &str) -> Hash {
    sha256(&[account.as_bytes()])
}

fn canonical(value: &Map<String, Value>) -> Option<Vec<u8>> {
    serde_json_canonicalizer::to_vec(value).ok()
}

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in parts {
        hash.update(part);
    }
    let mut result = NO_CONTEXT;
    // As long as each other by definition.
    for (byte, of_digest) in result.iter_mut().zip(hash.finish().as_ref()) {
        *byte = *of_digest;
    }
    result
}

/// 32 bytes in hexadecimal digits.
pub(super) fn unhex(text: &str) -> Option<Hash> {
    let mut bytes = NO_CONTEXT;
    if text.len() != 2 * bytes.len() || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (number, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * number..2 * number + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use super::*;
    use crate::trail::{Head, Trail};

    const EVENT: &str = r#"{"spec":"1.0","id":"evt_0kfz3m8q1w5e9r2t6y4u7i3o5","trace":"4bf92f3577b34da6a3ce929d0e0e4736","type":"user.created","source":"com.authpi/v1","trigger":"api","auth":{"type":"api_key","key_id":"key_4f8a2b9c0d1e4f5a8b7c6d5e4f3a2b1c","ip":"203.0.113.7","user_agent":"curl/8.5.0","country":null},"subject":{"account_id":"acc_0kfz3m8q1w5e9r2t6y4u7i3a1","issuer_id":"i_0kfz3m8q1w5e9r2t6y4u7i3i1","user_id":"usr_0kfz3m8q1w5e9r2t6y4u7i3u1"},"timestamp":1781222400123,"data":{"username_type":"email","status":"active"},"chain":{"sequence":1,"previous":"a96478b81afa83f6f3c9a94d6c8bdc7190dd82ede244b28304ca6d02c9ea498e","context":"d97d93123ee5c2f07848351be8dbd1549dd3602cad9597a44945793601576b3f","salt":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}}"#;
    const HEAD: &str = "1:0e84d232073deb3cc5edd224133c5e1a77db60f8d5002a77613dfa1790857938";

    fn checked(line: &str) -> Result<u64, Flaw> {
        let mut trail = Trail::new().expecting(HEAD.parse::<Head>()?)?;
        trail.line(line)?;
        trail.finish().map(|report| report.contexts)
    }

    #[test]
    fn the_link_is_that_of_the_specification() {
        assert_eq!(checked(EVENT), Ok(1));
        let Line::Entry(entry) = Line::parse(EVENT.as_bytes()).unwrap() else { panic!("no entry") };
        assert_eq!(entry.content, unhex("58b6d98bea97819be57acb7e8b4e60e6ff2dc93b63bd24b276a819d433033066").unwrap());
        assert_eq!(genesis("acc_0kfz3m8q1w5e9r2t6y4u7i3a1"), entry.previous);
    }

    #[test]
    fn numbers_and_order_of_members_are_those_of_canonical_json() {
        let (head, tail) = EVENT.split_once(r#""timestamp":1781222400123,"#).unwrap();
        assert_eq!(checked(&format!("{head}{tail}").replacen('{', r#"{"timestamp":1.781222400123E12, "#, 1)), Ok(1));
    }

    #[test]
    fn everything_in_a_line_counts() {
        let context = Err(Flaw::Context { sequence: 1 });
        let known = Err(Flaw::Known { sequence: 1 });
        for (from, to, expected) in [
            ("\"active\"", "\"blocked\"", known.clone()),
            ("user.created", "user.deleted", known.clone()),
            ("1781222400123", "1781222400124", known.clone()),
            ("\"spec\":\"1.0\",", "", known.clone()),
            ("\"spec\":", "\"extra\":1,\"spec\":", known.clone()),
            ("evt_0kfz3m8q1w5e9r2t6y4u7i3o5", "evt_0kfz3m8q1w5e9r2t6y4u7i3o6", known.clone()),
            ("203.0.113.7", "203.0.113.8", context.clone()),
            ("\"country\":null", "\"country\":\"DE\"", context.clone()),
            ("000102", "010102", context.clone()),
            ("\"d97d", "\"d97e", context.clone()),
            ("\"salt\":\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"", "\"salt\":null", context),
            ("acc_0kfz3m8q1w5e9r2t6y4u7i3a1", "acc_0kfz3m8q1w5e9r2t6y4u7i3a2", Err(Flaw::Root)),
            ("a96478", "a96479", Err(Flaw::Root)),
            ("\"sequence\":1", "\"sequence\":0", Err(Flaw::Order { expected: 1, found: 0 })),
            ("\"sequence\":1,", "", Err(Flaw::Malformed)),
            ("\"sequence\":1,", "\"sequence\":18446744073709551615,", Err(Flaw::Malformed)),
            ("\"salt\":\"00", "\"salt\":\"", Err(Flaw::Malformed)),
        ] {
            assert!(EVENT.contains(from), "{from}");
            assert_eq!(checked(&EVENT.replacen(from, to, 1)), expected, "{from}");
        }
        assert_eq!(checked("[]"), Err(Flaw::Malformed));
        assert_eq!(checked(""), Err(Flaw::CutOff { sequence: 1, last: 0 }));
        assert_eq!("1:0e84".parse::<Head>(), Err(Flaw::Head));
    }
}
