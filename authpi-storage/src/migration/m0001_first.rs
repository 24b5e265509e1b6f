//! The first tables.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use sea_orm_migration::prelude::*;

use super::tables::{
    bytes, bytes_null, create, flag, hash, hash_null, id, id_null, index, json, large_bytes_null, number, number_null,
    primary, status, table, text_null, text_of, unique, word,
};
use super::{
    access, agent, api_key, billing, chain, connection, delegation, device, domain, grant, group, invitation, login,
    mail, note, session, token, verifier, webhook,
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_first"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    #[allow(elided_lifetimes_in_paths, reason = "the lifetime is hidden in the trait, too")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        let tables = [
            instance(backend),
            accounts(backend),
            clients(backend),
            organizations(backend),
            memberships(backend),
            api_key::tables(backend),
            users(backend),
            trail(backend),
            mail::tables(backend),
            note::tables(backend),
            session::tables(backend),
            access::tables(backend),
            delegation::tables(backend),
            token::tables(backend),
            group::tables(backend),
            invitation::tables(backend),
            connection::tables(backend),
            agent::tables(backend),
            verifier::tables(backend),
            device::tables(backend),
            webhook::tables(backend),
            chain::tables(backend),
            billing::tables(backend),
            domain::tables(backend),
            login::tables(backend),
            grant::tables(backend),
        ];
        for room in tables {
            create(manager, room).await?;
        }
        if backend == DbBackend::Sqlite {
            // Statistics for the query planner, refreshed as tables grow.
            manager.get_connection().execute_unprepared("PRAGMA optimize").await?;
        }
        Ok(())
    }
}

pub(super) use super::tables::Tables;

/// The instance itself, and what is remembered of requests.
fn instance(backend: DbBackend) -> Tables {
    let mut keys = table(backend, "authpi_instance_key");
    keys.col(word("purpose")).col(number("tag")).col(bytes("wrapped"));
    keys.primary_key(&mut primary(&["purpose", "tag"]));

    let mut platform = table(backend, "authpi_platform");
    platform.col(number("only_row").primary_key()).col(id("issuer_id")).col(id("account_id"));

    let mut idempotency = table(backend, "authpi_idempotency_record");
    idempotency
        .col(id("account_id"))
        .col(hash("lookup"))
        .col(bytes_null("fingerprint"))
        .col(large_bytes_null(backend, "answer"))
        .col(number("expires_at"));
    idempotency.primary_key(&mut primary(&["account_id", "lookup"]));

    let sweep = index("authpi_idempotency_expiry", "authpi_idempotency_record", &["expires_at"]);
    (vec![keys, platform, idempotency], vec![sweep])
}

/// Accounts, issuers with login methods and keys.
fn accounts(backend: DbBackend) -> Tables {
    let mut account = table(backend, "authpi_account");
    account
        .col(id("id").primary_key())
        .col(id_null("owner_user_id"))
        .col(flag("deleting"))
        .col(number_null("deleting_since"))
        .col(json("metadata"))
        .col(number("created_at"))
        .col(number("updated_at"));

    let mut issuer = table(backend, "authpi_issuer");
    status(issuer.col(id("id").primary_key()).col(id("account_id")))
        .col(flag("deleting"))
        .col(flag("platform"))
        .col(text_of("name", 200))
        .col(json("details"))
        .col(json("roles"))
        .col(flag("detaching"))
        .col(word("access_mode"))
        .col(word("event_context"))
        .col(number("n_methods"))
        .col(number("n_login_methods"))
        .col(number("n_signup_methods"))
        .col(bytes("root_key"))
        .col(number("cookie_keys"))
        .col(json("metadata"))
        .col(number("created_at"))
        .col(number("updated_at"));

    let mut method = table(backend, "authpi_auth_method");
    method
        .col(id("id").primary_key())
        .col(id("issuer_id"))
        .col(word("method"))
        .col(text_of("name", 200))
        .col(flag("enabled"))
        .col(flag("allow_login"))
        .col(flag("allow_signup"))
        .col(flag("first_factor_only"))
        .col(json("settings"))
        .col(bytes_null("client_secret"))
        .col(number("created_at"))
        .col(number("updated_at"));

    let mut key = table(backend, "authpi_signing_key");
    key.col(id("kid").primary_key())
        .col(id("issuer_id"))
        .col(word("algorithm"))
        .col(number("generation"))
        .col(json("public_jwk"))
        .col(bytes("sealed"))
        .col(number("created_at"))
        .col(number("activates_at"))
        .col(number_null("compromised_at"))
        .col(flag("revoking"));

    let indices = vec![
        index("authpi_account_by_owner", "authpi_account", &["owner_user_id"]),
        index("authpi_account_deleting", "authpi_account", &["deleting", "deleting_since"]),
        index("authpi_issuer_by_account", "authpi_issuer", &["account_id", "deleting", "id"]),
        index("authpi_issuer_deleting", "authpi_issuer", &["deleting"]),
        index("authpi_issuer_detaching", "authpi_issuer", &["detaching"]),
        index("authpi_auth_method_by_issuer", "authpi_auth_method", &["issuer_id", "id"]),
        index("authpi_signing_key_revoking", "authpi_signing_key", &["revoking", "compromised_at"]),
        unique("authpi_signing_key_generation", "authpi_signing_key", &["issuer_id", "generation", "algorithm"]),
    ];
    (vec![account, issuer, method, key], indices)
}

