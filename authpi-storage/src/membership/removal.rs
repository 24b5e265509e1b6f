//! Who was removed from an organization, so that no rule brings them back.

use authpi_core::id::{Id, IssuerId, OrganizationId, UserId};
use authpi_core::membership::model::Membership;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::batch;
use crate::entity::membership_removal::{ActiveModel, Column, Entity};
use crate::error::failed;
use crate::session::Unit;

/// The note of one removal.
pub(super) fn one(organization: Uuid, member: Uuid) -> Condition {
    Condition::all().add(Column::OrgId.eq(organization)).add(Column::MemberId.eq(member))
}

impl Unit {
    /// Notes a removal in place of an earlier one. The organization is locked, so that nobody else does meanwhile.
    pub(super) async fn note_removal(&self, membership: &Membership) -> Result<(), StoreError> {
        const OPERATION: &str = "membership.note_removal";
        let (organization, member) = (membership.org_id.uuid(), membership.member_id.uuid());
        Entity::delete_many()
            .filter(one(organization, member))
            .exec(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        let row = ActiveModel {
            org_id: Set(organization),
            member_id: Set(member),
            issuer_id: Set(membership.issuer_id.uuid()),
            removed_at: Set(self.now.as_millis()),
        };
        Entity::insert(row).exec_without_returning(&self.connection).await.map(|_| ()).map_err(failed(OPERATION))
    }

    /// Forgets at most `limit` removals from an organization. Returns how many.
    pub(super) async fn forget_removals_from(
        &self,
        organization: OrganizationId,
        limit: u32,
    ) -> Result<u64, StoreError> {
        const OPERATION: &str = "membership.forget_removals_from";
        let which = Entity::find().filter(Column::OrgId.eq(organization.uuid()));
        let found = batch::first_keys(&self.connection, which, Column::MemberId, limit).await;
        let found = found.map_err(failed(OPERATION))?;
        if found.is_empty() {
            return Ok(0);
        }
        let done = Entity::delete_many()
            .filter(Column::OrgId.eq(organization.uuid()))
            .filter(Column::MemberId.is_in(found))
            .exec(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        Ok(done.rows_affected)
    }

    /// Forgets from where a user was removed, when the user is erased.
    pub(crate) async fn forget_removals_of(&self, issuer: IssuerId, user: UserId) -> Result<(), StoreError> {
        Entity::delete_many()
            .filter(Column::MemberId.eq(user.uuid()))
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .exec(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("membership.forget_removals_of"))
    }

    /// Forgets at most `limit` removals before `before`. Returns how many.
    pub(super) async fn sweep_removals(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        const OPERATION: &str = "membership.purge_removals";
        let due: Vec<(Uuid, Uuid)> = Entity::find()
            .select_only()
            .columns([Column::OrgId, Column::MemberId])
            .filter(Column::RemovedAt.lt(before.as_millis()))
            .limit(u64::from(limit))
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        if due.is_empty() {
            return Ok(0);
        }
        let those =
            due.into_iter().fold(Condition::any(), |all, (organization, member)| all.add(one(organization, member)));
        let done = Entity::delete_many()
            .filter(Column::RemovedAt.lt(before.as_millis()))
            .filter(those)
            .exec(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        Ok(done.rows_affected)
    }
}
