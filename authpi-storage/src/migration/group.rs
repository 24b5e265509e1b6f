//! Groups of an organization, which also carry out roles.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::ColumnDef;

use super::m0001_first::Tables;
use super::tables::{flag, id, index, json, number, table, text_null, text_of, unique};

pub(super) fn tables(backend: DbBackend) -> Tables {
    // No name any more once the deletion was accepted: as many of these as there are differ from each other.
    let mut name_key = ColumnDef::new("name_key");
    name_key.binary_len(32).null();

    let mut group = table(backend, "authpi_group");
    group
        .col(id("id").primary_key())
        .col(id("org_id"))
        .col(id("issuer_id"))
        .col(flag("deleting"))
        .col(text_of("name", 200))
        .col(name_key)
        .col(text_null("role", 50))
        .col(text_null("description", 5000))
        .col(json("scopes"))
        .col(json("metadata"))
        .col(number("created_at"))
        .col(number("updated_at"));
    let indices = vec![
        unique("authpi_group_name", "authpi_group", &["org_id", "name_key"]),
        index("authpi_group_by_organization", "authpi_group", &["org_id", "deleting", "id"]),
        index("authpi_group_by_role", "authpi_group", &["issuer_id", "role", "org_id"]),
        index("authpi_group_deleting", "authpi_group", &["deleting"]),
    ];
    (vec![group], indices)
}
