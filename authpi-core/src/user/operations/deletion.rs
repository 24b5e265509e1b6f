//! The deletion of users.

use crate::delegation::model::DelegationParty;
use crate::error::Refusal;
use crate::id::{MemberId, OrganizationId};
use crate::session::repository::SessionsOf;
use crate::store::Change;
use crate::user::events::{self, Cascade};
use crate::user::model::User;

/// Organizations of one user that are looked at at a time.
const OWNED_AT_A_TIME: u32 = 100;

/// An account always has somebody who owns it, and the owner that it names is a member. Its organization is locked, so that
/// of two owners who are deleted at once one stays.
async fn keep_owners(change: &mut Change<'_>, user: &User) -> Result<(), Refusal> {
    let (issuer, member) = (user.issuer_id, MemberId::User(user.id));
    if change.reads().instance().platform().await?.is_none_or(|platform| platform.issuer_id != issuer) {
        return Ok(());
    }
    let mut after = None;
    loop {
        let owned = change.reads().memberships().owned_by(issuer, member, after, OWNED_AT_A_TIME).await?;
        for organization in &owned {
            keep_owner(change, user, *organization).await?;
        }
        after = owned.last().copied();
        if after.is_none() {
            break;
        }
    }
    // Behind the locks, and of every account: the owner that it names may be a member without the scope.
    if change.reads().accounts().count_owned(user.id).await? > 0 {
        return Err(Refusal::conflict("The user is the named owner of an account; name another owner first."));
    }
    Ok(())
}

async fn keep_owner(change: &mut Change<'_>, user: &User, organization: OrganizationId) -> Result<(), Refusal> {
    if !change.reads().accounts().exists(organization.account()).await? {
        return Ok(());
    }
    change.unit().organizations().lock(user.issuer_id, organization).await?;
    if change.reads().memberships().has_other_owner(organization, MemberId::User(user.id)).await? {
        return Ok(());
    }
    Err(Refusal::conflict("The user is the last owner of an account; name another owner first."))
}

/// Accepts the deletion of a user; workers end the sessions, remove personal tokens and memberships, and after 30 days
/// what is personal.
///
/// # Errors
/// [`Refusal::Conflict`] for the last or the named owner of an account; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn delete(change: &mut Change<'_>, user: &User) -> Result<(), Refusal> {
    let (issuer, id, version) = (user.issuer_id, user.id, user.updated_at);
    keep_owners(change, user).await?;
    let delegations = DelegationParty::User(id);
    let cascade = Cascade {
        memberships: change.reads().memberships().count_of_member(issuer, MemberId::User(id)).await?,
        verifiers: change.reads().verifiers().count(issuer, id).await?,
        devices: change.reads().devices().count(issuer, id).await?,
        delegations: change.reads().delegations().count_active(issuer, delegations, change.now()).await?,
        sessions: change.reads().sessions().count_unended(issuer, SessionsOf::User(id), change.now()).await?,
        personal_tokens: change.reads().personal_tokens().count_of_user(issuer, id).await?,
    };
    change.unit().users().begin_delete(issuer, id, version).await?.required()?;
    change.emit(events::deleted(change.account(), user, cascade))
}
