//! Events whose context is a user's personal data.

use authpi_core::event::model::Actor;
use authpi_core::id::{Id, IssuerId, UserId};
use authpi_core::store::StoreError;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use crate::convert::Place;
use crate::entity::event::{Column, Entity};
use crate::entity::event_context;
use crate::error::failed;

const OPERATION: &str = "event.erase_contexts_of";

/// Events that still have a context.
fn with_context() -> Select<Entity> {
    let context = Entity::belongs_to(event_context::Entity).from(Column::Id).to(event_context::Column::EventId);
    Entity::find().select_only().column(Column::Id).join(JoinType::InnerJoin, context.into())
}

/// What the user did, in whatever account.
pub(super) async fn done_by(
    connection: &impl ConnectionTrait,
    user: UserId,
    limit: u32,
) -> Result<Vec<Uuid>, StoreError> {
    with_context()
        .filter(Column::ActorUserId.eq(user.uuid()))
        .limit(u64::from(limit))
        .into_tuple()
        .all(connection)
        .await
        .map_err(failed(OPERATION))
}

/// What nobody known, or a client, did about the user: most likely from where they were. Only the JSON of the actor tells that, which every
/// backend reads in its own way: so it is read here.
pub(super) async fn about(
    connection: &impl ConnectionTrait,
    issuer: IssuerId,
    user: UserId,
    limit: u32,
) -> Result<Vec<Uuid>, StoreError> {
    let (mut found, mut after) = (Vec::new(), Uuid::nil());
    loop {
        let rows: Vec<(Uuid, serde_json::Value)> = with_context()
            .column(Column::Actor)
            .filter(Column::UserId.eq(user.uuid()))
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::ActorUserId.is_null())
            .filter(Column::Id.gt(after))
            .order_by_asc(Column::Id)
            .limit(u64::from(limit))
            .into_tuple()
            .all(connection)
            .await
            .map_err(failed(OPERATION))?;
        let Some((last, _)) = rows.last() else { return Ok(found) };
        after = *last;
        for (id, actor) in rows {
            let actor: Actor = Place { table: super::TABLE, id }.json("actor", actor)?;
            if matches!(actor, Actor::Anonymous | Actor::Client { .. }) {
                found.push(id);
            }
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
}
