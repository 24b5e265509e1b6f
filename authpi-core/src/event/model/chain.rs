//! The hash chain over all events of an account (events-webhooks §15): whoever kept a link sees whether anything before
//! it was changed, left out or put in.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Event, EventView, RequestContext};
use crate::id::{AccountId, EventId};
use crate::timestamp::Timestamp;

/// An event's place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whose chain.
    pub account_id: AccountId,
    /// 1, 2, 3, … without holes.
    pub sequence: u64,
    /// The event.
    pub event_id: EventId,
    /// The link before; of the first one, the hash of the account's id.
    pub previous: [u8; 32],
    /// [`content`] of the event.
    pub content: [u8; 32],
    /// Salted hash of the event's context; zeros when it has none.
    pub context: [u8; 32],
    /// When it was made; never before the link before it.
    pub linked_at: Timestamp,
}

impl Link {
    /// The link itself.
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.previous);
        hash.update(self.sequence.to_be_bytes());
        hash.update(self.event_id.to_string());
        hash.update(self.content);
        hash.update(self.context);
        hash.finalize().into()
    }
}

/// What a link takes from its event. Made at the commit, by the version that knows all of the event; whoever numbers it
/// need not understand it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDigest {
    /// Whose event.
    pub account_id: AccountId,
    /// The event.
    pub event_id: EventId,
    /// [`content`] of the event.
    pub content: [u8; 32],
    /// Salted hash of its context; zeros when it has none.
    pub context: [u8; 32],
}

impl EventDigest {
    /// Of this event.
    ///
    /// # Errors
    /// When the event cannot be written as JSON.
    pub fn of(event: &Event) -> Result<Self, serde_json::Error> {
        Ok(Self {
            account_id: event.subject.account_id,
            event_id: event.id,
            content: content(event)?,
            context: event.context.hash,
        })
    }
}

/// The end of a chain, and where what is kept of it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose chain.
    pub account_id: AccountId,
    /// Last number; 0 before the first event.
    pub sequence: u64,
    /// Last link; before the first event, what that one will have before it.
    pub hash: [u8; 32],
    /// The event of the last link.
    pub event_id: Option<EventId>,
    /// The first number that is kept, or will be.
    pub first_sequence: u64,
    /// When the first link that is kept was made; `None` when none is.
    pub first_at: Option<Timestamp>,
    /// When the last link was made.
    pub updated_at: Timestamp,
}

impl Head {
    /// Before the first event.
    pub fn beginning(account_id: AccountId, at: Timestamp) -> Self {
        Self {
            account_id,
            sequence: 0,
            hash: Sha256::digest(account_id.to_string()).into(),
            event_id: None,
            first_sequence: 1,
            first_at: None,
            updated_at: at,
        }
    }

    /// Gives an event of the account the next number.
    pub fn extend(&mut self, event: &EventDigest, now: Timestamp) -> Link {
        let link = Link {
            account_id: self.account_id,
            sequence: self.sequence + 1,
            event_id: event.event_id,
            previous: self.hash,
            content: event.content,
            context: event.context,
            linked_at: now.max(self.updated_at),
        };
        self.sequence = link.sequence;
        self.hash = link.hash();
        self.event_id = Some(link.event_id);
        self.updated_at = link.linked_at;
        if self.first_at.is_none() {
            (self.first_sequence, self.first_at) = (link.sequence, Some(link.linked_at));
        }
        link
    }
}

