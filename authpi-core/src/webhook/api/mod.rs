//! Endpoints of webhooks and deliveries (core-api section 10).

mod body;
mod deliveries;
mod view;
mod webhooks;

use std::sync::Arc;

pub(crate) use self::deliveries::redeliveries;
use crate::web::endpoint::Operation;

const ALL: &str = "/v1/accounts/{account_id}/webhooks";
const ONE: &str = "/v1/accounts/{account_id}/webhooks/{webhook_id}";
const DELIVERIES: &str = "/v1/accounts/{account_id}/webhooks/{webhook_id}/deliveries";
const DELIVERY: &str = "/v1/accounts/{account_id}/webhooks/{webhook_id}/deliveries/{delivery_id}";
const REDELIVER: &str = "/v1/accounts/{account_id}/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver";
const REDELIVER_FAILED: &str = "/v1/accounts/{account_id}/webhooks/{webhook_id}/redeliver";
const READ: &str = "webhooks:read";
const WRITE: &str = "webhooks:write";

/// The operations of this room.
pub fn routes() -> Vec<Arc<Operation>> {
    vec![
        Operation::read(webhooks::List),
        Operation::write(webhooks::Create),
        Operation::read(webhooks::Get),
        Operation::write(webhooks::Update),
        Operation::write(webhooks::Delete),
        Operation::read(deliveries::List),
        Operation::read(deliveries::Get),
        Operation::write(deliveries::Redeliver),
        Operation::write(deliveries::RedeliverFailed),
    ]
}
