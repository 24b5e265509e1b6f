//! What was granted to clients: authorization codes, grants with their refresh tokens, consents; and what is not accepted
//! again.

use sea_orm::DbBackend;

use super::m0001_first::Tables;
use super::tables::{
    bytes_null, hash, id, id_null, index, json, large_bytes_null, number, number_null, primary, table, text_null,
};

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut code = table(backend, "authpi_authorization_code");
    code.col(hash("hash").primary_key())
        .col(id("issuer_id"))
        .col(id("client_id"))
        .col(id("session_id"))
        .col(json("binding"))
        .col(number("expires_at"))
        .col(number_null("spent_at"))
        .col(number("forgotten_at"));

    let mut grant = table(backend, "authpi_grant");
    grant
        .col(id("session_id").primary_key())
        .col(id("issuer_id"))
        .col(id("client_id"))
        .col(json("binding"))
        .col(text_null("refresh_jti", 64))
        .col(id_null("refresh_kid"))
        .col(text_null("replay_jti", 64))
        .col(bytes_null("replay_request"))
        .col(large_bytes_null(backend, "replay_answer"))
        .col(number_null("replay_until"));

    let mut consent = table(backend, "authpi_consent");
    consent
        .col(id("user_id"))
        .col(id("client_id"))
        .col(id("issuer_id"))
        .col(json("scopes"))
        .col(json("resources"))
        .col(number("granted_at"));
    consent.primary_key(&mut primary(&["user_id", "client_id"]));

    let [denied, used] = ["authpi_denied_token", "authpi_used_assertion"].map(|name| {
        let mut once = table(backend, name);
        once.col(id("id").primary_key()).col(id("issuer_id")).col(number("expires_at"));
        once
    });

    let indices = vec![
        index("authpi_authorization_code_issuer", "authpi_authorization_code", &["issuer_id"]),
        index("authpi_authorization_code_forgotten", "authpi_authorization_code", &["forgotten_at"]),
        index("authpi_grant_issuer", "authpi_grant", &["issuer_id", "refresh_kid"]),
        index("authpi_grant_replay", "authpi_grant", &["replay_until"]),
        index("authpi_consent_issuer", "authpi_consent", &["issuer_id"]),
        index("authpi_consent_client", "authpi_consent", &["client_id"]),
        index("authpi_denied_token_issuer", "authpi_denied_token", &["issuer_id"]),
        index("authpi_denied_token_expiry", "authpi_denied_token", &["expires_at"]),
        index("authpi_used_assertion_issuer", "authpi_used_assertion", &["issuer_id"]),
        index("authpi_used_assertion_expiry", "authpi_used_assertion", &["expires_at"]),
    ];
    (vec![code, grant, consent, denied, used], indices)
}
