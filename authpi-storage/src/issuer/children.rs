//! What belongs to an issuer, over all tables: counted when a deletion is accepted, removed by a worker afterwards.

use std::collections::BTreeSet;

use authpi_core::id::{Id, IssuerId};
use authpi_core::issuer::repository::IssuerChildren;
use authpi_core::membership::repository::MembershipRepository;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, TryGetable, Value};
use uuid::Uuid;

use crate::convert::id;
use crate::entity::issuer::{Column, Entity};
use crate::error::failed;
use crate::session::Unit;

const REMOVE: &str = "issuer.remove_children";

/// Rows of one table that belong to an issuer.
struct Belongings {
    table: &'static str,
    /// Names the issuer.
    issuer: &'static str,
    /// Tells its rows apart.
    key: &'static str,
}

const fn of(table: &'static str, key: &'static str) -> Belongings {
    Belongings { table, issuer: "issuer_id", key }
}

/// Tables with personal data: they go first.
const PERSONAL: &[Belongings] = &[
    of("authpi_mail", "id"),
    of("authpi_mail_proof", "id"),
    of("authpi_login_flow", "id"),
    of("authpi_invitation", "id"),
    of("authpi_delegation", "id"),
    of("authpi_authorization_code", "session_id"),
    of("authpi_grant", "session_id"),
    of("authpi_consent", "client_id"),
    of("authpi_logout_notice", "session_id"),
    of("authpi_session", "id"),
    of("authpi_personal_token_address", "token_id"),
    of("authpi_personal_token", "id"),
    of("authpi_user_device", "id"),
    of("authpi_user_enrollment", "id"),
    of("authpi_user_backup_code", "verifier_id"),
    of("authpi_user_verifier", "id"),
    of("authpi_membership_removal", "member_id"),
    of("authpi_user_record", "user_id"),
    of("authpi_user", "id"),
    Belongings { table: "authpi_event_context", issuer: "root_issuer_id", key: "event_id" },
];

/// All other tables with rows of an issuer, memberships left out, which have rows of their own.
const OTHER: &[Belongings] = &[
    of("authpi_denied_token", "id"),
    of("authpi_used_assertion", "id"),
    of("authpi_mail_tally", "about"),
    of("authpi_note_mention", "note_id"),
    of("authpi_note_reference", "note_id"),
    of("authpi_note", "id"),
    of("authpi_agent_verifier", "id"),
    of("authpi_agent", "id"),
    of("authpi_access_revocation", "org_id"),
    of("authpi_api_key", "id"),
    of("authpi_client", "id"),
    of("authpi_signing_key", "kid"),
    of("authpi_auth_method", "id"),
    of("authpi_group", "id"),
    of("authpi_sso_domain", "org_id"),
    of("authpi_organization", "id"),
];

/// Tables whose rows are told apart by a hash.
const HASHED: &[Belongings] = &[of("authpi_login_tries", "counted")];

/// Counts what callers can see.
pub(super) async fn count(
    connection: &impl ConnectionTrait,
    issuer: IssuerId,
    now: Timestamp,
) -> Result<IssuerChildren, StoreError> {
    let live = async |table: &'static str, condition: Option<Expr>| {
        let mut query = Query::select();
        query
            .expr_as(Expr::col(Alias::new("issuer_id")).count(), Alias::new("n"))
            .from(Alias::new(table))
            .and_where(Expr::col(Alias::new("issuer_id")).eq(issuer.uuid()))
            .and_where_option(condition);
        number(connection, &query).await
    };
    let unended = Expr::col(Alias::new("ended")).eq(false);
    let standing = || Some(Expr::col(Alias::new("deleting")).eq(false));
    let in_force = Expr::col(Alias::new("status")).eq("active");
    let in_force = in_force.and(Expr::col(Alias::new("expires_at")).gt(now.as_millis()));
    let not_deleted = || Some(Expr::col(Alias::new("deleted_at")).is_null());
    Ok(IssuerChildren {
        organizations: live("authpi_organization", standing()).await?,
        memberships: live("authpi_membership", None).await?,
        users: live("authpi_user", not_deleted()).await?,
        clients: live("authpi_client", not_deleted()).await?,
        api_keys: live("authpi_api_key", None).await?,
        auth_methods: live("authpi_auth_method", None).await?,
        agents: live("authpi_agent", not_deleted()).await?,
        sessions: live("authpi_session", Some(unended)).await?,
        personal_tokens: live("authpi_personal_token", None).await?,
        groups: live("authpi_group", standing()).await?,
        invitations: live("authpi_invitation", None).await?,
        verifiers: live("authpi_user_verifier", None).await? + live("authpi_agent_verifier", None).await?,
        devices: live("authpi_user_device", None).await?,
        delegations: live("authpi_delegation", Some(in_force)).await?,
    })
}

