//! Who was deleted and is still named by rows that end with them. The index of deletions is walked along, and rows are looked
//! up for each: with a join, a planner that knows nothing of the tables walks through all rows.

use authpi_core::timestamp::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Select};
use uuid::Uuid;

use crate::entity::{agent, client, user};

/// Issuer and id of one of them.
pub(crate) type Departed = (Uuid, Uuid);

/// Users that were deleted `since` then, or later, and are named by `naming` in these columns: issuer and user.
pub(crate) async fn users<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    since: Timestamp,
    (naming, columns): (Select<E>, [E::Column; 2]),
    limit: u32,
) -> Result<Vec<Departed>, DbErr> {
    use user::{Column, Entity};
    let deleted = Entity::find().filter(Column::DeletedAt.gte(since.as_millis()));
    named(connection, (deleted, [Column::IssuerId, Column::Id]), (naming, columns), limit).await
}

/// The same for agents.
pub(crate) async fn agents<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    since: Timestamp,
    (naming, columns): (Select<E>, [E::Column; 2]),
    limit: u32,
) -> Result<Vec<Departed>, DbErr> {
    use agent::{Column, Entity};
    let deleted = Entity::find().filter(Column::DeletedAt.gte(since.as_millis()));
    named(connection, (deleted, [Column::IssuerId, Column::Id]), (naming, columns), limit).await
}

/// The same for clients.
pub(crate) async fn clients<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    since: Timestamp,
    (naming, columns): (Select<E>, [E::Column; 2]),
    limit: u32,
) -> Result<Vec<Departed>, DbErr> {
    use client::{Column, Entity};
    let deleted = Entity::find().filter(Column::DeletedAt.gte(since.as_millis()));
    named(connection, (deleted, [Column::IssuerId, Column::Id]), (naming, columns), limit).await
}

async fn named<P: EntityTrait, E: EntityTrait>(
    connection: &impl ConnectionTrait,
    (deleted, known): (Select<P>, [P::Column; 2]),
    (naming, columns): (Select<E>, [E::Column; 2]),
    limit: u32,
) -> Result<Vec<Departed>, DbErr> {
    let mut naming = naming.select_only().expr(Expr::value(1));
    for (column, known) in columns.into_iter().zip(known) {
        naming = naming.filter(column.into_expr().eq(known.into_expr()));
    }
    deleted
        .select_only()
        .columns(known)
        .filter(Expr::exists(naming.into_query()))
        .limit(u64::from(limit))
        .into_tuple()
        .all(connection)
        .await
}
