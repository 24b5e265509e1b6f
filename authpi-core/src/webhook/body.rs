//! The bytes that deliver an event: made once, and kept sealed, so that every attempt sends the same.

use crate::error::Refusal;
use crate::id::DeliveryId;
use crate::keyring::Keyring;
use crate::seal::Sealed;
use crate::web::services::Services;
use crate::webhook::model::{Delivery, KeptBody, body_seal};
use crate::webhook::request::RenderedEvent;

/// A body as it is kept with its delivery.
///
/// # Errors
/// [`Refusal::Internal`] when it cannot be sealed.
pub(crate) fn sealed_body(keyring: &Keyring, delivery: DeliveryId, body: &[u8]) -> Result<Sealed, Refusal> {
    keyring.seals.seal(&body_seal(delivery), body).map_err(Refusal::internal)
}

/// The body of a reserved delivery. One that was queued anew has none, gets it here, and keeps it before anybody sees it; one
/// that is final and was asked for once more keeps none. `None` when there is none and the event is no longer kept.
///
/// # Errors
/// [`Refusal::Stale`] when somebody else has the delivery by now; [`Refusal::Store`]; [`Refusal::Internal`] when a seal does
/// not open or the vault does not give a key.
pub(crate) async fn with_body(services: &Services, delivery: Delivery) -> Result<Option<(Delivery, Vec<u8>)>, Refusal> {
    let delivery = match delivery.body {
        KeptBody::InStore => kept(services, delivery).await?,
        KeptBody::None | KeptBody::Here(_) => delivery,
    };
    if let Some(body) = delivery.opened_body(&services.keyring)? {
        return Ok(Some((Delivery { body: delivery.body.to_wait(), ..delivery }, body)));
    }
    let event = services.store.reads().events().find(delivery.account_id, delivery.event_id).await?;
    let Some(event) = event else { return Ok(None) };
    let rendered = RenderedEvent::of(services, event).await?;
    let body = rendered.body(&services.options.webhook_source, delivery.webhook_id)?;
    if delivery.status.is_final() {
        return Ok(Some((delivery, body)));
    }
    let sealed = sealed_body(&services.keyring, delivery.id, &body)?;
    let mut unit = services.store.begin(services.now()).await?;
    unit.deliveries().keep_body(&delivery, &sealed).await?.required()?;
    unit.commit().await?;
    Ok(Some((Delivery { body: KeptBody::Here(sealed).to_wait(), ..delivery }, body)))
}

/// With the body that is kept of it.
async fn kept(services: &Services, delivery: Delivery) -> Result<Delivery, Refusal> {
    let Delivery { account_id, webhook_id, id, .. } = delivery;
    let found = services.store.reads().webhooks().delivery(account_id, webhook_id, id).await?;
    // Somebody else has it, or it is final.
    let found = found.filter(|found| found.updated_at == delivery.updated_at).ok_or(Refusal::Stale)?;
    Ok(Delivery { body: found.body, ..delivery })
}
