//! `authpi_agent`

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authpi_agent")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub issuer_id: Uuid,
    pub status: String,
    pub status_at: Option<i64>,
    pub status_reason: Option<String>,
    pub status_by: Option<String>,
    pub deleted: bool,
    pub deleted_at: Option<i64>,
    #[allow(clippy::struct_field_names, reason = "the column has this name")]
    pub model: Option<String>,
    pub provider: Option<String>,
    pub details: Json,
    pub n_secrets: i64,
    pub n_wallets: i64,
    pub metadata: Json,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
