//! What is counted, what it costs, and what it is paid with.

mod ledger;
mod payment_method;
mod period;
mod rates;
mod usage;

pub use ledger::{CreditState, EntryDetails, EntryType, LedgerEntry, LedgerPosition};
pub use payment_method::{BillingMode, MAX_METHODS, MethodKind, PaymentMethod};
pub use period::Period;
pub use rates::{BillingConfig, Dimension, Rates};
pub use usage::{ActiveUser, Metered, Statement, StatementStatus, UsageLine};