/// Hash of an event as lists show it, in canonical JSON (RFC 8785), without the members of `auth` that are personal data.
/// It stands for ever: a member that is added to [`EventView`] must be left out where an old event has none.
///
/// # Errors
/// When the event cannot be written as JSON.
pub fn content(event: &Event) -> Result<[u8; 32], serde_json::Error> {
    let mut shown = serde_json::to_value(EventView::new(event.clone(), RequestContext::default()))?;
    if let Some(Value::Object(auth)) = shown.get_mut("auth") {
        auth.retain(|name, _| !matches!(name.as_str(), "ip" | "user_agent" | "country"));
    }
    Ok(Sha256::digest(serde_json_canonicalizer::to_vec(&shown)?).into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use hmac::{Hmac, KeyInit, Mac};
    use serde_json::json;

    use super::*;
    use crate::event::catalogue;
    use crate::event::model::{Actor, ContextRecord, DEFAULT_SOURCE, Subject, Trigger};
    use crate::secret::hex;

    const ACCOUNT: &str = "acc_0kfz3m8q1w5e9r2t6y4u7i3a1";

    fn event() -> Event {
        let issuer = Subject::issuer(ACCOUNT.parse().unwrap(), "i_0kfz3m8q1w5e9r2t6y4u7i3i1".parse().unwrap());
        Event {
            id: "evt_0kfz3m8q1w5e9r2t6y4u7i3o5".parse().unwrap(),
            kind: catalogue::USER_CREATED,
            source: DEFAULT_SOURCE.to_owned(),
            trigger: Trigger::Api,
            trace: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
            actor: Actor::ApiKey { key_id: "key_4f8a2b9c0d1e4f5a8b7c6d5e4f3a2b1c".parse().unwrap() },
            subject: issuer.user("usr_0kfz3m8q1w5e9r2t6y4u7i3u1".parse().unwrap()),
            timestamp: Timestamp::from_millis(1_781_222_400_123),
            data: json!({ "username_type": "email", "status": "active" }).as_object().unwrap().clone(),
            context: ContextRecord::NONE,
        }
    }

    /// As `Change` makes it.
    fn context_hash() -> [u8; 32] {
        let context = RequestContext {
            country: None,
            ip: Some("203.0.113.7".to_owned()),
            user_agent: Some("curl/8.5.0".to_owned()),
        };
        let salt: Vec<u8> = (0..32).collect();
        let mut mac = Hmac::<Sha256>::new_from_slice(&salt).unwrap();
        mac.update(serde_json::to_string(&context).unwrap().as_bytes());
        mac.finalize().into_bytes().into()
    }

    #[test]
    fn the_first_link_is_that_of_the_specification() {
        let mut event = event();
        event.context.hash = context_hash();
        let mut head = Head::beginning(ACCOUNT.parse().unwrap(), Timestamp::EPOCH);
        let link = head.extend(&EventDigest::of(&event).unwrap(), event.timestamp);
        let found = [link.previous, link.content, link.context, link.hash()].map(|hash| hex(&hash));
        let expected = [
            "a96478b81afa83f6f3c9a94d6c8bdc7190dd82ede244b28304ca6d02c9ea498e",
            "58b6d98bea97819be57acb7e8b4e60e6ff2dc93b63bd24b276a819d433033066",
            "d97d93123ee5c2f07848351be8dbd1549dd3602cad9597a44945793601576b3f",
            "0e84d232073deb3cc5edd224133c5e1a77db60f8d5002a77613dfa1790857938",
        ];
        assert_eq!(found, expected);
        assert_eq!((link.sequence, head.sequence, head.hash, head.event_id), (1, 1, link.hash(), Some(event.id)));
        assert_eq!((head.first_sequence, head.first_at), (1, Some(event.timestamp)));
    }

    #[test]
    fn each_link_follows_the_one_before_and_never_its_time() {
        let at = Timestamp::from_millis;
        let mut head = Head::beginning(ACCOUNT.parse().unwrap(), at(0));
        let digest = EventDigest::of(&event()).unwrap();
        let (first, second) = (head.extend(&digest, at(2_000)), head.extend(&digest, at(1_000)));
        assert_eq!((second.sequence, second.previous), (2, first.hash()));
        assert_eq!(second.linked_at, at(2_000), "a clock that was set back");
        assert_eq!((head.first_sequence, head.updated_at), (1, at(2_000)));
    }

    #[test]
    fn the_content_covers_everything_but_where_the_request_came_from() {
        let mut contents = std::collections::BTreeSet::from([content(&event()).unwrap()]);
        let same = Event { context: ContextRecord { hash: [7; 32], sealed: None }, ..event() };
        assert!(!contents.insert(content(&same).unwrap()));
        for changed in [
            Event { id: "evt_0kfz3m8q1w5e9r2t6y4u7i3o6".parse().unwrap(), ..event() },
            Event { kind: catalogue::USER_UPDATED, ..event() },
            Event { source: "elsewhere".to_owned(), ..event() },
            Event { trigger: Trigger::Idp, ..event() },
            Event { trace: None, ..event() },
            Event { actor: Actor::System, ..event() },
            Event { subject: Subject::account(ACCOUNT.parse().unwrap()), ..event() },
            Event { timestamp: Timestamp::from_millis(1_781_222_400_124), ..event() },
            Event { data: serde_json::Map::new(), ..event() },
        ] {
            assert!(contents.insert(content(&changed).unwrap()), "{changed:?}");
        }
    }
}
