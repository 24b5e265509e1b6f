//! Removal of what was deleted (core-api 1.11): the delete is accepted in one commit, and everything below goes here,
//! in batches that are safe to repeat.

use std::sync::Arc;
use std::time::Duration;

use super::parting::end_delegations;
use super::round::{PARENTS, Round};
use super::schedule::Next;
use super::sessions;
use super::steps::WorkerState;
use crate::account::repository::ClosedAccount;
use crate::delegation::model::DelegationParty;
use crate::error::Refusal;
use crate::group::repository::DeletingGroup;
use crate::id::{AccountId, IssuerId};
use crate::membership::repository::DepartedMember;
use crate::note::model::NoteSubject;
use crate::oauth::repository::ConsentsOf;
use crate::organization::repository::DeletingOrganization;
use crate::timestamp::Timestamp;
use crate::user::repository::DeletedUser;
use crate::web::services::Services;

/// Rows of one unit of work: few enough to keep no other writer waiting.
pub(super) const BATCH: u32 = 500;

/// Notes of one unit of work that mention somebody: each is written by itself.
const MENTIONS: u32 = 100;

/// How often accepted deletions are looked for: removal begins within 1 s.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often the end of a waiting time is looked for.
const PURGE_EVERY: Duration = Duration::from_mins(1);

/// Longer than any unit of work lasts: one that began before a deletion was accepted may still commit a child.
const LAST_COMMIT: Duration = Duration::from_mins(1);

/// Longer than the clocks of two processes are apart, and a unit of work lasts.
pub(super) const OVERLAP: Duration = Duration::from_hours(1);

/// How long a deleted user or client stays, to be told apart from one that never was.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// Removes a batch of what belonged to a deleted issuer; in the end the issuer itself, and with its root key every
/// chance to open what it sealed.
pub(super) async fn issuers(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut round = Round::of("issuer-removal");
    for gone in services.store.reads().issuers().deleting(PARENTS).await? {
        let (id, accepted_at) = (gone.id, gone.accepted_at);
        if let Some(next) = round.outcome(id, issuer(services, (gone.account_id, id), accepted_at).await)? {
            return Ok(next);
        }
    }
    Ok(round.rest(LOOK_EVERY))
}

async fn issuer(
    services: &Arc<Services>,
    (account, id): (AccountId, IssuerId),
    accepted_at: Timestamp,
) -> Result<Option<Next>, Refusal> {
    if let Some(next) = sessions::of_deleted_issuer(services, id).await? {
        return Ok(Some(next));
    }
    if end_delegations(services, account, id, DelegationParty::Everybody).await? > 0 {
        return Ok(Some(Next::Now));
    }
    let now = services.now();
    let mut unit = services.store.begin(now).await?;
    let removed = unit.issuers().remove_children(id, BATCH).await?;
    if removed == 0 && now.since(accepted_at) <= LAST_COMMIT {
        return Ok(None);
    }
    if removed == 0 {
        unit.issuers().remove(id).await?;
    }
    unit.commit().await?;
    if removed == 0 {
        services.forget_root(id);
    }
    Ok(Some(Next::Now))
}

/// Removes a batch of what belonged to a closed account; in the end the account itself.
pub(super) async fn accounts(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut round = Round::of("account-removal");
    for gone in services.store.reads().accounts().deleting(PARENTS).await? {
        if let Some(next) = round.outcome(gone.id, account(services, &gone).await)? {
            return Ok(next);
        }
    }
    Ok(round.rest(LOOK_EVERY))
}

async fn account(services: &Arc<Services>, gone: &ClosedAccount) -> Result<Option<Next>, Refusal> {
    let now = services.now();
    let mut unit = services.store.begin(now).await?;
    let mut removed = unit.webhooks().remove_of_account(gone.id, BATCH).await?;
    removed += unit.accounts().remove_children(gone.id, BATCH).await?;
    if removed == 0 && now.since(gone.accepted_at) <= LAST_COMMIT {
        return Ok(None);
    }
    if removed == 0 {
        unit.accounts().remove(gone.id).await?;
    }
    unit.commit().await?;
    Ok(Some(Next::Now))
}

/// Removes a batch of members of a deleted organization; in the end the organization itself.
pub(super) async fn organization(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut round = Round::of("organization-removal");
    for gone in services.store.reads().organizations().deleting(PARENTS).await? {
        if let Some(next) = round.outcome(gone.id, one_organization(services, &gone).await)? {
            return Ok(next);
        }
    }
    Ok(round.rest(LOOK_EVERY))
}

async fn one_organization(services: &Arc<Services>, gone: &DeletingOrganization) -> Result<Option<Next>, Refusal> {
    let delegations = DelegationParty::Organization(gone.id);
    if end_delegations(services, gone.account_id, gone.issuer_id, delegations).await? > 0 {
        return Ok(Some(Next::Now));
    }
    let mut unit = services.store.begin(services.now()).await?;
    // Personal data first.
    let invitations = unit.invitations().remove_of_organization(gone.id, BATCH).await?;
    let notes = unit.notes().remove_of(gone.issuer_id, NoteSubject::Organization(gone.id), BATCH).await?;
    let removed = invitations + notes + unit.memberships().remove_of_organization(gone.id, BATCH).await?;
    if removed == 0 && unit.groups().remove_of_organization(gone.id, BATCH).await? == 0 {
        unit.connections().release_of_organization(gone.issuer_id, gone.id).await?;
        unit.organizations().remove(gone.issuer_id, gone.id).await?;
    }
    unit.commit().await?;
    Ok(Some(Next::Now))
}

