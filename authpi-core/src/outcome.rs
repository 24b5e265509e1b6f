//! What guarded writes report instead of a silent success.

/// A write that repeats the version it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a stale write has changed nothing"]
pub enum WriteOutcome {
    /// Exactly one row was changed.
    Done,
    /// The row is gone or has another version; nothing was changed.
    Stale,
}

impl WriteOutcome {
    /// By the number of rows that a guarded statement touched.
    pub const fn of_rows(rows: u64) -> Self {
        if rows == 1 { Self::Done } else { Self::Stale }
    }

    /// # Errors
    /// [`Refusal::Stale`](crate::error::Refusal::Stale), which makes the pipeline run the unit of work again.
    pub const fn required(self) -> Result<(), crate::error::Refusal> {
        match self {
            Self::Done => Ok(()),
            Self::Stale => Err(crate::error::Refusal::Stale),
        }
    }
}

/// An insert under a uniqueness rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a taken value has inserted nothing"]
pub enum InsertOutcome {
    /// The row is in.
    Inserted,
    /// The value that must be unique is taken; nothing was inserted.
    Taken,
}

/// What became of something that is good for once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "what was spent before is not accepted"]
pub enum SpendOutcome {
    /// This was the one time.
    Spent,
    /// There was another before; nothing was changed.
    SpentBefore,
}
