//! Invitations into organizations.

use sea_orm::DbBackend;

use super::m0001_first::Tables;
use super::tables::{bytes_null, hash, id, id_null, index, json, number, number_null, table, text_null, word};

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut invitation = table(backend, "authpi_invitation");
    invitation
        .col(id("id").primary_key())
        .col(id("issuer_id"))
        .col(id("org_id"))
        .col(word("status"))
        .col(number_null("ended_at"))
        .col(bytes_null("token_hash"))
        .col(json("given"))
        .col(hash("address_hash"))
        .col(bytes_null("sealed"))
        .col(text_null("inviter_id", 200))
        .col(id_null("user_id_invited"))
        .col(json("approval"))
        .col(json("granted_by"))
        .col(number("lifetime_seconds"))
        .col(number("expires_at"))
        .col(number_null("erase_at"))
        .col(number_null("last_email_sent_at"))
        .col(json("metadata"))
        .col(number("created_at"))
        .col(number("updated_at"));

    let name = "authpi_invitation";
    let indices = vec![
        index("authpi_invitation_by_organization", name, &["org_id", "id"]),
        index("authpi_invitation_by_status", name, &["org_id", "status", "id"]),
        // Open ones by the clock: what counts as members.
        index("authpi_invitation_open", name, &["org_id", "status", "expires_at"]),
        index("authpi_invitation_by_address", name, &["org_id", "address_hash"]),
        index("authpi_invitation_by_issuer", name, &["issuer_id", "address_hash"]),
        index("authpi_invitation_by_user", name, &["user_id_invited"]),
        index("authpi_invitation_erasure", name, &["erase_at"]),
    ];
    (vec![invitation], indices)
}
