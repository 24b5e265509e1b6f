//! Rows of memberships.

use std::collections::BTreeSet;

use authpi_core::id::{Id, IssuerId, MemberId, MemberKind, OrganizationId};
use authpi_core::membership::model::{Membership, MembershipDetails};
use authpi_core::store::StoreError;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, Condition};

use crate::convert::{Place, id, scopes_json, time, to_json, to_word};
use crate::entity::membership::{ActiveModel, Column, Model};

/// A membership, its groups aside.
pub(super) fn membership(row: Model) -> Result<Membership, StoreError> {
    let place = Place { table: "authpi_membership", id: row.member_id };
    let member_id = match place.word("member_type", &row.member_type)? {
        MemberKind::User => MemberId::User(id(row.member_id)),
        MemberKind::Agent => MemberId::Agent(id(row.member_id)),
    };
    Ok(Membership {
        org_id: id(row.org_id),
        member_id,
        issuer_id: id(row.issuer_id),
        details: MembershipDetails {
            status: place.word("status", &row.status)?,
            scopes: place.json("scopes", row.scopes)?,
            user_title: row.user_title,
        },
        groups: BTreeSet::new(),
        metadata: place.json("metadata", row.metadata)?,
        joined_at: time(row.joined_at),
        updated_at: time(row.updated_at),
    })
}

/// The columns that a caller's change writes.
pub(super) fn written(membership: &Membership) -> Result<ActiveModel, StoreError> {
    Ok(ActiveModel {
        status: Set(membership.details.status.as_str().to_owned()),
        scopes: Set(scopes_json(&membership.details.scopes)),
        user_title: Set(membership.details.user_title.clone()),
        metadata: Set(to_json("membership.write", &membership.metadata)?),
        updated_at: Set(membership.updated_at.as_millis()),
        ..Default::default()
    })
}

pub(super) fn kind(member: MemberId) -> Result<String, StoreError> {
    to_word("membership.member", &member.kind())
}

/// The rows of one membership, whose primary key says nothing about the kind of the member.
pub(super) fn one(issuer: IssuerId, organization: OrganizationId, member: MemberId) -> Result<Condition, StoreError> {
    Ok(Condition::all()
        .add(Column::OrgId.eq(organization.uuid()))
        .add(Column::MemberId.eq(member.uuid()))
        .add(Column::MemberType.eq(kind(member)?))
        .add(Column::IssuerId.eq(issuer.uuid())))
}