/// Clients of issuers.
fn clients(backend: DbBackend) -> Tables {
    let mut client = table(backend, "authpi_client");
    status(client.col(id("id").primary_key()).col(id("issuer_id")))
        .col(flag("deleted"))
        .col(number_null("deleted_at"))
        .col(text_of("name", 200))
        .col(word("application_type"))
        .col(word("readiness"))
        .col(json("details"))
        .col(bytes_null("secret_hash"))
        .col(bytes_null("previous_secret_hash"))
        .col(number_null("previous_valid_until"))
        .col(number_null("secret_rotated_at"))
        .col(json("metadata"))
        .col(number("created_at"))
        .col(number("updated_at"));

    let indices = vec![
        index("authpi_client_by_issuer", "authpi_client", &["issuer_id", "deleted", "id"]),
        index("authpi_client_by_status", "authpi_client", &["issuer_id", "deleted", "status", "id"]),
        index("authpi_client_by_type", "authpi_client", &["issuer_id", "deleted", "application_type", "id"]),
        index("authpi_client_by_readiness", "authpi_client", &["issuer_id", "deleted", "readiness", "id"]),
        index("authpi_client_deleted", "authpi_client", &["deleted_at"]),
    ];
    (vec![client], indices)
}

/// Organizations.
fn organizations(backend: DbBackend) -> Tables {
    let mut organization = table(backend, "authpi_organization");
    status(organization.col(id("id").primary_key()).col(id("issuer_id")))
        .col(flag("deleting"))
        .col(flag("mfa_required"))
        .col(flag("invitation_enabled"))
        .col(number("n_members"))
        .col(number("n_agents"))
        .col(number("n_groups"))
        .col(text_of("org_type", 50))
        .col(json("sso"))
        .col(flag("sso_enabled"))
        .col(flag("sso_only"))
        .col(bytes_null("sso_secret"))
        .col(json("details"))
        .col(json("metadata"))
        .col(number("created_at"))
        .col(number("updated_at"));

    let indices = vec![
        index("authpi_organization_by_issuer", "authpi_organization", &["issuer_id", "deleting", "id"]),
        index("authpi_organization_by_type", "authpi_organization", &["issuer_id", "deleting", "org_type"]),
        index("authpi_organization_deleting", "authpi_organization", &["deleting"]),
    ];
    (vec![organization], indices)
}

/// Who is a member, with which scopes and in which groups.
fn memberships(backend: DbBackend) -> Tables {
    let mut membership = table(backend, "authpi_membership");
    membership
        .col(id("org_id"))
        .col(id("member_id"))
        .col(word("member_type"))
        .col(id("issuer_id"))
        .col(word("status"))
        .col(json("scopes"))
        .col(text_null("user_title", 200))
        .col(json("metadata"))
        .col(number("joined_at"))
        .col(number("updated_at"));
    membership.primary_key(&mut primary(&["org_id", "member_id"]));

    // Who holds a scope, in the order of the list: what the filter and the question for owners walk along.
    let mut membership_scope = table(backend, "authpi_membership_scope");
    membership_scope
        .col(id("org_id"))
        .col(id("member_id"))
        .col(text_of("scope", 128))
        .col(word("status"))
        .col(number("joined_at"));
    membership_scope.primary_key(&mut primary(&["org_id", "member_id", "scope"]));

    // Who is in a group, in the order of the list.
    let mut membership_group = table(backend, "authpi_membership_group");
    membership_group
        .col(id("org_id"))
        .col(id("member_id"))
        .col(id("group_id"))
        .col(word("status"))
        .col(number("joined_at"));
    membership_group.primary_key(&mut primary(&["org_id", "member_id", "group_id"]));

    // Who was removed, so that no rule brings them back.
    let mut removal = table(backend, "authpi_membership_removal");
    removal.col(id("org_id")).col(id("member_id")).col(id("issuer_id")).col(number("removed_at"));
    removal.primary_key(&mut primary(&["org_id", "member_id"]));

    let indices = vec![
        index("authpi_membership_by_member", "authpi_membership", &["issuer_id", "member_id"]),
        index("authpi_membership_by_time", "authpi_membership", &["org_id", "joined_at", "member_id"]),
        index("authpi_membership_by_status", "authpi_membership", &["org_id", "status", "joined_at", "member_id"]),
        index(
            "authpi_membership_scope_by_time",
            "authpi_membership_scope",
            &["org_id", "scope", "joined_at", "member_id"],
        ),
        index(
            "authpi_membership_scope_by_status",
            "authpi_membership_scope",
            &["org_id", "scope", "status", "joined_at", "member_id"],
        ),
        index("authpi_membership_removal_by_member", "authpi_membership_removal", &["member_id"]),
        index("authpi_membership_removal_by_issuer", "authpi_membership_removal", &["issuer_id"]),
        index("authpi_membership_removal_age", "authpi_membership_removal", &["removed_at"]),
        index(
            "authpi_membership_group_by_time",
            "authpi_membership_group",
            &["org_id", "group_id", "joined_at", "member_id"],
        ),
        index(
            "authpi_membership_group_by_status",
            "authpi_membership_group",
            &["org_id", "group_id", "status", "joined_at", "member_id"],
        ),
    ];
    (vec![membership, membership_scope, membership_group, removal], indices)
}

