//! Webhooks and their deliveries.

mod delivery;
mod queue;
mod record;
mod removal;

pub use delivery::{
    a_delivery_comes_back_as_it_was_written, deliveries_are_listed_newest_first_and_filters_hold_together,
    failed_deliveries_are_queued_anew_newest_first_if_their_event_is_kept,
    of_parallel_deliveries_of_one_event_one_is_made,
};
pub use queue::{
    a_body_is_kept_from_the_first_attempt_on, a_webhook_is_looked_at_from_the_earliest_time_that_it_was_woken_for,
    an_event_is_enqueued_once_for_a_webhook, deliveries_are_written_together_and_each_only_from_its_version,
    of_parallel_workers_each_delivery_meets_one, the_webhooks_of_accounts_are_those_that_are_not_deleted,
    those_who_waited_longest_are_looked_at_first_and_busy_ones_not_at_all,
    what_is_due_brings_its_body_unless_that_is_large,
    what_is_enqueued_wakes_its_webhook_and_is_due_in_the_order_of_its_events,
    what_is_overdue_is_given_up_where_nobody_attempts_it, work_that_is_added_while_somebody_looks_is_seen_afterwards,
};
pub use record::{
    a_deleted_webhook_loses_its_secrets_and_is_listed_by_its_status_alone, a_stale_version_changes_nothing,
    another_account_sees_and_changes_nothing, every_field_comes_back_as_it_was_written,
    of_parallel_updates_of_one_version_one_wins, pages_neither_repeat_nor_skip_while_rows_come_and_go,
};
pub use removal::{
    previous_signing_secrets_are_erased_when_their_time_is_over, the_webhooks_of_a_closed_account_stop_and_are_removed,
    waiting_deliveries_are_hastened_and_those_of_a_deleted_webhook_cancelled,
    what_has_failed_since_its_webhook_was_activated_waits_for_its_time, what_was_kept_long_enough_goes_in_batches,
};

use super::{Ground, START, begin, later, mint};
use crate::event::catalogue;
use crate::id::AccountId;
use crate::metadata::Metadata;
use crate::seal::Sealed;
use crate::status::Status;
use crate::webhook::model::{
    AuthKind, Circuit, Delivery, SigningSecret, StoredSecret, Webhook, WebhookAuth, WebhookDetails, WebhookStatus,
};

pub(super) fn webhook(account: AccountId) -> Webhook {
    Webhook {
        id: mint(),
        account_id: account,
        status: Status::initial(WebhookStatus::Active),
        details: WebhookDetails {
            name: Some("example.com".to_owned()),
            url: "https://example.com/hook".to_owned(),
            ..WebhookDetails::default()
        },
        auth: WebhookAuth { kind: AuthKind::None, bearer: None, signing: None },
        circuit: Circuit::CLOSED,
        metadata: Metadata::default(),
        events_after: None,
        silent: None,
        created_at: START,
        updated_at: START,
    }
}

fn secret(byte: u8) -> StoredSecret {
    StoredSecret { sealed: Sealed::from_bytes(vec![byte; 120]), hint: "...xyz789".to_owned() }
}

fn with_secrets(account: AccountId) -> Webhook {
    let signing = SigningSecret { current: secret(2), previous: Some((Sealed::from_bytes(vec![3; 120]), later(60))) };
    let auth = WebhookAuth { kind: AuthKind::BearerSignature, bearer: Some(secret(1)), signing: Some(signing) };
    Webhook { auth, ..webhook(account) }
}

pub(super) async fn insert(ground: &Ground, webhook: &Webhook) {
    let mut unit = begin(ground, START).await;
    unit.webhooks().insert(webhook).await.unwrap();
    unit.commit().await.unwrap();
}

async fn find(ground: &Ground, webhook: &Webhook) -> Option<Webhook> {
    ground.store().reads().webhooks().find(webhook.account_id, webhook.id).await.unwrap()
}

/// All that is known of a webhook; sealed values compare by nothing else.
fn shown(webhook: Option<&Webhook>) -> Option<String> {
    let stored = |secret: &StoredSecret| (secret.sealed.as_bytes().to_vec(), secret.hint.clone());
    webhook.map(|webhook| {
        let signing = webhook.auth.signing.as_ref().map(|signing| {
            let previous = signing.previous.as_ref().map(|(sealed, until)| (sealed.as_bytes().to_vec(), *until));
            (stored(&signing.current), previous)
        });
        format!("{webhook:?} {:?} {signing:?}", webhook.auth.bearer.as_ref().map(stored))
    })
}

fn delivery(webhook: &Webhook) -> Delivery {
    Delivery::new((webhook.account_id, webhook.id), mint(), (mint(), catalogue::USER_CREATED), 10, START)
}

async fn insert_delivery(ground: &Ground, delivery: &Delivery) {
    let mut unit = begin(ground, START).await;
    unit.deliveries().enqueue(std::slice::from_ref(delivery)).await.unwrap();
    unit.commit().await.unwrap();
}

async fn find_delivery(ground: &Ground, delivery: &Delivery) -> Option<Delivery> {
    let (account, webhook, id) = (delivery.account_id, delivery.webhook_id, delivery.id);
    ground.store().reads().webhooks().delivery(account, webhook, id).await.unwrap()
}

fn told(delivery: Option<&Delivery>) -> Option<String> {
    let body = delivery.map(|delivery| delivery.body.sealed().map(|body| body.as_bytes().to_vec()));
    delivery.map(|delivery| format!("{delivery:?} {body:?}"))
}
