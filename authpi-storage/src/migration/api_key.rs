//! API keys, and what was taken of their limits.

use sea_orm::DbBackend;

use super::m0001_first::Tables;
use super::tables::{
    bytes, bytes_null, flag, id, index, json, json_null, number, number_null, primary, status, table, text_of, word,
};

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut key = table(backend, "authpi_api_key");
    status(key.col(id("id").primary_key()).col(id("account_id")).col(id("org_id")).col(id("issuer_id")))
        .col(word("level"))
        .col(text_of("name", 200))
        .col(json("details"))
        .col(json("scopes"))
        .col(json("ip_allowlist"))
        .col(json_null("rate_limit"))
        .col(number_null("expires_at"))
        .col(flag("expiry_announced"))
        .col(bytes("secret_hash"))
        .col(text_of("secret_hint", 8))
        .col(bytes_null("previous_secret_hash"))
        .col(number_null("previous_valid_until"))
        .col(number_null("rotated_at"))
        .col(json("metadata"))
        .col(number("created_at"))
        .col(number("updated_at"));

    // What all instances together have taken of a window of a key's limit.
    let mut key_use = table(backend, "authpi_api_key_use");
    key_use
        .col(id("account_id"))
        .col(id("key_id"))
        .col(number("most"))
        .col(number("window_seconds"))
        .col(number("starts_at"))
        .col(number("ends_at"))
        .col(number("taken"))
        .col(flag("warned"))
        .col(flag("exceeded"));
    key_use.primary_key(&mut primary(&["account_id", "key_id", "most", "window_seconds", "starts_at"]));

    let indices = vec![
        index("authpi_api_key_use_end", "authpi_api_key_use", &["ends_at"]),
        index("authpi_api_key_by_organization", "authpi_api_key", &["org_id", "created_at", "id"]),
        index("authpi_api_key_by_issuer", "authpi_api_key", &["issuer_id"]),
        index("authpi_api_key_expiry", "authpi_api_key", &["expiry_announced", "expires_at"]),
    ];
    (vec![key, key_use], indices)
}
