//! What storage answers and does for memberships.
//!
//! Rules over the members of an organization (its limit, its last owner) hold because whoever adds, changes or removes
//! one locks the organization first. The counters of the organization change with the rows, and leave its version alone.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::model::{Membership, MembershipStatus};
use crate::error::StoreError;
use crate::id::{GroupId, IssuerId, MemberId, OrganizationId};
use crate::outcome::{InsertOutcome, WriteOutcome};
use crate::page::{CursorKey, Page, PageRequest};
use crate::scope::{Scope, Scopes};
use crate::timestamp::Timestamp;

/// Which members a list shows; all conditions hold together.
#[derive(Clone, Debug, Default)]
pub struct MembershipFilter {
    /// In this status.
    pub status: Option<MembershipStatus>,
    /// Holding this very scope, wildcards aside.
    pub scope: Option<HeldScope>,
}

/// A scope that is held directly or through a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldScope {
    /// The scope.
    pub scope: Scope,
    /// The groups of the organization that give it.
    pub groups: Vec<GroupId>,
}

/// What somebody is in one organization, and what that organization asks of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a property of its own of the organization")]
pub struct EffectiveMembership {
    /// The organization.
    pub org_id: OrganizationId,
    /// Where the membership stands.
    pub status: MembershipStatus,
    /// What the member is called there.
    pub title: Option<String>,
    /// When they joined.
    pub joined_at: Timestamp,
    /// What they hold, directly and through groups.
    pub scopes: Scopes,
    /// The organization is suspended.
    pub suspended_organization: bool,
    /// The organization asks for a second factor.
    pub mfa_required: bool,
    /// The organization asks for its own identity provider.
    pub sso_only: bool,
}

impl EffectiveMembership {
    /// The membership gives what it says: neither it nor the organization is suspended.
    pub fn is_in_force(&self) -> bool {
        self.status == MembershipStatus::Active && !self.suspended_organization
    }
}

/// The place of a member in the list of an organization: by time, then by the UUID of the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemberPosition {
    /// When they joined.
    pub joined_at: Timestamp,
    /// Who, among those who joined in the same millisecond.
    pub member: Uuid,
}

impl From<&Membership> for MemberPosition {
    fn from(membership: &Membership) -> Self {
        Self { joined_at: membership.joined_at, member: membership.member_id.uuid() }
    }
}

/// Base64url without padding of the milliseconds (8 bytes, big endian) and the UUID (16 bytes).
impl CursorKey for MemberPosition {
    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode([self.joined_at.as_millis().to_be_bytes().as_slice(), self.member.as_bytes()].concat())
    }

    fn decode(cursor: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (millis, uuid) = bytes.split_first_chunk()?;
        let joined_at = Timestamp::from_millis(i64::from_be_bytes(*millis));
        Some(Self { joined_at, member: Uuid::from_slice(uuid).ok()? })
    }
}

/// Somebody who was deleted and still is a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepartedMember {
    /// Where they lived.
    pub issuer_id: IssuerId,
    /// Who.
    pub member: MemberId,
}

/// Memberships of one person that are asked for their scopes at most: whoever is let in by them is held by no more, and
/// a single request loads no more.
pub const EFFECTIVE_MEMBERSHIPS: u32 = 1_000;

