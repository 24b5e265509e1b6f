//! Usage, credit and payment methods.

use sea_orm::DbBackend;

use super::m0001_first::Tables;
use super::tables::{flag, id, id_null, index, json, number, number_null, primary, table, text_null, unique, word};

pub(super) fn tables(backend: DbBackend) -> Tables {
    let (mut tables, mut indices) = credit(backend);
    let (others, of_others) = usage(backend);
    tables.extend(others);
    indices.extend(of_others);
    (tables, indices)
}

/// What an account has, and every change of it.
fn credit(backend: DbBackend) -> Tables {
    // The end of the ledger of an account, which is what writers lock.
    let mut credit = table(backend, "authpi_credit");
    credit
        .col(id("account_id").primary_key())
        .col(number("balance"))
        .col(number("sequence"))
        .col(number("open_period"))
        .col(number_null("granted_period"))
        .col(id_null("grant_entry"))
        .col(number("grant_left"));

    let mut entry = table(backend, "authpi_ledger_entry");
    entry
        .col(id("id").primary_key())
        .col(id("account_id"))
        .col(number("sequence"))
        .col(word("entry_type"))
        .col(number("amount"))
        .col(number("balance_after"))
        .col(text_null("operation", 64))
        .col(text_null("reference", 64))
        .col(id_null("related_entry_id"))
        .col(text_null("dimension", 64))
        .col(text_null("config_version", 64))
        .col(text_null("external_reference", 255))
        .col(number_null("expires_at"))
        .col(number_null("settled_total"))
        .col(number("created_at"));

    let mut method = table(backend, "authpi_payment_method");
    method
        .col(id("id").primary_key())
        .col(id("account_id"))
        .col(json("kind"))
        .col(flag("enabled"))
        .col(flag("removed"))
        .col(number("created_at"))
        .col(number_null("disabled_at"))
        .col(number_null("removed_at"))
        .col(number("updated_at"));

    let indices = vec![
        index("authpi_credit_open", "authpi_credit", &["open_period"]),
        unique("authpi_ledger_place", "authpi_ledger_entry", &["account_id", "sequence"]),
        unique("authpi_ledger_payment", "authpi_ledger_entry", &["external_reference"]),
        index("authpi_payment_method_by_account", "authpi_payment_method", &["account_id", "removed", "id"]),
    ];
    (vec![credit, entry, method], indices)
}

/// What is counted and stated.
fn usage(backend: DbBackend) -> Tables {
    let mut usage = table(backend, "authpi_usage");
    usage
        .col(id("account_id"))
        .col(number("period"))
        .col(word("dimension"))
        .col(number("uses"))
        .col(number("free_uses"))
        .col(number("settled"))
        .col(number("entries"))
        .col(flag("pending"));
    usage.primary_key(&mut primary(&["account_id", "period", "dimension"]));

    let mut active = table(backend, "authpi_active_user");
    active.col(id("account_id")).col(number("period")).col(id("issuer_id")).col(id("user_id")).col(flag("free"));
    active.primary_key(&mut primary(&["account_id", "period", "issuer_id", "user_id"]));

    let mut statement = table(backend, "authpi_statement");
    statement
        .col(id("account_id"))
        .col(number("period"))
        .col(word("status"))
        .col(number("total"))
        .col(number("created_at"));
    statement.primary_key(&mut primary(&["account_id", "period"]));

    let indices = vec![
        index("authpi_usage_pending", "authpi_usage", &["pending", "period"]),
        index("authpi_active_user_age", "authpi_active_user", &["period"]),
    ];
    (vec![usage, active, statement], indices)
}
