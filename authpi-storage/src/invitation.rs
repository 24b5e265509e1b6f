//! Invitations in SQL.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use authpi_core::id::{Id, InvitationId, IssuerId, OrganizationId, UserId};
use authpi_core::invitation::model::{Invitation, InvitationState, InvitationStatus};
use authpi_core::invitation::repository::{InvitationFilter, InvitationReads, InvitationRepository};
use authpi_core::outcome::WriteOutcome;
use authpi_core::page::{EXAMINED_ROWS, PageRequest, SearchPage};
use authpi_core::seal::Sealed;
use authpi_core::store::StoreError;
use authpi_core::timestamp::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::batch;
use crate::convert::{Place, id, millis, time, to_json};
use crate::entity::invitation::{ActiveModel, Column, Entity, Model};
use crate::error::failed;
use crate::session::{Session, Unit};

/// Stored states that are open until the clock says otherwise.
const OPEN: [&str; 2] = ["pending", "pending_approval"];

fn invitation(row: Model) -> Result<Invitation, StoreError> {
    let place = Place { table: "authpi_invitation", id: row.id };
    let lifetime = u64::try_from(row.lifetime_seconds).map_err(|_| place.corrupt("lifetime_seconds"))?;
    Ok(Invitation {
        id: id(row.id),
        issuer_id: id(row.issuer_id),
        org_id: id(row.org_id),
        state: state(place, &row.status, row.ended_at, row.token_hash.as_deref())?,
        grant: place.json("given", row.given)?,
        address_hash: place.bytes32("address_hash", &row.address_hash)?,
        sealed: row.sealed.map(Sealed::from_bytes),
        inviter_id: row.inviter_id,
        user_id_invited: row.user_id_invited.map(id),
        approval: place.json("approval", row.approval)?,
        granted_by: place.json("granted_by", row.granted_by)?,
        lifetime: Duration::from_secs(lifetime),
        expires_at: time(row.expires_at),
        last_email_sent_at: row.last_email_sent_at.map(time),
        metadata: place.json("metadata", row.metadata)?,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
    })
}

fn state(place: Place, word: &str, ended_at: Option<i64>, token: Option<&[u8]>) -> Result<InvitationState, StoreError> {
    let at = || ended_at.map(time).ok_or_else(|| place.corrupt("ended_at"));
    Ok(match place.word("status", word)? {
        InvitationStatus::PendingApproval => InvitationState::PendingApproval,
        InvitationStatus::Pending => {
            let token = token.ok_or_else(|| place.corrupt("token_hash"))?;
            InvitationState::Pending { token: place.hash("token_hash", token)? }
        }
        InvitationStatus::Accepted => InvitationState::Accepted { at: at()? },
        InvitationStatus::Declined => InvitationState::Declined { at: at()? },
        InvitationStatus::Revoked => InvitationState::Revoked { at: at()? },
        InvitationStatus::Rejected => InvitationState::Rejected { at: at()? },
        InvitationStatus::Expired => InvitationState::Expired,
    })
}

/// Stored word, end and token of a state.
fn columns(state: &InvitationState) -> (InvitationStatus, Option<Timestamp>, Option<Vec<u8>>) {
    match state {
        InvitationState::PendingApproval => (InvitationStatus::PendingApproval, None, None),
        InvitationState::Pending { token } => (InvitationStatus::Pending, None, Some(token.to_bytes().to_vec())),
        InvitationState::Accepted { at } => (InvitationStatus::Accepted, Some(*at), None),
        InvitationState::Declined { at } => (InvitationStatus::Declined, Some(*at), None),
        InvitationState::Revoked { at } => (InvitationStatus::Revoked, Some(*at), None),
        InvitationState::Rejected { at } => (InvitationStatus::Rejected, Some(*at), None),
        InvitationState::Expired => (InvitationStatus::Expired, None, None),
    }
}

