//! Rules that several operations share. The organization is locked wherever one of them decides.

use std::time::Duration;

use crate::credential::model::EffectiveStatus as KeyStatus;
use crate::error::Refusal;
use crate::event::model::Actor;
use crate::group::operations::role_scopes;
use crate::id::{InvitationId, IssuerId, MemberId, OrganizationId, UserId};
use crate::invitation::model::{Invitation, InvitationGrant};
use crate::membership::model::MembershipStatus;
use crate::organization_type::InvitationPolicy;
use crate::rights::{Grantor, Rights};
use crate::scope::Scopes;
use crate::store::{Change, Reads};
use crate::token::model::EffectiveStatus as TokenStatus;

/// What holds for invitations into an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// Somebody has to approve them.
    pub(super) require_approval: bool,
    /// How long they can be accepted.
    pub(super) lifetime: Duration,
    /// What members hold who are given nothing, besides the default scopes.
    pub(super) default_role: Option<String>,
}

/// What holds for invitations: what the organization says, else its type, else the issuer (core-api section 19).
pub(super) async fn rules(
    change: &Change<'_>,
    issuer: IssuerId,
    org_type: &str,
    own: Option<InvitationPolicy>,
) -> Result<Rules, Refusal> {
    let issuer = change.reads().issuers().find(change.account(), issuer).await?.ok_or(Refusal::NotFound)?;
    let general = issuer.details.settings.invitations;
    let by_type = issuer.details.settings.organizations.types.get(org_type);
    let typed = by_type.map(|by_type| by_type.invitations).unwrap_or_default();
    let own = own.unwrap_or_default();
    let ttl = own.ttl_seconds.or(typed.ttl_seconds).unwrap_or(general.ttl_seconds);
    let approval = own.require_approval.or(typed.require_approval).unwrap_or(general.require_approval);
    Ok(Rules {
        require_approval: approval,
        lifetime: Duration::from_secs(ttl.into()),
        default_role: by_type.and_then(|by_type| by_type.default_role.clone()),
    })
}

/// All that an invitation gives: its scopes with those of its roles, as they are now.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn given(
    reads: &dyn Reads,
    issuer: IssuerId,
    organization: OrganizationId,
    grant: &InvitationGrant,
) -> Result<Scopes, Refusal> {
    let mut all: Vec<_> = grant.scopes.iter().cloned().collect();
    for role in &grant.roles {
        let of_role = role_scopes(reads, issuer, organization, role).await?.unwrap_or_default();
        all.extend(of_role.iter().cloned());
    }
    Ok(all.into_iter().collect())
}

/// Whose address it is may not be a member, the address may not have another open invitation, and together with those
/// the organization must have room.
pub(super) async fn check_room(
    change: &Change<'_>,
    (issuer, organization): (IssuerId, OrganizationId),
    address_hash: &[u8; 32],
    except: Option<InvitationId>,
) -> Result<(), Refusal> {
    let (reads, now) = (change.reads(), change.now());
    let found = reads.organizations().find(issuer, organization).await?.ok_or(Refusal::NotFound)?;
    if reads.invitations().open_for(organization, address_hash, except, now).await?.is_some() {
        return Err(Refusal::not_unique("email_invited", "The address has an open invitation already."));
    }
    for user in reads.users().with_address(issuer, &(*address_hash).into()).await? {
        if reads.memberships().find(issuer, organization, MemberId::User(user)).await?.is_some() {
            return Err(Refusal::not_unique("email_invited", "Whose address it is, is a member already."));
        }
    }
    let Some(most) = found.details.max_members else { return Ok(()) };
    let open = reads.invitations().count_open(issuer, &[organization], now).await?;
    let mut pending = open.get(&organization).copied().unwrap_or_default();
    // One that stays open is counted already.
    if let Some(id) = except
        && let Some(known) = reads.invitations().find(issuer, organization, id).await?
        && known.is_open(now)
    {
        pending = pending.saturating_sub(1);
    }
    if found.stats.n_members.saturating_add(pending) >= most {
        return Err(Refusal::conflict("With open invitations the organization has as many members as it may have."));
    }
    Ok(())
}

/// What the one who gave it holds now, in the account whose organization this is.
pub(super) async fn grantor_now(change: &Change<'_>, invitation: &Invitation) -> Result<Grantor, Refusal> {
    let (reads, now) = (change.reads(), change.now());
    let rights = match invitation.granted_by {
        Actor::System => return Ok(Grantor::Unbounded),
        Actor::ApiKey { key_id } => {
            let key = reads.api_keys().find(invitation.org_id.account(), key_id).await?;
            let key = key.filter(|key| key.effective_status(now) == KeyStatus::Active);
            key.map(|key| Rights::of_scopes(key.details.restrictions.scopes))
        }
        Actor::User { user_id, .. } => rights_of_member(reads, invitation, user_id).await?,
        Actor::PersonalToken { token_id, user_id } => {
            let platform = reads.instance().platform().await?;
            let token = match platform {
                Some(platform) => reads.personal_tokens().find(platform.account_id, token_id).await?,
                None => None,
            };
            let token = token.filter(|token| token.effective_status(now) == TokenStatus::Active);
            let member = rights_of_member(reads, invitation, user_id).await?;
            token.zip(member).map(|(token, member)| member.within(&token.restrictions.scopes))
        }
        _ => None,
    };
    Ok(Grantor::Holder(rights.unwrap_or_default()))
}

/// What an active member of the organization holds there.
async fn rights_of_member(reads: &dyn Reads, invitation: &Invitation, user: UserId) -> Result<Option<Rights>, Refusal> {
    let held = reads.memberships().effective_scopes(invitation.issuer_id, MemberId::User(user)).await?;
    let mut here = held.into_iter().filter(|held| held.org_id == invitation.org_id);
    let active = here.find(|held| held.status == MembershipStatus::Active);
    Ok(active.map(|held| Rights::of_member(&held.scopes)))
}
