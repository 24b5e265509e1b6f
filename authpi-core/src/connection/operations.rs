//! What can be done with single sign-on of an organization.

use serde_json::{Map, Value};

use super::events;
use super::model::{Connection, Discovery, Evidence, Unproven, is_public_mail, judged, secret_seal};
use crate::error::{FieldCode, Refusal};
use crate::hostname::Hostname;
use crate::id::{IssuerId, MemberId, UserId};
use crate::mailbox::Mailbox;
use crate::membership::model::{Membership, MembershipOrigin, NewMember, REMOVAL_REMEMBERED};
use crate::membership::operations as membership;
use crate::merge::{changed_fields, merged};
use crate::outcome::InsertOutcome;
use crate::secret::Secret;
use crate::sso::{MAX_SSO_DOMAINS, SsoDomain, SsoSettings};
use crate::store::Change;

/// What a PATCH asks for.
#[derive(Default)]
pub struct ConnectionPatch {
    /// Members of [`SsoSettings`] to merge; `None` takes all of them back, and the secret.
    pub settings: Option<Map<String, Value>>,
    /// Another client secret; `Some(None)` for none.
    pub secret: Option<Option<Secret>>,
    /// What the identity provider says of itself, when its URL is another.
    pub discovery: Discovery,
}

/// Merges a patch into the connection of an organization. A patch that changes nothing leaves version and events alone.
///
/// # Errors
/// [`Refusal::Fields`] when the merged whole is not valid, or the identity provider is not what it should be;
/// [`Refusal::Conflict`] when it is enabled and not complete; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn update(
    change: &mut Change<'_>,
    before: Connection,
    patch: ConnectionPatch,
) -> Result<Connection, Refusal> {
    let (settings, secret) = match &patch.settings {
        Some(settings) => (merged(&before.sso.settings, settings)?, patch.secret),
        None => (SsoSettings::default(), Some(None)),
    };
    let mut changes = changed_fields(&before.sso.settings, &settings)?;
    check_discovery(&before, &settings, &patch.discovery)?;
    let mut after = before.clone();
    after.sso.settings = settings;
    match secret {
        Some(Some(secret)) => {
            seal(change, &mut after, &secret)?;
            changes.push("client_secret".to_owned());
        }
        Some(None) if before.secret.is_some() => {
            (after.secret, after.sso.client_secret_hint) = (None, None);
            changes.push("client_secret".to_owned());
        }
        Some(None) | None => {}
    }
    if changes.is_empty() {
        return Ok(before);
    }
    if after.sso.settings.enabled && !(after.sso.is_configured() && after.secret.is_some()) {
        return Err(Refusal::conflict("Single sign-on needs issuer URL, client id and client secret to be enabled."));
    }
    let after = write(change, after).await?;
    let is_switched = changes.iter().any(|name| name == "enabled");
    changes.retain(|name| name != "enabled");
    if !changes.is_empty() {
        change.emit(events::updated(change.account(), &after, changes))?;
    }
    if is_switched {
        change.emit(events::switched(change.account(), &after))?;
    }
    Ok(after)
}

fn check_discovery(before: &Connection, after: &SsoSettings, discovery: &Discovery) -> Result<(), Refusal> {
    let Some(wanted) = after.issuer_url.as_ref().filter(|url| before.sso.settings.issuer_url.as_ref() != Some(*url))
    else {
        return Ok(());
    };
    match discovery {
        Discovery::Asked { issuer_url, problem } if issuer_url == wanted => match problem {
            None => Ok(()),
            Some(problem) => Err(Refusal::field("sso.issuer_url", FieldCode::NotAllowed, problem.clone())),
        },
        // The URL that was compared with is no longer the stored one.
        _ => Err(Refusal::Stale),
    }
}

/// Makes a new client secret, to be registered at the identity provider; told this once.
///
/// # Errors
/// [`Refusal::Conflict`] without a connection; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn rotate_secret(change: &mut Change<'_>, before: Connection) -> Result<(Connection, Secret), Refusal> {
    if !before.sso.is_configured() {
        return Err(Refusal::conflict("The organization has no single sign-on."));
    }
    let secret = change.secret()?;
    let mut after = before;
    seal(change, &mut after, &secret)?;
    let after = write(change, after).await?;
    change.emit(events::updated(change.account(), &after, vec!["client_secret".to_owned()]))?;
    Ok((after, secret))
}

/// Adds a domain that is to be proven. One that is there, and not proven, is answered as it is.
///
/// # Errors
/// [`Refusal::Fields`] for a domain of everybody; [`Refusal::Conflict`] for one that is proven already, by whomever, or
/// one too many; [`Refusal::Stale`] when the organization has changed meanwhile.
pub async fn add_domain(
    change: &mut Change<'_>,
    before: Connection,
    name: Hostname,
) -> Result<(Connection, SsoDomain), Refusal> {
    if is_public_mail(&name) {
        return Err(Refusal::field("domain", FieldCode::NotAllowed, "anybody gets an address there"));
    }
    if change.reads().connections().owner(before.issuer_id, &name).await?.is_some() {
        return Err(Refusal::not_unique("domain", "The domain is verified already."));
    }
    if let Some(known) = before.sso.domain(&name).cloned() {
        return Ok((before, known));
    }
    if before.sso.domains.len() >= MAX_SSO_DOMAINS {
        return Err(Refusal::conflict(format!("An organization has at most {MAX_SSO_DOMAINS} domains.")));
    }
    // 32 of 43 characters: 192 bits.
    let token = change.secret()?.expose().chars().take(32).collect();
    let domain = SsoDomain { domain: name, token, created_at: change.now(), verified_at: None };
    let mut after = before;
    after.sso.domains.push(domain.clone());
    let after = write(change, after).await?;
    change.emit(events::domain_created(change.account(), &after, &domain.domain))?;
    Ok((after, domain))
}

