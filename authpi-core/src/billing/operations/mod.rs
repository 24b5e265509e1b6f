//! What can be done with credit, usage and payment methods.

mod credit;
mod metering;
mod methods;

pub use credit::{Overview, TopUp, ToppedUp, close, grant, overviews, post, refund, require_credit, settle, top_up};
pub use metering::meter;
pub use methods::{add_method, remove_method, switch_method};
