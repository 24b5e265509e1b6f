//! Mail on its way: what is to be sent, to whom, and how often it was tried.

use sea_orm::DbBackend;

use super::m0001_first::Tables;
use super::tables::{bytes, hash, id, id_null, index, number, primary, table, word};

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut mail = table(backend, "authpi_mail");
    mail.col(id("id").primary_key())
        .col(id("account_id"))
        .col(id("issuer_id"))
        .col(id_null("user_id"))
        .col(id_null("org_id"))
        .col(id_null("invitation_id"))
        .col(word("template"))
        .col(id_null("cause"))
        .col(hash("recipient_hash"))
        .col(bytes("sealed"))
        .col(number("attempts"))
        .col(number("leases_taken"))
        .col(number("due_at"))
        .col(number("created_at"));

    let mut tally = table(backend, "authpi_mail_tally");
    tally
        .col(id("issuer_id"))
        .col(word("template"))
        .col(id("about"))
        .col(number("started_at"))
        .col(number("sent"))
        .col(number("folded"));
    tally.primary_key(&mut primary(&["issuer_id", "template", "about"]));

    let indices = vec![
        index("authpi_mail_due", "authpi_mail", &["due_at", "account_id"]),
        index("authpi_mail_by_age", "authpi_mail", &["created_at"]),
        index("authpi_mail_by_invitation", "authpi_mail", &["issuer_id", "invitation_id"]),
        index("authpi_mail_tally_by_age", "authpi_mail_tally", &["started_at"]),
    ];
    (vec![mail, tally], indices)
}
