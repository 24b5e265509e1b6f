//! Endpoints of billing (core-api section 25). A deployment without billing answers reads with nothing, and writes
//! with 404.

mod ledger;
mod methods;
mod usage;
mod view;

use std::sync::Arc;

use crate::web::endpoint::Operation;

pub use view::PaymentMethodView;

/// Operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(ledger::Ledger),
        Operation::write(ledger::CreateTopUp),
        Operation::read(usage::Usage),
        Operation::read(usage::Estimate),
        Operation::read(usage::Invoices),
        Operation::write(methods::Add),
        Operation::write(methods::Update),
        Operation::write(methods::Remove),
        Operation::write(methods::SetUpCard),
    ]
}
