//! The one read that decides about a presented key.

use authpi_core::credential::model::ApiKeyAuthentication;
use authpi_core::event::model::ContextDetail;
use authpi_core::id::{ApiKeyId, Id};
use authpi_core::store::StoreError;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{TABLE, home_state};
use crate::convert::{Place, id, time};
use crate::entity::{api_key, issuer, organization};
use crate::error::failed;

/// What deciding about a key needs, from three tables at once.
#[derive(FromQueryResult)]
struct AuthenticationRow {
    id: uuid::Uuid,
    account_id: uuid::Uuid,
    org_id: uuid::Uuid,
    issuer_id: uuid::Uuid,
    level: String,
    status: String,
    expires_at: Option<i64>,
    scopes: serde_json::Value,
    ip_allowlist: serde_json::Value,
    rate_limit: Option<serde_json::Value>,
    secret_hash: Vec<u8>,
    previous_secret_hash: Option<Vec<u8>>,
    previous_valid_until: Option<i64>,
    organization_status: Option<String>,
    organization_deleting: Option<bool>,
    issuer_deleting: Option<bool>,
    event_context: Option<String>,
}

fn authentication(row: AuthenticationRow) -> Result<ApiKeyAuthentication, StoreError> {
    let place = Place { table: TABLE, id: row.id };
    let previous = (row.previous_secret_hash.as_deref(), row.previous_valid_until);
    Ok(ApiKeyAuthentication {
        id: id(row.id),
        account_id: id(row.account_id),
        org_id: id(row.org_id),
        issuer_id: id(row.issuer_id),
        level: place.word("level", &row.level)?,
        secret: place.rotating_secret(&row.secret_hash, previous)?,
        status: place.word("status", &row.status)?,
        expires_at: row.expires_at.map(time),
        scopes: place.json("scopes", row.scopes)?,
        ip_allowlist: place.json("ip_allowlist", row.ip_allowlist)?,
        rate_limit: row.rate_limit.map(|limit| place.json("rate_limit", limit)).transpose()?,
        home: home_state(row.organization_status.as_deref(), row.organization_deleting, row.issuer_deleting),
        event_context: match &row.event_context {
            Some(word) => place.word("event_context", word)?,
            None => ContextDetail::default(),
        },
    })
}

/// What deciding about the key needs.
pub(super) async fn find(
    connection: &impl ConnectionTrait,
    id: ApiKeyId,
) -> Result<Option<ApiKeyAuthentication>, StoreError> {
    use api_key::Column as Key;
    let key = |column: Key| (api_key::Entity, column);
    let query = Query::select()
        .columns([
            key(Key::Id),
            key(Key::AccountId),
            key(Key::OrgId),
            key(Key::IssuerId),
            key(Key::Level),
            key(Key::Status),
            key(Key::ExpiresAt),
            key(Key::Scopes),
            key(Key::IpAllowlist),
            key(Key::RateLimit),
            key(Key::SecretHash),
            key(Key::PreviousSecretHash),
            key(Key::PreviousValidUntil),
        ])
        .expr_as(Expr::col((organization::Entity, organization::Column::Status)), "organization_status")
        .expr_as(Expr::col((organization::Entity, organization::Column::Deleting)), "organization_deleting")
        .expr_as(Expr::col((issuer::Entity, issuer::Column::Deleting)), "issuer_deleting")
        .expr_as(Expr::col((issuer::Entity, issuer::Column::EventContext)), "event_context")
        .from(api_key::Entity)
        .left_join(
            organization::Entity,
            Expr::col((organization::Entity, organization::Column::Id)).equals(key(Key::OrgId)),
        )
        .left_join(issuer::Entity, Expr::col((issuer::Entity, issuer::Column::Id)).equals(key(Key::IssuerId)))
        .and_where(Expr::col(key(Key::Id)).eq(id.uuid()))
        .to_owned();
    let row = connection.query_one(&query).await.map_err(failed("api_key.authentication"))?;
    let Some(row) = row else { return Ok(None) };
    let row = AuthenticationRow::from_query_result(&row, "").map_err(failed("api_key.authentication"))?;
    authentication(row).map(Some)
}
