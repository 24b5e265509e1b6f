//! Making, changing and deleting webhooks.

use serde_json::{Map, Value};

use super::secrets::{NewSecrets, WantedAuth, renewed};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::event::repository::Consumer;
use crate::merge::{changed_fields, merged};
use crate::metadata::Metadata;
use crate::status::{Status, StatusNote};
use crate::store::Change;
use crate::webhook::events;
use crate::webhook::model::{
    AuthKind, Circuit, PauseCause, ResumeCause, Switch, UrlRule, Webhook, WebhookAuth, WebhookDetails, WebhookStatus,
};

/// Waiting deliveries that become due when somebody activates a webhook; further ones wait for their time.
const HASTENED: u32 = 1_000;

/// Waiting events that are looked at for those which are no concern of a new webhook; none behind them is.
const SEEN: u32 = 10_000;

/// A new webhook.
pub struct NewWebhook {
    /// What it is.
    pub details: WebhookDetails,
    /// Begins disabled.
    pub disabled: bool,
    /// How the receiver knows us.
    pub auth: AuthKind,
    /// Seen by administrators only.
    pub metadata: Metadata,
    /// Most webhooks of the account.
    pub limit: u32,
}

/// What a PATCH asks for.
#[derive(Default)]
pub struct WebhookPatch {
    /// Members of [`WebhookDetails`] to merge.
    pub details: Map<String, Value>,
    /// Metadata to merge; `None` leaves it.
    pub metadata: Option<Value>,
    /// The status wanted, and what the caller says about it.
    pub status: Option<(WebhookStatus, StatusNote)>,
    /// How the receiver is to know us.
    pub auth: WantedAuth,
}

/// Makes a webhook. Its secrets are told this once.
///
/// # Errors
/// [`Refusal::Fields`] for attributes that do not fit together or a URL that must not be called;
/// [`Refusal::Conflict`] when the account has as many as it may have.
pub async fn create(
    change: &mut Change<'_>,
    new: NewWebhook,
    rule: UrlRule<'_>,
) -> Result<(Webhook, NewSecrets), Refusal> {
    let mut errors = FieldErrors::new();
    new.details.check(None, rule, &mut errors);
    errors.into_result()?;
    let account = change.account();
    // The limit holds over all webhooks of the account: its organization is the row that is locked for such rules.
    let platform = change.reads().instance().platform().await?.ok_or(Refusal::NotFound)?;
    change.unit().organizations().lock(platform.issuer_id, account.organization()).await?;
    if change.reads().webhooks().count(account).await? >= u64::from(new.limit) {
        return Err(Refusal::conflict(format!("An account has at most {} webhooks.", new.limit)));
    }
    let id = change.mint()?;
    let none = WebhookAuth { kind: AuthKind::None, bearer: None, signing: None };
    let wanted = WantedAuth { kind: Some(new.auth), regenerate: false };
    let (auth, secrets) = renewed(change, id, none, wanted)?;
    let waiting = change.unit().events().newest_waiting(Consumer::Webhooks, account, SEEN).await?;
    let status = if new.disabled { WebhookStatus::Disabled } else { WebhookStatus::Active };
    let webhook = Webhook {
        id,
        account_id: account,
        status: Status::initial(status),
        details: new.details.completed(),
        auth,
        circuit: Circuit::CLOSED,
        metadata: new.metadata,
        events_after: Webhook::begins_after(id, waiting),
        silent: None,
        created_at: change.now(),
        updated_at: change.now(),
    };
    change.unit().webhooks().insert(&webhook).await?;
    change.emit(events::created(&webhook))?;
    Ok((webhook, secrets))
}

/// Merges a patch into a webhook. Secrets that it makes are told this once. A patch that changes nothing leaves version
/// and events alone.
///
/// # Errors
/// [`Refusal::Fields`] when the merged whole is not valid; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn update(
    change: &mut Change<'_>,
    before: Webhook,
    patch: WebhookPatch,
    rule: UrlRule<'_>,
) -> Result<(Webhook, NewSecrets), Refusal> {
    let mut errors = FieldErrors::new();
    let details: WebhookDetails = merged(&before.details, &patch.details)?;
    details.check(Some(&before.details.url), rule, &mut errors);
    let wants_failing = patch.status.as_ref().is_some_and(|(status, _)| *status == WebhookStatus::Failing);
    if wants_failing && before.status.value != WebhookStatus::Failing {
        errors.add("status", FieldCode::NotAllowed, "is set by the server only");
    }
    errors.into_result()?;
    let details = details.completed();
    let mut changes = changed_fields(&before.details, &details)?;
    let metadata = before.metadata.patched(patch.metadata.as_ref())?;
    if metadata != before.metadata {
        changes.push("metadata".to_owned());
    }
    let (auth, secrets) = renewed(change, before.id, before.auth.clone(), patch.auth)?;
    if auth.kind != before.auth.kind || !secrets.is_empty() {
        changes.push("auth".to_owned());
    }
    let was = before.status.value;
    let mut after = Webhook { details, auth, metadata, ..before.clone() };
    after = match patch.status {
        Some((WebhookStatus::Active, note)) => after.activated(change.now(), note),
        Some((WebhookStatus::Disabled, note)) => after.disabled(change.now(), note),
        // Without a circuit breaker no circuit is open; who was disabled stays that.
        _ if was == WebhookStatus::Failing && !after.details.circuit_breaker.enabled => {
            after.activated(change.now(), StatusNote::default())
        }
        Some((WebhookStatus::Failing, _)) | None => after,
    };
    if changes.is_empty() && after.status.value == was {
        return Ok((before, NewSecrets::default()));
    }
    after.updated_at = before.updated_at.next_version(change.now());
    change.unit().webhooks().update(&after, before.updated_at).await?.required()?;
    if !changes.is_empty() {
        change.emit(events::updated(&after, changes))?;
    }
    switched(change, &after, was).await?;
    Ok((after, secrets))
}

/// What follows when somebody has changed the status.
async fn switched(change: &mut Change<'_>, after: &Webhook, was: WebhookStatus) -> Result<(), Refusal> {
    match (was, after.status.value) {
        (WebhookStatus::Active | WebhookStatus::Failing, WebhookStatus::Disabled) => {
            change.emit(events::switched(after, Switch::Paused(PauseCause::Manual)))
        }
        (WebhookStatus::Disabled | WebhookStatus::Failing, WebhookStatus::Active) => {
            change.unit().webhooks().set_circuit(after).await?.required()?;
            change.unit().webhooks().hasten(after.account_id, after.id, HASTENED).await?;
            change.emit(events::switched(after, Switch::Resumed(ResumeCause::Manual)))
        }
        _ => Ok(()),
    }
}

/// Deletes a webhook: its secrets are erased at once, its deliveries cancelled by a worker.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn delete(change: &mut Change<'_>, webhook: &Webhook) -> Result<(), Refusal> {
    let (account, id) = (webhook.account_id, webhook.id);
    change.unit().webhooks().delete(account, id, webhook.updated_at).await?.required()?;
    change.emit(events::deleted(webhook))
}
