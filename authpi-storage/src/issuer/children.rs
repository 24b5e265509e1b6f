//! What belongs to an issuer, over all tables: counted when a deletion is accepted, removed by a worker afterwards.

use authpi_core::id::{Id, IssuerId};
use authpi_core::issuer::repository::IssuerChildren;
use authpi_core::store::StoreError;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter};
use uuid::Uuid;

use crate::entity::issuer::{Column, Entity};
use crate::error::failed;

/// Rows of one table that belong to an issuer.
struct Belongings {
    table: &'static str,
    /// Names the issuer.
    issuer: &'static str,
    /// Tells its rows apart, together with the issuer; indexed.
    key: &'static str,
}

const fn of(table: &'static str, key: &'static str) -> Belongings {
    Belongings { table, issuer: "issuer_id", key }
}

/// Every table with rows of an issuer, personal data first. A member's rows are told apart by the member alone: all its
/// memberships go.
const BELONGINGS: [Belongings; 10] = [
    of("authpi_user_verifier", "id"),
    of("authpi_user_record", "user_id"),
    of("authpi_user", "id"),
    Belongings { table: "authpi_event_context", issuer: "root_issuer_id", key: "event_id" },
    of("authpi_membership", "member_id"),
    of("authpi_api_key", "id"),
    of("authpi_client", "id"),
    of("authpi_signing_key", "kid"),
    of("authpi_auth_method", "id"),
    of("authpi_organization", "id"),
];

/// Counts what callers can see.
pub(super) async fn count(connection: &impl ConnectionTrait, issuer: IssuerId) -> Result<IssuerChildren, StoreError> {
    let live = async |table: &'static str, condition: Option<Expr>| {
        let mut query = Query::select();
        query
            .expr_as(Expr::col(Alias::new("issuer_id")).count(), Alias::new("n"))
            .from(Alias::new(table))
            .and_where(Expr::col(Alias::new("issuer_id")).eq(issuer.uuid()))
            .and_where_option(condition);
        number(connection, &query).await
    };
    let not_deleted = || Some(Expr::col(Alias::new("deleted_at")).is_null());
    Ok(IssuerChildren {
        organizations: live("authpi_organization", Some(Expr::col(Alias::new("deleting")).eq(false))).await?,
        memberships: live("authpi_membership", None).await?,
        users: live("authpi_user", not_deleted()).await?,
        clients: live("authpi_client", not_deleted()).await?,
        api_keys: live("authpi_api_key", None).await?,
        auth_methods: live("authpi_auth_method", None).await?,
    })
}

async fn number(connection: &impl ConnectionTrait, query: &SelectStatement) -> Result<u64, StoreError> {
    let row = connection.query_one(query).await.map_err(failed("issuer.children"))?;
    let Some(row) = row else { return Ok(0) };
    let count: i64 = row.try_get("", "n").map_err(failed("issuer.children"))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Removes at most `limit` rows of an issuer whose deletion was accepted, and tells how many.
pub(super) async fn remove(connection: &impl ConnectionTrait, issuer: IssuerId, limit: u32) -> Result<u64, StoreError> {
    const OPERATION: &str = "issuer.remove_children";
    let accepted = Entity::find_by_id(issuer.uuid())
        .filter(Column::Deleting.eq(true))
        .count(connection)
        .await
        .map_err(failed(OPERATION))?;
    let mut removed = 0;
    if accepted == 0 {
        return Ok(removed);
    }
    for belongings in &BELONGINGS {
        let room = u64::from(limit).saturating_sub(removed);
        if room == 0 {
            break;
        }
        let keys = keys(connection, belongings, issuer, room).await?;
        if keys.is_empty() {
            continue;
        }
        let statement = Query::delete()
            .from_table(Alias::new(belongings.table))
            .and_where(Expr::col(Alias::new(belongings.issuer)).eq(issuer.uuid()))
            .and_where(Expr::col(Alias::new(belongings.key)).is_in(keys))
            .to_owned();
        removed += connection.execute(&statement).await.map_err(failed(OPERATION))?.rows_affected();
    }
    Ok(removed)
}

async fn keys(
    connection: &impl ConnectionTrait,
    belongings: &Belongings,
    issuer: IssuerId,
    limit: u64,
) -> Result<Vec<Uuid>, StoreError> {
    let query = Query::select()
        .column(Alias::new(belongings.key))
        .from(Alias::new(belongings.table))
        .and_where(Expr::col(Alias::new(belongings.issuer)).eq(issuer.uuid()))
        .limit(limit)
        .to_owned();
    let rows = connection.query_all(&query).await.map_err(failed("issuer.remove_children"))?;
    rows.iter().map(|row| row.try_get("", belongings.key).map_err(failed("issuer.remove_children"))).collect()
}
