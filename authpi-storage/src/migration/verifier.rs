//! What users prove themselves with.

use sea_orm::DbBackend;

use super::m0001_first::Tables;
use super::tables::{bytes, bytes_null, flag, id, index, number, number_null, primary, table, text_null, word};

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut verifier = table(backend, "authpi_user_verifier");
    verifier
        .col(id("id").primary_key())
        .col(id("issuer_id"))
        .col(id("user_id"))
        .col(word("method"))
        .col(text_null("name", 200))
        .col(bytes_null("secret"))
        .col(number_null("last_step"))
        .col(number_null("codes"))
        .col(number_null("codes_left"))
        .col(number_null("expires_at"))
        .col(number("secret_at"))
        .col(flag("by_another"))
        .col(number("failed"))
        .col(number_null("locked_until"))
        .col(number_null("last_used_at"))
        .col(number("created_at"))
        .col(number("updated_at"));

    let mut code = table(backend, "authpi_user_backup_code");
    code.col(id("verifier_id")).col(number("number")).col(id("issuer_id")).col(id("user_id")).col(bytes("hash"));
    code.primary_key(&mut primary(&["verifier_id", "number"]));

    let mut enrollment = table(backend, "authpi_user_enrollment");
    enrollment
        .col(id("id").primary_key())
        .col(id("issuer_id"))
        .col(id("user_id"))
        .col(text_null("name", 200))
        .col(bytes("seed"))
        .col(number("failed"))
        .col(number("expires_at"))
        .col(number("created_at"));

    let indices = vec![
        index("authpi_user_verifier_by_user", "authpi_user_verifier", &["issuer_id", "user_id", "method"]),
        index("authpi_user_verifier_expiry", "authpi_user_verifier", &["expires_at"]),
        index("authpi_user_backup_code_by_user", "authpi_user_backup_code", &["issuer_id", "user_id"]),
        index("authpi_user_enrollment_by_user", "authpi_user_enrollment", &["issuer_id", "user_id"]),
        index("authpi_user_enrollment_expiry", "authpi_user_enrollment", &["expires_at"]),
    ];
    (vec![verifier, code, enrollment], indices)
}
