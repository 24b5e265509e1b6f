//! Notes of the account team on resources.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

use super::m0001_first::Tables;
use super::tables::{flag, id, index, json, number, primary, table, text_null, text_of, word};

const NOTE: &str = "authpi_note";
const MENTION: &str = "authpi_note_mention";
const REFERENCE: &str = "authpi_note_reference";

pub(super) fn tables(backend: DbBackend) -> Tables {
    let mut content = ColumnDef::new("content");
    content.text().not_null();
    let mut note = table(backend, NOTE);
    note.col(id("id").primary_key())
        .col(id("account_id"))
        .col(id("issuer_id"))
        .col(word("subject_type"))
        .col(id("subject_id"))
        .col(content)
        .col(flag("pinned"))
        .col(text_of("created_by", 64))
        .col(text_null("updated_by", 64))
        .col(json("mentions"))
        .col(json("refs"))
        .col(number("created_at"))
        .col(number("updated_at"));

    // What notes name, in the order of the lists that ask for it.
    let mut mention = table(backend, MENTION);
    mention
        .col(id("note_id"))
        .col(id("user_id"))
        .col(id("account_id"))
        .col(id("issuer_id"))
        .col(flag("pinned"))
        .col(number("created_at"));
    mention.primary_key(&mut primary(&["note_id", "user_id"]));

    let mut reference = table(backend, REFERENCE);
    reference
        .col(id("note_id"))
        .col(word("ref_type"))
        .col(id("ref_id"))
        .col(id("account_id"))
        .col(id("issuer_id"))
        .col(number("created_at"));
    reference.primary_key(&mut primary(&["note_id", "ref_type", "ref_id"]));

    let indices = vec![
        index("authpi_note_by_account", NOTE, &["account_id", "pinned", "created_at", "id"]),
        index("authpi_note_by_subject", NOTE, &["subject_id", "subject_type", "pinned", "created_at", "id"]),
        index("authpi_note_by_issuer", NOTE, &["issuer_id"]),
        index("authpi_note_mention_by_user", MENTION, &["user_id", "account_id", "pinned", "created_at", "note_id"]),
        index("authpi_note_mention_by_issuer", MENTION, &["issuer_id"]),
        index("authpi_note_reference_to", REFERENCE, &["account_id", "ref_type", "ref_id", "created_at", "note_id"]),
        index("authpi_note_reference_by_issuer", REFERENCE, &["issuer_id"]),
    ];
    (vec![note, mention, reference], indices)
}
