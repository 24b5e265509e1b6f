//! Between rows and the domain's types.

use authpi_core::billing::model::{
    CreditState, EntryDetails, LedgerEntry, PaymentMethod, Period, Statement, UsageLine,
};
use authpi_core::id::Id;
use authpi_core::store::StoreError;
use sea_orm::ActiveValue::Set;

use crate::convert::{Place, id, millis, time, to_json, to_word};
use crate::entity::{credit, ledger_entry, payment_method, statement, usage};

pub(super) fn credit(row: &credit::Model) -> CreditState {
    CreditState {
        balance: row.balance,
        sequence: row.sequence,
        open: Period::from_number(row.open_period),
        granted: row.granted_period.map(Period::from_number),
        grant_entry: row.grant_entry.map(id),
        grant_left: row.grant_left,
    }
}

/// The columns of the end of a ledger.
pub(super) fn credit_row(state: &CreditState) -> credit::ActiveModel {
    credit::ActiveModel {
        balance: Set(state.balance),
        sequence: Set(state.sequence),
        open_period: Set(state.open.number()),
        granted_period: Set(state.granted.map(Period::number)),
        grant_entry: Set(state.grant_entry.map(Id::uuid)),
        grant_left: Set(state.grant_left),
        ..Default::default()
    }
}

pub(super) fn entry(row: ledger_entry::Model) -> Result<LedgerEntry, StoreError> {
    let place = Place { table: "authpi_ledger_entry", id: row.id };
    Ok(LedgerEntry {
        id: id(row.id),
        account_id: id(row.account_id),
        sequence: row.sequence,
        entry_type: place.word("entry_type", &row.entry_type)?,
        amount: row.amount,
        balance_after: row.balance_after,
        details: EntryDetails {
            operation: row.operation,
            reference: row.reference,
            related_entry_id: row.related_entry_id.map(id),
            dimension: row.dimension.map(|word| place.word("dimension", &word)).transpose()?,
            config_version: row.config_version,
            external_reference: row.external_reference,
            expires_at: row.expires_at.map(time),
            settled_total: row.settled_total,
        },
        created_at: time(row.created_at),
    })
}

pub(super) fn entry_row(entry: &LedgerEntry) -> Result<ledger_entry::ActiveModel, StoreError> {
    const OPERATION: &str = "billing.append_entry";
    let details = entry.details.clone();
    Ok(ledger_entry::ActiveModel {
        id: Set(entry.id.uuid()),
        account_id: Set(entry.account_id.uuid()),
        sequence: Set(entry.sequence),
        entry_type: Set(to_word(OPERATION, &entry.entry_type)?),
        amount: Set(entry.amount),
        balance_after: Set(entry.balance_after),
        operation: Set(details.operation),
        reference: Set(details.reference),
        related_entry_id: Set(details.related_entry_id.map(Id::uuid)),
        dimension: Set(details.dimension.map(|dimension| to_word(OPERATION, &dimension)).transpose()?),
        config_version: Set(details.config_version),
        external_reference: Set(details.external_reference),
        expires_at: Set(millis(details.expires_at)),
        settled_total: Set(details.settled_total),
        created_at: Set(entry.created_at.as_millis()),
    })
}

pub(super) fn line(row: &usage::Model) -> Result<UsageLine, StoreError> {
    let place = Place { table: "authpi_usage", id: row.account_id };
    let number = |column, value: i64| u64::try_from(value).map_err(|_| place.corrupt(column));
    Ok(UsageLine {
        period: Period::from_number(row.period),
        dimension: place.word("dimension", &row.dimension)?,
        count: number("uses", row.uses)?,
        free: number("free_uses", row.free_uses)?,
        settled: row.settled,
        entries: place.count("entries", row.entries)?,
    })
}

pub(super) fn statement(row: &statement::Model) -> Result<Statement, StoreError> {
    let place = Place { table: "authpi_statement", id: row.account_id };
    Ok(Statement {
        account_id: id(row.account_id),
        period: Period::from_number(row.period),
        status: place.word("status", &row.status)?,
        total: row.total,
        created_at: time(row.created_at),
    })
}

pub(super) fn method(row: payment_method::Model) -> Result<PaymentMethod, StoreError> {
    let place = Place { table: "authpi_payment_method", id: row.id };
    Ok(PaymentMethod {
        id: id(row.id),
        account_id: id(row.account_id),
        kind: place.json("kind", row.kind)?,
        enabled: row.enabled,
        created_at: time(row.created_at),
        disabled_at: row.disabled_at.map(time),
        removed_at: row.removed_at.map(time),
        updated_at: time(row.updated_at),
    })
}

/// The columns of a method that change.
pub(super) fn method_row(method: &PaymentMethod) -> payment_method::ActiveModel {
    payment_method::ActiveModel {
        enabled: Set(method.enabled),
        removed: Set(method.removed_at.is_some()),
        disabled_at: Set(millis(method.disabled_at)),
        removed_at: Set(millis(method.removed_at)),
        updated_at: Set(method.updated_at.as_millis()),
        ..Default::default()
    }
}

pub(super) fn new_method_row(method: &PaymentMethod) -> Result<payment_method::ActiveModel, StoreError> {
    Ok(payment_method::ActiveModel {
        id: Set(method.id.uuid()),
        account_id: Set(method.account_id.uuid()),
        kind: Set(to_json("billing.insert_method", &method.kind)?),
        created_at: Set(method.created_at.as_millis()),
        ..method_row(method)
    })
}
