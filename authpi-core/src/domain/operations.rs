//! What can be done with the domains of an account. Whoever calls has locked the account's organization, so that limits
//! and the one primary host hold; the account's version moves with every change.

use super::events;
use super::model::{AccountDomain, DomainState, heir};
use crate::error::Refusal;
use crate::hostname::Hostname;
use crate::id::{AccountId, IssuerId};
use crate::outcome::InsertOutcome;
use crate::store::Change;

/// What the DNS says about a challenge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evidence {
    /// Nobody has asked.
    #[default]
    Unasked,
    /// The record is there.
    Found,
    /// It is not, or has another value.
    Missing,
    /// The name servers did not answer.
    Unanswered,
}

/// Claims a host for the account.
///
/// # Errors
/// [`Refusal::Conflict`] when an account has the host, or this one has `limit` of them.
pub async fn add(change: &mut Change<'_>, host: Hostname, limit: u32) -> Result<AccountDomain, Refusal> {
    let (account, now) = (change.account(), change.now());
    let known = change.reads().domains().of_accounts(&[account]).await?;
    let domain = AccountDomain {
        host,
        account_id: account,
        state: DomainState::Unverified,
        primary: false,
        added_at: now,
        updated_at: now,
    };
    if known.iter().all(|other| other.host != domain.host) && known.len() >= limit as usize {
        return Err(Refusal::conflict(format!("An account has at most {limit} domains.")));
    }
    match change.unit().domains().insert(&domain).await? {
        InsertOutcome::Inserted => {}
        InsertOutcome::Taken => return Err(Refusal::not_unique("host", "The host is in use already.")),
    }
    moved(change, account).await?;
    change.emit(events::added(&domain))?;
    Ok(domain)
}

/// Gives a host up; unassigned first, when it serves an issuer. The primary host has an heir.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn remove(change: &mut Change<'_>, domain: AccountDomain) -> Result<(), Refusal> {
    let account = domain.account_id;
    change.unit().domains().remove(account, &domain.host, domain.updated_at).await?.required()?;
    if domain.issuer().is_some() {
        change.emit(events::unassigned(&domain))?;
    }
    settle_primary(change, account).await?;
    moved(change, account).await?;
    change.emit(events::removed(&domain))
}

/// Takes note of what the DNS says about the challenge of a domain. A verified one stays verified.
///
/// # Errors
/// [`Refusal::Conflict`] with the record that is expected, when it is not there; [`Refusal::Stale`] when nobody has
/// asked, or the domain has changed meanwhile.
pub async fn verify(change: &mut Change<'_>, domain: AccountDomain, evidence: Evidence) -> Result<(), Refusal> {
    if domain.is_verified() {
        return Ok(());
    }
    let challenge = domain.challenge();
    let problem = match evidence {
        Evidence::Found => None,
        Evidence::Missing => Some("was not found"),
        Evidence::Unanswered => Some("could not be looked up: the name servers did not answer"),
        Evidence::Unasked => return Err(Refusal::Stale),
    };
    if let Some(problem) = problem {
        let record = format!("{} with the value {}", challenge.name, challenge.value);
        return Err(Refusal::conflict(format!("The TXT record {record} {problem}.")));
    }
    let (account, now) = (domain.account_id, change.now());
    write(change, domain.verified(now)).await?;
    settle_primary(change, account).await?;
    moved(change, account).await?;
    change.emit(events::verified(account))
}

/// Lets a verified domain serve an issuer of the account.
///
/// # Errors
/// [`Refusal::Conflict`] for one that is not verified or serves another; [`Refusal::Stale`] when it has changed
/// meanwhile.
pub async fn assign(change: &mut Change<'_>, before: AccountDomain, issuer: IssuerId) -> Result<(), Refusal> {
    let after =
        before.clone().assigned(issuer, change.now()).map_err(|refusal| Refusal::conflict(refusal.to_string()))?;
    if after == before {
        return Ok(());
    }
    let after = write(change, after).await?;
    moved(change, after.account_id).await?;
    change.emit(events::assigned(&after))
}

/// Lets a domain serve no issuer.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn unassign(change: &mut Change<'_>, before: AccountDomain) -> Result<(), Refusal> {
    let after = before.clone().unassigned();
    if after == before {
        return Ok(());
    }
    let after = write(change, after).await?;
    moved(change, after.account_id).await?;
    change.emit(events::unassigned(&after))
}

/// Makes `host` the primary one; it must be verified. Tells whether that changed anything. The account's version and
/// its event are the caller's: this is part of a change of the account.
///
/// # Errors
/// [`Refusal::Stale`] when a domain has changed meanwhile.
pub async fn choose_primary(
    change: &mut Change<'_>,
    domains: &mut [AccountDomain],
    host: &Hostname,
) -> Result<bool, Refusal> {
    let mut changed = false;
    for domain in domains {
        let primary = domain.host == *host;
        if domain.primary != primary {
            *domain = write(change, AccountDomain { primary, ..domain.clone() }).await?;
            changed = true;
        }
    }
    Ok(changed)
}

/// Takes an issuer that is about to be deleted off its domains. Locks the account's organization: nobody assigns one to
/// it any more.
///
/// # Errors
/// [`Refusal::Stale`] when a domain has changed meanwhile.
pub async fn release(change: &mut Change<'_>, account: AccountId, issuer: IssuerId) -> Result<(), Refusal> {
    let platform = change.reads().instance().platform().await?.ok_or(Refusal::NotFound)?;
    change.unit().organizations().lock(platform.issuer_id, account.organization()).await?;
    for domain in change.reads().domains().of_issuer(account, issuer).await? {
        unassign(change, domain).await?;
    }
    Ok(())
}

/// Guarded by the version before; gives back what is stored now.
async fn write(change: &mut Change<'_>, mut after: AccountDomain) -> Result<AccountDomain, Refusal> {
    let before = after.updated_at;
    after.updated_at = before.next_version(change.now());
    change.unit().domains().update(&after, before).await?.required()?;
    Ok(after)
}

async fn settle_primary(change: &mut Change<'_>, account: AccountId) -> Result<(), Refusal> {
    let mut domains = change.reads().domains().of_accounts(&[account]).await?;
    if let Some(host) = heir(&domains).cloned() {
        choose_primary(change, &mut domains, &host).await?;
    }
    Ok(())
}

/// The domains are part of the account, so is its version.
async fn moved(change: &mut Change<'_>, account: AccountId) -> Result<(), Refusal> {
    let now = change.now();
    Ok(change.unit().accounts().follow(account.organization(), now).await?)
}