/// Questions about memberships.
#[async_trait]
pub trait MembershipReads: Send + Sync {
    /// Whether a caller removed them from the organization at `since` or later.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn was_removed(
        &self,
        organization: OrganizationId,
        member: MemberId,
        since: Timestamp,
    ) -> Result<bool, StoreError>;

    /// One membership of an organization of the issuer.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        member: MemberId,
    ) -> Result<Option<Membership>, StoreError>;

    /// Members of an organization of the issuer, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(
        &self,
        issuer: IssuerId,
        organization: OrganizationId,
        filter: &MembershipFilter,
        page: &PageRequest<MemberPosition>,
    ) -> Result<Page<Membership>, StoreError>;

    /// The organizations of the issuer that somebody is a member of, with what they hold there, directly and through
    /// groups, below the ceiling of each ([`effective`](super::model::effective)); in the order of the ids, no more than
    /// the first [`EFFECTIVE_MEMBERSHIPS`]. Suspended memberships are there, too; organizations that are being deleted
    /// are not.
    ///
    /// # Security
    /// Who is a member of more organizations holds nothing in those that are left out.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn effective_scopes(
        &self,
        issuer: IssuerId,
        member: MemberId,
    ) -> Result<Vec<EffectiveMembership>, StoreError>;

    /// How many memberships name a group.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count_in_group(&self, organization: OrganizationId, group: GroupId) -> Result<u64, StoreError>;

    /// Somebody is an active member of the organization.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn is_active_member(&self, organization: OrganizationId, member: MemberId) -> Result<bool, StoreError>;

    /// Somebody else than `member` is an active member of the organization and holds `owner` directly.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn has_other_owner(&self, organization: OrganizationId, member: MemberId) -> Result<bool, StoreError>;

    /// The organizations of the issuer in which somebody actively holds `owner` directly, in the order of their ids: at
    /// most `limit` behind `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn owned_by(
        &self,
        issuer: IssuerId,
        member: MemberId,
        after: Option<OrganizationId>,
        limit: u32,
    ) -> Result<Vec<OrganizationId>, StoreError>;

    /// In how many organizations of the issuer somebody is a member.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn count_of_member(&self, issuer: IssuerId, member: MemberId) -> Result<u64, StoreError>;

    /// At most `limit` members of all issuers whose own deletion was accepted at `since` or later: work for the removal
    /// worker. Costs a look at everybody who was deleted since then.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn departed(&self, since: Timestamp, limit: u32) -> Result<Vec<DepartedMember>, StoreError>;
}

/// Writes of memberships. The organization is locked by then: see [`MembershipRepository::insert`].
#[async_trait]
pub trait MembershipRepository: MembershipReads {
    /// Adds a member and counts them in the organization, which the caller has locked with
    /// [`OrganizationRepository::lock`](crate::organization::repository::OrganizationRepository::lock).
    ///
    /// # Errors
    /// [`StoreError`].
    async fn insert(&mut self, membership: &Membership) -> Result<InsertOutcome, StoreError>;

    /// Writes details, groups, metadata and version, if the stored version still is `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn update(&mut self, membership: &Membership, before: Timestamp) -> Result<WriteOutcome, StoreError>;

    /// Takes at most `limit` members out of a group whose deletion was accepted; their versions move on. Returns how
    /// many; repeat until there are none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn detach_group(
        &mut self,
        organization: OrganizationId,
        group: GroupId,
        limit: u32,
    ) -> Result<u64, StoreError>;

    /// Removes a member, if the stored version still is that of `membership`, and counts them out of the organization,
    /// which the caller has locked.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove(&mut self, membership: &Membership) -> Result<WriteOutcome, StoreError>;

    /// Remembers that a member was removed now, whatever was remembered before; gone with organization, issuer and user.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remember_removal(&mut self, membership: &Membership) -> Result<(), StoreError>;

    /// Forgets at most `limit` removals before `before`. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge_removals(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// Removes at most `limit` members of an organization whose deletion was accepted, without counting them out; then
    /// what is remembered of removals. Returns how many; repeat until there are none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_of_organization(&mut self, organization: OrganizationId, limit: u32) -> Result<u64, StoreError>;

    /// Removes somebody from at most `limit` organizations of the issuer and counts them out there. Returns how many;
    /// repeat until there are none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_of_member(&mut self, issuer: IssuerId, member: MemberId, limit: u32) -> Result<u64, StoreError>;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cursors_survive_the_round_trip(millis: i64, value: u128) {
            let position =
                MemberPosition { joined_at: Timestamp::from_millis(millis), member: Uuid::from_u128(value) };
            prop_assert_eq!(MemberPosition::decode(&position.encode()), Some(position));
        }

        #[test]
        fn any_text_decodes_or_is_refused(text: String) {
            if let Some(position) = MemberPosition::decode(&text) {
                prop_assert_eq!(position.encode(), text);
            }
        }
    }
}
