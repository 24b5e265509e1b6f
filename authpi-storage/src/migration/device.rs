//! Devices that users sign in from.

use sea_orm::DbBackend;

use super::m0001_first::Tables;
use super::tables::{hash, id, index, number, number_null, table, text_null, unique};

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut device = table(backend, "authpi_user_device");
    device
        .col(id("id").primary_key())
        .col(id("issuer_id"))
        .col(id("user_id"))
        .col(hash("fingerprint"))
        .col(text_null("name", 200))
        .col(text_null("user_agent", 512))
        .col(text_null("country", 2))
        .col(number_null("trusted_at"))
        .col(number_null("trusted_until"))
        .col(number_null("trust_used_at"))
        .col(number_null("first_seen_at"))
        .col(number_null("last_seen_at"))
        .col(number("logins"))
        .col(number("forgotten_at"))
        .col(number("created_at"))
        .col(number("updated_at"));
    let indices = vec![
        unique("authpi_user_device_fingerprint", "authpi_user_device", &["issuer_id", "user_id", "fingerprint"]),
        index("authpi_user_device_forgotten", "authpi_user_device", &["forgotten_at"]),
    ];
    (vec![device], indices)
}
