//! Mentions and references in the content of a note (core-api section 11):
//!
//! - a mention is `@[Display Name](usr_…)`; the name has 1 to 200 characters, no bracket and no line break;
//! - a reference is `[[type:id]]` or `[[type:id|Text]]`, the text likewise.
//!
//! Everything else is plain text. Reading goes once from the front to the back: what begins inside a link is part of it.

use super::subject::NoteTarget;
use crate::id::UserId;

/// Mentions that count in one note, and references: further ones are plain text.
pub const LINK_LIMIT: usize = 50;

/// The longest display name or text of a link, in characters.
const LABEL_CHARS: usize = 200;

/// What a content names, whether or not it is there: each once, in the order of the content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Users.
    pub mentions: Vec<UserId>,
    /// Things.
    pub references: Vec<NoteTarget>,
}

impl Links {
    /// Reads a content.
    pub fn of(content: &str) -> Self {
        let mut links = Self::default();
        let mut rest = content;
        while let Some(start) = rest.find(['@', '[']) {
            let (_, candidate) = rest.split_at(start);
            rest = if let Some((user, behind)) = mention(candidate) {
                add(&mut links.mentions, user);
                behind
            } else if let Some((target, behind)) = reference(candidate) {
                add(&mut links.references, target);
                behind
            } else {
                // Both characters take one byte.
                candidate.get(1..).unwrap_or_default()
            };
        }
        links
    }
}

fn add<T: PartialEq>(found: &mut Vec<T>, one: T) {
    if found.len() < LINK_LIMIT && !found.contains(&one) {
        found.push(one);
    }
}

/// The mention that a text begins with, and what follows it.
fn mention(text: &str) -> Option<(UserId, &str)> {
    let (_, rest) = label(text.strip_prefix("@[")?)?;
    let (id, rest) = rest.strip_prefix("](")?.split_once(')')?;
    Some((id.parse().ok()?, rest))
}

/// The reference that a text begins with, and what follows it.
fn reference(text: &str) -> Option<(NoteTarget, &str)> {
    let inside = text.strip_prefix("[[")?;
    let word = inside.bytes().take_while(|byte| byte.is_ascii_lowercase() || *byte == b'_').count();
    let (kind, rest) = inside.split_at_checked(word)?;
    let rest = rest.strip_prefix(':')?;
    let digits = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let (id, rest) = rest.split_at_checked(digits)?;
    let target = NoteTarget::parse(kind.parse().ok()?, id)?;
    let rest = match rest.strip_prefix('|') {
        Some(labelled) => label(labelled)?.1,
        None => rest,
    };
    Some((target, rest.strip_prefix("]]")?))
}

