//! Orders to take away all access through an organization, until they are carried out.

use sea_orm::DbBackend;

use super::tables::{Tables, id, index, number, table, text_null};

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut order = table(backend, "authpi_access_revocation");
    order
        .col(id("org_id").primary_key())
        .col(id("issuer_id"))
        .col(id("account_id"))
        .col(number("ordered_at"))
        .col(text_null("reason", 1000))
        .col(text_null("ordered_by", 200));
    let name = "authpi_access_revocation";
    let indices = vec![
        index("authpi_access_revocation_age", name, &["ordered_at"]),
        index("authpi_access_revocation_by_issuer", name, &["issuer_id"]),
    ];
    (vec![order], indices)
}
