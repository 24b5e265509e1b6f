//! What belongs to an account, over all tables: counted when its end is accepted, removed by a worker afterwards.

use authpi_core::account::repository::AccountChildren;
use authpi_core::id::{AccountId, Id};
use authpi_core::store::StoreError;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query};
use uuid::Uuid;

use crate::error::failed;

const REMOVE: &str = "account.remove_children";

/// Tables with rows of an account, each with a column of ids that tells its rows apart, or nearly so.
const BELONGINGS: [(&str, &str); 14] = [
    ("authpi_api_key", "id"),
    ("authpi_api_key_use", "key_id"),
    ("authpi_payment_method", "id"),
    ("authpi_account_domain", "account_id"),
    ("authpi_note_mention", "note_id"),
    ("authpi_note_reference", "note_id"),
    ("authpi_note", "id"),
    ("authpi_active_user", "user_id"),
    ("authpi_usage", "account_id"),
    ("authpi_statement", "account_id"),
    ("authpi_ledger_entry", "id"),
    ("authpi_credit", "account_id"),
    ("authpi_event_link", "event_id"),
    ("authpi_event_chain", "account_id"),
];

async fn number(
    connection: &impl ConnectionTrait,
    table: &'static str,
    column: &'static str,
    id: Uuid,
    condition: Option<Expr>,
) -> Result<u64, StoreError> {
    let query = Query::select()
        .expr_as(Expr::col(Alias::new(column)).count(), Alias::new("n"))
        .from(Alias::new(table))
        .and_where(Expr::col(Alias::new(column)).eq(id))
        .and_where_option(condition)
        .to_owned();
    let row = connection.query_one(&query).await.map_err(failed("account.children"))?;
    let Some(row) = row else { return Ok(0) };
    let count: i64 = row.try_get("", "n").map_err(failed("account.children"))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Counts what callers can see.
pub(super) async fn count(connection: &impl ConnectionTrait, id: AccountId) -> Result<AccountChildren, StoreError> {
    let account = id.uuid();
    let shown = Some(Expr::col(Alias::new("removed")).eq(false));
    let live = Some(Expr::col(Alias::new("deleted")).eq(false));
    Ok(AccountChildren {
        memberships: number(connection, "authpi_membership", "org_id", account, None).await?,
        api_keys: number(connection, "authpi_api_key", "account_id", account, None).await?,
        domains: number(connection, "authpi_account_domain", "account_id", account, None).await?,
        webhooks: number(connection, "authpi_webhook", "account_id", account, live).await?,
        notes: number(connection, "authpi_note", "account_id", account, None).await?,
        payment_methods: number(connection, "authpi_payment_method", "account_id", account, shown).await?,
    })
}

/// Removes about `limit` rows.
pub(super) async fn remove(connection: &impl ConnectionTrait, id: AccountId, limit: u32) -> Result<u64, StoreError> {
    let mut removed = 0;
    for (table, key) in BELONGINGS {
        let room = u64::from(limit).saturating_sub(removed);
        if room > 0 {
            removed += remove_rows(connection, table, key, (id.uuid(), room)).await?;
        }
    }
    Ok(removed)
}

async fn remove_rows(
    connection: &impl ConnectionTrait,
    table: &'static str,
    key: &'static str,
    (account, room): (Uuid, u64),
) -> Result<u64, StoreError> {
    let of_account = || Expr::col(Alias::new("account_id")).eq(account);
    let query =
        Query::select().column(Alias::new(key)).from(Alias::new(table)).and_where(of_account()).limit(room).to_owned();
    let rows = connection.query_all(&query).await.map_err(failed(REMOVE))?;
    let keys: Vec<Uuid> =
        rows.iter().map(|row| row.try_get("", key)).collect::<Result<_, _>>().map_err(failed(REMOVE))?;
    if keys.is_empty() {
        return Ok(0);
    }
    let statement = Query::delete()
        .from_table(Alias::new(table))
        .and_where(of_account())
        .and_where(Expr::col(Alias::new(key)).is_in(keys))
        .to_owned();
    Ok(connection.execute(&statement).await.map_err(failed(REMOVE))?.rows_affected())
}