/// The name or text that a text begins with, and what follows it; it ends before the first character that cannot be in
/// it. Looks at a bounded stretch, so that reading a content takes time in proportion to its length.
fn label(text: &str) -> Option<(&str, &str)> {
    let mut characters = text.char_indices().take(LABEL_CHARS + 1);
    let (end, _) = characters.find(|(_, character)| matches!(character, '[' | ']' | '\n' | '\r'))?;
    if end == 0 { None } else { text.split_at_checked(end) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::id::{ApiKeyId, Id, IssuerId, OrganizationId};
    use crate::note::model::NoteRefType;

    fn user(number: u128) -> UserId {
        Id::from_uuid(Uuid::from_u128(number))
    }

    fn organization(number: u128) -> NoteTarget {
        NoteTarget::Org(OrganizationId::from_uuid(Uuid::from_u128(number)))
    }

    fn found(content: &str) -> (Vec<UserId>, Vec<NoteTarget>) {
        let links = Links::of(content);
        (links.mentions, links.references)
    }

    #[test]
    fn links_are_found_in_order_and_each_once() {
        let (ann, bob, org) = (user(1), user(2), organization(3));
        let text = format!(
            "@[Ann B.]({ann}) asked @[Bób]({bob}), see [[org:{}]] and [[org:{}|the *org*]]; @[Ann]({ann})@[x]({ann})",
            org.id(),
            org.id()
        );
        assert_eq!(found(&text), (vec![ann, bob], vec![org]));
    }

    #[test]
    fn every_kind_can_be_referred_to() {
        let key: ApiKeyId = Id::from_uuid(Uuid::from_u128(7));
        let issuer: IssuerId = Id::from_uuid(Uuid::from_u128(7));
        for (text, kind) in [
            (format!("[[user:{}]]", user(7)), NoteRefType::User),
            (format!("[[issuer:{issuer}]]"), NoteRefType::Issuer),
            (format!("[[client:{}]]", crate::id::ClientId::from_uuid(Uuid::nil())), NoteRefType::Client),
            (format!("[[webhook:{}]]", crate::id::WebhookId::from_uuid(Uuid::nil())), NoteRefType::Webhook),
            (format!("[[api_key:{key}|Key]]"), NoteRefType::ApiKey),
        ] {
            let kinds: Vec<_> = Links::of(&text).references.into_iter().map(NoteTarget::kind).collect();
            assert_eq!(kinds, [kind], "{text}");
        }
    }

    #[test]
    fn what_is_not_exactly_a_link_is_plain_text() {
        let ann = user(1);
        let org = organization(3).id();
        for text in [
            format!("@[]({ann})"),
            format!("@[Ann] ({ann})"),
            format!("@[Ann]({ann} )"),
            format!("@[Ann\n]({ann})"),
            format!("@[Ann]({ann}"),
            format!("[Ann]({ann})"),
            format!("@[{}]({ann})", "x".repeat(201)),
            "@[Ann](usr_nobody)".to_owned(),
            format!("[[org:{org}]"),
            format!("[[org: {org}]]"),
            format!("[[org:{org}|]]"),
            format!("[[org:{org}|a]b]]"),
            format!("[[user:{org}]]"),
            format!("[[group:{org}]]"),
            format!("[[Org:{org}]]"),
            "[[org:]]".to_owned(),
        ] {
            assert_eq!(found(&text), (vec![], vec![]), "{text}");
        }
        assert_eq!(found(&format!("@[{}]({ann})", "ä".repeat(200))).0, [ann]);
        assert_eq!(found(&format!("@[[[org:{org}]]")).1, [organization(3)], "a false start hides nothing");
        assert_eq!(found(&format!("@[@[Ann]({ann})")).0, [ann]);
    }

    #[test]
    fn the_fifty_first_link_is_plain_text() {
        let link = |number| format!("@[x]({}) [[org:{}]]", user(number), organization(number).id());
        let text = (0..60).map(link).collect::<Vec<_>>().concat();
        let links = Links::of(&text);
        assert_eq!((links.mentions.len(), links.references.len()), (LINK_LIMIT, LINK_LIMIT));
        assert_eq!(links.mentions.last(), Some(&user(49)));
    }

    proptest! {
        #[test]
        fn any_text_can_be_read(text: String) {
            let links = Links::of(&text);
            prop_assert!(links.mentions.len() <= LINK_LIMIT && links.references.len() <= LINK_LIMIT);
        }

        #[test]
        fn brackets_and_signs_of_any_kind_can_be_read(text in "[@\\[\\]():|a\n]{0,400}") {
            prop_assert_eq!(Links::of(&text), Links::default());
        }

        #[test]
        fn a_link_is_found_wherever_it_stands(
            before in "[^@\\[]{0,30}",
            name in "[^\\[\\]\r\n]{1,50}",
            between in "[^@\\[]{0,30}",
            behind: String,
            number: u128,
        ) {
            let (user, target) = (user(number), organization(number));
            let text = format!("{before}@[{name}]({user}){between}[[org:{}|{name}]]{behind}", target.id());
            let links = Links::of(&text);
            prop_assert_eq!(links.mentions.first(), Some(&user));
            prop_assert_eq!(links.references.first(), Some(&target));
        }
    }
}
