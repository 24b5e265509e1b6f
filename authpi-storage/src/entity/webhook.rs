//! `authpi_webhook`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_webhook")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub status: String,
    pub status_at: Option<i64>,
    pub status_reason: Option<String>,
    pub status_by: Option<String>,
    pub deleted: bool,
    pub deleted_at: Option<i64>,
    pub draining: bool,
    pub auth_kind: String,
    pub bearer_sealed: Option<Vec<u8>>,
    pub bearer_hint: Option<String>,
    pub signing_sealed: Option<Vec<u8>>,
    pub signing_hint: Option<String>,
    pub previous_signing_sealed: Option<Vec<u8>>,
    pub previous_signing_until: Option<i64>,
    pub details: Json,
    pub failures: i64,
    pub open_since: Option<i64>,
    pub probe_at: Option<i64>,
    pub probes: i64,
    pub wake_at: Option<i64>,
    pub hastened_at: Option<i64>,
    pub metadata: Json,
    pub events_after: Option<Uuid>,
    pub silent_from: Option<i64>,
    pub silent_until: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
