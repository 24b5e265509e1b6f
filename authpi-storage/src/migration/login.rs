//! Logins under way, what was mailed for them, and what was presented in vain.

use sea_orm::DbBackend;

use super::m0001_first::Tables;
use super::tables::{bytes, flag, hash, id, id_null, index, number, number_null, primary, table, word};

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut flow = table(backend, "authpi_login_flow");
    flow.col(id("id").primary_key())
        .col(id("account_id"))
        .col(id("issuer_id"))
        .col(id_null("client_id"))
        .col(hash("browser"))
        .col(bytes("sealed"))
        .col(number("expires_at"))
        .col(number("created_at"))
        .col(number("updated_at"));

    let mut proof = table(backend, "authpi_mail_proof");
    proof
        .col(id("id").primary_key())
        .col(id("issuer_id"))
        .col(id_null("flow_id"))
        .col(id_null("user_id"))
        .col(word("purpose"))
        .col(hash("browser"))
        .col(bytes("token"))
        .col(bytes("code"))
        .col(number("failed"))
        .col(bytes("sealed"))
        .col(flag("spent"))
        .col(number("expires_at"))
        .col(number("created_at"));

    let mut tries = table(backend, "authpi_login_tries");
    tries
        .col(id("issuer_id"))
        .col(hash("counted"))
        .col(number("failed"))
        .col(number("in_a_row"))
        .col(number_null("locked_until"))
        .col(number("kept_until"));
    tries.primary_key(&mut primary(&["issuer_id", "counted"]));

    let indices = vec![
        index("authpi_login_flow_by_issuer", "authpi_login_flow", &["issuer_id"]),
        index("authpi_login_flow_expiry", "authpi_login_flow", &["expires_at"]),
        index("authpi_mail_proof_by_user", "authpi_mail_proof", &["issuer_id", "user_id"]),
        index("authpi_mail_proof_expiry", "authpi_mail_proof", &["expires_at"]),
        index("authpi_login_tries_expiry", "authpi_login_tries", &["kept_until"]),
    ];
    (vec![flow, proof, tries], indices)
}
