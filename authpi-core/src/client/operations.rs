//! What can be done with clients.

use serde_json::{Map, Value};

use super::events;
use super::model::{CLIENT_SECRET_HASH, Client, ClientDetails, ClientStatus};
use crate::error::{FieldCode, FieldErrors, Refusal};
use crate::id::{IssuerId, OrganizationId};
use crate::merge::{changed_fields, merged};
use crate::metadata::Metadata;
use crate::rotating_secret::RotatingSecret;
use crate::secret::{Secret, SecretHash};
use crate::status::{Status, StatusNote};
use crate::store::Change;
use crate::urls::Urls;

/// A new client.
#[derive(Clone, Debug, Default)]
pub struct NewClient {
    /// What it is.
    pub details: ClientDetails,
    /// Seen by administrators only.
    pub metadata: Metadata,
}

/// What a PATCH asks for.
#[derive(Clone, Debug, Default)]
pub struct ClientPatch {
    /// Members of [`ClientDetails`] to merge.
    pub details: Map<String, Value>,
    /// Metadata to merge; `None` leaves it.
    pub metadata: Option<Value>,
    /// The status wanted, and what the caller says about it.
    pub status: Option<(ClientStatus, StatusNote)>,
}

/// Makes a client; its secret, if it needs one, is handed out here and never again. Nothing of it may lie under
/// `reserved`, the base of this deployment; clients of the platform issuer pass none.
///
/// # Errors
/// [`Refusal::Fields`] with all that is wrong with the details.
pub async fn create(
    change: &mut Change<'_>,
    issuer: IssuerId,
    new: NewClient,
    reserved: Option<&Urls>,
) -> Result<(Client, Option<Secret>), Refusal> {
    check(change, issuer, &new.details, &[], reserved).await?;
    let secret = if new.details.needs_secret() { Some(change.secret()?) } else { None };
    let client = Client {
        id: change.mint()?,
        issuer_id: issuer,
        status: Status::initial(ClientStatus::Active),
        secret: secret.as_ref().map(|secret| RotatingSecret::new(hashed(change, secret))),
        secret_rotated_at: None,
        details: new.details,
        metadata: new.metadata,
        created_at: change.now(),
        updated_at: change.now(),
    };
    change.unit().clients().insert(&client).await?;
    change.emit(events::created(change.account(), &client)?)?;
    Ok((client, secret))
}

fn hashed(change: &Change<'_>, secret: &Secret) -> SecretHash {
    change.keyring().peppers.hash(CLIENT_SECRET_HASH, secret.expose().as_bytes())
}

/// The rules within the details, and that every organization that was not listed before exists: all problems together.
async fn check(
    change: &Change<'_>,
    issuer: IssuerId,
    details: &ClientDetails,
    listed: &[OrganizationId],
    reserved: Option<&Urls>,
) -> Result<(), Refusal> {
    let mut errors = FieldErrors::new();
    details.check(reserved, &mut errors);
    for (index, id) in details.settings.organizations.ids.iter().enumerate() {
        if !listed.contains(id) && change.reads().organizations().find(issuer, *id).await?.is_none() {
            let field = format!("settings.organizations.ids.{index}");
            errors.add(field, FieldCode::UnknownReference, "the issuer has no such organization");
        }
    }
    errors.into_result()
}

/// Merges a patch into a client. A patch that changes nothing leaves version and events alone; so does one that only
/// writes out the defaults. `reserved` as for [`create`].
///
/// # Errors
/// [`Refusal::Fields`] when the merged whole is not valid; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn update(
    change: &mut Change<'_>,
    before: Client,
    patch: ClientPatch,
    reserved: Option<&Urls>,
) -> Result<Client, Refusal> {
    let details = merged(&before.details, &patch.details)?;
    let mut changes = changed_fields(&before.details.completed(), &details.completed())?;
    if !changes.is_empty() {
        let listed = &before.details.settings.organizations.ids;
        check(change, before.issuer_id, &details, listed, reserved).await?;
    }
    let metadata = before.metadata.patched(patch.metadata.as_ref())?;
    if metadata != before.metadata {
        changes.push("metadata".to_owned());
    }
    let was = before.status.value;
    let (wanted, note) = patch.status.unwrap_or((was, StatusNote::default()));
    if changes.is_empty() && wanted == was {
        return Ok(before);
    }
    let version = before.updated_at;
    let after = Client { metadata, updated_at: version.next_version(change.now()), ..before.with_details(details) };
    let after = after.with_status(wanted, change.now(), note);
    change.unit().clients().update(&after, version).await?.required()?;
    let account = change.account();
    if !changes.is_empty() {
        change.emit(events::updated(account, &after, changes))?;
    }
    match (was, wanted) {
        (ClientStatus::Active, ClientStatus::Disabled) => change.emit(events::blocked(account, &after))?,
        (ClientStatus::Disabled, ClientStatus::Active) => change.emit(events::unblocked(account, &after))?,
        (ClientStatus::Active, ClientStatus::Active) | (ClientStatus::Disabled, ClientStatus::Disabled) => {}
    }
    Ok(after)
}

/// Gives a client a new secret, handed out here and never again; the old one stays valid for
/// [`ROTATION_OVERLAP`](crate::rotating_secret::ROTATION_OVERLAP).
///
/// # Errors
/// [`Refusal::Conflict`] for a client without secret; [`Refusal::Stale`] when it has changed meanwhile.
pub async fn rotate_secret(change: &mut Change<'_>, before: Client) -> Result<(Client, Secret), Refusal> {
    if !before.details.confidential {
        return Err(Refusal::conflict("A public client has no secret."));
    }
    if !before.details.needs_secret() {
        return Err(Refusal::conflict("A client that authenticates with private_key_jwt has no secret."));
    }
    let (now, version) = (change.now(), before.updated_at);
    let secret = change.secret()?;
    let hash = hashed(change, &secret);
    let rotated = match before.secret.clone() {
        Some(old) => old.rotated(now, hash),
        None => RotatingSecret::new(hash),
    };
    let after =
        Client { secret: Some(rotated), secret_rotated_at: Some(now), updated_at: version.next_version(now), ..before };
    change.unit().clients().update(&after, version).await?.required()?;
    change.emit(events::secret_rotated(change.account(), &after, now))?;
    Ok((after, secret))
}

/// Deletes a client: it is none for anybody from here on. A worker ends its sessions, and removes it when its time in the
/// list of deleted ones is over.
///
/// # Errors
/// [`Refusal::Stale`] when it has changed meanwhile.
pub async fn delete(change: &mut Change<'_>, client: &Client) -> Result<(), Refusal> {
    let (issuer, id, version) = (client.issuer_id, client.id, client.updated_at);
    change.unit().clients().delete(issuer, id, version).await?.required()?;
    change.emit(events::deleted(change.account(), client))
}
