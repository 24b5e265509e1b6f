//! Domains of accounts.

use sea_orm::DbBackend;

use super::m0001_first::Tables;
use super::tables::{flag, id, id_null, index, number, number_null, table, text_of};

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut domain = table(backend, "authpi_account_domain");
    domain
        .col(text_of("host", 253).primary_key())
        .col(id("account_id"))
        .col(number_null("verified_at"))
        .col(flag("is_primary"))
        .col(id_null("assigned_issuer_id"))
        .col(number_null("assigned_at"))
        .col(number("added_at"))
        .col(number("updated_at"));
    let indices = vec![index("authpi_account_domain_by_account", "authpi_account_domain", &["account_id", "added_at"])];
    (vec![domain], indices)
}
