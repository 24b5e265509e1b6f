//! The hash chain over the events of an account.

use sea_orm::DbBackend;

use super::tables::{Tables, hash, id, id_null, index, number, number_null, primary, table, unique};

const LINK: &str = "authpi_event_link";
const CHAIN: &str = "authpi_event_chain";

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut link = table(backend, LINK);
    link.col(id("account_id"))
        .col(number("sequence"))
        .col(id("event_id"))
        .col(hash("previous"))
        .col(hash("content"))
        .col(hash("context"))
        .col(number("linked_at"))
        .primary_key(&mut primary(&["account_id", "sequence"]));

    let mut chain = table(backend, CHAIN);
    chain
        .col(id("account_id").primary_key())
        .col(number("sequence"))
        .col(hash("head"))
        .col(id_null("event_id"))
        .col(number("first_sequence"))
        .col(number_null("first_at"))
        .col(number("updated_at"));

    let indices = vec![
        unique("authpi_event_link_event", LINK, &["event_id"]),
        index("authpi_event_chain_by_age", CHAIN, &["first_at"]),
    ];
    (vec![link, chain], indices)
}