/// The columns that change.
fn written(invitation: &Invitation) -> Result<ActiveModel, StoreError> {
    const OPERATION: &str = "invitation.write";
    let (status, ended_at, token_hash) = columns(&invitation.state);
    Ok(ActiveModel {
        status: Set(status.as_str().to_owned()),
        ended_at: Set(millis(ended_at)),
        token_hash: Set(token_hash),
        given: Set(to_json(OPERATION, &invitation.grant)?),
        sealed: Set(invitation.sealed.as_ref().map(|sealed| sealed.as_bytes().to_vec())),
        inviter_id: Set(invitation.inviter_id.clone()),
        user_id_invited: Set(invitation.user_id_invited.map(Id::uuid)),
        approval: Set(to_json(OPERATION, &invitation.approval)?),
        granted_by: Set(to_json(OPERATION, &invitation.granted_by)?),
        lifetime_seconds: Set(i64::try_from(invitation.lifetime.as_secs()).unwrap_or(i64::MAX)),
        expires_at: Set(invitation.expires_at.as_millis()),
        erase_at: Set(millis(invitation.erase_at())),
        last_email_sent_at: Set(millis(invitation.last_email_sent_at)),
        metadata: Set(to_json(OPERATION, &invitation.metadata)?),
        updated_at: Set(invitation.updated_at.as_millis()),
        ..Default::default()
    })
}

/// Stored states that a status of the wire may be, and whether the clock decides which of the rows are.
fn stored(status: InvitationStatus) -> (Vec<&'static str>, bool) {
    match status {
        InvitationStatus::Pending | InvitationStatus::PendingApproval => (vec![status.as_str()], true),
        InvitationStatus::Expired => (OPEN.into_iter().chain([status.as_str()]).collect(), true),
        _ => (vec![status.as_str()], false),
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send + Sync> InvitationReads for Session<C> {
    async fn find(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        id: InvitationId,
    ) -> Result<Option<Invitation>, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::OrgId.eq(organization.uuid()))
            .one(&self.connection)
            .await
            .map_err(failed("invitation.find"))?;
        row.map(invitation).transpose()
    }

    async fn find_in_issuer(&self, issuer: IssuerId, id: InvitationId) -> Result<Option<Invitation>, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .one(&self.connection)
            .await
            .map_err(failed("invitation.find_in_issuer"))?;
        row.map(invitation).transpose()
    }

    async fn list(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        filter: InvitationFilter,
        page: &PageRequest<InvitationId>,
    ) -> Result<SearchPage<Invitation, InvitationId>, StoreError> {
        let mut query = Entity::find()
            .filter(Column::OrgId.eq(organization.uuid()))
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .order_by_desc(Column::Id);
        let mut rows_read = u64::from(page.limit.get()) + 1;
        if let Some(status) = filter.status {
            let (words, by_clock) = stored(status);
            query = query.filter(Column::Status.is_in(words));
            if by_clock {
                rows_read = EXAMINED_ROWS as u64 + 1;
            }
        }
        if let Some(after) = page.after {
            query = query.filter(Column::Id.lt(after.uuid()));
        }
        let rows = query.limit(rows_read).all(&self.connection).await.map_err(failed("invitation.list"))?;
        let found = rows.into_iter().map(invitation).collect::<Result<Vec<_>, StoreError>>()?;
        let matches = |one: &Invitation| filter.status.is_none_or(|status| one.status(filter.now) == status);
        Ok(SearchPage::pick(found, page.limit, |one| one.id, matches))
    }

    async fn open_for(
        &self,
        organization: OrganizationId,
        address_hash: &[u8; 32],
        except: Option<InvitationId>,
        now: Timestamp,
    ) -> Result<Option<InvitationId>, StoreError> {
        let mut query = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::OrgId.eq(organization.uuid()))
            .filter(Column::AddressHash.eq(address_hash.to_vec()))
            .filter(Column::Status.is_in(OPEN))
            .filter(Column::ExpiresAt.gt(now.as_millis()));
        if let Some(except) = except {
            query = query.filter(Column::Id.ne(except.uuid()));
        }
        let found: Option<Uuid> =
            query.into_tuple().one(&self.connection).await.map_err(failed("invitation.open_for"))?;
        Ok(found.map(id))
    }

    async fn count_open(
        &self,
        issuer: IssuerId,
        organizations: &[OrganizationId],
        now: Timestamp,
    ) -> Result<BTreeMap<OrganizationId, u32>, StoreError> {
        if organizations.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows: Vec<(Uuid, i64)> = Entity::find()
            .select_only()
            .column(Column::OrgId)
            .column_as(Column::Id.count(), "n")
            .filter(Column::OrgId.is_in(organizations.iter().map(|id| id.uuid())))
            .filter(Column::IssuerId.eq(issuer.uuid()))
            .filter(Column::Status.is_in(OPEN))
            .filter(Column::ExpiresAt.gt(now.as_millis()))
            .group_by(Column::OrgId)
            .into_tuple()
            .all(&self.connection)
            .await
            .map_err(failed("invitation.count_open"))?;
        Ok(rows.into_iter().map(|(org, count)| (id(org), u32::try_from(count).unwrap_or(u32::MAX))).collect())
    }

    async fn count_of_organization(&self, issuer: IssuerId, organization: OrganizationId) -> Result<u64, StoreError> {
        let all =
            Entity::find().filter(Column::OrgId.eq(organization.uuid())).filter(Column::IssuerId.eq(issuer.uuid()));
        all.count(&self.connection).await.map_err(failed("invitation.count_of_organization"))
    }

    async fn erasable(&self, now: Timestamp, limit: u32) -> Result<Vec<Invitation>, StoreError> {
        let rows = Entity::find()
            .filter(Column::EraseAt.lte(now.as_millis()))
            .order_by_asc(Column::EraseAt)
            .limit(u64::from(limit))
            .all(&self.connection)
            .await
            .map_err(failed("invitation.erasable"))?;
        rows.into_iter().map(invitation).collect()
    }
}

