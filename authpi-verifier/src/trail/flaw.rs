//! Where a trail is not what it should be.

/// Why a trail is not whole, or cannot be told to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// Neither an event, nor what is kept of one, nor a trailer.
    #[error("this is no line of an export")]
    Malformed,
    /// A known head that is none: `sequence:hex` is wanted.
    #[error("a head is a number, a colon and 64 hexadecimal digits")]
    Head,
    /// A line is missing, comes again, or stands elsewhere.
    #[error("number {expected} should come here, and {found} does")]
    Order {
        /// The number that follows.
        expected: u64,
        /// The number that is there.
        found: u64,
    },
    /// An event, its hash or its place was changed: what follows was made after something else.
    #[error("number {sequence} is not what it was when the next one was made")]
    Link {
        /// Number of the event.
        sequence: u64,
    },
    /// Address, user agent or country were changed, or put where there were none.
    #[error("the context of number {sequence} is not what it was")]
    Context {
        /// Number of the event.
        sequence: u64,
    },
    /// Events of different accounts.
    #[error("this is an event of another account")]
    Account,
    /// The chain does not begin with the account that its events are of.
    #[error("the chain does not begin with this account")]
    Root,
    /// A link that is known from elsewhere is another one here.
    #[error("number {sequence} is known to be another one")]
    Known {
        /// Number of the link.
        sequence: u64,
    },
    /// The trail ends before a link that is known.
    #[error("the trail ends at number {last}, and number {sequence} is known")]
    CutOff {
        /// Number of the known link.
        sequence: u64,
        /// Where the trail ends.
        last: u64,
    },
    /// Two links are known of one number: the chain was made anew between them, unless one is of another chain.
    #[error("number {sequence} is known twice, as different ones")]
    KnownTwice {
        /// Their number.
        sequence: u64,
    },
    /// A link that is known cannot be looked at: the trail begins behind it, or holds no event that says where it begins.
    #[error("number {sequence} is known, and nothing that is here shows whether it is that one")]
    NotHeld {
        /// Number of the known link.
        sequence: u64,
    },
    /// The trailer counts other events than there are.
    #[error("the trailer counts {stated} events, and there are {found}")]
    Count {
        /// What the trailer says.
        stated: u64,
        /// What is there.
        found: u64,
    },
    /// The trailer names another last event.
    #[error("the trailer names another last event")]
    LastId,
    /// Something follows the last line of an answer.
    #[error("something follows the trailer")]
    AfterTrailer,
    /// The trailer names a link that comes before the last event, or is not the one that the answer goes on behind.
    #[error("the trailer names another last link")]
    LastLink,
    /// An event of a filtered export that the full one does not reach to.
    #[error("the full export does not reach to number {sequence}")]
    NotCovered {
        /// Number of the event.
        sequence: u64,
    },
    /// A filtered export ends with a link that the full one does not hold, which may be older.
    #[error("the full export does not hold the link that this one ends with")]
    EndNotCovered,
}

impl Flaw {
    /// Whether something is not what it was, or is no export. Otherwise nothing is known to be wrong, and more is needed to
    /// tell: an earlier part, a newer full export, a head that can be read.
    pub const fn is_tampering(&self) -> bool {
        !matches!(self, Self::Head | Self::NotHeld { .. } | Self::NotCovered { .. } | Self::EndNotCovered)
    }
}
