//! Counts of events. What is counted is picked in an inner query that walks along indices; the outer one counts.

use async_trait::async_trait;
use authpi_core::event::repository::{
    Aggregation, EventCount, EventCounts, EventFilter, Group, LARGEST_GROUPS, UniqueId,
};
use authpi_core::id::{AccountId, ClientId, Id, IssuerId, OrganizationId, UserId};
use authpi_core::store::StoreError;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Order, Query, SelectStatement, UnionType, WindowStatement};
use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use super::{conditions, unindexed, walks};
use crate::convert::time;
use crate::entity::event::{Column, Entity};
use crate::error::failed;
use crate::session::Session;

const OPERATION: &str = "event.aggregate";

/// Names of the columns of the inner query.
const START: &str = "start_at";
const KEY: &str = "group_key";
const UNIQUE: &str = "unique_id";

/// Names of the columns of the outer query.
const EVENTS: &str = "n_events";
const DIFFERENT: &str = "n_different";

/// Names of columns that order groups by what they have in all.
const TOTAL: &str = "n_total";
const RANK: &str = "size_rank";

const fn column(group: Group) -> Column {
    match group {
        Group::Type => Column::Kind,
        Group::IssuerId => Column::IssuerId,
        Group::UserId => Column::UserId,
        Group::ClientId => Column::ClientId,
        Group::OrgId => Column::OrgId,
    }
}

const fn unique_column(unique: UniqueId) -> Column {
    match unique {
        UniqueId::User => Column::UserId,
        UniqueId::Client => Column::ClientId,
        UniqueId::Agent => Column::AgentId,
        UniqueId::Organization => Column::OrgId,
        UniqueId::Session => Column::SessionId,
    }
}

fn name(column: &'static str) -> Expr {
    Expr::col(Alias::new(column))
}

/// The rows that are counted, with no more columns than that takes.
fn picked(account: AccountId, filter: &EventFilter, by: Aggregation) -> SelectStatement {
    let mut parts = walks(filter).into_iter().map(|walk| {
        let mut part = Query::select();
        part.from(Entity).cond_where(conditions(account, filter)).cond_where(walk);
        if let Some(interval) = by.interval {
            // The remainder is taken off, as no two databases divide alike.
            let into = Expr::col(Column::Timestamp).modulo(interval.millis());
            part.expr_as(Expr::col(Column::Timestamp).sub(into), Alias::new(START));
        }
        if let Some(group) = by.group_by {
            part.expr_as(Expr::col(column(group)), Alias::new(KEY));
            if !matches!(group, Group::Type) {
                // All that is counted stands in the index by time, and in no other.
                part.and_where(unindexed(column(group)).ne(Uuid::nil()));
            }
        }
        if let Some(unique) = by.count_unique {
            part.expr_as(Expr::col(unique_column(unique)), Alias::new(UNIQUE));
        }
        // A query of no columns is none.
        part.expr_as(Expr::val(1), Alias::new("one"));
        part
    });
    let mut all = parts.next().unwrap_or_default();
    for part in parts {
        all.union(UnionType::All, part);
    }
    all
}

/// Counts what is picked, by the columns that are asked for.
fn counted(inner: SelectStatement, by: Aggregation) -> SelectStatement {
    let mut outer = Query::select();
    outer.from_subquery(inner, Alias::new("picked"));
    for (column, _) in [(START, by.interval.is_some()), (KEY, by.group_by.is_some())].iter().filter(|(_, asked)| *asked)
    {
        outer.column(Alias::new(*column)).add_group_by([name(column)]);
    }
    outer.expr_as(name("one").count(), Alias::new(EVENTS));
    if by.count_unique.is_some() {
        outer.expr_as(name(UNIQUE).count_distinct(), Alias::new(DIFFERENT));
    }
    outer
}

fn value<T: sea_orm::TryGetable>(row: &QueryResult, column: &str) -> Result<T, StoreError> {
    row.try_get("", column).map_err(failed(OPERATION))
}

fn number(row: &QueryResult, column: &str) -> Result<u64, StoreError> {
    Ok(u64::try_from(value::<i64>(row, column)?).unwrap_or_default())
}

/// The value of a group on the wire.
fn key(row: &QueryResult, group: Group) -> Result<String, StoreError> {
    Ok(match group {
        Group::Type => value(row, KEY)?,
        Group::IssuerId => IssuerId::from_uuid(value(row, KEY)?).to_string(),
        Group::UserId => UserId::from_uuid(value(row, KEY)?).to_string(),
        Group::ClientId => ClientId::from_uuid(value(row, KEY)?).to_string(),
        Group::OrgId => OrganizationId::from_uuid(value(row, KEY)?).to_string(),
    })
}

fn event_count(row: &QueryResult, by: Aggregation) -> Result<EventCount, StoreError> {
    Ok(EventCount {
        at: by.interval.map(|_| value(row, START).map(time)).transpose()?,
        key: by.group_by.map(|group| key(row, group)).transpose()?,
        count: number(row, EVENTS)?,
        unique: by.count_unique.map(|_| number(row, DIFFERENT)).transpose()?,
    })
}

impl<C: ConnectionTrait> Session<C> {
    async fn event_counts(&self, query: &SelectStatement) -> Result<Vec<QueryResult>, StoreError> {
        self.patient().query_all(query).await.map_err(failed(OPERATION))
    }
}

fn largest_first(query: &mut SelectStatement) -> &mut SelectStatement {
    query.order_by_expr(name(EVENTS), Order::Desc).order_by_expr(name(KEY), Order::Asc)
}

/// Of what is counted by interval and group, the groups that are the largest over the whole time. In one statement, as what is
/// picked may be much.
fn of_largest_groups(grouped: SelectStatement, by: Aggregation) -> SelectStatement {
    let columns = |from: SelectStatement, of: &'static str| {
        let mut query = Query::select();
        query.columns([START, KEY, EVENTS].map(Alias::new)).from_subquery(from, Alias::new(of));
        if by.count_unique.is_some() {
            query.column(Alias::new(DIFFERENT));
        }
        query
    };
    let mut with_totals = columns(grouped, "grouped");
    let of_group = WindowStatement::partition_by(Alias::new(KEY));
    with_totals.expr_window_as(name(EVENTS).sum(), of_group, Alias::new(TOTAL));
    let mut ranked = columns(with_totals, "with_totals");
    let mut by_size = WindowStatement::new();
    by_size.order_by_expr(name(TOTAL), Order::Desc).order_by_expr(name(KEY), Order::Asc);
    ranked.expr_window_as(Func::cust("DENSE_RANK"), by_size, Alias::new(RANK));
    let mut largest = columns(ranked, "ranked");
    largest.and_where(name(RANK).lte(i64::from(LARGEST_GROUPS)));
    largest
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> EventCounts for Session<C> {
    async fn aggregate(
        &self,
        account: AccountId,
        filter: &EventFilter,
        by: Aggregation,
    ) -> Result<Vec<EventCount>, StoreError> {
        let mut query = counted(picked(account, filter, by), by);
        match (by.interval, by.group_by) {
            (None, None) => {}
            (Some(_), None) => {
                query.order_by_expr(name(START), Order::Asc);
            }
            (None, Some(_)) => {
                largest_first(&mut query).limit(u64::from(LARGEST_GROUPS));
            }
            (Some(_), Some(_)) => {
                query = of_largest_groups(query, by);
                largest_first(query.order_by_expr(name(START), Order::Asc));
            }
        }
        let rows = self.event_counts(&query).await?;
        rows.iter().map(|row| event_count(row, by)).collect()
    }
}