#[async_trait]
impl InvitationRepository for Unit {
    async fn insert(&mut self, invitation: &Invitation) -> Result<(), StoreError> {
        let row = ActiveModel {
            id: Set(invitation.id.uuid()),
            issuer_id: Set(invitation.issuer_id.uuid()),
            org_id: Set(invitation.org_id.uuid()),
            address_hash: Set(invitation.address_hash.to_vec()),
            created_at: Set(invitation.created_at.as_millis()),
            ..written(invitation)?
        };
        Entity::insert(row)
            .exec_without_returning(&self.connection)
            .await
            .map(|_| ())
            .map_err(failed("invitation.insert"))
    }

    async fn update(&mut self, invitation: &Invitation, before: Timestamp) -> Result<WriteOutcome, StoreError> {
        let done = Entity::update_many()
            .set(written(invitation)?)
            .filter(Column::Id.eq(invitation.id.uuid()))
            .filter(Column::IssuerId.eq(invitation.issuer_id.uuid()))
            .filter(Column::OrgId.eq(invitation.org_id.uuid()))
            .filter(Column::UpdatedAt.eq(before.as_millis()))
            .exec(&self.connection)
            .await
            .map_err(failed("invitation.update"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn erase(&mut self, invitation: &Invitation) -> Result<WriteOutcome, StoreError> {
        let (status, _, _) = columns(&invitation.state);
        let mut change = ActiveModel { sealed: Set(None), erase_at: Set(None), ..Default::default() };
        if OPEN.contains(&status.as_str()) {
            change.status = Set(InvitationStatus::Expired.as_str().to_owned());
            change.token_hash = Set(None);
        }
        let done = Entity::update_many()
            .set(change)
            .filter(Column::Id.eq(invitation.id.uuid()))
            .filter(Column::IssuerId.eq(invitation.issuer_id.uuid()))
            .filter(Column::UpdatedAt.eq(invitation.updated_at.as_millis()))
            .filter(Column::EraseAt.is_not_null())
            .exec(&self.connection)
            .await
            .map_err(failed("invitation.erase"))?;
        Ok(WriteOutcome::of_rows(done.rows_affected))
    }

    async fn remove_of_organization(&mut self, organization: OrganizationId, limit: u32) -> Result<u64, StoreError> {
        let which = Entity::find().filter(Column::OrgId.eq(organization.uuid()));
        let removed = batch::remove_first(&self.connection, which, Column::Id, limit).await;
        removed.map_err(failed("invitation.remove_of_organization"))
    }

    async fn forget_user(&mut self, issuer: IssuerId, user: UserId, limit: u32) -> Result<u64, StoreError> {
        const OPERATION: &str = "invitation.forget_user";
        let which =
            Entity::find().filter(Column::IssuerId.eq(issuer.uuid())).filter(Column::UserIdInvited.eq(user.uuid()));
        let found = batch::first_keys(&self.connection, which, Column::Id, limit).await;
        let found = found.map_err(failed(OPERATION))?;
        if found.is_empty() {
            return Ok(0);
        }
        let done = Entity::update_many()
            .set(ActiveModel { user_id_invited: Set(None), ..Default::default() })
            .filter(Column::Id.is_in(found))
            .exec(&self.connection)
            .await
            .map_err(failed(OPERATION))?;
        Ok(done.rows_affected)
    }
}