/// Takes a batch of members out of a deleted group; in the end removes the group itself.
pub(super) async fn group(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut round = Round::of("group-removal");
    for gone in services.store.reads().groups().deleting(PARENTS).await? {
        if let Some(next) = round.outcome(gone.id, one_group(services, &gone).await)? {
            return Ok(next);
        }
    }
    Ok(round.rest(LOOK_EVERY))
}

async fn one_group(services: &Arc<Services>, gone: &DeletingGroup) -> Result<Option<Next>, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    // As for every change of its members; an organization that is gone takes them all with it.
    unit.organizations().lock(gone.issuer_id, gone.org_id).await?;
    if unit.memberships().detach_group(gone.org_id, gone.id, BATCH).await? == 0 {
        unit.groups().remove(gone.issuer_id, gone.id).await?;
    }
    unit.commit().await?;
    Ok(Some(Next::Now))
}

/// Gives a batch of groups that carried out a removed role of their issuer the last scopes of it for their own; in the
/// end forgets the role.
pub(super) async fn role(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut round = Round::of("role-removal");
    for issuer in services.store.reads().issuers().detaching(PARENTS).await? {
        if let Some(next) = round.outcome(issuer, role_of(services, issuer).await)? {
            return Ok(next);
        }
    }
    Ok(round.rest(LOOK_EVERY))
}

async fn role_of(services: &Arc<Services>, issuer: IssuerId) -> Result<Option<Next>, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    // Nobody makes such a group meanwhile, and the roles stay what they are.
    if unit.issuers().lock(issuer).await? {
        let roles = unit.reads().issuers().roles(issuer).await?;
        if let Some((name, role)) = roles.removed().next()
            && unit.groups().detach_role(issuer, name, &role.scopes, BATCH).await? == 0
        {
            unit.issuers().write_roles(issuer, &roles.without(name)).await?;
        }
    }
    unit.commit().await?;
    Ok(Some(Next::Now))
}

/// Removes somebody who was deleted from a batch of organizations.
pub(super) async fn departed_member(state: &WorkerState) -> Result<Next, Refusal> {
    let services = &state.services;
    let mut since = state.departed_since.lock().await;
    let asked_at = services.now();
    let mut round = Round::of("departed-members");
    let found = services.store.reads().memberships().departed(*since, PARENTS).await?;
    let is_done = found.is_empty();
    for gone in found {
        if let Some(next) = round.outcome(gone.issuer_id, one_member(services, &gone).await)? {
            return Ok(next);
        }
    }
    Ok(if is_done { sessions::rested(&round, &mut since, asked_at) } else { round.rest(LOOK_EVERY) })
}

/// Nothing is left to remove when another process was faster.
async fn one_member(services: &Arc<Services>, gone: &DepartedMember) -> Result<Option<Next>, Refusal> {
    let mut unit = services.store.begin(services.now()).await?;
    let removed = unit.memberships().remove_of_member(gone.issuer_id, gone.member, BATCH).await?;
    unit.commit().await?;
    Ok((removed > 0).then_some(Next::Now))
}

/// Erases a user who was deleted 30 days ago, a batch at a time: everything personal, and in the end the entry that
/// kept the username taken.
pub(super) async fn users(services: &Arc<Services>) -> Result<Next, Refusal> {
    let mut round = Round::of("user-purge");
    for gone in services.store.reads().users().deleted_before(long_ago(services), PARENTS).await? {
        if let Some(next) = round.outcome(gone.id, user(services, &gone).await)? {
            return Ok(next);
        }
    }
    Ok(round.rest(PURGE_EVERY))
}

async fn user(services: &Arc<Services>, gone: &DeletedUser) -> Result<Option<Next>, Refusal> {
    let (issuer, id) = (gone.issuer_id, gone.id);
    let mut unit = services.store.begin(services.now()).await?;
    let mut removed = unit.sessions().remove_of_user(issuer, id, BATCH).await?;
    removed += unit.personal_tokens().remove_of_user(issuer, id, BATCH).await?;
    removed += unit.grants().remove_consents_of(issuer, ConsentsOf::User(id), BATCH).await?;
    removed += unit.events().erase_contexts_of(issuer, id, BATCH).await?;
    removed += unit.notes().forget_mentions(id, MENTIONS).await?;
    removed += unit.invitations().forget_user(issuer, id, BATCH).await?;
    if removed == 0 {
        unit.users().purge(issuer, id).await?;
    }
    unit.commit().await?;
    Ok(Some(Next::Now))
}

/// Removes clients that were deleted 30 days ago.
pub(super) async fn clients(services: &Arc<Services>) -> Result<Next, Refusal> {
    let due = services.store.reads().clients().deleted_before(long_ago(services), PARENTS).await?;
    if due.is_empty() {
        return Ok(Next::In(PURGE_EVERY));
    }
    let mut unit = services.store.begin(services.now()).await?;
    for gone in due {
        let consents = ConsentsOf::Client(gone.id);
        if unit.grants().remove_consents_of(gone.issuer_id, consents, BATCH).await? == 0 {
            unit.clients().remove(gone.issuer_id, gone.id).await?;
        }
    }
    unit.commit().await?;
    Ok(Next::Now)
}

/// Removes agents that were deleted a while ago, once nothing names them.
pub(super) async fn agents(services: &Arc<Services>) -> Result<Next, Refusal> {
    let due = services.store.reads().agents().deleted_before(services.now().minus(OVERLAP), PARENTS).await?;
    if due.is_empty() {
        return Ok(Next::In(PURGE_EVERY));
    }
    let mut unit = services.store.begin(services.now()).await?;
    for gone in due {
        unit.agents().remove(gone.issuer_id, gone.id).await?;
    }
    unit.commit().await?;
    Ok(Next::Now)
}

fn long_ago(services: &Services) -> Timestamp {
    services.now().minus(KEPT)
}
