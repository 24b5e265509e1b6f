//! What can be done with webhooks and deliveries.

mod attempt;
mod body;
mod secrets;
mod webhooks;

pub use attempt::{Attempt, noted, recorded};
pub(crate) use body::{sealed_body, with_body};
pub use secrets::{NewSecrets, SecretsInUse, WantedAuth};
pub use webhooks::{NewWebhook, WebhookPatch, create, delete, update};
