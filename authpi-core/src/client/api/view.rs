//! Clients on the wire.

use serde::Serialize;
use utoipa::ToSchema;

use crate::client::model::{
    ApplicationType, Client, ClientDetails, ClientProtocol, ClientStatus, ClientType, GrantType,
};
use crate::client::repository::ClientListing;
use crate::id::{ClientId, IssuerId};
use crate::metadata::Metadata;
use crate::scope::Scopes;
use crate::secret::Secret;
use crate::timestamp::Timestamp;
use crate::web::members::Joined;

/// What the server knows of a client besides its details.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Client, description = "A client.")]
pub(super) struct ClientHead {
    id: ClientId,
    issuer_id: IssuerId,
    status: ClientStatus,
    status_at: Option<Timestamp>,
    secret_rotated_at: Option<Timestamp>,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A client on the wire.
pub(super) type ClientView = Joined<ClientHead, ClientDetails>;

impl From<&Client> for ClientHead {
    fn from(client: &Client) -> Self {
        Self {
            id: client.id,
            issuer_id: client.issuer_id,
            status: client.status.value,
            status_at: client.status.at,
            secret_rotated_at: client.secret_rotated_at,
            metadata: client.metadata.clone(),
            created_at: client.created_at,
            updated_at: client.updated_at,
        }
    }
}

impl From<&Client> for ClientView {
    fn from(client: &Client) -> Self {
        Self { first: client.into(), second: client.details.completed() }
    }
}

/// A new client, with the secret that is shown this once.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = IssuerClientsCreateResponse)]
pub(super) struct CreatedClientHead {
    id: ClientId,
    issuer_id: IssuerId,
    status: ClientStatus,
    status_at: Option<Timestamp>,
    secret_rotated_at: Option<Timestamp>,
    /// Only for clients that authenticate with a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret: Option<String>,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A new client on the wire.
pub(super) type CreatedClientView = Joined<CreatedClientHead, ClientDetails>;

/// What a create answers.
pub(super) fn created(client: &Client, secret: Option<&Secret>) -> CreatedClientView {
    let head = ClientHead::from(client);
    let first = CreatedClientHead {
        id: head.id,
        issuer_id: head.issuer_id,
        status: head.status,
        status_at: head.status_at,
        secret_rotated_at: head.secret_rotated_at,
        secret: secret.map(|secret| secret.expose().to_owned()),
        metadata: head.metadata,
        created_at: head.created_at,
        updated_at: head.updated_at,
    };
    Joined { first, second: client.details.completed() }
}

/// The new secret, shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = IssuerClientsRotateSecretResponse)]
pub(super) struct RotatedSecret {
    secret: String,
}

impl From<&Secret> for RotatedSecret {
    fn from(secret: &Secret) -> Self {
        Self { secret: secret.expose().to_owned() }
    }
}

/// Status of a client in a list.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClientListStatus {
    /// Normal.
    Active,
    /// Out of use; can be undone.
    Disabled,
    /// Not yet removed.
    Deleted,
}

/// A client in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ClientListItem {
    id: ClientId,
    issuer_id: IssuerId,
    status: ClientListStatus,
    #[serde(rename = "type")]
    kind: ClientType,
    confidential: bool,
    name: String,
    description: Option<String>,
    logo_url: Option<String>,
    scopes: Scopes,
    protocol: ClientProtocol,
    application_type: ApplicationType,
    grant_types: Vec<GrantType>,
    redirect_uri_count: usize,
    /// Always true.
    configuration_indexed: bool,
    secret_rotated_at: Option<Timestamp>,
    status_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<ClientListing> for ClientListItem {
    fn from(listing: ClientListing) -> Self {
        let ClientListing { client, deleted_at } = listing;
        let status = match (deleted_at, client.status.value) {
            (Some(_), _) => ClientListStatus::Deleted,
            (None, ClientStatus::Active) => ClientListStatus::Active,
            (None, ClientStatus::Disabled) => ClientListStatus::Disabled,
        };
        let grant_types = client.details.grant_types();
        let ClientDetails { kind, confidential, name, description, logo_url, settings } = client.details;
        Self {
            id: client.id,
            issuer_id: client.issuer_id,
            status,
            kind,
            confidential,
            name,
            description,
            logo_url,
            scopes: settings.scopes,
            protocol: settings.protocol,
            application_type: settings.openid.application_type,
            grant_types,
            redirect_uri_count: settings.openid.redirect_uris.len(),
            configuration_indexed: true,
            secret_rotated_at: client.secret_rotated_at,
            status_at: deleted_at.or(client.status.at),
            created_at: client.created_at,
            updated_at: client.updated_at,
        }
    }
}
