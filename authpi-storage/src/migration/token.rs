//! Personal tokens of users.

use sea_orm::DbBackend;

use super::m0001_first::Tables;
use super::tables::{hash, id, index, json, number, primary, status, table, text_of};

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut token = table(backend, "authpi_personal_token");
    status(token.col(id("id").primary_key()).col(id("account_id")).col(id("issuer_id")).col(id("user_id")))
        .col(text_of("name", 200))
        .col(json("details"))
        .col(json("scopes"))
        .col(json("ip_allowlist"))
        .col(number("expires_at"))
        .col(text_of("audience", 2048))
        .col(text_of("jti", 32))
        .col(json("metadata"))
        .col(number("created_at"))
        .col(number("updated_at"));

    // Where a token was used from, as keyed hashes.
    let mut address = table(backend, "authpi_personal_token_address");
    address.col(id("token_id")).col(hash("address_hash")).col(id("issuer_id")).col(number("used_at"));
    address.primary_key(&mut primary(&["token_id", "address_hash"]));

    let name = "authpi_personal_token";
    let indices = vec![
        index("authpi_personal_token_by_user", name, &["issuer_id", "user_id", "id"]),
        index("authpi_personal_token_by_status", name, &["issuer_id", "user_id", "status", "expires_at"]),
        index("authpi_personal_token_address_age", "authpi_personal_token_address", &["token_id", "used_at"]),
        index("authpi_personal_token_address_by_issuer", "authpi_personal_token_address", &["issuer_id"]),
    ];
    (vec![token, address], indices)
}
