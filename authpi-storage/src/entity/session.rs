//! `authpi_session`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_session")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub issuer_id: Uuid,
    pub user_id: Uuid,
    pub kind: String,
    pub op_session_id: Option<Uuid>,
    pub client_id: Option<Uuid>,
    pub client_name: Option<String>,
    pub org_id: Option<Uuid>,
    pub unused_until: Option<i64>,
    /// Of the secret that the cookie carries.
    pub secret_hash: Option<Vec<u8>>,
    pub status: String,
    pub status_at: Option<i64>,
    pub status_reason: Option<String>,
    pub status_by: Option<String>,
    pub frozen_own: bool,
    pub frozen_parent: bool,
    pub frozen_user: bool,
    pub details: Json,
    pub ttl: i64,
    pub idle_timeout: i64,
    pub last_activity_at: i64,
    pub expires_at: i64,
    pub lapses_at: i64,
    pub access_token_issued_at: Option<i64>,
    pub refresh_token_issued_at: Option<i64>,
    pub refresh_count: i64,
    pub compromised_at: Option<i64>,
    pub compromised_reason: Option<String>,
    pub revoked_reason: Option<String>,
    pub ended: bool,
    pub ended_at: Option<i64>,
    pub metadata: Json,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
