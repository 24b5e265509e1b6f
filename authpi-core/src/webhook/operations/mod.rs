//! What can be done with webhooks and deliveries.

mod attempt;
mod secrets;
mod webhooks;

pub use attempt::{Attempt, given_up, noted, recorded};
pub use secrets::{NewSecrets, SecretsInUse, WantedAuth};
pub use webhooks::{NewWebhook, WebhookPatch, create, delete, update};
