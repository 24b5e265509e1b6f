//! Between rows and webhooks or deliveries.

use authpi_core::event::catalogue::EventType;
use authpi_core::id::Id;
use authpi_core::seal::Sealed;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use authpi_core::webhook::model::{
    Circuit, Delivery, KeptBody, OpenCircuit, SigningSecret, StoredSecret, Webhook, WebhookAuth,
};
use authpi_core::webhook::repository::WebhooksFound;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait};
use sea_orm::{Condition, Iterable, QuerySelect, Select};

use crate::convert::{Place, id, millis, status, time, to_json, to_word};
use crate::entity::webhook_delivery::{Column, Entity};
use crate::entity::{webhook, webhook_delivery};

const WRITE: &str = "webhook.write";

pub(super) fn webhook(row: webhook::Model) -> Result<Webhook, StoreError> {
    let place = Place { table: "authpi_webhook", id: row.id };
    let value = place.word("status", &row.status)?;
    let circuit = circuit(place, &row)?;
    Ok(Webhook {
        id: id(row.id),
        account_id: id(row.account_id),
        status: status(value, row.status_at, row.status_reason, row.status_by),
        details: place.json("details", row.details)?,
        auth: WebhookAuth {
            kind: place.word("auth_kind", &row.auth_kind)?,
            bearer: stored(place, "bearer_hint", row.bearer_sealed, row.bearer_hint)?,
            signing: stored(place, "signing_hint", row.signing_sealed, row.signing_hint)?.map(|current| {
                let previous = row.previous_signing_sealed.zip(row.previous_signing_until);
                let previous = previous.map(|(sealed, until)| (Sealed::from_bytes(sealed), time(until)));
                SigningSecret { current, previous }
            }),
        },
        circuit,
        metadata: place.json("metadata", row.metadata)?,
        events_after: row.events_after.map(id),
        silent: row.silent_from.map(time).zip(row.silent_until.map(time)),
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

/// Webhooks of several accounts, and who has one that cannot be read.
pub(super) fn found(rows: Vec<webhook::Model>) -> WebhooksFound {
    let mut found = WebhooksFound::default();
    for row in rows {
        let account = id(row.account_id);
        match webhook(row) {
            Ok(webhook) => found.webhooks.push(webhook),
            Err(error) => {
                tracing::error!(%error, "a webhook cannot be read");
                found.unreadable.insert(account);
            }
        }
    }
    found
}

fn stored(
    place: Place,
    column: &'static str,
    sealed: Option<Vec<u8>>,
    hint: Option<String>,
) -> Result<Option<StoredSecret>, StoreError> {
    match (sealed, hint) {
        (None, None) => Ok(None),
        (Some(sealed), Some(hint)) => Ok(Some(StoredSecret { sealed: Sealed::from_bytes(sealed), hint })),
        _ => Err(place.corrupt(column)),
    }
}

fn circuit(place: Place, row: &webhook::Model) -> Result<Circuit, StoreError> {
    let open = match (row.open_since, row.probe_at) {
        (Some(since), Some(probe_at)) => {
            let probes = place.count("probes", row.probes)?;
            Some(OpenCircuit { since: time(since), probe_at: time(probe_at), probes })
        }
        _ => None,
    };
    Ok(Circuit { failures: place.count("failures", row.failures)?, open })
}

/// The columns that a change writes.
pub(super) fn written(webhook: &Webhook) -> Result<webhook::ActiveModel, StoreError> {
    let (status, auth) = (&webhook.status, &webhook.auth);
    let bearer = auth.bearer.as_ref();
    let signing = auth.signing.as_ref();
    let previous = signing.and_then(|known| known.previous.as_ref());
    let bytes = |sealed: &Sealed| sealed.as_bytes().to_vec();
    Ok(webhook::ActiveModel {
        status: Set(to_word(WRITE, &status.value)?),
        status_at: Set(millis(status.at)),
        status_reason: Set(status.reason.clone()),
        status_by: Set(status.by.clone()),
        auth_kind: Set(to_word(WRITE, &auth.kind)?),
        bearer_sealed: Set(bearer.map(|stored| bytes(&stored.sealed))),
        bearer_hint: Set(bearer.map(|stored| stored.hint.clone())),
        signing_sealed: Set(signing.map(|known| bytes(&known.current.sealed))),
        signing_hint: Set(signing.map(|known| known.current.hint.clone())),
        previous_signing_sealed: Set(previous.map(|(sealed, _)| bytes(sealed))),
        previous_signing_until: Set(previous.map(|(_, until)| until.as_millis())),
        silent_from: Set(webhook.silent.map(|(from, _)| from.as_millis())),
        silent_until: Set(webhook.silent.map(|(_, until)| until.as_millis())),
        details: Set(to_json(WRITE, &webhook.details)?),
        metadata: Set(to_json(WRITE, &webhook.metadata)?),
        updated_at: Set(webhook.updated_at.as_millis()),
        ..Default::default()
    })
}

/// The columns of the circuit.
pub(super) fn circuit_of(webhook: &Webhook) -> webhook::ActiveModel {
    let open = webhook.circuit.open;
    webhook::ActiveModel {
        failures: Set(webhook.circuit.failures.into()),
        open_since: Set(open.map(|open| open.since.as_millis())),
        probe_at: Set(open.map(|open| open.probe_at.as_millis())),
        probes: Set(open.map_or(0, |open| open.probes.into())),
        ..Default::default()
    }
}

pub(super) fn delivery(row: webhook_delivery::Model) -> Result<Delivery, StoreError> {
    let place = Place { table: "authpi_webhook_delivery", id: row.id };
    let answered = row.last_response_status.map(u16::try_from).transpose();
    Ok(Delivery {
        id: id(row.id),
        account_id: id(row.account_id),
        webhook_id: id(row.webhook_id),
        event_id: id(row.event_id),
        event_type: EventType::parse(&row.event_type).ok_or_else(|| place.corrupt("event_type"))?,
        status: place.word("status", &row.status)?,
        attempt_count: place.count("attempt_count", row.attempt_count)?,
        attempt_budget: place.count("attempt_budget", row.attempt_budget)?,
        first_attempted_at: row.first_attempted_at.map(time),
        last_attempted_at: row.last_attempted_at.map(time),
        next_attempt_at: row.next_attempt_at.map(time),
        last_error: row.last_error,
        last_response_status: answered.map_err(|_| place.corrupt("last_response_status"))?,
        leased_until: row.leased_until.map(time),
        lost_leases: place.count("lost_leases", row.lost_leases)?,
        body: row.body.map_or(KeptBody::None, body),
        enqueued_at: time(row.enqueued_at),
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

/// No sealed body is empty: [`read_if`] leaves nothing of those that are not read.
fn body(bytes: Vec<u8>) -> KeptBody {
    if bytes.is_empty() { KeptBody::InStore } else { KeptBody::Here(Sealed::from_bytes(bytes)) }
}

/// Deliveries with the bodies that meet a condition.
pub(super) fn read_if(query: Select<Entity>, condition: impl Into<Condition>) -> Select<Entity> {
    let body = Expr::col(Column::Body);
    let body = CaseStatement::new()
        .case(body.clone().is_null(), body.clone())
        .case(condition.into(), body)
        .finally(Vec::<u8>::new());
    let columns = Column::iter().filter(|column| !matches!(column, Column::Body));
    query.select_only().columns(columns).expr_as(body, "body")
}

/// The columns that an attempt writes.
pub(super) fn progress(delivery: &Delivery) -> webhook_delivery::ActiveModel {
    webhook_delivery::ActiveModel {
        status: Set(delivery.status.as_str().to_owned()),
        attempt_count: Set(delivery.attempt_count.into()),
        attempt_budget: Set(delivery.attempt_budget.into()),
        first_attempted_at: Set(millis(delivery.first_attempted_at)),
        last_attempted_at: Set(millis(delivery.last_attempted_at)),
        next_attempt_at: Set(millis(delivery.next_attempt_at)),
        last_error: Set(delivery.last_error.clone()),
        last_response_status: Set(delivery.last_response_status.map(i64::from)),
        leased_until: Set(millis(delivery.leased_until)),
        lost_leases: Set(delivery.lost_leases.into()),
        due_at: Set(millis(delivery.due_at())),
        // Written with the row, or by a verb of its own; an attempt can only drop it.
        body: if delivery.body.is_none() { Set(None) } else { NotSet },
        enqueued_at: Set(delivery.enqueued_at.as_millis()),
        updated_at: Set(delivery.updated_at.as_millis()),
        ..Default::default()
    }
}

/// A whole row.
pub(super) fn new_delivery(delivery: &Delivery) -> webhook_delivery::ActiveModel {
    webhook_delivery::ActiveModel {
        id: Set(delivery.id.uuid()),
        account_id: Set(delivery.account_id.uuid()),
        webhook_id: Set(delivery.webhook_id.uuid()),
        event_id: Set(delivery.event_id.uuid()),
        event_type: Set(delivery.event_type.as_str().to_owned()),
        created_at: Set(delivery.created_at.as_millis()),
        body: Set(delivery.body.sealed().map(|sealed| sealed.as_bytes().to_vec())),
        ..progress(delivery)
    }
}

/// `Timestamp` as the columns hold it.
pub(super) const fn at(time: Timestamp) -> i64 {
    time.as_millis()
}