/// Takes note of what the DNS says about a domain; tells why it is not proven, if it is not.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::Conflict`] when another organization has proven it; [`Refusal::Stale`] when nobody
/// has asked, or the organization has changed meanwhile.
pub async fn verify_domain(
    change: &mut Change<'_>,
    before: Connection,
    name: &Hostname,
    evidence: &Evidence,
) -> Result<(Connection, Option<Unproven>), Refusal> {
    let known = before.sso.domain(name).ok_or(Refusal::NotFound)?;
    if known.verified_at.is_some() {
        return Ok((before, None));
    }
    if let Err(problem) = judged(known, evidence).ok_or(Refusal::Stale)? {
        return Ok((before, Some(problem)));
    }
    match change.unit().connections().claim(before.issuer_id, before.org_id, name).await? {
        InsertOutcome::Inserted => {}
        InsertOutcome::Taken => {
            return Err(Refusal::not_unique("domain", "Another organization has verified the domain."));
        }
    }
    let now = change.now();
    let mut after = before;
    for domain in after.sso.domains.iter_mut().filter(|domain| domain.domain == *name) {
        domain.verified_at = Some(now);
    }
    let after = write(change, after).await?;
    change.emit(events::domain_verified(change.account(), &after, name))?;
    Ok((after, None))
}

/// Gives a domain up.
///
/// # Errors
/// [`Refusal::NotFound`]; [`Refusal::Stale`] when the organization has changed meanwhile.
pub async fn remove_domain(
    change: &mut Change<'_>,
    before: Connection,
    name: &Hostname,
) -> Result<Connection, Refusal> {
    before.sso.domain(name).ok_or(Refusal::NotFound)?;
    change.unit().connections().release(before.issuer_id, before.org_id, name).await?;
    let mut after = before;
    after.sso.domains.retain(|domain| domain.domain != *name);
    let after = write(change, after).await?;
    change.emit(events::domain_deleted(change.account(), &after, name))?;
    Ok(after)
}

fn seal(change: &Change<'_>, connection: &mut Connection, secret: &Secret) -> Result<(), Refusal> {
    let root = change.root_of(connection.issuer_id)?;
    let context = secret_seal(connection.org_id);
    connection.secret = Some(root.seal(&context, secret.expose().as_bytes()).map_err(Refusal::internal)?);
    connection.sso.client_secret_hint = Some(hint(secret));
    Ok(())
}

/// Three dots and the last characters; of a secret too short to spare them, the dots alone.
fn hint(secret: &Secret) -> String {
    let is_long = secret.expose().chars().count() >= 24;
    if is_long { format!("...{}", secret.hint().chars().skip(2).collect::<String>()) } else { "...".to_owned() }
}

/// Makes a user whose proven address is on a domain of an organization a member of it, if the organization wants that
/// (core-api section 20); for sign-up and login. `None` where nothing comes of it.
///
/// # Errors
/// [`Refusal::Store`].
pub async fn auto_join(
    change: &mut Change<'_>,
    (issuer, user): (IssuerId, UserId),
    proven_address: &str,
) -> Result<Option<Membership>, Refusal> {
    let Some(domain) = domain_of(proven_address) else { return Ok(None) };
    let Some(organization) = change.reads().connections().owner(issuer, &domain).await? else { return Ok(None) };
    let Some(locked) = change.unit().organizations().lock(issuer, organization).await? else { return Ok(None) };
    let member = MemberId::User(user);
    let is_full = locked.details.max_members.is_some_and(|most| locked.stats.n_members >= most);
    // Asked again behind the lock: the domain may have gone, or the switch was turned.
    let connection = change.reads().connections().find(issuer, organization).await?;
    let joins = connection.is_some_and(|connection| {
        let is_proven = connection.sso.domain(&domain).is_some_and(|domain| domain.verified_at.is_some());
        connection.sso.settings.auto_join && is_proven
    });
    if !joins || !locked.is_active() || is_full {
        return Ok(None);
    }
    let memberships = change.reads().memberships();
    let since = change.now().minus(REMOVAL_REMEMBERED);
    if memberships.find(issuer, organization, member).await?.is_some()
        || memberships.was_removed(organization, member, since).await?
    {
        return Ok(None);
    }
    let new = NewMember { origin: MembershipOrigin::Domain, ..NewMember::plain(member) };
    match membership::add(change, issuer, organization, new).await {
        Ok(joined) => Ok(Some(joined)),
        // The organization gives nothing by default; the user stated none of it.
        Err(Refusal::Fields(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

/// The domain of an address, as host names are written.
fn domain_of(email: &str) -> Option<Hostname> {
    let address = Mailbox::parse(email)?.lower_cased().on_the_wire();
    address.rsplit_once('@')?.1.parse().ok()
}

/// Guarded by the version before; gives back what is stored now. The account over the organization moves with it.
async fn write(change: &mut Change<'_>, mut after: Connection) -> Result<Connection, Refusal> {
    let before = after.updated_at;
    after.updated_at = before.next_version(change.now());
    change.unit().connections().update(&after, before).await?.required()?;
    change.unit().accounts().follow(after.org_id, after.updated_at).await?;
    Ok(after)
}
