//! Pages of lists and the cursors between them (conventions §7).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::id::Id;
use crate::timestamp::Timestamp;

/// Items of a page when the caller does not say.
pub const DEFAULT_LIMIT: u32 = 50;

/// Items of a page at most.
pub const MAX_LIMIT: u32 = 100;

/// How many items a page may have: 1 to [`MAX_LIMIT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u32);

impl Limit {
    /// `None` outside the range.
    pub const fn new(items: u32) -> Option<Self> {
        if items >= 1 && items <= MAX_LIMIT { Some(Self(items)) } else { None }
    }

    /// The number of items.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(DEFAULT_LIMIT)
    }
}

/// Which part of a list is asked for. `K` is the sort key of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// How many items at most.
    pub limit: Limit,
    /// The sort key of the last item of the previous page; `None` starts at the front.
    pub after: Option<K>,
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Whether the list goes on behind them.
    pub has_more: bool,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { items: Vec::new(), has_more: false }
    }
}

impl<T> Page<T> {
    /// Makes a page of rows that were read with one more than the limit, which tells whether there are more.
    pub fn cut(mut rows: Vec<T>, limit: Limit) -> Self {
        let size = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let has_more = rows.len() > size;
        rows.truncate(size);
        Self { items: rows, has_more }
    }

    /// The same page with every item converted.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(convert).collect(), has_more: self.has_more }
    }
}

/// Rows that one page of a search without an index examines at most (conventions §7).
pub const EXAMINED_ROWS: usize = 2_000;

/// Part of a list that was searched without an index: it may be short, even empty, and the list still go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPage<T, K> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Where to go on: the sort key of the last row that was examined, shown or not.
    pub next: Option<K>,
}

impl<T, K> SearchPage<T, K> {
    /// Picks what matches from rows in the order of the list. They were read up to one more than [`EXAMINED_ROWS`],
    /// which tells whether there are more.
    pub fn pick(rows: Vec<T>, limit: Limit, key: impl Fn(&T) -> K, matches: impl Fn(&T) -> bool) -> Self {
        let size = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let last_examined = rows.get(EXAMINED_ROWS).and_then(|_| rows.get(EXAMINED_ROWS - 1)).map(&key);
        let mut items: Vec<_> = rows.into_iter().take(EXAMINED_ROWS).filter(matches).take(size + 1).collect();
        if items.len() <= size {
            return Self { items, next: last_examined };
        }
        items.truncate(size);
        let next = items.last().map(key);
        Self { items, next }
    }

    /// The same page with every item converted.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> SearchPage<U, K> {
        SearchPage { items: self.items.into_iter().map(convert).collect(), next: self.next }
    }
}

/// A sort key that travels as the opaque `cursor` of a list. It is not secret, not signed, and holds no rights.
pub trait CursorKey: Sized {
    /// The text of the cursor.
    fn encode(&self) -> String;

    /// The key; `None` if the text is not a cursor of this list.
    fn decode(cursor: &str) -> Option<Self>;
}

/// Lists that go by identifier, newest first: the cursor is the identifier itself, whether or not it still exists.
impl<I: Id> CursorKey for I {
    fn encode(&self) -> String {
        self.to_string()
    }

    fn decode(cursor: &str) -> Option<Self> {
        cursor.parse().ok()
    }
}

/// The sort key of lists that go by a time, and by identifier within one millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeAndId<I> {
    /// The time.
    pub at: Timestamp,
    /// What tells apart items of the same millisecond.
    pub id: I,
}

/// Base64url without padding of the milliseconds (8 bytes, big endian) and the UUID (16 bytes).
impl<I: Id> CursorKey for TimeAndId<I> {
    fn encode(&self) -> String {
        let millis = self.at.as_millis().to_be_bytes();
        URL_SAFE_NO_PAD.encode([millis.as_slice(), self.id.uuid().as_bytes()].concat())
    }

    fn decode(cursor: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (millis, uuid) = bytes.split_first_chunk()?;
        Some(Self {
            at: Timestamp::from_millis(i64::from_be_bytes(*millis)),
            id: I::from_uuid(Uuid::from_slice(uuid).ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a failing test panics")]

    use proptest::prelude::*;

    use super::*;
    use crate::id::{AgentId, EventId};

    #[test]
    fn limit_has_a_range_and_a_default() {
        let accepted = [0, 1, 100, 101].map(|items| Limit::new(items).map(Limit::get));
        assert_eq!(accepted, [None, Some(1), Some(100), None]);
        assert_eq!(Limit::default().get(), 50);
    }

    #[test]
    fn the_row_beyond_the_limit_only_tells_that_there_are_more() {
        let limit = Limit::new(2).unwrap();
        assert_eq!(Page::cut(vec![1, 2, 3], limit), Page { items: vec![1, 2], has_more: true });
        assert_eq!(Page::cut(vec![1, 2], limit), Page { items: vec![1, 2], has_more: false });
        assert_eq!(Page::cut(vec![1, 2, 3], limit).map(|item| item * 2), Page { items: vec![2, 4], has_more: true });
    }

    #[test]
    fn a_search_goes_on_behind_the_last_row_it_examined() {
        let pick = |rows: usize, limit: u32, matches: fn(&usize) -> bool| {
            let page = SearchPage::pick((0..rows).collect(), Limit::new(limit).unwrap(), |row| *row, matches);
            (page.items, page.next)
        };
        assert_eq!(pick(3, 2, |_| true), (vec![0, 1], Some(1)));
        assert_eq!(pick(3, 2, |row| *row != 1), (vec![0, 2], None));
        assert_eq!(pick(2001, 2, |row| *row == 2000), (vec![], Some(1999)));
        assert_eq!(pick(2001, 2, |row| *row >= 1999), (vec![1999], Some(1999)));
        assert_eq!(pick(2000, 2, |_| false), (vec![], None));
        assert_eq!(pick(0, 2, |_| true), (vec![], None));
    }

    #[test]
    fn foreign_cursors_are_refused() {
        let cursor = TimeAndId { at: Timestamp::from_millis(1), id: EventId::from_uuid(Uuid::nil()) }.encode();
        assert_eq!(cursor.len(), 32);
        for text in ["", "AAAA", &cursor[1..], &format!("{cursor}AAAA"), &cursor.replace('A', "="), "pinned:1"] {
            assert_eq!(TimeAndId::<EventId>::decode(text), None, "{text}");
        }
        assert_eq!(EventId::decode(&cursor), None);
        assert_eq!(EventId::decode(&AgentId::from_uuid(Uuid::nil()).encode()), None);
    }

    proptest! {
        #[test]
        fn cursors_survive_the_round_trip(millis: i64, value: u128) {
            let id = AgentId::from_uuid(Uuid::from_u128(value));
            let key = TimeAndId { at: Timestamp::from_millis(millis), id };
            prop_assert_eq!(TimeAndId::decode(&key.encode()), Some(key));
            prop_assert_eq!(AgentId::decode(&id.encode()), Some(id));
        }

        #[test]
        fn any_text_decodes_or_is_refused(text: String) {
            if let Some(key) = TimeAndId::<EventId>::decode(&text) {
                prop_assert_eq!(key.encode(), text);
            }
        }
    }
}
