//! Webhooks and their deliveries.

use sea_orm::DbBackend;

use super::m0001_first::Tables;
use super::tables::{
    bytes_null, flag, id, id_null, index, index_of_those_with, json, large_bytes_null, number, number_null, status,
    table, text_null, unique, word,
};

const WEBHOOK: &str = "authpi_webhook";
const DELIVERY: &str = "authpi_webhook_delivery";

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut webhook = table(backend, WEBHOOK);
    status(webhook.col(id("id").primary_key()).col(id("account_id")))
        .col(flag("deleted"))
        .col(number_null("deleted_at"))
        .col(flag("draining"))
        .col(word("auth_kind"))
        .col(bytes_null("bearer_sealed"))
        .col(text_null("bearer_hint", 16))
        .col(bytes_null("signing_sealed"))
        .col(text_null("signing_hint", 16))
        .col(bytes_null("previous_signing_sealed"))
        .col(number_null("previous_signing_until"))
        .col(json("details"))
        .col(number("failures"))
        .col(number_null("open_since"))
        .col(number_null("probe_at"))
        .col(number("probes"))
        .col(number_null("wake_at"))
        .col(number_null("hastened_at"))
        .col(json("metadata"))
        .col(id_null("events_after"))
        .col(number_null("silent_from"))
        .col(number_null("silent_until"))
        .col(number("created_at"))
        .col(number("updated_at"));

    let mut delivery = table(backend, DELIVERY);
    delivery
        .col(id("id").primary_key())
        .col(id("account_id"))
        .col(id("webhook_id"))
        .col(id("event_id"))
        .col(word("event_type"))
        .col(word("status"))
        .col(number("attempt_count"))
        .col(number("attempt_budget"))
        .col(number_null("first_attempted_at"))
        .col(number_null("last_attempted_at"))
        .col(number_null("next_attempt_at"))
        .col(text_null("last_error", 64))
        .col(number_null("last_response_status"))
        .col(number_null("leased_until"))
        .col(number("lost_leases"))
        .col(number_null("due_at"))
        .col(large_bytes_null(backend, "body"))
        .col(number("enqueued_at"))
        .col(number("created_at"))
        .col(number("updated_at"));

    let indices = vec![
        index("authpi_webhook_by_account", WEBHOOK, &["account_id", "deleted", "id"]),
        index("authpi_webhook_deleted", WEBHOOK, &["deleted_at"]),
        index("authpi_webhook_draining", WEBHOOK, &["draining"]),
        index("authpi_webhook_hastened", WEBHOOK, &["hastened_at"]),
        index("authpi_webhook_previous_secret", WEBHOOK, &["previous_signing_until"]),
        index("authpi_webhook_awake", WEBHOOK, &["wake_at"]),
        index("authpi_webhook_by_status", WEBHOOK, &["status", "deleted"]),
        unique("authpi_webhook_delivery_event", DELIVERY, &["webhook_id", "event_id"]),
        index("authpi_webhook_delivery_by_time", DELIVERY, &["webhook_id", "created_at", "id"]),
        index("authpi_webhook_delivery_by_status", DELIVERY, &["webhook_id", "status", "created_at", "id"]),
        index("authpi_webhook_delivery_by_type", DELIVERY, &["webhook_id", "event_type", "created_at", "id"]),
        index_of_those_with(
            backend,
            "due_at",
            index("authpi_webhook_delivery_due", DELIVERY, &["webhook_id", "due_at", "event_id"]),
        ),
        index("authpi_webhook_delivery_by_age", DELIVERY, &["created_at"]),
    ];
    (vec![webhook, delivery], indices)
}