/// The directory of users, without personal data, and their records, which hold all of it.
fn users(backend: DbBackend) -> Tables {
    let mut directory = table(backend, "authpi_user");
    directory
        .col(id("id").primary_key())
        .col(id("issuer_id"))
        .col(word("username_type"))
        .col(hash("username_hash"))
        .col(hash_null("email_hash"))
        .col(word("status"))
        .col(flag("deleted"))
        .col(number_null("deleted_at"))
        .col(text_of("store_id", 64))
        .col(text_null("region", 16))
        .col(number("created_at"))
        .col(number("updated_at"));

    let mut record = table(backend, "authpi_user_record");
    record
        .col(id("user_id").primary_key())
        .col(id("issuer_id"))
        .col(number_null("status_at"))
        .col(text_null("status_reason", 1000))
        .col(text_null("status_by", 200))
        .col(text_of("username", 320))
        .col(word("origin"))
        .col(json("approval"))
        .col(number_null("last_login_at"))
        .col(json("details"))
        .col(json("metadata"));

    let indices = vec![
        unique("authpi_user_username", "authpi_user", &["issuer_id", "username_hash"]),
        index("authpi_user_by_email", "authpi_user", &["issuer_id", "email_hash", "id"]),
        index("authpi_user_by_issuer", "authpi_user", &["issuer_id", "deleted", "id"]),
        index("authpi_user_by_status", "authpi_user", &["issuer_id", "status", "id"]),
        index("authpi_user_deleted", "authpi_user", &["deleted_at"]),
        index("authpi_user_record_by_issuer", "authpi_user_record", &["issuer_id"]),
    ];
    (vec![directory, record], indices)
}

/// The event trail, which is the outbox, and the request contexts beside it.
fn trail(backend: DbBackend) -> Tables {
    let mut event = table(backend, "authpi_event");
    event
        .col(id("id").primary_key())
        .col(id("account_id"))
        .col(id_null("issuer_id"))
        .col(id_null("user_id"))
        .col(id_null("actor_user_id"))
        .col(id_null("client_id"))
        .col(id_null("actor_client_id"))
        .col(id_null("org_id"))
        .col(id_null("agent_id"))
        .col(id_null("session_id"))
        .col(word("kind"))
        .col(flag("per_request"))
        .col(text_of("source", 200))
        .col(word("trigger_kind"))
        .col(text_null("trace", 32))
        .col(json("actor"))
        .col(json("subject"))
        .col(json("data"))
        .col(hash("content_hash"))
        .col(hash("context_hash"))
        .col(number("timestamp"));

    let mut context = table(backend, "authpi_event_context");
    context.col(id("event_id").primary_key()).col(id("root_issuer_id")).col(bytes("sealed"));

    // What waits for a background service, from the commit of the event on.
    let mut outbox = table(backend, "authpi_outbox");
    outbox.col(word("consumer")).col(id("event_id")).col(number_null("leased_until"));
    outbox.primary_key(&mut primary(&["consumer", "event_id"]));

    let indices = vec![
        index("authpi_outbox_by_event", "authpi_outbox", &["event_id"]),
        // All that is counted stands in it, so that no count reads the rows.
        index(
            "authpi_event_by_account",
            "authpi_event",
            &[
                "account_id",
                "timestamp",
                "id",
                "kind",
                "issuer_id",
                "user_id",
                "client_id",
                "org_id",
                "agent_id",
                "session_id",
            ],
        ),
        index("authpi_event_by_issuer", "authpi_event", &["account_id", "issuer_id", "timestamp", "id"]),
        // The user first: an erasure asks for one in whatever account.
        index("authpi_event_by_user", "authpi_event", &["user_id", "account_id", "timestamp", "id"]),
        index("authpi_event_by_actor", "authpi_event", &["actor_user_id", "account_id", "timestamp", "id"]),
        index("authpi_event_by_client", "authpi_event", &["account_id", "client_id", "timestamp", "id"]),
        index("authpi_event_by_acting_client", "authpi_event", &["account_id", "actor_client_id", "timestamp", "id"]),
        index("authpi_event_by_kind", "authpi_event", &["account_id", "kind", "timestamp", "id"]),
        index("authpi_event_by_age", "authpi_event", &["per_request", "timestamp"]),
        index("authpi_event_context_by_root", "authpi_event_context", &["root_issuer_id"]),
    ];
    (vec![event, context, outbox], indices)
}
