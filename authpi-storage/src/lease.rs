//! Work that processes share by leases: the columns that all its tables have.

use authpi_core::lease::Lease;
use authpi_core::store::StoreError;
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, DbErr, EntityTrait};

use crate::convert::{Place, time};

/// The columns of a table that hold a lease.
pub(crate) struct LeaseColumns<C> {
    /// Attempts that failed.
    pub(crate) attempts: C,
    /// Leases since the last attempt that ended.
    pub(crate) taken: C,
    /// When it is tried next, or the lease ends.
    pub(crate) due_at: C,
}

impl<C: ColumnTrait> LeaseColumns<C> {
    /// `row` with this lease.
    pub(crate) fn written<A>(&self, lease: Lease, mut row: A) -> Result<A, DbErr>
    where
        A: ActiveModelTrait,
        A::Entity: EntityTrait<Column = C>,
    {
        row.try_set(self.attempts, i64::from(lease.attempts).into())?;
        row.try_set(self.taken, i64::from(lease.taken).into())?;
        row.try_set(self.due_at, lease.due_at.as_millis().into())?;
        Ok(row)
    }

    /// The row still has the lease that somebody read.
    pub(crate) fn still(&self, lease: Lease) -> Condition {
        Condition::all()
            .add(self.due_at.eq(lease.due_at.as_millis()))
            .add(self.attempts.eq(i64::from(lease.attempts)))
            .add(self.taken.eq(i64::from(lease.taken)))
    }
}

/// The lease of a row, from the three columns.
pub(crate) fn lease(place: Place, attempts: i64, taken: i64, due_at: i64) -> Result<Lease, StoreError> {
    Ok(Lease {
        attempts: place.count("attempts", attempts)?,
        taken: place.count("leases_taken", taken)?,
        due_at: time(due_at),
    })
}
