//! Sessions of users: the single-sign-on session and the sessions of clients; and clients that are to be told of their end.

use sea_orm::DbBackend;

use super::m0001_first::Tables;
use super::tables::{bytes_null, flag, id, id_null, index, json, number, number_null, status, table, text_null, word};

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut session = table(backend, "authpi_session");
    session
        .col(id("id").primary_key())
        .col(id("account_id"))
        .col(id("issuer_id"))
        .col(id("user_id"))
        .col(word("kind"))
        .col(id_null("op_session_id"))
        .col(id_null("client_id"))
        .col(text_null("client_name", 200))
        .col(id_null("org_id"))
        .col(number_null("unused_until"))
        .col(bytes_null("secret_hash"));
    status(&mut session)
        .col(flag("frozen_own"))
        .col(flag("frozen_parent"))
        .col(flag("frozen_user"))
        .col(json("details"))
        .col(number("ttl"))
        .col(number("idle_timeout"))
        .col(number("last_activity_at"))
        .col(number("expires_at"))
        .col(number("lapses_at"))
        .col(number_null("access_token_issued_at"))
        .col(number_null("refresh_token_issued_at"))
        .col(number("refresh_count"))
        .col(number_null("compromised_at"))
        .col(text_null("compromised_reason", 64))
        .col(text_null("revoked_reason", 1000))
        .col(flag("ended"))
        .col(number_null("ended_at"))
        .col(json("metadata"))
        .col(number("created_at"))
        .col(number("updated_at"));

    let mut notice = table(backend, "authpi_logout_notice");
    notice
        .col(id("session_id").primary_key())
        .col(id("issuer_id"))
        .col(id("client_id"))
        .col(id("user_id"))
        .col(number("attempts"))
        .col(number("leases_taken"))
        .col(number("due_at"))
        .col(number("created_at"));

    let name = "authpi_session";
    let indices = vec![
        index("authpi_session_by_user", name, &["issuer_id", "user_id", "ended", "id"]),
        index("authpi_session_by_op", name, &["issuer_id", "op_session_id", "ended", "id"]),
        index("authpi_session_by_client", name, &["client_id", "ended", "id"]),
        index("authpi_session_by_organization", name, &["issuer_id", "org_id", "ended", "id"]),
        index("authpi_session_by_issuer", name, &["issuer_id", "ended", "id"]),
        index("authpi_session_lapse", name, &["ended", "lapses_at"]),
        index("authpi_session_end", name, &["ended_at"]),
        index("authpi_logout_notice_due", "authpi_logout_notice", &["due_at", "client_id"]),
        index("authpi_logout_notice_by_age", "authpi_logout_notice", &["created_at"]),
        index("authpi_logout_notice_issuer", "authpi_logout_notice", &["issuer_id"]),
    ];
    (vec![session, notice], indices)
}
