//! `authpi_api_key`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_api_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub org_id: Uuid,
    pub issuer_id: Uuid,
    pub status: String,
    pub status_at: Option<i64>,
    pub status_reason: Option<String>,
    pub status_by: Option<String>,
    pub level: String,
    pub name: String,
    pub details: Json,
    pub scopes: Json,
    pub ip_allowlist: Json,
    pub rate_limit: Option<Json>,
    pub expires_at: Option<i64>,
    pub expiry_announced: bool,
    pub secret_hash: Vec<u8>,
    pub secret_hint: String,
    pub previous_secret_hash: Option<Vec<u8>>,
    pub previous_valid_until: Option<i64>,
    pub rotated_at: Option<i64>,
    pub metadata: Json,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
