//! Payment methods. They are shown with the account, whose version moves with them.

use crate::billing::events;
use crate::billing::model::{MAX_METHODS, MethodKind, PaymentMethod, Period};
use crate::error::Refusal;
use crate::store::Change;

/// Adds a payment method.
///
/// # Errors
/// [`Refusal::Conflict`] when the account has as many as it may have.
pub async fn add_method(change: &mut Change<'_>, kind: MethodKind) -> Result<PaymentMethod, Refusal> {
    let (account, now) = (change.account(), change.now());
    // The limit holds under the lock of the ledger.
    change.unit().billing().lock(account, Period::of(now)).await?;
    if change.reads().billing().methods(&[account]).await?.len() >= MAX_METHODS {
        return Err(Refusal::conflict("The account has as many payment methods as it may have."));
    }
    let method = PaymentMethod {
        id: change.mint()?,
        account_id: account,
        kind,
        enabled: true,
        created_at: now,
        disabled_at: None,
        removed_at: None,
        updated_at: now,
    };
    change.unit().billing().insert_method(&method).await?;
    told(change).await?;
    Ok(method)
}

/// Puts a method in use or out of use; nothing happens when it is.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn switch_method(
    change: &mut Change<'_>,
    before: PaymentMethod,
    enabled: bool,
) -> Result<PaymentMethod, Refusal> {
    let after = before.clone().switched(enabled, change.now());
    if after == before {
        return Ok(before);
    }
    change.unit().billing().update_method(&after, before.updated_at).await?.required()?;
    told(change).await?;
    Ok(after)
}

/// Removes a method.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn remove_method(change: &mut Change<'_>, before: PaymentMethod) -> Result<(), Refusal> {
    let version = before.updated_at;
    let after = before.removed(change.now());
    change.unit().billing().update_method(&after, version).await?.required()?;
    told(change).await
}

async fn told(change: &mut Change<'_>) -> Result<(), Refusal> {
    let (account, now) = (change.account(), change.now());
    change.unit().accounts().follow(account.organization(), now).await?;
    change.emit(events::methods_updated(account))
}