async fn number(connection: &impl ConnectionTrait, query: &SelectStatement) -> Result<u64, StoreError> {
    let row = connection.query_one(query).await.map_err(failed("issuer.children"))?;
    let Some(row) = row else { return Ok(0) };
    let count: i64 = row.try_get("", "n").map_err(failed("issuer.children"))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Removes about `limit` rows of an issuer whose deletion was accepted, and tells how many.
pub(super) async fn remove(unit: &mut Unit, issuer: IssuerId, limit: u32) -> Result<u64, StoreError> {
    let accepted = Entity::find_by_id(issuer.uuid())
        .filter(Column::Deleting.eq(true))
        .count(&unit.connection)
        .await
        .map_err(failed(REMOVE))?;
    if accepted == 0 {
        return Ok(0);
    }
    let mut removed = 0;
    for belongings in PERSONAL {
        removed += remove_rows::<Uuid>(&unit.connection, belongings, issuer, room(limit, removed)).await?;
    }
    removed += remove_memberships(unit, issuer, room(limit, removed)).await?;
    for belongings in HASHED {
        removed += remove_rows::<Vec<u8>>(&unit.connection, belongings, issuer, room(limit, removed)).await?;
    }
    for belongings in OTHER {
        removed += remove_rows::<Uuid>(&unit.connection, belongings, issuer, room(limit, removed)).await?;
    }
    Ok(removed)
}

/// How many rows of a batch are left to be removed.
fn room(limit: u32, removed: u64) -> u32 {
    limit.saturating_sub(u32::try_from(removed).unwrap_or(u32::MAX))
}

async fn remove_rows<K: TryGetable + Into<Value>>(
    connection: &impl ConnectionTrait,
    belongings: &Belongings,
    issuer: IssuerId,
    room: u32,
) -> Result<u64, StoreError> {
    let keys: Vec<K> = keys(connection, belongings, issuer, room).await?;
    if keys.is_empty() {
        return Ok(0);
    }
    let statement = Query::delete()
        .from_table(Alias::new(belongings.table))
        .and_where(Expr::col(Alias::new(belongings.issuer)).eq(issuer.uuid()))
        .and_where(Expr::col(Alias::new(belongings.key)).is_in(keys.into_iter().map(Into::into)))
        .to_owned();
    Ok(connection.execute(&statement).await.map_err(failed(REMOVE))?.rows_affected())
}

/// Memberships go with what stands beside them, organization by organization.
async fn remove_memberships(unit: &mut Unit, issuer: IssuerId, limit: u32) -> Result<u64, StoreError> {
    let organizations: Vec<Uuid> = keys(&unit.connection, &of("authpi_membership", "org_id"), issuer, limit).await?;
    let mut removed = 0;
    for organization in BTreeSet::from_iter(organizations) {
        removed += unit.remove_of_organization(id(organization), room(limit, removed)).await?;
    }
    Ok(removed)
}

async fn keys<K: TryGetable>(
    connection: &impl ConnectionTrait,
    belongings: &Belongings,
    issuer: IssuerId,
    room: u32,
) -> Result<Vec<K>, StoreError> {
    if room == 0 {
        return Ok(Vec::new());
    }
    let query = Query::select()
        .column(Alias::new(belongings.key))
        .from(Alias::new(belongings.table))
        .and_where(Expr::col(Alias::new(belongings.issuer)).eq(issuer.uuid()))
        .limit(u64::from(room))
        .to_owned();
    let rows = connection.query_all(&query).await.map_err(failed(REMOVE))?;
    rows.iter().map(|row| row.try_get("", belongings.key).map_err(failed(REMOVE))).collect()
}
